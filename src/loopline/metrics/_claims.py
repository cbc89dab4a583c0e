"""The matching rule of Pascal VOC and Open Images: each prediction claims the object that it overlaps most.

It claims that one and no other: where the object is taken already the prediction is wrong, though a free object may lie
beside it. (COCO would give it the free one.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from loopline.kernel.detections import Detections
from loopline.metrics._ap import Rule, ranked_average_precision, ranking
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, mean_of_known
from loopline.metrics._pairs import Pairs
from loopline.metrics.bootstrap import Judged, Weighed


class Claims(NamedTuple):
    """gt (n,) int32: the object that each prediction overlaps most, -1: none · overlap (n,): how much."""

    gt: AnyArray
    overlap: FloatArray


def claims(pairs: Pairs, n: int, objects: BoolArray) -> Claims:
    """What each of n predictions claims among `objects` (k,). Of equal overlaps the object with the lower row."""
    kept = objects[pairs.gt]
    det, gt, overlap = (column[kept] for column in pairs)
    order = np.lexsort((gt, -overlap, det))
    det, gt, overlap = det[order], gt[order], overlap[order]
    heads = np.flatnonzero(np.diff(det, prepend=-1))
    chosen, best = np.full(n, -1, np.int32), np.zeros(n)
    chosen[det[heads]], best[det[heads]] = gt[heads], overlap[heads]
    return Claims(chosen, best)


def first_claims(gt: AnyArray, rank: AnyArray) -> BoolArray:
    """Which predictions are the first, by rank, to claim their object; `gt` (n,) -1: claims none."""
    rows = np.flatnonzero(gt >= 0)
    rows = rows[np.lexsort((rank[rows], gt[rows]))]
    out = np.zeros(len(gt), bool)
    out[rows[np.diff(gt[rows], prepend=-1) != 0]] = True
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Claimed:
    """What became of n claims on k objects: all that AP is made of.

    truth, predicted   as they were measured, with the same samples
    claim (n,)         the object that a prediction claims, -1: none
    counted (n,)       predictions that are hit or error · hit (n,) · weight (n,): what a hit counts for
    worth (k,)         what each object counts for, 0: nothing
    """

    truth: Detections
    predicted: Detections
    claim: AnyArray
    counted: BoolArray
    hit: BoolArray
    weight: FloatArray
    worth: FloatArray
    rule: Rule

    def truths(self) -> FloatArray:
        """Objects that count, by class, (classes,)."""
        return self._truths(self.worth)

    def ap(self) -> FloatArray:
        """AP of each class; NaN where a class has no object."""
        return self._ap(self._rows(), self.truths())

    def inside(self, truth: BoolArray, predicted: BoolArray | None) -> Claimed:
        """The same claims where only some objects (k,) count: who claims another is ignored, and so is who claims none
        and is not among `predicted` (n,); None: all are."""
        free = np.ones(len(self.claim), bool) if predicted is None else predicted
        judged = np.where(self.claim >= 0, truth[self.claim], free) if len(truth) else free
        return replace(self, counted=self.counted & judged, hit=self.hit & judged, worth=self.worth * truth)

    def weighed(self) -> Weighed:
        """mAP and the AP of each class; judged are the objects that count, by whether they were found."""
        drawn, of_unit = np.unique(self.truth.sample_id, return_inverse=True)
        guess, true = (of_unit[side.unit()] for side in (self.predicted, self.truth))
        rows = self._rows()

        def measure(weight: AnyArray) -> FloatArray:
            ap = self._ap(np.repeat(rows, weight[guess[rows]]), self._truths(self.worth * weight[true]))
            return np.array([mean_of_known(ap), *ap])

        found = np.zeros(len(self.truth), bool)
        found[self.claim[self.hit]] = True
        real = self.worth > 0
        judged = Judged(self.truth.object_id[real], true[real], found[real].astype(np.float64), found[real])
        return Weighed(drawn, ("mAP",), self.truth.classes, measure, judged)

    def _truths(self, worth: FloatArray) -> FloatArray:
        return np.bincount(self.truth.class_id, worth, len(self.truth.classes)).astype(np.float64)

    def _rows(self) -> AnyArray:
        rows = np.flatnonzero(self.counted)
        return rows[ranking(self.predicted.class_id[rows], self.predicted.scores()[rows])]

    def _ap(self, rows: AnyArray, truths: FloatArray) -> FloatArray:
        kind, hit, weight = self.predicted.class_id[rows], self.hit[rows], self.weight[rows]
        return ranked_average_precision(kind, hit, truths, rule=self.rule, weight=weight)
