"""Panoptic segmentation: each pixel belongs to one segment, each segment has a class. PQ, SQ and RQ.

A picture is two maps of segment ids (0 is void: no segment) and, for each side, the class of every segment.
A true and a predicted segment of one class match where their IoU is over 0.5; then no other pair of theirs can.

Rules of the COCO panoptic API:
- pixels that are void in the truth do not count against a prediction: they leave its union;
- crowd segments of the truth are never matched and never missed;
- an unmatched prediction that lies to more than half on void and on crowd of its own class is no false positive.

Source  Kirillov et al., Panoptic Segmentation, CVPR 2019, and github.com/cocodataset/panopticapi. Known difference: of
        several crowd segments of one class in a picture the API looks at the last one only, here all of them count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.metrics._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    booleans,
    class_names,
    codes,
    exact_mean,
    ratio,
    same_length,
)
from loopline.metrics.metric import Columns, joined, merged_columns, no_columns

VOID: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """One side of one picture.

    ids        (h, w) int64, segment of each pixel, 0 = void
    segment    (s,) int64, the ids that occur, rising
    class_id   (s,) int64
    crowd      (s,) bool; False for predictions
    area       (s,) int64 pixels
    """

    ids: IntArray
    segment: IntArray
    class_id: IntArray
    crowd: BoolArray
    area: IntArray


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over classes, each in [0, 1]; NaN where no class occurs. classes: how many are in the mean."""

    pq: float
    sq: float
    rq: float
    classes: int


@dataclass(frozen=True, slots=True, eq=False)
class PanopticReport:
    """Arrays (k,), one number a class; NaN (pq, sq, rq) for a class that does not occur.

    sq   mean IoU of the matches, 0 without a match; rq = tp / (tp + fp / 2 + fn / 2); pq = sq * rq
    """

    classes: tuple[str, ...]
    pictures: int
    tp: IntArray
    fp: IntArray
    fn: IntArray
    pq: FloatArray
    sq: FloatArray
    rq: FloatArray
    all: Quality
    things: Quality
    stuff: Quality

    def numbers(self) -> dict[str, float]:
        parts = {"": self.all, "_things": self.things, "_stuff": self.stuff}
        out = {f"{n}{end}": float(getattr(part, n)) for end, part in parts.items() for n in ("pq", "sq", "rq")}
        return out | {"pictures": float(self.pictures)}


def segments(
    ids: npt.ArrayLike,
    segment: npt.ArrayLike,
    class_id: npt.ArrayLike,
    *,
    classes: int,
    crowd: npt.ArrayLike | None = None,
) -> Segments:
    """Checked segments of one picture.

    Shapes  ids (h, w) whole numbers, 0 = void; segment, class_id, crowd (s,)
    Raises  BadValue where a segment is listed twice or is 0, a class index is out of range, or a pixel has an id that
            is not listed. A listed segment without a pixel is kept, with area 0: in the truth it counts as missed,
            in predictions it is an error.
    """
    pixels, listed = np.asarray(ids), np.asarray(segment)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu":
        raise BadValue(
            f"segment ids are whole numbers (h, w), not {pixels.dtype} {pixels.shape}", hint="ids_of_colours()"
        )
    listed = listed.astype(np.int64).reshape(-1)
    of_class = codes("class_id", class_id, classes, least=0)
    is_crowd = np.zeros(len(listed), bool) if crowd is None else booleans("crowd", crowd)
    same_length(segment=listed, class_id=of_class, crowd=is_crowd)
    if len(np.unique(listed)) < len(listed) or (listed <= VOID).any():
        raise BadValue("a segment is listed twice, or has an id below 1 (0 is void)")
    found, count = np.unique(pixels, return_counts=True)
    strangers = np.setdiff1d(found, [*listed, VOID])
    if strangers.size:
        raise BadValue(f"{strangers.size} segments of the map are not listed, the first is {strangers[0]}")
    order = np.argsort(listed)
    area = dict(zip(found.tolist(), count.tolist(), strict=True))
    areas = np.array([area.get(one, 0) for one in listed[order].tolist()], np.int64)
    return Segments(pixels.astype(np.int64), listed[order], of_class[order], is_crowd[order], areas)


def ids_of_colours(rgb: npt.ArrayLike) -> IntArray:
    """Segment ids (h, w) of a COCO panoptic picture (h, w, 3): R + 256 G + 65536 B."""
    pixels = np.asarray(rgb)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise BadValue(f"a panoptic picture is (h, w, 3), not {pixels.shape}")
    return np.asarray(pixels.astype(np.int64) @ np.array([1, 256, 65536]), np.int64)


# -- the four steps


@dataclass(frozen=True, slots=True, eq=False)
class PanopticState:
    """counts (k, 3) int64: tp, fp, fn. matches: the class and IoU of each match, 16 bytes each."""

    counts: IntArray
    matches: Columns
    pictures: int


def start(classes: Sequence[str]) -> PanopticState:
    return PanopticState(np.zeros((len(class_names(classes)), 3), np.int64), no_columns(), 0)


def update(state: PanopticState, truth: Segments, predicted: Segments) -> PanopticState:
    """The state with one more picture. Raises BadValue where the maps differ in size or a prediction has no pixel."""
    return add_matching(state, truth, predicted, match_segments(truth, predicted))


def add_matching(state: PanopticState, truth: Segments, predicted: Segments, found: Matching) -> PanopticState:
    """The state with one more picture, whose segments were matched already."""
    count, of_class = len(state.counts), truth.class_id[found.true]
    kinds = (of_class, predicted.class_id[found.false], truth.class_id[found.missed])
    counts = np.stack([np.bincount(x, minlength=count) for x in kinds], axis=1)
    return PanopticState(state.counts + counts, (*state.matches, (of_class, found.iou)), state.pictures + 1)


def merge(a: PanopticState, b: PanopticState) -> PanopticState:
    return PanopticState(a.counts + b.counts, merged_columns(a.matches, b.matches), a.pictures + b.pictures)


def finish(state: PanopticState, classes: Sequence[str], *, things: Iterable[str] | None = None) -> PanopticReport:
    """The numbers. `things`: the classes that can be counted; without it all are. Raises BadValue for an unknown one."""
    names = class_names(classes)
    thing_names = set(names if things is None else things)
    if thing_names - set(names):
        raise BadValue(f"things names classes that are not there: {', '.join(sorted(thing_names - set(names)))}")
    tp, fp, fn = state.counts.T
    of_class, iou = joined(state.matches, (np.zeros(0, np.int64), np.zeros(0)))
    sq = np.array([exact_mean(iou[of_class == c]) if tp[c] else 0.0 for c in range(len(names))])
    occurs = tp + fp + fn > 0
    sq[~occurs] = np.nan
    rq = ratio(2 * tp, 2 * tp + fp + fn)
    is_thing = np.array([name in thing_names for name in names], bool)
    parts = [_mean(sq, rq, occurs & part) for part in (np.ones(len(names), bool), is_thing, ~is_thing)]
    return PanopticReport(names, state.pictures, tp, fp, fn, sq * rq, sq, rq, *parts)


def panoptic_report(
    pictures: Iterable[tuple[Segments, Segments]], classes: Sequence[str], *, things: Iterable[str] | None = None
) -> PanopticReport:
    """The numbers over (truth, predicted), one picture in memory at a time."""
    state = start(classes)
    for truth, predicted in pictures:
        state = update(state, truth, predicted)
    return finish(state, classes, things=things)


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """The m matches of one picture with s true and p predicted segments.

    true, predicted (m,) int64 rows of each side · iou (m,) · missed (s,) bool · false (p,) bool
    Neither matched nor missed are crowds, neither matched nor false is what lies on void and crowds.
    """

    true: IntArray
    predicted: IntArray
    iou: FloatArray
    missed: BoolArray
    false: BoolArray


def match_segments(truth: Segments, predicted: Segments) -> Matching:
    """Which segments of one picture match. Raises BadValue as `update` does."""
    if truth.ids.shape != predicted.ids.shape:
        raise BadValue(f"the maps differ in size: truth {truth.ids.shape}, predicted {predicted.ids.shape}")
    if (predicted.area == 0).any():
        missing = predicted.segment[predicted.area == 0]
        raise BadValue(f"{missing.size} predicted segments have no pixel, the first is {missing[0]}")
    shared = _overlaps(truth, predicted)  # row 0 and column 0 are void
    both = shared[1:, 1:]
    on_void = shared[0, 1:]
    union = truth.area[:, None] + predicted.area[None, :] - both - on_void[None, :]
    iou = ratio(both, union, empty=0.0)
    same_class = truth.class_id[:, None] == predicted.class_id[None, :]
    matched = (iou > 0.5) & same_class & ~truth.crowd[:, None]
    rows, columns = np.nonzero(matched)
    missed = ~truth.crowd & ~matched.any(axis=1)
    on_crowd = (both * (same_class & truth.crowd[:, None])).sum(axis=0)
    excused = 2 * (on_void + on_crowd) > predicted.area
    false = ~matched.any(axis=0) & ~excused
    return Matching(rows.astype(np.int64), columns.astype(np.int64), iou[rows, columns], missed, false)


def _overlaps(truth: Segments, predicted: Segments) -> IntArray:
    """Pixels that each true (rows) and predicted (columns) segment share; row and column 0 are void."""
    places = [np.searchsorted(np.r_[VOID, side.segment], side.ids.ravel()) for side in (truth, predicted)]
    width = len(predicted.segment) + 1
    size = (len(truth.segment) + 1) * width
    return np.bincount(places[0] * width + places[1], minlength=size).reshape(-1, width).astype(np.int64)


def _mean(sq: FloatArray, rq: FloatArray, used: BoolArray) -> Quality:
    return Quality(exact_mean((sq * rq)[used]), exact_mean(sq[used]), exact_mean(rq[used]), int(used.sum()))
