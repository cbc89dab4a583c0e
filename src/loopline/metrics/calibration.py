"""Does a score of 0.8 mean right four times in five? Reliability, ECE, MCE, Brier, temperature, and the best threshold.

Bins     by "width": equal steps of [0, 1], a bin is (low, high], the first one takes 0 as well;
         by "mass": about equally many rows a bin, rows with one score never parted, so there may be fewer bins.
Source   Guo et al., On Calibration of Modern Neural Networks, ICML 2017; Brier, 1950.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue, near
from loopline.metrics._arrays import (
    NAN,
    FloatArray,
    IntArray,
    booleans,
    codes,
    exact_mean,
    finite,
    probabilities,
    ratio,
    same_length,
    share,
)
from loopline.metrics.ranking import threshold_counts

Binning: TypeAlias = Literal["width", "mass"]
BINS: Final = 15
_TEMPERATURES: Final = (0.01, 100.0)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram of b bins.

    edges        (b + 1,) float64, from 0 to 1
    count        (b,) int64 rows
    confidence   (b,) mean score, NaN in an empty bin
    accuracy     (b,) share that is right, NaN in an empty bin
    ece          mean of |accuracy - confidence| over rows; mce: the greatest over bins that are not empty; NaN without rows
    """

    edges: FloatArray
    count: IntArray
    confidence: FloatArray
    accuracy: FloatArray
    ece: float
    mce: float

    def numbers(self) -> dict[str, float]:
        return {"ece": self.ece, "mce": self.mce, "rows": float(self.count.sum())}


def reliability(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS, by: Binning = "width"
) -> Reliability:
    """How often a score of about this height is right.

    Shapes  confidence (n,) in [0, 1], correct (n,) bool: for a classifier the score of the chosen class and whether it
            is the true one; for a detector the score of a box and whether it is a true positive
    Raises  BadValue for a NaN, a score outside [0, 1], columns of different length, fewer than 1 bin

    >>> reliability([0.75, 0.75, 0.75, 0.75], [True, True, False, False]).ece
    0.25
    """
    score, right = probabilities("confidence", confidence), booleans("correct", correct)
    same_length(confidence=score, correct=right)
    edges = _edges(score, bins, by)
    place = np.clip(np.searchsorted(edges, score, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(place, minlength=len(edges) - 1).astype(np.int64)
    hits = np.bincount(place[right], minlength=len(count))
    order = np.argsort(place, kind="stable")
    parts = np.split(score[order], np.cumsum(count)[:-1])
    total = np.array([math.fsum(part.tolist()) for part in parts])  # exact, so the order of rows is no matter
    mean, accuracy = ratio(total, count), ratio(hits, count)
    gap = np.abs(accuracy - mean)[count > 0]
    ece = share(math.fsum((np.abs(hits - total)).tolist()), score.size)
    return Reliability(edges, count, mean, accuracy, ece, float(gap.max()) if gap.size else NAN)


def classifier_confidence(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """(score of the chosen class, is it the true one) of a classifier: truth (n,) indices, scores (n, k) -> (n,), (n,)."""
    true, likely = _classes(truth, scores)
    if not true.size:
        return np.zeros(0), np.zeros(0, bool)
    best = likely.argmax(axis=1)
    return np.asarray(likely[np.arange(true.size), best], np.float64), np.asarray(best == true, bool)


def brier(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean squared error of probabilities; 0 is perfect. NaN without rows.

    A yes-or-no question: truth (n,) bool, scores (n,); in [0, 1]. Several classes: truth (n,) indices, scores (n, k); the
    sum over classes, so in [0, 2], as Brier wrote it.
    """
    if np.ndim(scores) < 2:
        yes, score = booleans("truth", truth), probabilities("scores", scores)
        same_length(truth=yes, scores=score)
        return exact_mean((score - yes) ** 2)
    true, likely = _classes(truth, scores)
    return exact_mean(((likely - (true[:, None] == np.arange(likely.shape[1]))) ** 2).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Threshold:
    """The best threshold (score >= threshold is a yes; +inf says no to all) and the value it reaches."""

    threshold: float
    value: float


def best_f1_threshold(truth: npt.ArrayLike, scores: npt.ArrayLike, *, missed: int = 0) -> Threshold:
    """The threshold with the greatest F1; of equal ones the highest. (+inf, NaN) without a true row.

    missed  true rows that have no score, so that no threshold finds them
    """
    counts = threshold_counts(truth, scores, missed=missed)
    if not counts.fn[0]:
        return Threshold(math.inf, NAN)
    best = int(np.argmax(counts.f1))
    return Threshold(float(counts.thresholds[best]), float(counts.f1[best]))


def best_cost_threshold(
    truth: npt.ArrayLike, scores: npt.ArrayLike, *, false_positive: float, false_negative: float, missed: int = 0
) -> Threshold:
    """The threshold with the least total cost, and that cost; of equal ones the highest threshold.

    false_positive, false_negative   what one of each costs, in any one unit, >= 0
    missed                           true rows that have no score, so that no threshold finds them
    """
    if not (0 <= false_positive < math.inf and 0 <= false_negative < math.inf):
        raise BadValue("a cost is a number of at least 0")
    counts = threshold_counts(truth, scores, missed=missed)
    cost = false_positive * counts.fp + false_negative * counts.fn
    best = int(np.argmin(cost))
    return Threshold(float(counts.thresholds[best]), float(cost[best]))


def fit_temperature(truth: npt.ArrayLike, logits: npt.ArrayLike) -> float:
    """The temperature T in 0.01 … 100 that makes softmax(logits / T) likeliest: above 1 the model was too sure.

    Shapes  truth (n,) indices, logits (n, k) finite; ln of probabilities serves too
    Raises  BadValue without rows
    """
    raw = finite("logits", logits, ndim=2)
    if not raw.size:
        raise BadValue("a temperature cannot be fitted to no rows")
    true = codes("truth", truth, raw.shape[1], least=0)
    same_length(truth=true, logits=raw)
    shifted = raw - raw.max(axis=1, keepdims=True)
    own = shifted[np.arange(true.size), true]

    def loss(log_t: float) -> float:
        scaled = shifted / math.exp(log_t)
        return exact_mean(np.log(np.exp(scaled).sum(axis=1)) - own / math.exp(log_t))

    low, high = (math.log(t) for t in _TEMPERATURES)
    golden = (math.sqrt(5) - 1) / 2
    # The loss is convex in 1/T, so it falls and then rises along ln T too: golden-section search finds the one valley.
    a, b = high - golden * (high - low), low + golden * (high - low)
    loss_a, loss_b = loss(a), loss(b)
    while high - low > 1e-6:
        if loss_a <= loss_b:
            high, b, loss_b = b, a, loss_a
            a = high - golden * (high - low)
            loss_a = loss(a)
        else:
            low, a, loss_a = a, b, loss_b
            b = low + golden * (high - low)
            loss_b = loss(b)
    return math.exp((low + high) / 2)


def with_temperature(logits: npt.ArrayLike, temperature: float) -> FloatArray:
    """softmax(logits / temperature): (n, k) -> (n, k), rows sum to 1."""
    if not temperature > 0:
        raise BadValue(f"a temperature is above 0, not {temperature}")
    raw = finite("logits", logits, ndim=2)
    if not raw.size:
        return raw
    scaled = (raw - raw.max(axis=1, keepdims=True)) / temperature
    grown = np.exp(scaled)
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), np.float64)


def _edges(score: FloatArray, bins: int, by: Binning) -> FloatArray:
    if bins < 1:
        raise BadValue(f"a reliability diagram has at least 1 bin, not {bins}")
    if by == "width":
        return np.linspace(0, 1, bins + 1)
    if by != "mass":
        raise BadValue(f'no binning "{by}"', hint=near(by, ("width", "mass")))
    ordered = np.sort(score)
    last = np.ceil(np.arange(1, bins) * score.size / bins).astype(np.int64) - 1
    inner = ordered[last[last >= 0]] if score.size else np.zeros(0)
    inner = np.unique(inner[(inner > 0) & (inner < 1)])
    return np.asarray(np.r_[0.0, inner, 1.0], np.float64)


def _classes(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    likely = probabilities("scores", scores, ndim=2)
    likely = likely if likely.ndim == 2 else likely.reshape(0, 0)
    true = codes("truth", truth, likely.shape[1], least=0)
    same_length(truth=true, scores=likely)
    return true, likely
