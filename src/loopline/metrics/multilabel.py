"""Several classes a picture, or one yes-or-no question: numbers for each class at a threshold, and over all thresholds.

Rules: a class without a true and without a predicted sample has NaN for precision, recall and F1 and counts in no
average; a class without a true sample has NaN for AP. A score equal to the threshold is a yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.metrics._arrays import (
    AnyArray,
    BoolArray,
    FloatArray,
    IntArray,
    booleans,
    class_names,
    finite,
    mean_of_known,
    probabilities,
    same_length,
    share,
)
from loopline.metrics._labels import LabelBatches, class_list, encode, merged, paired, rows_of, seen, together
from loopline.metrics.classification import ClassScores, class_scores, cohen_kappa, matthews
from loopline.metrics.metric import Metric
from loopline.metrics.ranking import ThresholdCounts, average_precision, per_class, roc_auc, threshold_counts

# -- several labels a sample


@dataclass(frozen=True, slots=True, eq=False)
class MultilabelReport:
    """Multi-label classification of n samples over k classes.

    counts               (k, 4) int64: tp, fp, fn, tn
    subset_accuracy      samples whose whole set of classes is right
    hamming_loss         share of the n k yes-or-no answers that are wrong
    samples_f1           mean over samples of F1 of their two sets; two empty sets have 1
    average_precision    (k,) and roc_auc (k,), None where no scores were given; `map` is the mean of what is known
    """

    classes: tuple[str, ...]
    samples: int
    counts: IntArray
    by_class: ClassScores
    subset_accuracy: float
    hamming_loss: float
    samples_f1: float
    average_precision: FloatArray | None = None
    roc_auc: FloatArray | None = None

    def numbers(self) -> dict[str, float]:
        out = {
            "subset_accuracy": self.subset_accuracy,
            "hamming_loss": self.hamming_loss,
            "samples_f1": self.samples_f1,
            "precision_macro": self.by_class.macro.precision,
            "recall_macro": self.by_class.macro.recall,
            "f1_macro": self.by_class.macro.f1,
            "f1_micro": self.by_class.micro.f1,
            "f1_weighted": self.by_class.weighted.f1,
            "samples": float(self.samples),
        }
        if self.average_precision is not None and self.roc_auc is not None:
            out |= {"map": mean_of_known(self.average_precision), "roc_auc_macro": mean_of_known(self.roc_auc)}
        return out


def multilabel_report(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike | None,
    classes: Iterable[str],
    *,
    scores: npt.ArrayLike | None = None,
    threshold: float | npt.ArrayLike = 0.5,
) -> MultilabelReport:
    """All numbers of multi-label classification.

    Shapes  truth (n, k) bool; predicted (n, k) bool, or None: then scores >= threshold; scores (n, k), any scale;
            threshold one number, or (k,) one a class
    Raises  BadValue for a NaN, shapes that differ, neither predictions nor scores
    """
    names = class_names(classes)
    shape = (-1, len(names))
    true = booleans("truth", truth, ndim=2).reshape(shape if np.size(truth) else (0, len(names)))
    score = None if scores is None else finite("scores", scores, ndim=2).reshape(true.shape if not true.size else shape)
    if predicted is not None:
        guess = booleans("predicted", predicted, ndim=2).reshape(true.shape if not true.size else shape)
    elif score is not None:
        guess = score >= _thresholds(threshold, len(names))
    else:
        raise BadValue("multi-label numbers need predictions or scores; there are neither")
    same_length(truth=true, predicted=guess, **({} if score is None else {"scores": score}))
    tp, fp, fn, tn = ((a & b).sum(axis=0) for a, b in ((true, guess), (~true, guess), (true, ~guess), (~true, ~guess)))
    average, area = (None, None) if score is None else per_class(true, score)
    return MultilabelReport(
        classes=names,
        samples=len(true),
        counts=np.stack([tp, fp, fn, tn], axis=1).astype(np.int64),
        by_class=class_scores(tp, tp + fn, tp + fp),
        subset_accuracy=share(int((true == guess).all(axis=1).sum()), len(true)),
        hamming_loss=share(int((true != guess).sum()), true.size),
        samples_f1=_samples_f1(true, guess),
        average_precision=average,
        roc_auc=area,
    )


def _thresholds(threshold: float | npt.ArrayLike, count: int) -> FloatArray:
    out = np.asarray(threshold, np.float64)
    if out.shape not in ((), (count,)) or np.isnan(out).any():
        raise BadValue(f"one threshold, or {count} (one a class); this is {out.shape} of them, and none may be NaN")
    return out


def _samples_f1(true: BoolArray, guess: BoolArray) -> float:
    both, either = (true & guess).sum(axis=1), true.sum(axis=1) + guess.sum(axis=1)
    values, how_often = np.unique(np.where(either, 2 * both / np.maximum(either, 1), 1.0), return_counts=True)
    return share(float(values @ how_often), len(true))  # few distinct values in a fixed order: the sum is the same


# -- one yes-or-no question


@dataclass(frozen=True, slots=True, eq=False)
class BinaryReport:
    """A yes-or-no classifier: whole curves and, at one threshold, counts and rates.

    counts    at every threshold that makes a difference; `precision`, `recall`, `fpr`, `f1` of it are the curves
    row       the row of `counts` that holds for `threshold`
    """

    counts: ThresholdCounts
    threshold: float
    row: int
    accuracy: float
    balanced_accuracy: float
    precision: float
    recall: float
    specificity: float
    f1: float
    kappa: float
    mcc: float
    average_precision: float
    roc_auc: float

    def numbers(self) -> dict[str, float]:
        names = (
            "accuracy balanced_accuracy precision recall specificity f1 kappa mcc average_precision roc_auc threshold"
        )
        return {name: float(getattr(self, name)) for name in names.split()}


def binary_report(truth: npt.ArrayLike, scores: npt.ArrayLike, *, threshold: float = 0.5) -> BinaryReport:
    """All numbers of a yes-or-no classifier at `threshold` (a score equal to it is a yes).

    Shapes  truth (n,) bool, scores (n,) any scale. No rows: NaN. Precision and F1 are 0 where nothing is positive but
            something is true; precision is NaN where neither is.
    Raises  BadValue for a NaN score or columns of different length
    """
    counts = threshold_counts(truth, scores)
    row = counts.at(threshold)
    found = binary_numbers(*(int(x[row]) for x in (counts.tp, counts.fp, counts.fn, counts.tn)))
    return BinaryReport(
        counts=counts,
        threshold=float(threshold),
        row=row,
        **found,
        average_precision=average_precision(truth, scores),
        roc_auc=roc_auc(truth, scores),
    )


def binary_numbers(tp: int, fp: int, fn: int, tn: int) -> dict[str, float]:
    """The numbers of a yes-or-no classifier that follow from its counts at one threshold."""
    square = np.array([[tn, fp], [fn, tp]])
    of_yes = class_scores([tp], [tp + fn], [tp + fp])
    recalls = [x for x in (share(tp, tp + fn), share(tn, tn + fp)) if not np.isnan(x)]
    return {
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": share(sum(recalls), len(recalls)),
        "precision": float(of_yes.precision[0]),
        "recall": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "f1": float(of_yes.f1[0]),
        "kappa": cohen_kappa(square),
        "mcc": matthews(square),
    }


# -- over Arrow tables, by name


def report_of_tables(
    batches: LabelBatches, classes: Iterable[str] | None = None, *, threshold: float = 0.5
) -> MultilabelReport:
    """The report of label rows: truth `sample_id, label`; predictions `sample_id, label` and, where there is one, `score`.

    Every predicted row with a score of at least `threshold` (or without a score) is a yes. AP and ROC AUC need scores;
    a class without a row in a sample has score 0 there. Samples that occur in neither table are not known here.
    """
    names = class_list(classes, *together(batches))
    _, true, yes, score = sets_of_tables(batches, names, threshold=threshold)
    return multilabel_report(true, yes, names, scores=score)


class Sets(NamedTuple):
    """A set of classes a sample: rising sample ids (n,), which classes are true and predicted (n, k), and the score of
    each (n, k), None where there are none."""

    sample_id: AnyArray
    truth: BoolArray
    predicted: BoolArray
    scores: FloatArray | None


def sets_of_tables(batches: LabelBatches, names: tuple[str, ...], *, threshold: float = 0.5) -> Sets:
    """What `report_of_tables` measures. Raises BadValue for a score outside [0, 1]."""
    truth, predicted = together(batches)
    samples = np.union1d(truth["sample_id"], predicted["sample_id"])
    true = np.zeros((len(samples), len(names)), bool)
    true[rows_of(samples, truth["sample_id"]), encode(truth["label"], names, side="truth")] = True
    at, guess = rows_of(samples, predicted["sample_id"]), encode(predicted["label"], names, side="predictions")
    if "score" not in predicted.column_names or predicted["score"].null_count:
        yes = np.zeros_like(true)
        yes[at, guess] = True
        return Sets(samples, true, yes, None)
    score = np.zeros(true.shape)
    np.maximum.at(score, (at, guess), probabilities("score", predicted["score"].to_numpy()))
    return Sets(samples, true, score >= _thresholds(threshold, len(names)), score)


METRIC: Final = Metric(
    "multilabel_classification",
    title="Classification, several classes a sample",
    start=tuple,
    update=lambda state, truth, predicted: seen(state, paired(truth, predicted)),
    merge=merged,
    finish=report_of_tables,
    needs=(("sample_id", "label"), ("sample_id", "label")),
)
