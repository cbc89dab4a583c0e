"""How a COCO report resamples: a replicate re-weights its stored matches, and equals evaluating the drawn samples.

Scores that tie within one picture stand side by side in a replicate, as if copies did not interleave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS, partners
from loopline.metrics._matching import Matched
from loopline.metrics.bootstrap import Judged, Weighed
from loopline.metrics.coco import CocoReport, at_iou

NUMBERS: Final = ("AP", "AP50", "AP75")


def weighed(report: CocoReport) -> Weighed:
    """AP, AP50, AP75 and the AR of most detections, and the AP of each class; what is judged are the annotated objects,
    by the share of IoU thresholds at which they were found."""
    return weighed_matches(report.matched, report.options.iou, report.classes, report.options)


def weighed_matches(
    matched: Matched,
    iou: tuple[float, ...],
    classes: tuple[str, ...],
    rules: object,
    unsure: BoolArray | None = None,
) -> Weighed:
    """`weighed` of stored matches. unsure (n,): predictions that are ignored where they have no partner."""
    prepared = _prepare(matched, unsure)
    t = len(iou)

    def measure(weight: AnyArray) -> FloatArray:
        table = _measure(prepared, weight)
        return np.concatenate([_numbers(iou, table), _mean(table[:t], axis=0)])

    ids, sample = np.unique(matched.truth.sample_id[matched.truth.unit()], return_inverse=True)
    drawn = np.unique(matched.truth.sample_id)
    real, found = ~matched.ignored, _found(matched)
    return Weighed(
        sample_id=drawn,
        names=(*NUMBERS, f"AR{matched.max_detections}"),
        classes=classes,
        measure=measure,
        judged=Judged(
            matched.truth.object_id[real],
            np.searchsorted(drawn, ids)[sample][real],
            found.mean(axis=0)[real],
            found[0][real],
        ),
        rules=rules,
    )


def _found(matched: Matched) -> AnyArray:
    """Whether each annotated object has a partner at each threshold, (t, k)."""
    out = np.zeros((len(matched.thresholds), len(matched.truth)), bool)
    for level, row in enumerate(matched.gt_of):
        out[level, row[row >= 0]] = True
    return out


# -- one replicate


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The hits of one threshold, by class, then falling score. One level at a time fits into the processor's cache."""

    sample: AnyArray  # (h,)
    place: AnyArray  # (h,) among the ranked predictions
    kind: AnyArray  # (h,)
    bounds: IntArray  # (kinds + 1,) where a class starts
    lift: FloatArray  # (h,) keeps classes apart in one running maximum
    ignored_sample: AnyArray  # (g,) of predictions that are ignored at this threshold
    ignored_before_hit: IntArray  # (h,) how many of them lie before a hit
    ignored_before_kind: IntArray  # (h,) and before its class


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Stored matches, laid out so that a replicate is a few running sums."""

    samples: int
    kinds: int
    prediction_sample: AnyArray  # (q,) of each ranked prediction
    starts: IntArray  # (kinds,) where a class starts among them
    levels: tuple[_Level, ...]
    truth_sample: AnyArray  # (k,) counted objects
    truth_kind: AnyArray


def _prepare(matched: Matched, unsure: BoolArray | None = None) -> _Prepared:
    ids, sample_of_unit = np.unique(matched.truth.sample_id, return_inverse=True)
    sample = sample_of_unit[matched.predicted.unit()][matched.order]
    counted = np.flatnonzero(~matched.ignored)
    kind_of_place = np.repeat(np.arange(matched.kinds), np.diff(matched.starts))
    levels = []
    for place, partner in partners(matched, matched.gt_of):
        good = ~matched.ignored[partner]
        hit, skip = place[good], place[~good]
        if unsure is not None:
            alone = np.flatnonzero(unsure[matched.order])
            skip = np.union1d(skip, np.setdiff1d(alone, hit))
        kind = kind_of_place[hit]
        levels.append(
            _Level(
                sample=sample[hit],
                place=hit,
                kind=kind,
                bounds=np.searchsorted(hit, matched.starts),
                lift=2 * (matched.kinds - kind).astype(np.float64),
                ignored_sample=sample[skip],
                ignored_before_hit=np.searchsorted(skip, hit),
                ignored_before_kind=np.searchsorted(skip, matched.starts[kind]),
            )
        )
    return _Prepared(
        samples=len(ids),
        kinds=matched.kinds,
        prediction_sample=sample,
        starts=matched.starts[:-1],
        levels=tuple(levels),
        truth_sample=sample_of_unit[matched.truth.unit()[counted]],
        truth_kind=matched.truth_kind()[counted],
    )


def _measure(these: _Prepared, weight: AnyArray) -> FloatArray:
    """AP of each threshold and class, then recall: (2 * levels, kinds). NaN: the class has no object in this draw."""
    t = len(these.levels)
    truths = np.bincount(these.truth_kind, weights=weight[these.truth_sample], minlength=these.kinds).astype(np.int32)
    points = _points(truths)
    first_point = np.concatenate(([0], np.cumsum(truths + 1)))[:-1].astype(np.int32)
    seen = _running(weight.take(these.prediction_sample))
    before = seen.take(these.starts)
    out = np.zeros((2 * t, these.kinds))
    for i, level in enumerate(these.levels):
        if len(level.place):
            out[i], out[t + i] = _at_level(level, weight, seen, before, points, first_point)
    out[:t] /= len(RECALLS)
    out[t:] /= np.maximum(truths, 1)
    out[:, truths == 0] = np.nan
    return out


def _at_level(
    level: _Level, weight: AnyArray, seen: AnyArray, before: AnyArray, points: AnyArray, first_point: AnyArray
) -> tuple[FloatArray, AnyArray]:
    """Sum of the best precisions over the points of recall, and hits, by class, (kinds,) each."""
    hits = _running(weight.take(level.sample))
    ends = hits.take(level.bounds)
    found = hits[1:] - ends.take(level.kind)
    ahead = seen[1:].take(level.place)
    ahead -= before.take(level.kind)
    if len(level.ignored_sample):
        skipped = _running(weight.take(level.ignored_sample))
        ahead -= skipped.take(level.ignored_before_hit) - skipped.take(level.ignored_before_kind)
    # A hit that was not drawn repeats the curve's last point, or starts with 0 / 0.
    best = found / np.maximum(ahead, 1, out=ahead)
    best += level.lift
    np.maximum.accumulate(best[::-1], out=best[::-1])
    best -= level.lift
    found += first_point.take(level.kind)
    reached = points.take(found)
    filled = np.diff(level.bounds) > 0
    heads = level.bounds[:-1][filled]
    gained = np.diff(reached, prepend=0)
    gained[heads] = reached[heads]
    best *= gained
    sums = np.zeros(len(filled))
    sums[filled] = np.add.reduceat(best, heads)
    return sums, np.diff(ends)


def _points(truths: AnyArray) -> AnyArray:
    """How many points of recall 0, 1, … hits reach, class after class: truths + 1 entries each."""
    lengths = truths + 1
    found = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    recall = found / np.repeat(np.maximum(truths, 1), lengths)
    points = (recall * 100 + 1e-9).astype(np.int64)
    points += RECALLS.take(points) <= recall  # the grid's 0.07 is a hair above 7 of 100
    points[found == 0] = 0
    return np.asarray(points)


def _running(values: AnyArray) -> AnyArray:
    """0, then the running sum."""
    out = np.zeros(len(values) + 1, np.int32)
    np.cumsum(values, out=out[1:])
    return out


def _mean(values: FloatArray, axis: int | None = None) -> FloatArray:
    """Mean of what is not NaN; NaN of nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _numbers(iou: tuple[float, ...], table: FloatArray) -> FloatArray:
    """(2 * levels, kinds) -> (4,) as in NUMBERS, then the recall."""
    t = len(iou)
    chosen = [table[:t], *(table[:t][at_iou(iou, percent / 100)] for percent in (50, 75)), table[t:]]
    return np.array([float(_mean(part)) for part in chosen])
