"""One sample with everything on it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Final, cast

from loopline.kernel.schema import LabelField
from loopline.query.view import ObjectView, View
from loopline.server.describe import stamp
from loopline.server.library import Shown
from loopline.server.problems import NotThere
from loopline.server.wire import ObjectOut, SampleOut, Scalar

_JUDGED: Final = ("outcome", "iou", "partner_id")


def sample(shown: Shown, snapshot: int | None, sample_id: int, evaluation: str | None = None) -> SampleOut:
    """`evaluation`: the one whose outcomes come along. Raises NotThere."""
    at = shown.at(snapshot)
    page = View(shown.lake, (), at).select([sample_id]).page(0, 1)
    if not page.samples.num_rows:
        raise NotThere(f"no sample {sample_id} at snapshot {at}", hint="it may have been deleted since")
    (row,) = page.samples.to_pylist()
    schema = shown.lake.schema(at)
    fields = {
        name: [_object(schema.field(name), found) for found in _without_masks(table).to_pylist()]
        for name, table in page.labels.items()
    }
    for key in schema.evaluations:
        if key.key == evaluation:
            for name in {key.truth, key.predicted} & fields.keys():
                _judge(fields[name], View(shown.lake, (), at).select([sample_id]).objects(name), key.key)
    columns = {name: scalar(value) for name, value in row.items() if name != "tags"}
    return SampleOut(sample_id, at, columns, row["tags"], fields)


def _judge(objects: list[ObjectOut], rows: ObjectView, key: str) -> None:
    """Write down what became of each of them."""
    table = rows.to_arrow(["id", *(f"{key}.{name}" for name in _JUDGED)]).rename_columns(["id", *_JUDGED])
    known = {row["id"]: row for row in table.to_pylist()}
    for one in objects:
        found = known.get(one.id, {})
        one.outcome, one.partner_id, one.iou = found.get("outcome"), found.get("partner_id"), _number(found.get("iou"))


def _without_masks(table: Any) -> Any:
    if "mask" not in table.column_names:
        return table
    place = table.column_names.index("mask")
    return table.set_column(place, "mask", table["mask"].is_valid())


def _object(field: LabelField, row: Mapping[str, Any]) -> ObjectOut:
    box = tuple(row[name] for name in ("x", "y", "w", "h")) if row.get("x") is not None else None
    polygons = row.get("polygons") if row.get("polygons") is not None else row.get("points")
    return ObjectOut(
        id=row["id"],
        label=row["label"],
        score=_number(row["score"]),
        box=cast("tuple[float, float, float, float] | None", box),
        frame=row["frame"],
        track_id=row["track_id"],
        tags=row["tags"],
        attributes={a.name: scalar(row[a.name]) for a in field.attributes},
        polygons=polygons,
        closed=row.get("closed"),
        keypoints=row.get("keypoints"),
        rotation=_number(row.get("rotation")),
        value=_number(row.get("value")),
        iscrowd=row.get("iscrowd"),
        has_mask=bool(row.get("mask")),
    )


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def scalar(value: object) -> Scalar:
    if isinstance(value, dt.datetime):
        return stamp(value)
    if isinstance(value, float):
        return _number(value)
    return cast("Scalar", value)
