"""How well scores rank the true above the false: threshold counts, ROC and PR arrays, areas under them, top-k.

Rows with equal scores stand or fall together, so the order of the rows never matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.metrics._arrays import (
    NAN,
    BoolArray,
    FloatArray,
    IntArray,
    booleans,
    codes,
    finite,
    ratio,
    same_length,
    share,
)


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCounts:
    """What happens at each threshold: a row counts as positive where its score >= threshold.

    thresholds      (t,) float64, falling; the first is +inf (nothing is positive), then each distinct score
    tp fp fn tn     (t,) int64
    """

    thresholds: FloatArray
    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray

    @property
    def precision(self) -> FloatArray:
        """(t,) float64; 1 where nothing is positive, as the PR curve starts there."""
        return ratio(self.tp, self.tp + self.fp, empty=1.0)

    @property
    def recall(self) -> FloatArray:
        """(t,) float64; NaN without a true row."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def fpr(self) -> FloatArray:
        """(t,) float64, false positives over all false rows; NaN without a false row."""
        return ratio(self.fp, self.fp + self.tn)

    @property
    def f1(self) -> FloatArray:
        """(t,) float64; NaN without a true row."""
        return np.where(self.tp + self.fn > 0, ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn), NAN)

    def at(self, threshold: float) -> int:
        """The row that holds for `threshold`: the last one whose threshold is not below it."""
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1


def threshold_counts(truth: npt.ArrayLike, scores: npt.ArrayLike, *, missed: int = 0) -> ThresholdCounts:
    """True and false positives at every threshold that makes a difference.

    missed  true rows that have no score: a no at every threshold, such as objects that a detector never found
    Shapes  truth (n,) bool, scores (n,) -> at most n + 1 thresholds. No rows: the one threshold +inf.
    Raises  BadValue for a NaN score or columns of different length.

    >>> threshold_counts([True, False, True], [0.9, 0.5, 0.5]).tp
    array([0, 1, 2])
    """
    positive, score = booleans("truth", truth), finite("scores", scores)
    same_length(truth=positive, scores=score)
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order]
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True]) if score.size else np.zeros(0, np.int64)
    tp = np.r_[0, np.cumsum(positive, dtype=np.int64)[last]]
    fp = np.r_[0, last + 1] - tp
    positives = int(positive.sum())
    return ThresholdCounts(np.r_[np.inf, score[last]], tp, fp, positives + missed - tp, (len(score) - positives) - fp)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Points of a ROC curve (x: false positive rate, y: recall) or a PR curve (x: recall, y: precision).

    thresholds, x, y   (t,) float64, thresholds falling
    """

    thresholds: FloatArray
    x: FloatArray
    y: FloatArray


def roc_curve(truth: npt.ArrayLike, scores: npt.ArrayLike) -> Curve:
    """The ROC curve, from (0, 0) to (1, 1). NaN where there is no true (y) or no false (x) row."""
    counts = threshold_counts(truth, scores)
    return Curve(counts.thresholds, counts.fpr, counts.recall)


def pr_curve(truth: npt.ArrayLike, scores: npt.ArrayLike) -> Curve:
    """The precision-recall curve, from recall 0 (precision 1 by convention) up."""
    counts = threshold_counts(truth, scores)
    return Curve(counts.thresholds, counts.recall, counts.precision)


def thinned(curve: Curve, points: int = 1000) -> Curve:
    """At most `points` points of a curve, first and last among them, for drawing."""
    if points < 2:
        raise BadValue("a curve keeps at least 2 points")
    if len(curve.x) <= points:
        return curve
    kept = np.unique(np.linspace(0, len(curve.x) - 1, points).round().astype(np.int64))
    return Curve(curve.thresholds[kept], curve.x[kept], curve.y[kept])


def roc_auc(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve: how often a true row scores above a false one, ties counting half.

    NaN where all rows are true or all are false. Computed in whole numbers, so exact.

    >>> roc_auc([False, False, True, True], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return _auc(threshold_counts(truth, scores))


def average_precision(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Sum over thresholds of (gain in recall) times (precision there), without interpolation.

    NaN without a true row. This is scikit-learn's definition, not the interpolated one of VOC or COCO.

    >>> round(average_precision([False, False, True, True], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    return _ap(threshold_counts(truth, scores))


def per_class(truth: BoolArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(average precision, ROC AUC) of each class against the rest: truth and scores (n, k) -> (k,) and (k,)."""
    counts = [threshold_counts(truth[:, c], scores[:, c]) for c in range(scores.shape[1])]
    return np.array([_ap(c) for c in counts], np.float64), np.array([_auc(c) for c in counts], np.float64)


def top_k_accuracy(truth: npt.ArrayLike, scores: npt.ArrayLike, k: Iterable[int] = (1, 5)) -> dict[int, float]:
    """How often the true class is among the k best.

    Shapes  truth (n,) class indices in 0 … c - 1, scores (n, c). No rows: NaN.
    Ties    of equal scores the lower class index is better, as argmax has it (scikit-learn prefers the higher).

    >>> top_k_accuracy([0, 1], [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]], k=(1, 2, 3))
    {1: 0.5, 2: 0.5, 3: 1.0}
    """
    wanted = tuple(k)
    if any(one < 1 for one in wanted):
        raise BadValue(f"top-k needs k of at least 1, not {min(wanted)}")
    score = finite("scores", scores, ndim=2)
    true = codes("truth", truth, score.shape[1] if score.ndim == 2 else 0, least=0)
    same_length(truth=true, scores=score)
    if not true.size:
        return dict.fromkeys(wanted, NAN)
    rank = ranks_of_truth(true, score)
    return {one: share(int((rank < one).sum()), true.size) for one in wanted}


def ranks_of_truth(truth: IntArray, scores: FloatArray) -> IntArray:
    """How many classes score better than the true one, (n,), of equal scores the lower class index: 0 is the best.
    truth (n,) class indices, scores (n, c)."""
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    before = np.arange(scores.shape[1])[None, :] < truth[:, None]
    return np.asarray(((scores > own) | ((scores == own) & before)).sum(axis=1), np.int64)


def _auc(counts: ThresholdCounts) -> float:
    positives, negatives = int(counts.tp[-1]), int(counts.fp[-1])
    twice = int(np.sum(np.diff(counts.fp) * (counts.tp[1:] + counts.tp[:-1])))
    return share(twice, 2 * positives * negatives)


def _ap(counts: ThresholdCounts) -> float:
    return share(float(np.sum(np.diff(counts.tp) * counts.precision[1:])), int(counts.tp[-1]))
