"""The box of each COCO annotation: the one it states, or the one around its outline, mask or points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from loopline.formats import _coco_geometry as geometry
from loopline.formats._coco_chunk import DERIVED, Rest, column
from loopline.kernel import rle


@dataclass(frozen=True, slots=True)
class Boxes:
    """Geometry of n rows.

    xywh      (n, 4) pixels; NaN where a row has none
    derived   (n,) bool: the file states no bbox
    outlines  polygons and masks
    """

    xywh: geometry.FloatArray
    derived: rle.MaskArray
    outlines: geometry.Outlines


def boxes_of(rows: Sequence[Any], bad: dict[int, tuple[str, str]]) -> Boxes:
    """The boxes; to `bad` goes each row that has none or an impossible one, with what is wrong and what to do."""
    xywh, there = geometry.flat_boxes(column(rows, "bbox"))
    outlines = geometry.outlines(column(rows, "segmentation"), boxes=not there.all())
    derived = ~there
    if derived.any():
        xywh[derived] = outlines.boxes[derived]
        for i in np.flatnonzero(derived & np.isnan(xywh[:, 0])).tolist():
            around = geometry.keypoint_box(rows[i].keypoints)
            if around is None:
                bad.setdefault(i, ("no bbox, and no outline, mask or points to take it from", "draw it again"))
            else:
                xywh[i] = around
    for i in np.flatnonzero((xywh[:, 2:] < 0).any(axis=1)).tolist():
        bad.setdefault(i, ("a bbox of negative size", "bbox is x, y, width, height"))
    return Boxes(xywh, derived, outlines)


def put_boxes(rows: Sequence[Any], boxes: Boxes, columns: dict[str, Any], rest: Rest) -> Iterator[tuple[int, str]]:
    """Make the columns of geometry; gives (row, what to know of it)."""
    columns |= box_columns(boxes.xywh)
    for i in np.flatnonzero((boxes.xywh[:, 2:] == 0).any(axis=1)).tolist():
        yield i, "a box without area"
    if boxes.derived.any():
        columns[DERIVED] = pa.array(boxes.derived.tolist(), pa.bool_(), mask=~boxes.derived)
        for i in np.flatnonzero(boxes.derived).tolist():
            if rows[i].bbox is None:
                rest.setdefault(i, {})["bbox"] = None
    outlines = boxes.outlines
    for i, what in outlines.bad.items():
        rest.setdefault(i, {})["segmentation"] = geometry.plain(rows[i].segmentation)
        yield i, f"{what}; the mask is kept as it is, out of use"
    if outlines.polygons is not None:
        columns["polygons"] = outlines.polygons
    if outlines.masks is not None:
        columns["mask"] = outlines.masks
    key_points = column(rows, "keypoints")
    for name, values in (("segmentation", column(rows, "segmentation")), ("keypoints", key_points)):
        if None in values:
            for i in [i for i, v in enumerate(values) if v is None]:
                rest.setdefault(i, {})[name] = None
    points = geometry.keypoints(key_points)
    if points is not None:
        columns["keypoints"] = points


def box_columns(xywh: geometry.FloatArray) -> dict[str, Any]:
    return {name: pa.array(np.ascontiguousarray(xywh[:, place])) for place, name in enumerate("xywh")}
