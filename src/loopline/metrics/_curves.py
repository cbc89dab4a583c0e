"""Precision over recall from matches: COCO's sums, class by class and threshold by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._matching import Matched

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


Partners: TypeAlias = list[tuple[IntArray, AnyArray]]
"""For each threshold: rising places in `Matched.order` that have a partner, and the row of the partner."""


def partners(matched: Matched, gt_of: AnyArray) -> Partners:
    found = []
    for level in gt_of:
        ordered = level[matched.order]
        place = np.flatnonzero(ordered >= 0)
        found.append((place, ordered[place]))
    return found


def curves(
    matched: Matched,
    partnered: Partners,
    *,
    gt_counts: BoolArray,
    det_counts: BoolArray | None,
    limits: Sequence[int],
    recalls: FloatArray = RECALLS,
) -> Curves:
    """Curves where the annotated objects `gt_counts` (k,) count, and a prediction without a partner is an error if
    `det_counts` (n,), else ignored; None: always an error."""
    t, kinds, m = len(matched.thresholds), matched.kinds, len(limits)
    order, starts = matched.order, matched.starts
    truths = np.bincount(matched.truth_kind()[gt_counts], minlength=kinds)
    known = truths > 0
    nothing = np.where(known, 0.0, np.nan)
    precision = np.broadcast_to(nothing, (t, len(recalls), kinds)).copy()
    score = precision.copy()
    recall = np.broadcast_to(nothing[:, None], (t, kinds, m)).copy()
    scores, rank = matched.predicted.scores()[order], matched.rank[order]
    errors = np.ones(len(order), bool) if det_counts is None else det_counts[order]
    alone = np.concatenate(([0], np.cumsum(errors)))
    needed = hits_needed(recalls, truths)
    # At recall 0 the curve starts with the first prediction, whatever became of it.
    first = np.flatnonzero(known & (np.diff(starts) > 0))
    for level, (place, partner) in enumerate(partnered):
        good = gt_counts[partner]
        # Predictions that count, up to each partnered place: those without a partner that are errors, and the hits.
        swapped = np.concatenate(([0], np.cumsum(good) - np.cumsum(errors[place])))
        seen = alone[place + 1] + swapped[1:]
        before = alone[starts[:-1]] + swapped[np.searchsorted(place, starts[:-1])]
        tp = place[good]
        bounds = np.searchsorted(tp, starts)
        count = np.diff(bounds)
        kind = np.repeat(np.arange(kinds), count)
        found = np.arange(1, len(tp) + 1) - bounds[kind]
        # The last sum is pycocotools': 1 hit out of 1 gives a precision one bit below 1.
        sharp = found / ((seen[good] - before[kind]).astype(np.float64) + np.spacing(1))
        best = best_from_here(sharp, kind, int(count.max(initial=0)))
        at_recall, of_kind = np.nonzero(known & (needed <= count))
        hit = bounds[of_kind] + needed[at_recall, of_kind] - 1
        precision[level, at_recall, of_kind] = best[hit]
        score[level, at_recall, of_kind] = scores[tp[hit]]
        score[level][np.ix_(recalls <= 0, first)] = scores[starts[first]]
        for i, limit in enumerate(limits):
            among = np.bincount(kind[rank[tp] < limit], minlength=kinds)
            recall[level, known, i] = among[known] / truths[known]
    return Curves(precision, score, recall, truths)


def hits_needed(recalls: FloatArray, truths: IntArray) -> IntArray:
    """Hits that it takes to reach each recall of each class, (r, k), as floats compare."""
    of = np.maximum(truths, 1)
    hits_ = np.ceil(recalls[:, None] * of).astype(np.int64)
    hits_ -= (hits_ - 1) / of >= recalls[:, None]
    hits_ += hits_ / of < recalls[:, None]
    return np.maximum(hits_, 1)


def best_from_here(values: FloatArray, group: AnyArray, longest: int) -> FloatArray:
    """The largest value from each place to the end of its group: in steps of doubling width."""
    best = values.copy()
    step = 1
    while step < longest:
        same = group[:-step] == group[step:]
        np.maximum(best[:-step], best[step:], out=best[:-step], where=same)
        step *= 2
    return best
