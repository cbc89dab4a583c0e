"""How a COCO report resamples: a replicate re-weights its stored matches, and equals evaluating the drawn samples.

Scores that tie within one picture stand side by side in a replicate, as if copies did not interleave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS, hits_needed, partners
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
    drawn, of_unit = np.unique(matched.truth.sample_id, return_inverse=True)
    prepared = _prepare(matched, of_unit, unsure)
    t = len(iou)
    ap50, ap75 = (at_iou(iou, level) for level in (0.5, 0.75))

    def measure(weight: AnyArray) -> FloatArray:
        table = _measure(prepared, weight)
        precision, recall = table[:t], table[t:]
        numbers = [float(_mean(part)) for part in (precision, precision[ap50], precision[ap75], recall)]
        return np.concatenate([numbers, _mean(precision, axis=0)])

    real, found = ~matched.ignored, _found(matched)
    return Weighed(
        sample_id=drawn,
        names=(*NUMBERS, f"AR{matched.max_detections}"),
        classes=classes,
        measure=measure,
        judged=Judged(
            matched.truth.object_id[real],
            of_unit[matched.truth.unit()[real]],
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
    """The hits of one threshold, by class, then falling score. One level at a time fits into the processor's cache.

    Runs are hits, side by side, of one class and with the same ignored predictions before them.
    """

    sample: IntArray  # (h,)
    after: IntArray  # (h,) place among the ranked predictions, and one
    lift: FloatArray  # (h,) keeps classes apart in one running maximum
    bounds: IntArray  # (kinds + 1,) where a class starts
    count: IntArray  # (kinds,)
    filled: IntArray  # classes that have a hit
    heads: IntArray  # and where they start
    ignored_sample: IntArray  # (g,) of predictions that are ignored at this threshold
    ignored_before: IntArray  # (kinds,) how many of them lie before a class
    run: IntArray  # (r,) hits in it
    run_kind: IntArray  # (r,)
    run_ignored: IntArray  # (r,) how many of the ignored lie before it


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Stored matches, laid out so that a replicate is a few running sums."""

    kinds: int
    prediction_sample: IntArray  # (q,) of each ranked prediction
    starts: IntArray  # (kinds,) where a class starts among them
    levels: tuple[_Level, ...]
    truth_sample: IntArray  # (k,) of counted objects, by class
    truth_bounds: IntArray  # (kinds + 1,) where a class starts among them


def _prepare(matched: Matched, of_unit: IntArray, unsure: BoolArray | None = None) -> _Prepared:
    """of_unit: which sample is drawn for each unit that was matched by itself."""
    sample = of_unit[matched.predicted.unit()][matched.order]
    counted = np.flatnonzero(~matched.ignored)
    kind = matched.truth_kind()[counted]
    by_kind = np.argsort(kind, kind="stable")
    levels = []
    for place, partner in partners(matched, matched.gt_of):
        good = ~matched.ignored[partner]
        hit, skip = place[good], place[~good]
        if unsure is not None:
            alone = np.flatnonzero(unsure[matched.order])
            skip = np.union1d(skip, np.setdiff1d(alone, hit))
        levels.append(_level(matched, sample, hit, skip))
    return _Prepared(
        kinds=matched.kinds,
        prediction_sample=sample,
        starts=matched.starts[:-1],
        levels=tuple(levels),
        truth_sample=of_unit[matched.truth.unit()[counted[by_kind]]],
        truth_bounds=np.searchsorted(kind[by_kind], np.arange(matched.kinds + 1)),
    )


def _level(matched: Matched, sample: IntArray, hit: IntArray, skip: IntArray) -> _Level:
    """hit, skip: rising places of hits and of ignored predictions among the ranked ones."""
    bounds = np.searchsorted(hit, matched.starts)
    count = np.diff(bounds)
    filled = np.flatnonzero(count)
    kind = np.repeat(np.arange(matched.kinds), count)
    ignored = np.searchsorted(skip, hit)
    heads = np.flatnonzero((np.diff(kind, prepend=-1) != 0) | (np.diff(ignored, prepend=-1) != 0))
    return _Level(
        sample=sample[hit],
        after=hit + 1,
        lift=2 * (matched.kinds - kind).astype(np.float64),
        bounds=bounds,
        count=count,
        filled=filled,
        heads=bounds[filled],
        ignored_sample=sample[skip],
        ignored_before=np.searchsorted(skip, matched.starts[:-1]),
        run=np.diff(heads, append=len(hit)),
        run_kind=kind[heads],
        run_ignored=ignored[heads],
    )


def _measure(these: _Prepared, weight: AnyArray) -> FloatArray:
    """AP of each threshold and class, then recall: (2 * levels, kinds). NaN: the class has no object in this draw."""
    t = len(these.levels)
    drawn = _running(weight, these.truth_sample)
    truths = np.diff(drawn.take(these.truth_bounds))
    points = _points(truths)
    seen = _running(weight, these.prediction_sample)
    before = seen.take(these.starts)
    out = np.zeros((2 * t, these.kinds))
    for i, level in enumerate(these.levels):
        if len(level.sample):
            out[i], out[t + i] = _at_level(level, weight, seen, before, points)
    out[:t] /= len(RECALLS)
    out[t:] /= np.maximum(truths, 1)
    out[:, truths == 0] = np.nan
    return out


class _Points(NamedTuple):
    """reached: how many points of recall 0, 1, … hits reach, class after class, without starting anew ·
    first (kinds,): the entry of 0 hits of each class."""

    reached: AnyArray
    first: IntArray


def _points(truths: IntArray) -> _Points:
    """truths (kinds,) -> truths + 1 entries each."""
    entries = truths + 1
    first = np.cumsum(entries) - entries
    known = truths > 0
    needed = hits_needed(RECALLS, truths[known]) + first[known]
    return _Points(np.cumsum(np.bincount(needed.ravel(), minlength=entries.sum()), dtype=np.int32), first)


def _at_level(
    level: _Level, weight: AnyArray, seen: AnyArray, before: AnyArray, points: _Points
) -> tuple[FloatArray, AnyArray]:
    """Sum of the best precisions over the points of recall, and hits, by class, (kinds,) each."""
    hits = _running(weight, level.sample)
    ends = hits.take(level.bounds)
    skipped = _running(weight, level.ignored_sample)
    passed = before - skipped.take(level.ignored_before)
    ahead = seen.take(level.after, mode="clip")
    ahead -= np.repeat(passed.take(level.run_kind) + skipped.take(level.run_ignored), level.run)
    # A hit that was not drawn repeats the curve's last point, or starts with 0 / 0.
    best = (hits[1:] - np.repeat(ends[:-1], level.count)) / np.maximum(ahead, 1, out=ahead)
    best += level.lift
    # Above 0, floats and their bits as whole numbers have one order, and NumPy is four times quicker with the latter.
    bits = best.view(np.int64)[::-1]
    np.maximum.accumulate(bits, out=bits)
    best -= level.lift
    reached = points.reached.take(hits[1:] + np.repeat(points.first - ends[:-1], level.count), mode="clip")
    gained = np.empty_like(reached)
    np.subtract(reached[1:], reached[:-1], out=gained[1:])
    gained[level.heads] = reached.take(level.heads) - points.reached.take(points.first.take(level.filled))
    best *= gained
    sums = np.zeros(len(level.count))
    sums[level.filled] = np.add.reduceat(best, level.heads)
    return sums, ends[1:] - ends[:-1]


def _running(weight: AnyArray, of: IntArray) -> AnyArray:
    """0, then the running sum of weight[of]. (No index lies outside; that `take` clips only spares it the look.)"""
    out = np.zeros(len(of) + 1, np.int32)
    np.cumsum(weight.take(of, mode="clip"), out=out[1:])
    return out


def _mean(values: FloatArray, axis: int | None = None) -> FloatArray:
    """Mean of what is not NaN; NaN of nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
