"""Which part of the data each point of a map belongs to: its colour, and whether the view has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from loopline.server import points as plane
from loopline.server.arrays import Ids
from loopline.server.frames import MEDIA_TYPE, Column, frame
from loopline.server.resident import Codes, Mask, ObjectRows, Resident
from loopline.server.shelf import DatasetName, Given
from loopline.server.views import Asked
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
    asked = shown.ask(data.view)
    at, resident = asked.at, shown.resident
    owner = embedding(shown.lake, key, at).owner
    ids, _ = vectors(shown.lake, key, snapshot=at)
    order = plane.shuffled(len(ids))
    field = "" if owner == "sample" else owner
    rows = resident.objects(at, field) if field else resident.samples(at)
    place = rows.of(ids)[order]
    samples = resident.samples(at).ids[rows.sample_row] if isinstance(rows, ObjectRows) else rows.ids
    colours = _colours(resident, at, field, data.by)
    inside = _inside(asked, field)

    def beside(values: npt.NDArray[Any], otherwise: int) -> npt.NDArray[Any]:
        found = np.full(len(place), otherwise, values.dtype)
        found[place >= 0] = values[place[place >= 0]]
        return found

    columns: dict[str, Column] = {
        "part": beside(colours.part, NONE),
        "view": (place >= 0).astype(np.uint8) if inside is None else beside(inside.astype(np.uint8), 0),
        "sample": beside(samples, 0).astype(np.float64),
    }
    return frame(columns, {"values": list(colours.values), "counts": list(colours.counts), "snapshot": at})


def _inside(asked: Asked, field: str) -> Mask | None:
    """The samples of a view, or its objects of `field`; None: all."""
    if asked.field == field:
        return asked.mask()
    samples = asked.samples()
    if field:
        return asked.resident.object_mask(asked.at, field, samples, asked.kept(field))
    mask = asked.mask()
    if mask is None:
        return None
    found = np.zeros(len(asked.resident.samples(asked.at)), np.bool_)
    found[asked.resident.objects(asked.at, asked.field).sample_row[mask]] = True
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Colours:
    """The commonest values, how many there are of each, and for each row the place of its value among them, OTHER or
    NONE."""

    values: tuple[str, ...]
    counts: tuple[int, ...]
    part: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        return self.part.nbytes


def _colours(resident: Resident, at: int, field: str, by: str) -> _Colours:
    """Of samples (""), or of objects of a field. Kept: a lasso asks for the same again."""
    rows = resident.objects(at, field) if field else resident.samples(at)
    if not by:
        return _Colours((), (), np.full(len(rows), NONE, np.uint8))
    is_field = not field and any(one.name == by for one in resident.lake.schema(at).fields)
    codes = resident.values(at, f"{by}.label" if is_field else f"{field}.{by}" if field else by)

    def make() -> _Colours:
        known = np.array([_text(value) for value in codes.values], object)
        place = _commonest(resident.objects(at, by), codes, known) if is_field else codes.codes.astype(np.int64)
        counts = np.bincount(place, minlength=codes.missing + 1)[: codes.missing]
        first = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], known[code]))[:MOST]
        table = np.full(codes.missing + 2, OTHER, np.uint8)
        table[codes.missing :] = NONE
        table[first] = np.arange(len(first))
        return _Colours(tuple(known[first].tolist()), tuple(counts[first].tolist()), table[place])

    return resident.kept.get(("colours", at, field, by, rows.token), make)


def _commonest(rows: ObjectRows, codes: Codes, known: npt.NDArray[np.object_]) -> Ids:
    """(samples,) the code that each sample has most of, of equals the first by name; `missing` where it has none."""
    size = codes.missing + 2
    there = codes.codes < codes.missing
    pairs, counts = np.unique(rows.sample_row[there].astype(np.int64) * size + codes.codes[there], return_counts=True)
    sample, code = pairs // size, pairs % size
    name = np.argsort(np.argsort(known.astype(str)))
    best = np.lexsort((name[code], -counts, sample))
    best = best[np.diff(sample[best], prepend=-1) != 0]
    found = np.full(len(rows.counts), codes.missing, np.int64)
    found[sample[best]] = code[best]
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


ROUTES: Final[list[ControllerRouterHandler]] = [parts]
