"""Label rows, as the lake keeps them, to checked columns of detected objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.kernel.detections import (
    WHOLE_PICTURE,
    BadRows,
    BoolArray,
    Detections,
    FloatArray,
    IntArray,
    detections,
)


def from_rows(
    table: pa.Table,
    *,
    classes: Sequence[str],
    scored: bool,
    samples: npt.ArrayLike | None = None,
    sizes_px: Mapping[int, tuple[int, int]] | None = None,
    bad_rows: BadRows = "raise",
    other_classes: BadRows = "raise",
) -> Detections:
    """Rows of a label field: columns of kernel/schema.py plus `sample_id`; what is not there counts as null.

    scored         whether rows are predictions: then each needs a score
    other_classes  what happens to labels outside `classes`; COCO leaves predictions of such classes out ("drop")

    Raises BadValue where `id`, `sample_id` or the box is not there, or for bad rows, see `detections.detections`.
    """
    needed = ["id", "sample_id", "x", "y", "w", "h", "label", *(["score"] if scored else [])]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise BadValue(
            f"these label rows lack the column {', '.join(missing)}", hint=f"they have {', '.join(table.column_names)}"
        )
    codes = _codes(table["label"], classes)
    known = codes >= 0
    dropped: dict[str, int] = {}
    if not known.all():
        dropped = _other_classes(table, known, classes, other_classes)
        table, codes = table.filter(pa.array(known)), codes[known]
    frame = _numbers(table, "frame")
    made = detections(
        table["sample_id"].to_numpy(),
        np.stack([_numbers(table, name, np.nan) for name in "xywh"], axis=1) if len(table) else np.zeros((0, 4)),
        codes,
        classes=classes,
        score=_numbers(table, "score", np.nan) if scored else None,
        object_id=table["id"].to_numpy(),
        frame=np.where(np.isnan(frame), WHOLE_PICTURE, frame).astype(np.int64),
        iscrowd=_numbers(table, "iscrowd") == 1,
        area=_numbers(table, "area"),
        mask=_geometry(table, "mask"),
        polygons=_geometry(table, "polygons") or _geometry(table, "points"),
        keypoints=_keypoints(table),
        samples=samples,
        sizes_px=sizes_px,
        bad_rows=bad_rows,
    )
    return replace(made, dropped={**dropped, **made.dropped}) if dropped else made


def _codes(labels: pa.ChunkedArray, classes: Sequence[str]) -> IntArray:
    if not len(labels):
        return np.zeros(0, np.int64)
    found = pc.index_in(labels.cast(pa.string()), value_set=pa.array(list(classes), pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def _other_classes(table: pa.Table, known: BoolArray, classes: Sequence[str], treatment: BadRows) -> dict[str, int]:
    others = pc.value_counts(table["label"].filter(pa.array(~known))).to_pylist()
    if treatment == "raise":
        name = others[0]["values"]
        where = "a row without a class" if name is None else f'the class "{name}"'
        raise BadValue(
            f"{int((~known).sum())} rows have a class that is not in the list, for instance {where}",
            hint=f"{near(str(name), classes)}; other_classes='drop' leaves such rows out and counts them",
        )
    counts = {None if o["values"] is None else repr(o["values"]): o["counts"] for o in others}
    return {f"class {name or '(none)'} is not evaluated": count for name, count in counts.items()}


def _numbers(table: pa.Table, name: str, default: float = np.nan) -> FloatArray:
    if name not in table.column_names:
        return np.full(len(table), default)
    column = table[name].cast(pa.int8()) if pa.types.is_boolean(table[name].type) else table[name]
    return np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), default).to_numpy(), np.float64)


def _geometry(table: pa.Table, name: str) -> pa.Array | None:
    if name not in table.column_names or table[name].null_count == len(table):
        return None
    return table[name].combine_chunks()


def _keypoints(table: pa.Table) -> FloatArray | None:
    column = _geometry(table, "keypoints")
    if column is None:
        return None
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    longest = int(lengths.max())
    if longest % 3 or not np.isin(lengths, (0, longest)).all():
        raise BadValue(
            "keypoints differ in number from row to row", hint="each row needs x y v for every point, or no keypoints"
        )
    out = np.zeros((len(table), longest))
    if longest:
        out[lengths > 0] = pc.list_flatten(column).to_numpy().reshape(-1, longest)
    return out.reshape(len(table), longest // 3, 3)
