"""What an evaluation would say if only predictions from some score on counted, at every score at once: so that a reader
can move the threshold and see all numbers follow.

Predictions take objects by falling score, so leaving out all below a threshold changes nothing for the others: an object
whose prediction falls away is missed. Counting by bins of scores is then enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.labels import class_rows
from loopline.front.evaluating.thresholds import Scored, scored
from loopline.metrics._arrays import AnyArray, FloatArray, IntArray
from loopline.metrics._matching import match
from loopline.metrics.fates import OUTCOMES, fates

BINS: Final = 100
NEVER: Final = 255
"""Bin of a true object that no prediction finds, whatever its score."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreBins:
    """k classes, BINS bins of scores between `low` and `high`.

    right, wrong  (k, BINS) int64, predictions that are right or wrong · truths (k,) int64, what there is to find
    """

    classes: tuple[str, ...]
    low: float
    high: float
    right: IntArray
    wrong: IntArray
    truths: IntArray

    @property
    def nbytes(self) -> int:
        return self.right.nbytes + self.wrong.nbytes + self.truths.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class MixUps:
    """n pairs of a true object and a prediction, matched whatever their class, or of what a sample is and what is said of
    it; k is the background, or no answer.

    row     (n,) int32 class of the object, k: nothing is there · column (n,) int32 class of the prediction, k: missed
    score   (n,) float64, of the prediction; -inf where there is none
    truth_id, predicted_id  (n,) int64, -1: none
    """

    classes: tuple[str, ...]
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    score: FloatArray
    truth_id: IntArray
    predicted_id: IntArray

    @property
    def nbytes(self) -> int:
        parts = (self.row, self.column, self.score, self.truth_id, self.predicted_id)
        return sum(part.nbytes for part in parts)

    def cell(self, row: int, column: int, least: float) -> tuple[bool, IntArray]:
        """The objects behind one cell of the matrix where only scores from `least` on count: whether they are of the
        truth (those that were missed) or of the predictions, and their ids."""
        k = len(self.classes)
        counts = self.score >= least
        if column == k:
            return True, self.truth_id[(self.row == row) & (self.truth_id >= 0) & (~counts | (self.column == k))]
        return False, self.predicted_id[counts & (self.row == row) & (self.column == column)]


def score_bins(evaluation: Judged) -> ScoreBins:
    """By class, what is right and wrong in each bin of scores. Raises BadValue where nothing has scores."""
    found = scored(evaluation)
    low, high = limits(found.score)
    k = len(found.classes)
    return ScoreBins(
        found.classes,
        low,
        high,
        _by_bin(found, found.right, low, high, k),
        _by_bin(found, ~found.right, low, high, k),
        np.bincount(found.true[found.true >= 0], minlength=k),
    )


def _by_bin(found: Scored, rows: AnyArray, low: float, high: float, k: int) -> IntArray:
    chosen = rows & (found.label >= 0)
    flat = found.label[chosen] * BINS + bin_of(found.score[chosen], low, high)
    counts: IntArray = np.bincount(flat, minlength=k * BINS).reshape(k, BINS)
    return counts


def limits(score: FloatArray) -> tuple[float, float]:
    """Between which numbers scores lie: 0 and 1 where they are shares, else the least and the greatest."""
    low, high = (float(score.min()), float(score.max())) if len(score) else (0.0, 1.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high if high > low else low + 1.0)


def bin_of(score: FloatArray, low: float, high: float) -> IntArray:
    """(n,) the bin of each score: bin b goes from low + b (high - low) / BINS; the greatest lies in the last.

    >>> bin_of(np.array([0.0, 0.29, 0.3, 0.999, 1.0]), 0, 1)
    array([ 0, 29, 30, 99, 99])
    """
    with np.errstate(invalid="ignore"):
        place = np.floor((score - low) / (high - low) * BINS + 1e-9)  # 0.29 * 100 is a hair less than 29
    bins: IntArray = np.clip(np.nan_to_num(place), 0, BINS - 1).astype(np.int64)
    return bins


def mix_ups(evaluation: Judged) -> MixUps:
    """Who is taken for whom. Measures the evaluation's snapshot again. Raises BadValue where it counts no confusion of
    objects or classes."""
    record = evaluation.record
    if record.protocol == "classification":
        return _mixed_classes(evaluation)
    if record.task != "detection" or record.confusion is None:
        raise BadValue(
            f"{record.key} counts no confusion of objects",
            hint="an evaluation by COCO's protocol does, and one of a class for each sample",
        )
    matched = evaluation.measured.matched
    most = int(np.diff(matched.predicted.offsets).max(initial=1))
    loose = match(
        matched.truth,
        matched.predicted,
        [record.settings["iou"]],
        max_detections=max(most, 1),
        geometry=record.settings["options"].get("geometry", "box"),
        by_class=False,
    )
    truth, predicted = loose.truth, loose.predicted
    found = fates(loose, iou=record.settings["iou"])
    k = len(truth.classes)
    hit, wrong = (np.flatnonzero(found.det == OUTCOMES.index(word)) for word in ("tp", "fp"))
    missed = np.flatnonzero(found.gt == OUTCOMES.index("fn"))
    of = found.gt_of[hit]
    none, alone = np.full(len(missed), -1, np.int64), np.full(len(wrong), -1, np.int64)
    return MixUps(
        truth.classes,
        np.concatenate((truth.class_id[of], np.full(len(wrong), k), truth.class_id[missed])).astype(np.int32),
        np.concatenate((predicted.class_id[hit], predicted.class_id[wrong], np.full(len(missed), k))).astype(np.int32),
        np.concatenate((predicted.scores()[hit], predicted.scores()[wrong], np.full(len(missed), -np.inf))),
        np.concatenate((truth.object_id[of], alone, truth.object_id[missed])),
        np.concatenate((predicted.object_id[hit], predicted.object_id[wrong], none)),
    )


def _mixed_classes(evaluation: Judged) -> MixUps:
    classes = evaluation.record.classes
    found = class_rows(evaluation.question).pairs()
    column = np.where(found.predicted < 0, len(classes), found.predicted)
    return MixUps(
        tuple(classes),
        found.truth.astype(np.int32),
        column.astype(np.int32),
        found.score,
        found.truth_id,
        found.predicted_id,
    )
