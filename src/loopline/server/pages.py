"""A page of the grid as columns: its samples, and what is drawn on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import QueryError
from loopline.kernel.schema import GEOMETRIC, LabelField
from loopline.query import run
from loopline.server.arrays import Doubles, Ids, as_array, as_codes, as_doubles, id_column
from loopline.server.drawn import NO_CLASS, DrawnSamples, corners, ids_in, share, spans
from loopline.server.frames import Column, frame
from loopline.server.library import Shown
from loopline.server.views import Asked
from loopline.store.sql import quoted

_DRAWN: Final = (
    "id",
    "sample_id",
    "label",
    "score",
    "frame",
    "x",
    "y",
    "w",
    "h",
    "points",
    "polygons",
    "keypoints",
    "value",
)

OUTCOMES: Final = ("tp", "fp", "fn", "ignored")


@dataclass(frozen=True, slots=True)
class Wanted:
    """fields: label fields to draw, None for all · evaluation: the one whose outcomes come along

    colours   gives the mean colour of samples by their ids; None: it is not asked for
    """

    fields: Sequence[str] | None = None
    evaluation: str | None = None
    colours: Callable[[Ids], Column] | None = None


def page(shown: Shown, asked: Asked, offset: int, count: int, wanted: Wanted = Wanted()) -> bytes:
    """Rows `offset` … `offset + count` of a view as a frame; docs/app.md lists its columns."""
    rows = asked.order()[offset : offset + count]
    extra: dict[str, object] = {"snapshot": asked.at, "offset": offset, "count": len(rows)}
    found = columns(shown, asked, rows, wanted)
    if wanted.colours is not None:
        found["colour"] = wanted.colours(asked.resident.samples(asked.at).ids[_sample_rows(asked, rows)])
    return frame(found, extra)


def columns(shown: Shown, asked: Asked, rows: Ids, wanted: Wanted = Wanted()) -> dict[str, Column]:
    """The columns for these rows of the data set (numbers of samples, or of objects), in their order."""
    resident, at = asked.resident, asked.at
    sample_rows = _sample_rows(asked, rows)
    samples = shown.ready.some_samples(at, sample_rows)
    found: dict[str, Column] = {}
    if asked.field:
        found["object.id"] = resident.objects(at, asked.field).ids[rows].astype(np.float64)
    found["id"] = resident.samples(at).ids[sample_rows].astype(np.float64)
    found["width"], found["height"], found["media"] = samples.width, samples.height, samples.video
    found["path.bytes"], found["path.offsets"] = samples.path_bytes, samples.path_starts.astype(np.uint32)
    if samples.duration_s is not None:
        found["duration"] = samples.duration_s
    for field in resident.lake.schema(at).fields:
        is_asked = wanted.fields is None or field.name in wanted.fields
        if is_asked and (not asked.field or field.name == asked.field):
            found |= _field(shown, asked, field, rows, sample_rows, samples, wanted.evaluation)
    if asked.field and f"{asked.field}.box" in found:
        found["object.box"] = found[f"{asked.field}.box"]
    return found


def _sample_rows(asked: Asked, rows: Ids) -> Ids:
    """The rows of the samples that these rows are, or lie on."""
    if not asked.field:
        return rows
    return asked.resident.objects(asked.at, asked.field).sample_row[rows].astype(np.int64)


def _field(
    shown: Shown,
    asked: Asked,
    field: LabelField,
    rows: Ids,
    sample_rows: Ids,
    samples: DrawnSamples,
    evaluation: str | None,
) -> dict[str, Column]:
    """The columns of one field, named `<field>.<column>`."""
    resident, name = asked.resident, field.name
    kept = asked.kept(name)
    wide, high = (side.astype(np.float64) for side in (samples.width, samples.height))
    if not asked.field and kept is None and not evaluation:
        size = shown.info(asked.at).objects[name]
        if shown.ready.rows(asked.at, name, size) is None:
            return _unread(asked, field, resident.samples(asked.at).ids[sample_rows], wide, high)
    objects = resident.objects(asked.at, name)
    owner, at = (np.arange(len(rows)), rows) if asked.field else spans(objects.starts, sample_rows)
    if kept is not None:
        owner, at = owner[kept[at]], at[kept[at]]
    found: dict[str, Column] = {
        f"{name}.sample": owner.astype(np.uint32),
        f"{name}.id": objects.ids[at].astype(np.float64),
    }
    drawn = shown.ready.objects(asked.at, name)
    if drawn is None or not drawn.is_simple:
        ids = objects.ids[at]
        where = ids_in("id", ids) if asked.field else ids_in("sample_id", resident.samples(asked.at).ids[sample_rows])
        table = _objects(asked, field, where)
        table = table.take(pc.index_in(id_column(ids), table["id"].combine_chunks()))
        found |= _drawn(field, table, wide[owner], high[owner])
    else:
        found[f"{name}.class"], found[f"{name}.score"] = drawn.class_code[at], drawn.score[at]
        if drawn.box is not None:
            found[f"{name}.box"] = drawn.box[at].ravel()
        if drawn.mask is not None:
            found[f"{name}.mask"] = drawn.mask[at]
    if evaluation:
        found |= _outcomes(asked, name, evaluation, at)
    return found


def _outcomes(asked: Asked, field: str, evaluation: str, at: Ids) -> dict[str, Column]:
    """`outcome` u1: 0 none, 1 tp, 2 fp, 3 fn, 4 ignored; nothing for a field that the evaluation is not about."""
    try:
        codes = asked.resident.values(asked.at, f"{field}.{evaluation}.outcome")
    except QueryError:
        return {}
    words = np.zeros(codes.missing + 2, np.uint8)
    words[: len(codes.values)] = [OUTCOMES.index(v) + 1 if v in OUTCOMES else 0 for v in codes.values]
    return {f"{field}.outcome": words[codes.codes[at]]}


def _unread(asked: Asked, field: LabelField, sample_ids: Ids, wide: Doubles, high: Doubles) -> dict[str, Column]:
    """The columns of a field none of whose rows is in memory, for these samples: from the store alone."""
    table = _objects(asked, field, ids_in("sample_id", sample_ids))
    place = as_array(pc.index_in(table["sample_id"], id_column(sample_ids)))
    ids = as_array(table["id"])
    order = np.lexsort((ids, place))
    owner = place[order]
    found: dict[str, Column] = {
        f"{field.name}.sample": owner.astype(np.uint32),
        f"{field.name}.id": ids[order].astype(np.float64),
    }
    return found | _drawn(field, table.take(id_column(order)), wide[owner], high[owner])


def _objects(asked: Asked, field: LabelField, where: str) -> pa.Table:
    """The drawn columns of the objects that `where` names, in no order; masks as whether there is one."""
    plan, _ = asked.resident.plan(asked.at, field.name)
    own = field.columns()
    listed = [f"{plan.rows.object_column(name)} AS {quoted(name)}" for name in own if name in _DRAWN]
    if "mask" in own:
        listed.append(f"{plan.rows.object_column('mask')} IS NOT NULL AS has_mask")
    inner = plan.select(listed, ordered=False)  # the engine moves the condition on ids inside, to the files
    return run.table(asked.resident.lake, plan.statement, f"SELECT * FROM ({inner}) WHERE {where}")


def _drawn(field: LabelField, table: pa.Table, wide: Doubles, high: Doubles) -> dict[str, Column]:
    """What is drawn of some objects, from their rows in the store. `wide`, `high`: pixels of each one's picture."""
    name = field.name
    found: dict[str, Column] = {
        f"{name}.class": _classes(field, table["label"]),
        f"{name}.score": as_doubles(table["score"]).astype(np.float32),
    }
    if table["frame"].null_count < len(table):
        found[f"{name}.frame"] = as_doubles(table["frame"]).astype(np.float32)
    if "value" in table.column_names:
        found[f"{name}.value"] = as_doubles(table["value"]).astype(np.float32)
    if "x" in table.column_names:
        found[f"{name}.box"] = corners(table, wide, high).ravel()
    for column in ("points", "polygons"):
        if column in table.column_names and table[column].null_count < len(table):
            found |= _parts(f"{name}.poly", table[column], wide, high)
    if "keypoints" in table.column_names and table["keypoints"].null_count < len(table):
        found |= _keypoints(f"{name}.points", table["keypoints"], wide, high)
    if "has_mask" in table.column_names:
        found[f"{name}.mask"] = as_array(table["has_mask"]).astype(np.uint8)
    return found


def _parts(name: str, column: pa.ChunkedArray, wide: Doubles, high: Doubles) -> dict[str, Column]:
    """`.xy` u2 pairs · `.parts` u4: where each part's points start · `.objects` u4: where each object's parts start."""
    lists = column.combine_chunks().fill_null([])
    parts = lists.flatten()
    objects = _starts(pc.list_value_length(lists))
    starts = _starts(pc.list_value_length(parts)) // 2
    flat = parts.flatten().to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(lists)), np.diff(starts[objects]))
    return {
        f"{name}.xy": _pairs(flat[0::2], flat[1::2], wide[owner], high[owner]),
        f"{name}.parts": starts.astype(np.uint32),
        f"{name}.objects": objects.astype(np.uint32),
    }


def _keypoints(name: str, column: pa.ChunkedArray, wide: Doubles, high: Doubles) -> dict[str, Column]:
    """`.xy` u2 pairs · `.v` u1: 0 not labelled, 1 hidden, 2 visible · `.objects` u4: where each object's points start."""
    lists = column.combine_chunks().fill_null([])
    starts = _starts(pc.list_value_length(lists)) // 3
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(lists)), np.diff(starts))
    return {
        f"{name}.xy": _pairs(flat[0::3], flat[1::3], wide[owner], high[owner]),
        f"{name}.v": flat[2::3].astype(np.uint8),
        f"{name}.objects": starts.astype(np.uint32),
    }


def _starts(lengths: pa.Array) -> Ids:
    return np.concatenate(([0], np.cumsum(lengths.to_numpy(zero_copy_only=False)))).astype(np.int64)


def _pairs(x: Doubles, y: Doubles, wide: Doubles, high: Doubles) -> Column:
    return np.column_stack((share(x, wide), share(y, high))).ravel()


def _classes(field: LabelField, labels: pa.ChunkedArray) -> npt.NDArray[np.uint16]:
    """Place of each label in the field's classes."""
    place = {name: at for at, name in enumerate(field.classes)}
    codes, listed = as_codes(labels)
    found: npt.NDArray[np.uint16] = np.array([*(place.get(name, NO_CLASS) for name in listed), NO_CLASS], np.uint16)
    return found[codes]


def layout(asked: Asked) -> bytes:
    """`aspect` u1 of every row of the view, in its order."""
    schema = asked.resident.lake.schema(asked.at)
    field = asked.field if asked.field and schema.field(asked.field).kind in GEOMETRIC else ""
    rows = asked.order()
    if asked.field and not field:
        rows = _sample_rows(asked, rows)
    aspects = asked.resident.aspects(asked.at, field)
    is_all = len(rows) == len(aspects) and asked.in_own_order and not asked.field
    return frame({"aspect": aspects if is_all else aspects[rows]}, {"snapshot": asked.at, "count": len(rows)})
