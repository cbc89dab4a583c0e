"""How sure a detection number is: intervals by resampling whole samples, and a paired test of two models.

A replicate draws as many samples as there are, with replacement. Matches do not change: a sample drawn three times
counts three times, so a replicate is a re-weighting of stored matches, not an evaluation. It equals evaluating the
drawn samples. Frames of one video are drawn together: they are not independent.

Intervals are percentiles of the replicates, moved so that their mean is the number itself: an average precision takes
the best of what follows, so copies of a sample lift it, by up to its standard error where there are many classes.
Scores that tie within one picture stand side by side in a replicate, as if copies did not interleave. Source  B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.metrics._arrays import NAN, AnyArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS, partners
from loopline.metrics._matching import Matched
from loopline.metrics.coco import CocoReport, at_iou

NUMBERS: Final = ("AP", "AP50", "AP75", "AR")
MOST_THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the range that holds it: `value` on the data as it is, low … high by resampling. NaN: unknown."""

    value: float
    low: float
    high: float
    standard_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Intervals of a report's numbers and of the AP of each class.

    replicates (b, 4) as in NUMBERS; NaN where a replicate drew no object.
    """

    numbers: dict[str, Interval]
    per_class: dict[str, Interval]
    replicates: FloatArray
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two models on the same samples. Differences are b - a, replicate by replicate.

    p_value        two-sided: how often resampling would turn the sign, at least 1 / (b + 1)
    disagreements  samples by how much the models differ on their objects, see `disagreements`
    """

    a: dict[str, Interval]
    b: dict[str, Interval]
    difference: dict[str, Interval]
    p_value: dict[str, float]
    per_class: dict[str, Interval]
    disagreements: pa.Table
    confidence: float


def bootstrap(
    report: CocoReport, *, rng: np.random.Generator, replicates: int = 1000, confidence: float = 0.95
) -> Bootstrap:
    """Intervals by resampling samples; the same `rng` state gives the same bytes.

    Raises BadValue for fewer than 2 replicates or a confidence outside (0, 1).
    """
    _check(replicates, confidence)
    prepared = _prepare(report)
    draws = _replicates(prepared, _weights(prepared.samples, replicates, rng))
    now = _measure(prepared, np.ones(prepared.samples, np.int32))
    values, by_class = _numbers(report, draws), _mean(draws[:, : len(report.options.iou)], axis=1)
    return Bootstrap(
        numbers=_intervals(NUMBERS, _numbers(report, now[None])[0], values, confidence),
        per_class=_intervals(report.classes, _mean(now[: len(report.options.iou)], axis=0), by_class, confidence),
        replicates=values,
        confidence=confidence,
    )


def compare(
    a: CocoReport, b: CocoReport, *, rng: np.random.Generator, replicates: int = 1000, confidence: float = 0.95
) -> Comparison:
    """Is model b better than model a? Both are weighed with the same draws.

    Raises BadValue unless both were measured on the same objects with the same options.
    """
    _check(replicates, confidence)
    _same(a, b)
    first, second = _prepare(a), _prepare(b)
    weights = _weights(first.samples, replicates, rng)
    draws = np.stack([_replicates(one, weights) for one in (first, second)], axis=1)
    ones = np.ones(first.samples, np.int32)
    now = np.stack([_measure(first, ones), _measure(second, ones)])
    values = np.stack([_numbers(a, draws[:, side]) for side in (0, 1)])
    point = np.stack([_numbers(a, now[None, side])[0] for side in (0, 1)])
    gain = values[1] - values[0]
    t = len(a.options.iou)
    by_class = _mean(draws[:, 1, :t] - draws[:, 0, :t], axis=1)
    return Comparison(
        a=_intervals(NUMBERS, point[0], values[0], confidence),
        b=_intervals(NUMBERS, point[1], values[1], confidence),
        difference=_intervals(NUMBERS, point[1] - point[0], gain, confidence),
        p_value={name: _p_value(gain[:, i], point[1, i] - point[0, i]) for i, name in enumerate(NUMBERS)},
        per_class=_intervals(a.classes, _mean(now[1, :t] - now[0, :t], axis=0), by_class, confidence),
        disagreements=disagreements(a, b),
        confidence=confidence,
    )


def disagreements(a: CocoReport, b: CocoReport) -> pa.Table:
    """Samples where the models differ most, most first.

    Columns  sample_id · disagreement: sum over objects of |share of IoU thresholds at which b found it - the same of a|
             · gain: that sum with its sign · only_a, only_b: objects that one of them found at the lowest threshold
    """
    _same(a, b)
    found_a, found_b = _found(a.matched), _found(b.matched)
    real = ~a.matched.ignored
    change = np.where(real, (found_b.mean(axis=0) - found_a.mean(axis=0)), 0)
    ids, sample = np.unique(a.matched.truth.sample_id[a.matched.truth.unit()], return_inverse=True)

    def total(values: AnyArray) -> FloatArray:
        return np.asarray(np.bincount(sample, weights=values, minlength=len(ids)), np.float64)

    distance = total(np.abs(change))
    order = np.lexsort((ids, -distance))
    return pa.table(
        {
            "sample_id": ids[order],
            "disagreement": distance[order],
            "gain": total(change)[order],
            "only_a": total(real & found_a[0] & ~found_b[0]).astype(np.int64)[order],
            "only_b": total(real & found_b[0] & ~found_a[0]).astype(np.int64)[order],
        }
    )


def _found(matched: Matched) -> AnyArray:
    """Whether each annotated object has a partner at each threshold, (t, k)."""
    out = np.zeros((len(matched.thresholds), len(matched.truth)), bool)
    for level, row in enumerate(matched.gt_of):
        out[level, row[row >= 0]] = True
    return out


def _same(a: CocoReport, b: CocoReport) -> None:
    if a.options != b.options or a.classes != b.classes:
        raise BadValue("the two reports were measured with different options or classes")
    one, other = a.matched.truth, b.matched.truth
    same = len(one) == len(other) and np.array_equal(one.object_id, other.object_id)
    if not same or not np.array_equal(one.sample_id, other.sample_id):
        raise BadValue(
            "the two reports were measured on different samples or objects",
            hint="evaluate both models on one view, and pass the view's `samples` to both",
        )


def _check(replicates: int, confidence: float) -> None:
    if replicates < 2 or not 0 < confidence < 1:
        raise BadValue(f"cannot take {replicates} replicates at a confidence of {confidence}")


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


def _prepare(report: CocoReport) -> _Prepared:
    matched = report.matched
    ids, sample_of_unit = np.unique(matched.truth.sample_id, return_inverse=True)
    sample = sample_of_unit[matched.predicted.unit()][matched.order]
    counted = np.flatnonzero(~matched.ignored)
    kind_of_place = np.repeat(np.arange(matched.kinds), np.diff(matched.starts))
    levels = []
    for place, partner in partners(matched, matched.gt_of):
        good = ~matched.ignored[partner]
        hit, skip = place[good], place[~good]
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


def _replicates(prepared: _Prepared, weights: Sequence[AnyArray]) -> FloatArray:
    """All replicates, (b, 2 * levels, kinds). In threads: NumPy works outside the interpreter's lock."""
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        return np.stack(list(pool.map(lambda weight: _measure(prepared, weight), weights)))


def _running(values: AnyArray) -> AnyArray:
    """0, then the running sum."""
    out = np.zeros(len(values) + 1, np.int32)
    np.cumsum(values, out=out[1:])
    return out


def _weights(samples: int, replicates: int, rng: np.random.Generator) -> Sequence[AnyArray]:
    draw = [rng.integers(0, max(samples, 1), samples) for _ in range(replicates)]
    return [np.bincount(one, minlength=samples).astype(np.int32) for one in draw]


# -- what the replicates say


def _mean(values: FloatArray, axis: int) -> FloatArray:
    """Mean of what is not NaN; NaN of nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _numbers(report: CocoReport, draws: FloatArray) -> FloatArray:
    """(b, 2 * levels, kinds) -> (b, 4) as in NUMBERS."""
    iou = report.options.iou
    b, t = len(draws), len(iou)
    columns = [_mean(draws[:, :t].reshape(b, -1), axis=1)]
    for percent in (50, 75):
        chosen = draws[:, :t][:, at_iou(iou, percent / 100)]
        columns.append(_mean(chosen.reshape(b, -1), axis=1))
    columns.append(_mean(draws[:, t:].reshape(b, -1), axis=1))
    return np.stack(columns, axis=1)


def _intervals(
    names: Sequence[str], values: FloatArray, replicates: FloatArray, confidence: float
) -> dict[str, Interval]:
    out = {}
    for i, name in enumerate(names):
        known = replicates[:, i][~np.isnan(replicates[:, i])]
        if known.size < 2 or np.isnan(values[i]):
            out[name] = Interval(float(values[i]), NAN, NAN, NAN)
            continue
        centred = known - known.mean() + values[i]
        low, high = np.quantile(centred, [(1 - confidence) / 2, (1 + confidence) / 2])
        out[name] = Interval(float(values[i]), float(low), float(high), float(known.std(ddof=1)))
    return out


def _p_value(gain: FloatArray, point: float) -> float:
    known = gain[~np.isnan(gain)]
    if not known.size or np.isnan(point):
        return NAN
    known = known - known.mean() + point
    turned = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, float(2 * (turned + 1) / (known.size + 1)))
