"""One class a picture (or a crop): accuracy, precision, recall, F1, kappa, MCC, log loss, top-k, AP, ROC AUC.

Rules, where the definitions leave a choice:

- A labelled sample without a prediction is wrong: it lowers the recall of its class and sits in `unpredicted`.
- A sample without a true label cannot be judged: it is left out and counted in `unlabelled`.
- A class that occurs in the truth or in the predictions has precision, recall and F1 of at least 0. A class that
  occurs in neither has NaN, and no average includes it.
- Of equal scores the lower class index wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue
from loopline.metrics._arrays import (
    NAN,
    AnyArray,
    BoolArray,
    FloatArray,
    IntArray,
    class_names,
    codes,
    exact_mean,
    mean_of_known,
    probabilities,
    ratio,
    same_length,
    share,
    weighted_mean,
)
from loopline.metrics._labels import LabelBatches, class_list, encode, merged, paired, rows_of, seen, together
from loopline.metrics.metric import Columns, Metric, joined, merged_columns, no_columns, with_columns
from loopline.metrics.ranking import per_class, top_k_accuracy

TOP_K: Final = (1, 5)


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over classes; NaN where there was nothing to measure."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """Precision, recall and F1 of k classes and their three averages. Arrays (k,) float64; support (k,) int64.

    macro counts every class that occurs alike, weighted by its support, micro pools the counts of all classes.
    """

    support: IntArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    macro: Averages
    weighted: Averages
    micro: Averages


@dataclass(frozen=True, slots=True, eq=False)
class ScoreReport:
    """What needs a probability for every class. average_precision, roc_auc: (k,) one class against the rest.

    log_loss: natural logarithm, probabilities clipped at 2.2e-16; NaN without rows.
    """

    log_loss: float
    top_k: Mapping[int, float]
    average_precision: FloatArray
    roc_auc: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationReport:
    """Single-label classification, see the rules at the top of this file.

    confusion     (k, k) int64, rows are the truth
    unpredicted   (k,) int64, labelled samples without a prediction
    unlabelled    samples without a true label, left out
    scores        None where no probabilities were given
    """

    classes: tuple[str, ...]
    samples: int
    unlabelled: int
    confusion: IntArray
    unpredicted: IntArray
    by_class: ClassScores
    accuracy: float
    balanced_accuracy: float
    kappa: float
    mcc: float
    scores: ScoreReport | None = None

    def numbers(self) -> dict[str, float]:
        out = {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "precision_macro": self.by_class.macro.precision,
            "recall_macro": self.by_class.macro.recall,
            "f1_macro": self.by_class.macro.f1,
            "f1_weighted": self.by_class.weighted.f1,
            "f1_micro": self.by_class.micro.f1,
            "kappa": self.kappa,
            "mcc": self.mcc,
            "samples": float(self.samples),
        }
        if self.scores is not None:
            out["log_loss"] = self.scores.log_loss
            out |= {f"top_{k}_accuracy": value for k, value in self.scores.top_k.items() if k > 1}
            out["map"] = mean_of_known(self.scores.average_precision)
            out["roc_auc_macro"] = mean_of_known(self.scores.roc_auc)
        return out


def classification_report(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    classes: Iterable[str],
    *,
    scores: npt.ArrayLike | None = None,
    top_k: Sequence[int] = TOP_K,
) -> ClassificationReport:
    """All numbers of single-label classification at once.

    Shapes  truth, predicted (n,) class indices, -1 for none; scores (n, k) in [0, 1], each row about 1 in all
    Raises  BadValue for an index that names no class, a NaN, columns of different length
    """
    names = class_names(classes)
    state = update(start(names), truth, predicted, scores=scores)
    return finish(state, names, top_k=top_k)


# -- the four steps over class indices


@dataclass(frozen=True, slots=True, eq=False)
class ClassificationState:
    """counts (k + 1, k + 1) int64: the last row has no truth, the last column no prediction. Plus the scored rows:
    8 bytes for each row and class."""

    counts: IntArray
    scored: Columns


def start(classes: Sequence[str]) -> ClassificationState:
    return ClassificationState(np.zeros((len(classes) + 1, len(classes) + 1), np.int64), no_columns())


def update(
    state: ClassificationState,
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    scores: npt.ArrayLike | None = None,
) -> ClassificationState:
    """The state with more rows; see `classification_report` for shapes and errors."""
    count = len(state.counts) - 1
    true, guess = codes("truth", truth, count), codes("predicted", predicted, count)
    same_length(truth=true, predicted=guess)
    counts = state.counts + confusion_matrix(true, guess, count)
    if scores is None:
        return ClassificationState(counts, state.scored)
    likely = probabilities("scores", scores, ndim=2).reshape(len(true) if not true.size else -1, count)
    same_length(truth=true, scores=likely)
    kept = true >= 0
    return ClassificationState(counts, with_columns(state.scored, true[kept], likely[kept]))


def merge(a: ClassificationState, b: ClassificationState) -> ClassificationState:
    return ClassificationState(a.counts + b.counts, merged_columns(a.scored, b.scored))


def finish(state: ClassificationState, classes: Sequence[str], *, top_k: Sequence[int] = TOP_K) -> ClassificationReport:
    labelled = state.counts[:-1]
    confusion = labelled[:, :-1]
    by_class = class_scores(np.diag(confusion), labelled.sum(axis=1), confusion.sum(axis=0))
    return ClassificationReport(
        classes=tuple(classes),
        samples=int(labelled.sum()),
        unlabelled=int(state.counts[-1].sum()),
        confusion=confusion,
        unpredicted=labelled[:, -1],
        by_class=by_class,
        accuracy=share(int(np.trace(confusion)), int(labelled.sum())),
        balanced_accuracy=exact_mean(by_class.recall[by_class.support > 0]),
        kappa=cohen_kappa(_labelled_square(state.counts)),
        mcc=matthews(_labelled_square(state.counts)),
        scores=_score_report(state.scored, len(classes), top_k) if state.scored else None,
    )


def _labelled_square(counts: IntArray) -> IntArray:
    square = counts.copy()
    square[-1] = 0  # rows without truth
    return square


def _score_report(scored: Columns, count: int, top_k: Sequence[int]) -> ScoreReport:
    true, likely = joined(scored, (np.zeros(0, np.int64), np.zeros((0, count))))
    average, area = per_class(true[:, None] == np.arange(count), likely)
    return ScoreReport(log_loss(true, likely), top_k_accuracy(true, likely, top_k), average, area)


# -- each number by itself


def confusion_matrix(truth: npt.ArrayLike, predicted: npt.ArrayLike, count: int) -> IntArray:
    """How often each class was predicted for each true class, (count + 1, count + 1) int64, rows are the truth.

    The last row is "no truth", the last column "no prediction" (index -1 in the input).

    >>> confusion_matrix([0, 0, 1], [0, 1, -1], 2)
    array([[1, 1, 0],
           [0, 0, 1],
           [0, 0, 0]])
    """
    true, guess = codes("truth", truth, count), codes("predicted", predicted, count)
    same_length(truth=true, predicted=guess)
    size = count + 1
    cell = np.where(true < 0, count, true) * size + np.where(guess < 0, count, guess)
    return np.bincount(cell, minlength=size * size).reshape(size, size).astype(np.int64)


def class_scores(correct: npt.ArrayLike, support: npt.ArrayLike, predicted: npt.ArrayLike) -> ClassScores:
    """Precision, recall, F1 of k classes from counts (k,): true positives, true rows, predicted rows."""
    hits, true, guessed = (np.asarray(x, np.int64) for x in (correct, support, predicted))
    occurs = (true > 0) | (guessed > 0)
    precision, recall, f1 = (
        np.where(occurs, ratio(part, whole, empty=0.0), NAN)
        for part, whole in ((hits, guessed), (hits, true), (2 * hits, true + guessed))
    )
    n_hit, n_true, n_guessed = int(hits.sum()), int(true.sum()), int(guessed.sum())
    pooled = Averages(*(share(*x) for x in ((n_hit, n_guessed), (n_hit, n_true), (2 * n_hit, n_true + n_guessed))))
    return ClassScores(
        support=true,
        precision=precision,
        recall=recall,
        f1=f1,
        macro=Averages(*(mean_of_known(x) for x in (precision, recall, f1))),
        weighted=Averages(*(weighted_mean(x, true) for x in (precision, recall, f1))),
        micro=pooled,
    )


def cohen_kappa(confusion: npt.ArrayLike) -> float:
    """Agreement beyond chance from a square matrix of counts: 1 perfect, 0 chance. NaN where chance alone agrees fully.

    Source  Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    counts = np.asarray(confusion, np.float64)
    total = counts.sum()
    by_chance = share(float(counts.sum(axis=0) @ counts.sum(axis=1)), total * total)
    return share(share(float(np.trace(counts)), total) - by_chance, 1 - by_chance)


def matthews(confusion: npt.ArrayLike) -> float:
    """Matthews correlation of k classes from a square matrix of counts, in [-1, 1].

    0 where the truth or the predictions are all of one class, NaN without rows.
    Source  Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.
    """
    counts = np.asarray(confusion, np.float64)
    total, true, guessed = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    if not total:
        return NAN
    spread = (total**2 - true @ true) * (total**2 - guessed @ guessed)
    return share(float(np.trace(counts) * total - true @ guessed), float(np.sqrt(spread)), empty=0.0)


def log_loss(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean of -ln(probability of the true class): truth (n,) indices, scores (n, k). NaN without rows.

    Each row is divided by its sum (rounded files do not sum to 1 exactly), then clipped at 2.2e-16.
    Raises BadValue where a row's sum is not within 0.01 of 1.
    """
    likely = probabilities("scores", scores, ndim=2)
    true = codes("truth", truth, likely.shape[1] if likely.ndim == 2 else 0, least=0)
    same_length(truth=true, scores=likely)
    if not true.size:
        return NAN
    total = likely.sum(axis=1)
    off = np.abs(total - 1) > 0.01
    if off.any():
        raise BadValue(
            f"{int(off.sum())} rows of scores do not sum to 1, the first is row {int(np.argmax(off))}",
            hint="log loss needs a probability for every class; for several labels a picture use multilabel_report",
        )
    own = likely[np.arange(true.size), true] / total
    return exact_mean(-np.log(np.clip(own, np.finfo(np.float64).eps, 1)))


# -- over Arrow tables, by name


class Answers(NamedTuple):
    """One answer a sample: rising sample ids (n,), true and predicted class index (n,), -1 for none, and the
    probability of each class (n, k), None where not every sample has all."""

    sample_id: AnyArray
    truth: IntArray
    predicted: IntArray
    scores: FloatArray | None


def report_of_tables(batches: LabelBatches, classes: Iterable[str] | None = None) -> ClassificationReport:
    """The report of label rows: truth `sample_id, label`; predictions `sample_id, label` and, where there is one, `score`.

    A sample may have several predicted rows: the best score counts, and with a probability for each class in every
    sample, the report has `scores`. Without `classes` they are those that occur, sorted.
    Raises BadValue where a sample has two true labels, or two predictions without scores.
    """
    names = class_list(classes, *together(batches))
    _, true, best, scores = answers_of_tables(batches, names)
    return classification_report(true, best, names, scores=scores)


def answers_of_tables(batches: LabelBatches, names: tuple[str, ...]) -> Answers:
    """What `report_of_tables` measures. Raises BadValue as it does."""
    truth, predicted = together(batches)
    samples = np.union1d(truth["sample_id"], predicted["sample_id"])
    true = np.full(len(samples), -1, np.int64)
    at = rows_of(samples, truth["sample_id"])
    if len(np.unique(at)) < len(at):
        raise BadValue(
            "a sample has two true labels, so this is not single-label",
            hint='use the metric "multilabel_classification"',
        )
    true[at] = encode(truth["label"], names, side="truth")
    guess_at, guess = rows_of(samples, predicted["sample_id"]), encode(predicted["label"], names, side="predictions")
    return Answers(samples, true, *_best(guess_at, guess, predicted, len(samples), len(names)))


def _best(
    at: IntArray, guess: IntArray, predicted: pa.Table, samples: int, count: int
) -> tuple[IntArray, FloatArray | None]:
    """The predicted class of each sample, -1 for none, and (samples, count) scores where each cell has one."""
    best = np.full(samples, -1, np.int64)
    if "score" not in predicted.column_names or predicted["score"].null_count:
        if len(np.unique(at)) < len(at):
            raise BadValue("a sample has two predictions and not every one has a score, so none is the best")
        best[at] = guess
        return best, None
    score = probabilities("score", predicted["score"].to_numpy())
    order = np.lexsort((-guess, score))  # ascending, so the best row of each sample is written last
    best[at[order]] = guess[order]
    filled: BoolArray = np.zeros((samples, count), bool)
    filled[at, guess] = True
    if not (filled.all() and filled.size == len(at)):
        return best, None
    table = np.empty((samples, count))
    table[at, guess] = score
    is_distribution = np.abs(table.sum(axis=1) - 1) <= 0.01
    return best, table if is_distribution.all() else None


METRIC: Final = Metric(
    "classification",
    title="Classification, one class a sample",
    start=tuple,
    update=lambda state, truth, predicted: seen(state, paired(truth, predicted)),
    merge=merged,
    finish=report_of_tables,
    needs=(("sample_id", "label"), ("sample_id", "label")),
)
