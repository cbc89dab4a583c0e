"""How sure a number is: intervals by resampling whole samples, and a paired test of two models.

A replicate draws as many samples as there are, with replacement: a sample drawn three times counts three times. What a
task knows about each sample is worked out once, as a `Weighed`; a replicate then only weighs it, and equals measuring
the drawn samples. Frames of one video are drawn together: they are not independent.

Intervals are percentiles of the replicates, moved so that their mean is the number itself: an average precision takes
the best of what follows, so copies of a sample lift it, by up to its standard error where there are many classes.
Source  B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.metrics._arrays import NAN, AnyArray, BoolArray, FloatArray

MOST_THREADS: Final = 4
BLOCK: Final = 64
"""Replicates whose draws are in memory at a time: 256 bytes a sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What two models are compared on one by one: annotated objects, samples, pictures; u of them.

    id (u,) · sample (u,) index into `Weighed.sample_id` · value (u,): how well the model did, more is better ·
    good (u,): whether it got it; None: whoever has the better value did
    """

    id: AnyArray
    sample: AnyArray
    value: FloatArray
    good: BoolArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The numbers of a task as a function of how often each sample counts.

    sample_id  (m,) int64, rising: what is drawn · names: of the numbers · classes: each has one number more
    measure    weights (m,) int32 -> the numbers, then those of the classes; NaN where the draw has none
    rules      what the numbers were measured by: two models are compared only under equal rules
    """

    sample_id: AnyArray
    names: tuple[str, ...]
    classes: tuple[str, ...]
    measure: Callable[[AnyArray], FloatArray]
    judged: Judged
    rules: object = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the range that holds it: `value` on the data as it is, low … high by resampling. NaN: unknown."""

    value: float
    low: float
    high: float
    standard_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Intervals of a task's numbers and of the number of each class.

    replicates (b, names) float64; NaN where a replicate drew nothing to measure
    """

    numbers: dict[str, Interval]
    per_class: dict[str, Interval]
    replicates: FloatArray
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two models on the same samples. Differences are b - a, replicate by replicate.

    p_value        two-sided: how often resampling would turn the sign, at least 1 / (b + 1)
    disagreements  samples by how much the models differ, see `disagreements`
    """

    a: dict[str, Interval]
    b: dict[str, Interval]
    difference: dict[str, Interval]
    p_value: dict[str, float]
    per_class: dict[str, Interval]
    disagreements: pa.Table
    confidence: float


def bootstrap(one: Weighed, *, rng: np.random.Generator, replicates: int = 1000, confidence: float = 0.95) -> Bootstrap:
    """Intervals by resampling samples; the same `rng` state gives the same bytes.

    Raises BadValue for fewer than 2 replicates or a confidence outside (0, 1).
    """
    _check(replicates, confidence)
    now, draws = _replicates(one, replicates, rng)
    n = len(one.names)
    return Bootstrap(
        numbers=_intervals(one.names, now[:n], draws[:, :n], confidence),
        per_class=_intervals(one.classes, now[n:], draws[:, n:], confidence),
        replicates=draws[:, :n],
        confidence=confidence,
    )


def compare(
    a: Weighed, b: Weighed, *, rng: np.random.Generator, replicates: int = 1000, confidence: float = 0.95
) -> Comparison:
    """Is model b better than model a? Both are weighed with the same draws. Classes that only one of them has are left
    out of `per_class`.

    Raises BadValue unless both were measured on the same objects by the same rules.
    """
    _check(replicates, confidence)
    _same(a, b)
    names = [name for name in a.names if name in b.names]
    classes = [name for name in a.classes if name in b.classes]
    state = rng.bit_generator.state
    point, values = [], []
    for one in (a, b):
        rng.bit_generator.state = state
        now, draws = _replicates(one, replicates, rng)
        place = _places(one, names, classes)
        point.append(now[place])
        values.append(draws[:, place])
    n, gain, change = len(names), values[1] - values[0], point[1] - point[0]
    return Comparison(
        a=_intervals(names, point[0][:n], values[0][:, :n], confidence),
        b=_intervals(names, point[1][:n], values[1][:, :n], confidence),
        difference=_intervals(names, change[:n], gain[:, :n], confidence),
        p_value={name: _p_value(gain[:, i], change[i]) for i, name in enumerate(names)},
        per_class=_intervals(classes, change[n:], gain[:, n:], confidence),
        disagreements=disagreements(a, b),
        confidence=confidence,
    )


def disagreements(a: Weighed, b: Weighed) -> pa.Table:
    """Samples where the models differ most, most first.

    Columns  sample_id · disagreement: sum of |value of b - value of a| over what is judged there · gain: that sum with
             its sign · only_a, only_b: how many of them only that one got
    """
    _same(a, b)
    change = b.judged.value - a.judged.value
    ids, sample = np.unique(a.judged.sample, return_inverse=True)
    if a.judged.good is not None and b.judged.good is not None:
        only_a, only_b = a.judged.good & ~b.judged.good, b.judged.good & ~a.judged.good
    else:
        only_a, only_b = change < 0, change > 0

    def total(values: AnyArray) -> FloatArray:
        return np.asarray(np.bincount(sample, weights=values, minlength=len(ids)), np.float64)

    distance = total(np.abs(change))
    order = np.lexsort((ids, -distance))
    return pa.table(
        {
            "sample_id": a.sample_id[ids][order],
            "disagreement": distance[order],
            "gain": total(change)[order],
            "only_a": total(only_a).astype(np.int64)[order],
            "only_b": total(only_b).astype(np.int64)[order],
        }
    )


def _same(a: Weighed, b: Weighed) -> None:
    if a.rules != b.rules:
        raise BadValue("the two were measured with different options or classes", hint="evaluate both with the same")
    same = np.array_equal(a.sample_id, b.sample_id) and np.array_equal(a.judged.id, b.judged.id)
    if not same or not np.array_equal(a.judged.sample, b.judged.sample):
        raise BadValue(
            "the two were measured on different samples or objects",
            hint="evaluate both models on one view of one version",
        )


def _check(replicates: int, confidence: float) -> None:
    if replicates < 2 or not 0 < confidence < 1:
        raise BadValue(f"cannot take {replicates} replicates at a confidence of {confidence}")


def _places(one: Weighed, names: Sequence[str], classes: Sequence[str]) -> list[int]:
    return [*(one.names.index(n) for n in names), *(len(one.names) + one.classes.index(c) for c in classes)]


# -- replicates


def _replicates(one: Weighed, replicates: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The numbers as they are (p,), and those of each replicate (b, p). In threads: NumPy works outside the
    interpreter's lock."""
    samples = len(one.sample_id)
    if samples < 2:  # the same draw each time would look like certainty
        now = one.measure(np.ones(samples, np.int32))
        return now, np.full((replicates, len(now)), NAN)
    found: list[FloatArray] = []
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        for first in range(0, replicates, BLOCK):
            some = range(first, min(first + BLOCK, replicates))
            draws = [rng.integers(0, samples, samples) for _ in some]
            found += pool.map(lambda draw: one.measure(np.bincount(draw, minlength=samples).astype(np.int32)), draws)
    return one.measure(np.ones(samples, np.int32)), np.stack(found)


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
