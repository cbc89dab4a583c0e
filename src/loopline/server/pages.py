"""A page of the grid as columns: its samples, and what is drawn on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.schema import GEOMETRIC, LabelField
from loopline.query import ops, run
from loopline.query.compile import Statement, quoted
from loopline.server.frames import Column, frame, texts
from loopline.server.resident import Ids
from loopline.server.views import Asked

if TYPE_CHECKING:
    import duckdb

NO_CLASS: Final = 65_535
FULL: Final = 65_535.0
"""Places on a picture are shares of its sides in 65535ths."""

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

Doubles = npt.NDArray[np.float64]


def page(asked: Asked, offset: int, count: int, fields: Sequence[str] | None) -> bytes:
    """Rows `offset` … `offset + count` of a view as a frame; see docs/app.md for its columns."""
    ids = asked.ids(offset, count)
    extra: dict[str, object] = {"snapshot": asked.at, "offset": offset, "count": len(ids)}
    return frame(columns(asked, ids, fields), extra)


def columns(asked: Asked, ids: Ids, fields: Sequence[str] | None) -> dict[str, Column]:
    """The columns for these rows, in their order."""
    schema = asked.resident.lake.schema(asked.at)
    shown = [
        f for f in schema.fields if (fields is None or f.name in fields) and (not asked.field or f.name == asked.field)
    ]

    def look(cursor: duckdb.DuckDBPyConnection) -> dict[str, Column]:
        found: dict[str, Column] = {}
        sample_ids = ids
        if asked.field:
            rows = asked.resident.objects(asked.at, asked.field)
            sample_ids = asked.resident.samples(asked.at).ids[rows.sample_row[rows.of(ids)]]
            found["object.id"] = ids.astype(np.float64)
        samples = _samples(asked, cursor, sample_ids)
        width, height = (_numbers(samples[name]) for name in ("width", "height"))
        found["id"] = sample_ids.astype(np.float64)
        found["width"] = np.nan_to_num(width).astype(np.uint32)
        found["height"] = np.nan_to_num(height).astype(np.uint32)
        found["media"] = (samples["media"].to_numpy(zero_copy_only=False) == "video").astype(np.uint8)
        found |= texts("path", samples["path"])
        for field in shown:
            table = _objects(asked, cursor, field, ids if asked.field else sample_ids)
            owner = (
                pc.index_in(table["id"].combine_chunks(), pa.array(ids))
                if asked.field
                else pc.index_in(table["sample_id"].combine_chunks(), pa.array(sample_ids))
            ).to_numpy(zero_copy_only=False)
            order = np.lexsort((table["id"].to_numpy(), owner))
            found |= _drawn(field, table.take(pa.array(order)), owner[order].astype(np.uint32), width, height)
        if asked.field and f"{asked.field}.box" in found:
            found["object.box"] = found[f"{asked.field}.box"]
        return found

    return run.asked(asked.resident.lake, look)


def _samples(asked: Asked, cursor: duckdb.DuckDBPyConnection, ids: Ids) -> pa.Table:
    statement = Statement(lambda name: asked.resident.lake.table(name, asked.at))
    sql = f"SELECT id, width, height, media, path FROM (FROM {statement.table('samples')}) WHERE {_among('id', ids)}"
    table = run.answered(cursor, statement, sql).to_arrow_table()
    return table.take(pc.index_in(pa.array(ids), table["id"].combine_chunks()))


def _objects(asked: Asked, cursor: duckdb.DuckDBPyConnection, field: LabelField, ids: Ids) -> pa.Table:
    """The drawn columns of the kept objects of these samples, or of these objects; masks as whether there is one."""
    keep = [ops.Where(condition) for name, condition in asked.keep if name == field.name]
    plan, _ = asked.resident.plan(asked.at, field.name, *keep)
    rows, own = plan.rows, field.columns()
    listed = [f"{rows.object_column(name)} AS {quoted(name)}" for name in own if name in _DRAWN]
    if "mask" in own:
        listed.append(f"{rows.object_column('mask')} IS NOT NULL AS has_mask")
    inner = plan.select(listed, ordered=False)  # the engine moves the condition on ids inside, to the files
    sql = f"SELECT * FROM ({inner}) WHERE {_among('id' if asked.field else 'sample_id', ids)}"
    return run.answered(cursor, plan.statement, sql).to_arrow_table()


def _among(column: str, ids: Ids) -> str:
    """Ids stand in the SQL as text: they are whole numbers, and so the engine skips files and row groups with them."""
    return f"{column} IN ({', '.join(map(str, ids.tolist()))})" if len(ids) else "FALSE"


def _drawn(
    field: LabelField, table: pa.Table, owner: npt.NDArray[np.uint32], width: Doubles, height: Doubles
) -> Mapping[str, Column]:
    """The columns of one field, named `<field>.<column>`."""
    name = field.name
    wide, high = width[owner], height[owner]
    found: dict[str, Column] = {
        f"{name}.sample": owner,
        f"{name}.id": table["id"].to_numpy().astype(np.float64),
        f"{name}.class": _classes(field, table["label"]),
        f"{name}.score": _numbers(table["score"]).astype(np.float32),
    }
    if table["frame"].null_count < len(table):
        found[f"{name}.frame"] = _numbers(table["frame"]).astype(np.float32)
    if "value" in table.column_names:
        found[f"{name}.value"] = _numbers(table["value"]).astype(np.float32)
    if "x" in table.column_names:
        x, y, w, h = (_numbers(table[column]) for column in ("x", "y", "w", "h"))
        corners = (_share(x, wide), _share(y, high), _share(x + w, wide), _share(y + h, high))
        found[f"{name}.box"] = np.stack(corners, axis=1).ravel()
    for column in ("points", "polygons"):
        if column in table.column_names and table[column].null_count < len(table):
            found |= _parts(f"{name}.poly", table[column], wide, high)
    if "keypoints" in table.column_names and table["keypoints"].null_count < len(table):
        found |= _keypoints(f"{name}.points", table["keypoints"], wide, high)
    if "has_mask" in table.column_names:
        found[f"{name}.mask"] = table["has_mask"].to_numpy().astype(np.uint8)
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
    return np.column_stack((_share(x, wide), _share(y, high))).ravel()


def _share(place: Doubles, side: Doubles) -> npt.NDArray[np.uint16]:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.rint(place / side * FULL)
    found: npt.NDArray[np.uint16] = np.clip(np.nan_to_num(share), 0, FULL).astype(np.uint16)
    return found


def _numbers(column: pa.ChunkedArray) -> Doubles:
    """Numbers as doubles, a missing one as NaN."""
    values: Doubles = column.cast(pa.float64()).to_numpy()
    return values


def _classes(field: LabelField, labels: pa.ChunkedArray) -> npt.NDArray[np.uint16]:
    """Place of each label in the field's classes."""
    place = pc.index_in(labels.cast(pa.string()), pa.array(field.classes, pa.string()))
    found: npt.NDArray[np.uint16] = place.fill_null(NO_CLASS).to_numpy().astype(np.uint16)
    return found


def layout(asked: Asked) -> bytes:
    """`aspect` u1 of every row of the view, in its order."""
    schema = asked.resident.lake.schema(asked.at)
    field = asked.field if asked.field and schema.field(asked.field).kind in GEOMETRIC else ""
    rows = asked.order()
    if asked.field and not field:
        rows = asked.resident.objects(asked.at, asked.field).sample_row[rows].astype(np.int64)
    aspects = asked.resident.aspects(asked.at, field)
    is_all = len(rows) == len(aspects) and asked.sort is None and not asked.field
    return frame({"aspect": aspects if is_all else aspects[rows]}, {"snapshot": asked.at, "count": len(rows)})
