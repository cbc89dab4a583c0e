"""Instance masks as runs, and how much they overlap. The runs are hotcoco's: the same bits as pycocotools' maskApi."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from loopline.errors import BadValue
from loopline.kernel import rle
from loopline.kernel.detections import Detections
from loopline.metrics._arrays import BoolArray, FloatArray, IntArray

Rle: TypeAlias = dict[str, Any]
"""{"size": [height, width], "counts": bytes}"""


def masks_of(these: Detections) -> list[Rle]:
    """The mask of each row: its own, else its polygons drawn on the picture, else its box drawn on the picture.

    Raises BadValue where an outline or box has to be drawn and the picture's size is not known.
    """
    import hotcoco.mask as native

    blobs = [None] * len(these) if these.mask is None else these.mask.to_pylist()
    parts = [None] * len(these) if these.polygons is None else these.polygons.to_pylist()
    sizes = None if these.size_px is None else these.size_px[these.unit()]
    out: list[Rle] = []
    for row, (blob, polygons) in enumerate(zip(blobs, parts, strict=True)):
        if blob is not None:
            mask = rle.unpack_blob(blob)
            out.append({"size": [mask.height, mask.width], "counts": mask.packed})
            continue
        if sizes is None:
            raise BadValue(
                f"object {int(these.object_id[row])} has an outline but the size of its picture is not known",
                hint="pass sizes_px, height and width by sample id",
            )
        height, width = int(sizes[row, 0]), int(sizes[row, 1])
        if polygons:
            out.append(native.merge(native.fr_py_objects(polygons, height, width)))
        else:
            out.append(native.fr_bbox(these.box[row].tolist(), height, width))
    return out


def areas_and_boxes(masks: Sequence[Rle]) -> tuple[FloatArray, FloatArray]:
    """Pixels of each mask, (n,), and its enclosing box x y w h, (n, 4)."""
    import hotcoco.mask as native

    if not masks:
        return np.zeros(0), np.zeros((0, 4))
    return np.asarray(native.area(list(masks)), np.float64), np.asarray(native.to_bbox(list(masks)), np.float64)


def mask_iou(dets: Sequence[Rle], gts: Sequence[Rle], det: IntArray, gt: IntArray, crowd: BoolArray) -> FloatArray:
    """Overlap of aligned rows; `det` rises. With a crowd: the share of the prediction that lies in it."""
    import hotcoco.primitives as native

    out = np.zeros(len(det))
    heads = np.flatnonzero(np.diff(det, prepend=-1))
    for start, stop in zip(heads, [*heads[1:], len(det)], strict=True):
        rows = gt[start:stop]
        try:
            out[start:stop] = native.mask_iou([dets[det[start]]], [gts[g] for g in rows], crowd[rows])[0]
        except ValueError as error:
            raise BadValue(f"two masks of one picture do not fit together: {error}") from error
    return out
