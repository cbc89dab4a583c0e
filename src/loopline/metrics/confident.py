"""Confident learning: which labels are probably wrong, from the labels and out-of-sample probabilities alone.

The probabilities must come from a model that did not see the sample (cross-validation, or another training set): a
model that has learnt a wrong label is confident in it.

Source  Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021. As in
        cleanlab, a threshold allows for 1e-6 of rounding, each class keeps at least one right sample, and a label
        that the model agrees with is never an issue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue, near
from loopline.metrics._arrays import (
    NAN,
    BoolArray,
    FloatArray,
    IntArray,
    booleans,
    codes,
    exact_mean,
    probabilities,
    same_length,
    share,
)

Method: TypeAlias = Literal[
    "prune_by_noise_rate", "prune_by_class", "both", "confident_joint", "predicted_is_other", "low_self_confidence"
]
"""How issues are chosen.

prune_by_noise_rate   for each pair (given i, true j) as many as the joint expects, those most clearly j rather than i
prune_by_class        for each class as many as the joint expects to be wrong, the least self-confident ones
both                  what both of these choose
confident_joint       what counts off the diagonal of the confident joint
predicted_is_other    every sample whose likeliest class is not the given one
low_self_confidence   as many as the joint counts off its diagonal, the least self-confident of all classes together
"""

Ranking: TypeAlias = Literal["self_confidence", "normalized_margin"]
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """Samples whose label is probably wrong, the worst first; ties in the order of the rows.

    row         (m,) int64 into the input
    given       (m,) int64 class index as labelled
    suggested   (m,) int64 likeliest other class
    quality     (m,) float64 in [0, 1], low is bad: what they are ranked by
    """

    row: IntArray
    given: IntArray
    suggested: IntArray
    quality: FloatArray


def find_label_issues(
    given: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    method: Method = "prune_by_noise_rate",
    rank_by: Ranking = "self_confidence",
) -> LabelIssues:
    """The samples whose label is probably wrong, ranked.

    Shapes  given (n,) class indices, scores (n, k) out-of-sample probabilities. No rows: no issues.
    Raises  BadValue for an index that names no class, a NaN or a score outside [0, 1], an unknown method

    >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    >>> find_label_issues([0, 0, 1, 1, 1], scores).row
    array([2])
    """
    label, likely = _checked(given, scores)
    if method not in get_args(Method):
        raise BadValue(f'no method "{method}"', hint=near(method, get_args(Method)))
    quality = label_quality(label, likely, rank_by=rank_by)
    row = np.flatnonzero(_chosen(label, likely, method) & (likely.argmax(axis=1) != label)) if label.size else label
    row = row[np.argsort(quality[row], kind="stable")]
    others = likely[row].copy()
    others[np.arange(row.size), label[row]] = -1
    suggested = others.argmax(axis=1) if row.size else row
    return LabelIssues(row, label[row], suggested.astype(np.int64), quality[row])


@dataclass(frozen=True, slots=True, eq=False)
class SetIssues:
    """Classes of samples that are probably wrongly there or wrongly not, the worst first; ties by row, then class.

    row (m,) int64 into the input · label (m,) int64 class index · given (m,) bool: it is there ·
    quality (m,) float64 in [0, 1], low is bad
    """

    row: IntArray
    label: IntArray
    given: BoolArray
    quality: FloatArray


def find_set_issues(
    given: npt.ArrayLike, scores: npt.ArrayLike, *, method: Method = "prune_by_noise_rate"
) -> SetIssues:
    """`find_label_issues` where a sample has several classes: each class is a question of its own, there or not.

    Shapes  given (n, k) bool, scores (n, k) out-of-sample probabilities, a row need not sum to 1
    Raises  BadValue as `find_label_issues` does. Source: cleanlab's multilabel_classification.
    """
    there, likely = booleans("given", given, ndim=2), probabilities("scores", scores, ndim=2)
    same_length(given=there, scores=likely)
    rows, labels, quality = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for k in range(there.shape[1] if there.ndim == 2 else 0):
        both = np.stack([1 - likely[:, k], likely[:, k]], axis=1)
        found = find_label_issues(there[:, k].astype(np.int64), both, method=method)
        rows.append(found.row)
        labels.append(np.full(len(found.row), k))
        quality.append(found.quality)
    row, label, bad = np.concatenate(rows), np.concatenate(labels), np.concatenate(quality)
    order = np.lexsort((label, row, bad))
    row, label = row[order], label[order]
    return SetIssues(row, label, there[row, label] if len(row) else np.zeros(0, bool), bad[order])


def label_quality(given: npt.ArrayLike, scores: npt.ArrayLike, *, rank_by: Ranking = "self_confidence") -> FloatArray:
    """How well each label fits, (n,) float64 in [0, 1]; low is bad.

    self_confidence     the probability of the given class
    normalized_margin   (that, less the best other probability, plus 1) / 2
    """
    label, likely = _checked(given, scores)
    own = likely[np.arange(label.size), label]
    match rank_by:
        case "self_confidence":
            return own
        case "normalized_margin":
            others = likely.copy()
            others[np.arange(label.size), label] = 0
            return np.asarray((own - others.max(axis=1, initial=0) + 1) / 2, np.float64)
    raise BadValue(f'cannot rank by "{rank_by}"', hint=near(rank_by, get_args(Ranking)))


def class_thresholds(given: npt.ArrayLike, scores: npt.ArrayLike) -> FloatArray:
    """How confident the model is in each class where it is the given one, (k,): the mean. NaN for a class not given."""
    label, likely = _checked(given, scores)
    return np.array([exact_mean(likely[label == c, c]) for c in range(likely.shape[1])], np.float64)


def confident_joint(given: npt.ArrayLike, scores: npt.ArrayLike, *, calibrated: bool = True) -> IntArray:
    """How many samples labelled i (rows) are confidently of class j (columns), (k, k) int64.

    calibrated   each row is scaled to the number of samples with that label, rounded so that the row keeps its sum
    """
    label, likely = _checked(given, scores)
    count = likely.shape[1]
    true = _confident_class(label, likely)
    sure = true >= 0
    raw = np.bincount(label[sure] * count + true[sure], minlength=count * count).reshape(count, count)
    np.fill_diagonal(raw, np.maximum(np.diag(raw), 1))
    return _calibrated(raw, np.bincount(label, minlength=count)) if calibrated else raw.astype(np.int64)


def noise_share(joint: npt.ArrayLike) -> float:
    """The estimated share of wrong labels, from a calibrated confident joint. NaN without samples."""
    counts = np.asarray(joint)
    return 1 - share(int(np.trace(counts)), int(counts.sum())) if counts.sum() else NAN


def _checked(given: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    likely = probabilities("scores", scores, ndim=2)
    if likely.ndim < 2:
        likely = likely.reshape(0, 0)
    label = codes("given", given, likely.shape[1], least=0)
    same_length(given=label, scores=likely)
    return label, likely


def _confident_class(label: IntArray, likely: FloatArray) -> IntArray:
    """The likeliest of the classes that pass their threshold, -1 where none does."""
    passes = likely >= np.nan_to_num(class_thresholds(label, likely), nan=np.inf) - _ROUNDING
    best = np.where(passes, likely, -1.0).argmax(axis=1) if label.size else label
    return np.where(passes.any(axis=1), best, -1)


def _calibrated(raw: npt.NDArray[np.integer], given: npt.NDArray[np.integer]) -> IntArray:
    expected = raw / raw.sum(axis=1, keepdims=True) * given[:, None]
    whole = np.floor(expected)
    short = given - whole.sum(axis=1).astype(np.int64)
    # The largest remainders go up; of equal ones the higher class index (cleanlab: by chance).
    rank = np.argsort(np.argsort(expected - whole, axis=1, kind="stable"), axis=1)
    return np.asarray(whole + (rank >= len(raw) - short[:, None]), np.int64)


def _chosen(label: IntArray, likely: FloatArray, method: Method) -> BoolArray:
    match method:
        case "prune_by_noise_rate":
            return _by_noise_rate(label, likely)
        case "prune_by_class":
            return _by_class(label, likely)
        case "both":
            return _by_noise_rate(label, likely) & _by_class(label, likely)
        case "confident_joint":
            true = _confident_class(label, likely)
            return np.asarray((true >= 0) & (true != label), bool)
        case "predicted_is_other":
            return np.ones(label.size, bool)  # the caller leaves out where the model agrees
        case "low_self_confidence":
            joint = confident_joint(label, likely, calibrated=False)
            own = likely[np.arange(label.size), label]
            return _lowest(own, int(joint.sum() - np.trace(joint)))


def _by_noise_rate(label: IntArray, likely: FloatArray) -> BoolArray:
    joint = confident_joint(label, likely)
    chosen = np.zeros(label.size, bool)
    for i in range(len(joint)):
        rows = np.flatnonzero(label == i)
        for j in np.flatnonzero(joint[i]):
            if j != i:
                chosen[rows[_lowest(likely[rows, i] - likely[rows, j], int(joint[i, j]))]] = True
    return chosen


def _by_class(label: IntArray, likely: FloatArray) -> BoolArray:
    joint = confident_joint(label, likely)
    chosen = np.zeros(label.size, bool)
    for i in range(len(joint)):
        rows = np.flatnonzero(label == i)
        chosen[rows[_lowest(likely[rows, i], int(joint[i].sum() - joint[i, i]))]] = True
    return chosen


def _lowest(values: FloatArray, count: int) -> BoolArray:
    """The `count` lowest values, and all that are equal to the last of them, so that the order of rows is no matter."""
    if count <= 0 or not values.size:
        return np.zeros(values.size, bool)
    last = np.partition(values, min(count, values.size) - 1)[min(count, values.size) - 1]
    return np.asarray(values <= last, bool)
