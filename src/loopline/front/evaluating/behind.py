"""The samples behind a cell of a confusion matrix that counts no objects: pixels of class maps, or yes and no."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loopline.errors import BadValue
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.labels import class_rows, yes_or_no
from loopline.metrics._arrays import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """What is taken for what on each sample, n entries.

    sample_id (n,) · row (n,) the true class · column (n,) the predicted one; -1: class 0 from a score on, else class 1
    amount (n,) pixels, or how sure the prediction is · least: the score from which on yes was said
    """

    sample_id: IntArray
    row: IntArray
    column: IntArray
    amount: FloatArray
    least: float = 0.0

    @property
    def nbytes(self) -> int:
        return self.sample_id.nbytes + self.row.nbytes + self.column.nbytes + self.amount.nbytes

    def cell(self, row: int, column: int | None, least: float | None = None) -> IntArray:
        """Ids of the samples of one cell, the largest amount first; column None: whatever is wrong in a row."""
        said = (self.amount < (self.least if least is None else least)).astype(np.int64)
        found = np.where(self.column < 0, said, self.column)
        rows = np.flatnonzero((self.row == row) & ((found != row) if column is None else (found == column)))
        ids, place = np.unique(self.sample_id[rows], return_inverse=True)
        together = np.bincount(place, self.amount[rows], len(ids))
        return np.asarray(ids[np.argsort(-together, kind="stable")], np.int64)


def counts_samples(evaluation: Judged) -> bool:
    """Whether the cells of its confusion have samples behind them, not objects."""
    return evaluation.record.task == "segmentation" or evaluation.record.protocol == "binary"


def behind(evaluation: Judged) -> Behind:
    """Measures the evaluation's snapshot again: seconds. Raises BadValue for one that counts objects."""
    if not counts_samples(evaluation):
        raise BadValue(f"{evaluation.key} counts objects, not samples")
    if evaluation.record.protocol == "binary":
        asked = yes_or_no(evaluation.question, class_rows(evaluation.question))
        row: AnyArray = (~asked.truth).astype(np.int64)
        least = float(evaluation.record.settings["options"].get("threshold", 0.5))
        return Behind(np.asarray(asked.sample_id, np.int64), row, np.full(len(row), -1), asked.scores, least)
    by_picture = evaluation.answer.by_picture
    assert by_picture is not None, "class maps tell their pictures apart"
    sample_id, cell, pixels = by_picture()
    size = len(evaluation.record.classes) + 1
    return Behind(sample_id, cell // size, cell % size, pixels.astype(np.float64))
