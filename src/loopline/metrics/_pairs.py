"""Which predicted object overlaps which annotated one, and by how much: the sparse table that matching reads.

Only pairs of the same unit (and class, where asked) that overlap by at least `least` are kept, so memory follows the
overlaps, not the product of the counts. Work goes in chunks of about CHUNK candidate pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

import numpy as np

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, spread
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._masks import mask_iou, masks_of

Geometry = Literal["box", "mask", "keypoints"]

CHUNK: Final = 1 << 20  # candidate pairs at a time: about 150 MB of scratch
COCO_SIGMAS: Final = np.array(
    [0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89]
) / 10.0  # fmt: skip
"""How far people's annotations of a keypoint scatter, by point, over the root of the object's area (COCO's 17)."""


class Pairs(NamedTuple):
    """p overlapping pairs, in order of the predicted row; a row's best partner comes first.

    det (p,) int32 row of the predictions · gt (p,) int32 row of the truth · iou (p,) float64: IoU, or OKS. Where the
    annotated object is a crowd: the share of the *prediction* that it covers, as COCO has it.
    """

    det: AnyArray
    gt: AnyArray
    iou: FloatArray


def find_pairs(
    truth: Detections,
    predicted: Detections,
    *,
    geometry: Geometry = "box",
    by_class: bool = True,
    least: float = 0.0,
    rows: BoolArray | None = None,
    sigmas: FloatArray | None = None,
) -> Pairs:
    """Pairs that overlap by `least` at least, and by more than 0. `rows`: only these predictions take part.

    Both sides must stand on the same units (kernel.detections.align). Of partners with an equal overlap the one with
    the higher object id (without classes: the later class) comes first: pycocotools takes the later of two equals.
    """
    found: list[Pairs] = []
    measure = _measure(truth, predicted, geometry, sigmas)
    for det, gt in _candidates(truth, predicted, by_class, rows):
        iou = measure(det, gt)
        keep = np.flatnonzero((iou >= least) & (iou > 0))
        found.append(Pairs(det[keep].astype(np.int32), gt[keep].astype(np.int32), iou[keep]))
    if not found:
        return Pairs(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
    det, gt, iou = (np.concatenate(column) for column in zip(*found, strict=True))
    later = -gt if by_class else _inverse_of_class_order(truth)[gt]
    order = np.lexsort((later, -iou, det))
    return Pairs(det[order], gt[order], iou[order])


def _inverse_of_class_order(truth: Detections) -> IntArray:
    """Rows of the truth counted from the last, where classes come one after another, as in pycocotools."""
    place = np.empty(len(truth), np.int64)
    place[np.argsort(truth.class_id, kind="stable")[::-1]] = np.arange(len(truth))
    return place


def _candidates(
    truth: Detections, predicted: Detections, by_class: bool, rows: BoolArray | None
) -> Iterator[tuple[IntArray, IntArray]]:
    """All pairs of one unit (and class), in chunks."""
    det = np.arange(len(predicted)) if rows is None else np.flatnonzero(rows)
    unit = predicted.unit()[det]
    if by_class:
        kinds = max(len(truth.classes), 1)
        key_of_gt = truth.unit() * kinds + truth.class_id
        gts = np.argsort(key_of_gt, kind="stable")
        sorted_keys = key_of_gt[gts]
        key = unit * kinds + predicted.class_id[det]
        start = np.searchsorted(sorted_keys, key)
        count = np.searchsorted(sorted_keys, key, side="right") - start
    else:
        gts = np.arange(len(truth))
        start, count = truth.offsets[unit], np.diff(truth.offsets)[unit]
    some = np.flatnonzero(count)
    det, start, count = det[some], start[some], count[some]
    total = np.cumsum(count)
    first = 0
    while first < len(det):
        before = total[first - 1] if first else 0
        last = max(int(np.searchsorted(total, before + CHUNK, side="right")), first + 1)
        part = slice(first, last)
        yield np.repeat(det[part], count[part]), gts[spread(start[part], count[part])]
        first = last


def _measure(
    truth: Detections, predicted: Detections, geometry: Geometry, sigmas: FloatArray | None
) -> Callable[[IntArray, IntArray], FloatArray]:
    """The overlap of aligned rows of predictions and truth, for one kind of geometry."""
    if geometry == "mask":
        det_masks, gt_masks = masks_of(predicted), masks_of(truth)
        return lambda det, gt: mask_iou(det_masks, gt_masks, det, gt, truth.iscrowd)
    if geometry == "keypoints":
        checked = _checked_sigmas(truth, predicted, sigmas)
        return lambda det, gt: keypoint_similarity(truth, predicted, det, gt, checked)
    return lambda det, gt: box_iou(predicted.box[det], truth.box[gt], truth.iscrowd[gt])


def _checked_sigmas(truth: Detections, predicted: Detections, sigmas: FloatArray | None) -> FloatArray:
    sigmas = COCO_SIGMAS if sigmas is None else np.asarray(sigmas, np.float64)
    for side, these in (("truth", truth), ("predictions", predicted)):
        if len(these) and (these.keypoints is None or these.keypoints.shape[1] != len(sigmas)):
            points = "none" if these.keypoints is None else str(these.keypoints.shape[1])
            raise BadValue(
                f"the {side} have {points} keypoints an object, the sigmas are for {len(sigmas)}",
                hint="pass one sigma a keypoint; COCO's own are for its 17 points of a person",
            )
    return sigmas


def box_iou(a: FloatArray, b: FloatArray, crowd: BoolArray) -> FloatArray:
    """Overlap of each box of `a` with the same row of `b`, by COCO's sums.

    Shapes  (n, 4), (n, 4), (n,) -> (n,). Units  x y w h in pixels. A box without area has IoU 0 with everything;
    with a crowd the share of `a` that lies in it.

    >>> box_iou(np.array([[0., 0, 10, 10]]), np.array([[0., 0, 10, 5]]), np.array([False]))
    array([0.5])
    """
    # The order of these sums is maskApi's: another one differs in the last digit.
    w = np.minimum(a[:, 2] + a[:, 0], b[:, 2] + b[:, 0]) - np.maximum(a[:, 0], b[:, 0])
    h = np.minimum(a[:, 3] + a[:, 1], b[:, 3] + b[:, 1]) - np.maximum(a[:, 1], b[:, 1])
    area_a = a[:, 2] * a[:, 3]
    overlap = w * h
    union = np.where(crowd, area_a, area_a + b[:, 2] * b[:, 3] - overlap)
    out = np.zeros(len(a))
    np.divide(overlap, union, out=out, where=(w > 0) & (h > 0))
    return out


def keypoint_similarity(
    truth: Detections, predicted: Detections, det: IntArray, gt: IntArray, sigmas: FloatArray
) -> FloatArray:
    """Object keypoint similarity of aligned rows, as pycocotools computes it.

    An object without a labelled keypoint is compared by how far points lie outside twice its box (its quirk).
    """
    out = np.zeros(len(det))
    order = np.argsort(gt, kind="stable")
    heads = np.flatnonzero(np.diff(gt[order], prepend=-1))
    variance = (sigmas * 2) ** 2
    assert truth.keypoints is not None or not len(det)
    # One annotated object at a time: the sum over its labelled points must run over these points alone.
    for rows in np.split(order, heads[1:]) if len(order) else ():
        row = int(gt[rows[0]])
        out[rows] = _oks(truth, predicted, row, det[rows], variance)
    return out


def _oks(truth: Detections, predicted: Detections, gt: int, det: IntArray, variance: FloatArray) -> FloatArray:
    assert truth.keypoints is not None
    assert predicted.keypoints is not None
    xg, yg, labelled = truth.keypoints[gt].T
    xd, yd = predicted.keypoints[det, :, 0], predicted.keypoints[det, :, 1]
    seen = labelled > 0
    if seen.any():
        dx, dy = xd - xg, yd - yg
    else:
        x, y, w, h = truth.box[gt]
        dx = np.maximum(0, (x - w) - xd) + np.maximum(0, xd - (x + w * 2))
        dy = np.maximum(0, (y - h) - yd) + np.maximum(0, yd - (y + h * 2))
        seen = np.ones_like(seen)
    error = (dx**2 + dy**2) / variance / (truth.area[gt] + np.spacing(1)) / 2
    close = np.ascontiguousarray(np.exp(-error[:, seen]))
    return np.asarray(close.sum(axis=1) / seen.sum())
