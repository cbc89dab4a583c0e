"""Which part of the data each point of a map belongs to: its colour, and whether the view has it."""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from loopline.kernel.lookup import looked_up
from loopline.query.view import ObjectView, View
from loopline.server import points as plane
from loopline.server.frames import MEDIA_TYPE, Column, frame
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import ViewSpec
from loopline.store.vector_cache import vectors
from loopline.store.vectors import embedding

MOST: Final = 12
"""Values with a colour of their own; all others are told together."""

OTHER: Final = 254
NONE: Final = 255


class PartsIn(Struct, forbid_unknown_fields=True):
    """`by`: a column; of objects, what a condition on them may name; of samples, also a label field: the class that a
    sample has most of. Empty: no parts."""

    by: Annotated[str, Meta(max_length=1000)] = ""
    view: ViewSpec = ViewSpec()


@post("/api/d/{name:str}/points/{key:str}/parts", status_code=200, media_type=MEDIA_TYPE, sync_to_thread=True)
def parts(shelf: Given, name: DatasetName, key: FromPath[str], data: JSONBody[PartsIn]) -> bytes:
    """A frame in the order of the points: part u1 (index in `values`; 254 another value, 255 none) · view u1: the view
    has it · sample f8. Header: values [text], counts [of each], snapshot."""
    shown = shelf.shown(name)
    at = shown.at(data.view.snapshot)
    owner = embedding(shown.lake, key, at).owner
    ids, _ = vectors(shown.lake, key, snapshot=at)
    order = plane.shuffled(len(ids))
    asked, whole = shown.ask(data.view).view(), shown.view(at)
    if owner == "sample":
        chosen = (asked.samples() if isinstance(asked, ObjectView) else asked).ids()
        samples = ids
    else:
        same = isinstance(asked, ObjectView) and asked.field == owner
        of = asked.samples() if isinstance(asked, ObjectView) else asked
        chosen = (asked if same else of.objects(owner)).ids()
        rows = whole.objects(owner).to_arrow(["id", "sample_id"])
        samples = looked_up(rows["id"].to_numpy(), rows["sample_id"].to_numpy(), ids, 0)
    values, counts, part = _parts(whole, owner, data.by, ids)
    columns: dict[str, Column] = {
        "part": part[order],
        "view": np.isin(ids, chosen)[order].astype(np.uint8),
        "sample": samples[order].astype(np.float64),
    }
    return frame(columns, {"values": values, "counts": counts, "snapshot": at})


def _parts(
    whole: View, owner: str, by: str, ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> tuple[list[str], list[int], np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The commonest values, how many there are of each, and for each id the place of its value among them."""
    if not by:
        return [], [], np.full(len(ids), NONE, np.uint8)
    if owner == "sample" and by in {field.name for field in whole.schema.fields}:
        rows = whole.objects(by).to_arrow(["sample_id", "label"])
        each = rows.group_by(["sample_id", "label"]).aggregate([([], "count_all")])
        each = each.sort_by([("sample_id", "ascending"), ("count_all", "descending"), ("label", "ascending")])
        first = np.unique(each["sample_id"].to_numpy(), return_index=True)[1]
        of, named = each["sample_id"].to_numpy()[first], each["label"].take(pa.array(first))
    else:
        table = (whole if owner == "sample" else whole.objects(owner)).to_arrow(["id", by])
        of, named = table["id"].to_numpy(), table.column(1)
    text = pc.cast(named, pa.string()).combine_chunks()
    found = sorted(pc.value_counts(text.drop_null()).to_pylist(), key=lambda one: (-one["counts"], one["values"]))[
        :MOST
    ]
    values = [str(one["values"]) for one in found]
    place = pc.index_in(text, pa.array(values, pa.string()))
    codes = pc.if_else(pc.is_null(text), NONE, pc.fill_null(place, OTHER)).to_numpy(zero_copy_only=False)
    return values, [int(one["counts"]) for one in found], looked_up(of, codes, ids, NONE).astype(np.uint8)


ROUTES: Final[list[ControllerRouterHandler]] = [parts]
