"""How classification resamples: one class a sample, several, or one yes-or-no question.

Every number is that of the report over the drawn samples. Counts are added up by sample; for areas under curves the
scores are ranked once, and a replicate weighs the ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray, ratio, share
from loopline.metrics.bootstrap import Judged, Weighed
from loopline.metrics.classification import TOP_K, ClassificationState, ScoreReport, class_scores, finish
from loopline.metrics.multilabel import MultilabelReport, binary_numbers
from loopline.metrics.ranking import ranks_of_truth

_COUNTS: Final = frozenset({"samples", "threshold"})
"""Numbers that a draw cannot change."""


def weighed_classes(
    sample_id: AnyArray,
    truth: IntArray,
    predicted: IntArray,
    classes: tuple[str, ...],
    *,
    scores: FloatArray | None = None,
) -> Weighed:
    """One class a sample: the numbers of `classification_report`, and F1 of each class; judged is each sample, by
    whether it is right. The columns are those of `classification_report`; samples without a true class are not drawn.
    """
    known = truth >= 0
    sample_id, true, guess = sample_id[known], truth[known], predicted[known]
    k = len(classes)
    cell = true * (k + 1) + np.where(guess < 0, k, guess)
    curves = own = rank = None
    if scores is not None:
        likely = scores[known]
        curves = Curves.of(true[:, None] == np.arange(k), likely)
        share_of_true = likely[np.arange(len(true)), true] / likely.sum(axis=1)
        own = -np.log(np.clip(share_of_true, np.finfo(np.float64).eps, 1))
        rank = ranks_of_truth(true, likely)

    def report(weight: AnyArray) -> tuple[dict[str, float], FloatArray]:
        counts = np.bincount(cell, weights=weight, minlength=(k + 1) ** 2).reshape(k + 1, k + 1).astype(np.int64)
        found = finish(ClassificationState(counts, ()), classes)
        if curves is not None and own is not None and rank is not None:
            total = float(weight.sum())
            top = {one: share(float(weight[rank < one].sum()), total) for one in TOP_K}
            found = replace(found, scores=ScoreReport(share(float(weight @ own), total), top, *curves.areas(weight)))
        return found.numbers(), found.by_class.f1

    right = true == guess
    return _weighed(
        sample_id, classes, report, Judged(sample_id, np.arange(len(true)), right.astype(np.float64), right)
    )


def weighed_sets(
    sample_id: AnyArray,
    truth: BoolArray,
    predicted: BoolArray,
    classes: tuple[str, ...],
    *,
    scores: FloatArray | None = None,
) -> Weighed:
    """Several classes a sample, (m, k) each: the numbers of `multilabel_report`, and F1 of each class; judged is each
    sample, by the share of its yes-or-no answers that are right."""
    cells = np.concatenate([truth & predicted, ~truth & predicted, truth & ~predicted, ~truth & ~predicted], axis=1)
    counted = cells.astype(np.float32 if len(truth) < 2**20 else np.float64)
    exact, wrong = (truth == predicted).all(axis=1), (truth != predicted).mean(axis=1)
    both, either = (truth & predicted).sum(axis=1), truth.sum(axis=1) + predicted.sum(axis=1)
    f1 = ratio(2 * both, either, empty=1.0)
    curves = None if scores is None else Curves.of(truth, scores)

    def report(weight: AnyArray) -> tuple[dict[str, float], FloatArray]:
        total = float(weight.sum())
        tp, fp, fn, tn = (weight.astype(counted.dtype) @ counted).astype(np.int64).reshape(4, -1)
        areas = (None, None) if curves is None else curves.areas(weight)
        found = MultilabelReport(
            classes=classes,
            samples=int(total),
            counts=np.stack([tp, fp, fn, tn], axis=1),
            by_class=class_scores(tp, tp + fn, tp + fp),
            subset_accuracy=share(float(weight @ exact), total),
            hamming_loss=share(float(weight @ wrong), total),
            samples_f1=share(float(weight @ f1), total),
            average_precision=areas[0],
            roc_auc=areas[1],
        )
        return found.numbers(), found.by_class.f1

    return _weighed(sample_id, classes, report, Judged(sample_id, np.arange(len(truth)), 1 - wrong, exact))


def weighed_answers(sample_id: AnyArray, truth: BoolArray, scores: FloatArray, *, threshold: float) -> Weighed:
    """One yes-or-no question, (m,) each: the numbers of `binary_report`; judged is each sample, by whether it is
    right at the threshold."""
    curves = Curves.of(truth[:, None], scores[:, None])
    yes = scores >= threshold
    cell = 2 * truth + yes

    def report(weight: AnyArray) -> tuple[dict[str, float], FloatArray]:
        tn, fp, fn, tp = np.bincount(cell, weights=weight, minlength=4).astype(int).tolist()
        average, area = (float(x[0]) for x in curves.areas(weight))
        return {**binary_numbers(tp, fp, fn, tn), "average_precision": average, "roc_auc": area}, np.zeros(0)

    right = truth == yes
    return _weighed(sample_id, (), report, Judged(sample_id, np.arange(len(truth)), right.astype(np.float64), right))


def _weighed(
    sample_id: AnyArray,
    classes: tuple[str, ...],
    report: Callable[[AnyArray], tuple[Mapping[str, float], FloatArray]],
    judged: Judged,
) -> Weighed:
    names = tuple(name for name in report(np.ones(len(sample_id), np.int32))[0] if name not in _COUNTS)

    def measure(weight: AnyArray) -> FloatArray:
        numbers, by_class = report(weight)
        return np.concatenate([[numbers[name] for name in names], by_class])

    return Weighed(sample_id, names, classes, measure, judged)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Scores of k questions, ranked once. order (k, m) rows by falling score · last: in each, the last row of equal
    scores · positive (k, m) in that order."""

    order: IntArray
    last: tuple[IntArray, ...]
    positive: BoolArray

    @classmethod
    def of(cls, truth: BoolArray, scores: FloatArray) -> Curves:
        """truth, scores (m, k)."""
        order = np.argsort(-scores, axis=0, kind="stable").T
        ranked = np.take_along_axis(scores.T, order, axis=1)
        ends = np.ones(ranked.shape, bool)
        ends[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
        return cls(order, tuple(np.flatnonzero(row) for row in ends), np.take_along_axis(truth.T, order, axis=1))

    def areas(self, weight: AnyArray) -> tuple[FloatArray, FloatArray]:
        """Average precision and ROC AUC of each question, (k,) each, as `ranking.per_class` has them."""
        average, area = np.full(len(self.order), np.nan), np.full(len(self.order), np.nan)
        for c, (order, last, positive) in enumerate(zip(self.order, self.last, self.positive, strict=True)):
            drawn = weight[order].astype(np.int64)
            tp = np.concatenate([[0], np.cumsum(drawn * positive)[last]])
            fp = np.concatenate([[0], np.cumsum(drawn)[last]]) - tp
            gained = np.diff(tp)
            average[c] = share(float(np.sum(gained * ratio(tp[1:], tp[1:] + fp[1:], empty=1.0))), int(tp[-1]))
            area[c] = share(int(np.sum(np.diff(fp) * (tp[1:] + tp[:-1]))), 2 * int(tp[-1]) * int(fp[-1]))
        return average, area
