"""Precision over recall from matches: COCO's sums, class by class and threshold by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loopline.evaluate._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.evaluate._matching import Matched

RECALLS: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """t thresholds, r points of recall, k classes, m limits of detections. NaN where a class has no counted object.

    precision  (t, r, k) the best precision at this recall or beyond; 0 where it is not reached
    score      (t, r, k) the lowest score that is needed; 0 where it is not reached
    recall     (t, k, m) of all predictions
    truths     (k,)      counted objects
    """

    precision: FloatArray
    score: FloatArray
    recall: FloatArray
    truths: IntArray


def curves(
    matched: Matched,
    *,
    gt_of: AnyArray,
    gt_counts: BoolArray,
    det_counts: BoolArray | None,
    limits: Sequence[int],
    recalls: FloatArray = RECALLS,
) -> Curves:
    """Curves where the annotated objects `gt_counts` (k,) count, and a prediction without a partner is an error if
    `det_counts` (n,), else ignored; None: always an error."""
    t, kinds = len(matched.thresholds), matched.kinds
    order, starts = matched.order, matched.starts
    truths = np.bincount(matched.truth_kind()[gt_counts], minlength=kinds)
    precision = np.full((t, len(recalls), kinds), np.nan)
    score = np.full((t, len(recalls), kinds), np.nan)
    recall = np.full((t, kinds, len(limits)), np.nan)
    known = truths > 0
    precision[:, :, known], score[:, :, known], recall[:, known] = 0, 0, 0
    scores, rank = matched.predicted.scores()[order], matched.rank[order]
    errors = np.ones(len(order), bool) if det_counts is None else det_counts[order]
    for level in range(t):
        tp, seen = hits(gt_of[level][order], gt_counts, errors)
        bounds = np.searchsorted(tp, starts)
        for kind in np.flatnonzero(known & (np.diff(bounds) > 0)):
            at = tp[bounds[kind] : bounds[kind + 1]]
            found = np.arange(1, len(at) + 1)
            before = seen[starts[kind]]
            # The last sum is pycocotools': 1 hit out of 1 gives a precision one bit below 1.
            sharp = found / ((seen[at + 1] - before).astype(np.float64) + np.spacing(1))
            best = np.maximum.accumulate(sharp[::-1])[::-1]
            reached = found / truths[kind]
            place = np.searchsorted(reached, recalls, side="left")
            inside = place < len(at)
            precision[level, inside, kind] = best[place[inside]]
            score[level, inside, kind] = scores[at[place[inside]]]
            recall[level, kind] = [np.count_nonzero(rank[at] < limit) / truths[kind] for limit in limits]
        # At recall 0 the curve starts with the first prediction, whatever became of it.
        first = known & (np.diff(starts) > 0)
        score[level][np.ix_(recalls <= 0, first)] = scores[starts[:-1][first]]
    return Curves(precision, score, recall, truths)


def hits(gt_of: AnyArray, gt_counts: BoolArray, errors: BoolArray) -> tuple[IntArray, AnyArray]:
    """Places of true positives, rising; and how many counted predictions lie before each place, (q + 1,).

    gt_of (q,) and errors (q,): partner, and whether it is an error to have none.
    """
    partnered = np.flatnonzero(gt_of >= 0)
    good = gt_counts[gt_of[partnered]]
    counted = errors.copy()
    counted[partnered] = good
    seen = np.zeros(len(gt_of) + 1, np.int32)
    np.cumsum(counted, out=seen[1:])
    return partnered[good], seen
