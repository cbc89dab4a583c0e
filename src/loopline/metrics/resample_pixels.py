"""How class maps and panoptic segments resample: counts of each picture, added up as often as it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from loopline.metrics._arrays import AnyArray, FloatArray, IntArray, mean_of_known, ratio
from loopline.metrics.bootstrap import Judged, Weighed
from loopline.metrics.segmentation import SegmentationState, finish

PANOPTIC: Final = tuple(f"{name}{end}" for end in ("", "_things", "_stuff") for name in ("pq", "sq", "rq"))
_COUNTS: Final = frozenset({"pictures"})


class Picture(NamedTuple):
    """One picture's share of a SegmentationState: the cells of the confusion that are not 0, and their pixels; its
    borders, flat; and the mean IoU of the classes on it alone."""

    cell: IntArray
    pixels: IntArray
    borders: IntArray
    mean_iou: float


def picture(alone: SegmentationState, classes: tuple[str, ...]) -> Picture:
    """The state of one picture, or of all frames of one video, in little memory: a picture holds few classes."""
    flat = alone.confusion.ravel()
    cell = np.flatnonzero(flat)
    borders = alone.borders.ravel() if alone.borders.any() else np.zeros(0, np.int64)
    return Picture(cell, flat[cell], borders, finish(alone, classes).mean_iou)


def weighed_maps(sample_id: AnyArray, pictures: Sequence[Picture], classes: tuple[str, ...]) -> Weighed:
    """Class maps, samples rising: the numbers of `segmentation_report` and the IoU of each class; judged is each
    picture, by its own mean IoU."""
    k = len(classes)
    at = np.repeat(np.arange(len(pictures)), [len(one.cell) for one in pictures])
    cell = np.concatenate([np.zeros(0, np.int64), *(one.cell for one in pictures)])
    count = np.concatenate([np.zeros(0, np.int64), *(one.pixels for one in pictures)])
    bordered = np.array([row for row, one in enumerate(pictures) if len(one.borders)], np.int64)
    borders = np.array([one.borders for one in pictures if len(one.borders)], np.float64)
    borders = borders.reshape(len(bordered), k * 7)

    def state(weight: AnyArray) -> SegmentationState:
        confusion = np.bincount(cell, weights=count * weight[at], minlength=(k + 1) ** 2)
        edge = (weight[bordered] @ borders).astype(np.int64).reshape(k, 7)
        return SegmentationState(confusion.astype(np.int64).reshape(k + 1, k + 1), edge, int(weight.sum()))

    names = tuple(n for n in finish(state(np.ones(len(pictures), np.int32)), classes).numbers() if n not in _COUNTS)

    def measure(weight: AnyArray) -> FloatArray:
        report = finish(state(weight), classes)
        numbers = report.numbers()
        return np.concatenate([[numbers.get(name, np.nan) for name in names], report.iou])

    own = np.array([one.mean_iou for one in pictures], np.float64)
    return Weighed(sample_id, names, classes, measure, Judged(sample_id, np.arange(len(own)), np.nan_to_num(own)))


def weighed_segments(
    sample_id: AnyArray,
    counts: IntArray,
    overlap: FloatArray,
    classes: tuple[str, ...],
    things: Sequence[str] | None,
) -> Weighed:
    """Panoptic segments. counts (m, k, 3): tp, fp, fn of each picture and class · overlap (m, k): sum of the IoU of its
    matches. The numbers in PANOPTIC, and PQ of each class; judged is each picture, by its own PQ."""
    k = len(classes)
    flat = np.concatenate([counts.reshape(len(counts), -1), overlap], axis=1, dtype=np.float64)
    is_thing = np.array([things is None or name in things for name in classes], bool)
    parts = (np.ones(k, bool), is_thing, ~is_thing)

    def numbers(total: FloatArray) -> FloatArray:
        tp, fp, fn = total[: 3 * k].reshape(k, 3).T
        sq, rq = ratio(total[3 * k :], tp, empty=0.0), ratio(2 * tp, 2 * tp + fp + fn)
        pq = np.where(np.isnan(rq), np.nan, sq * rq)
        sq[np.isnan(rq)] = np.nan
        return np.array([*(mean_of_known(x[part]) for part in parts for x in (pq, sq, rq)), *pq])

    def measure(weight: AnyArray) -> FloatArray:
        return numbers(weight.astype(np.float64) @ flat)

    own = np.array([numbers(row)[0] for row in flat], np.float64)
    return Weighed(sample_id, PANOPTIC, classes, measure, Judged(sample_id, np.arange(len(own)), np.nan_to_num(own)))
