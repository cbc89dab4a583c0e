"""Average precision of one ranked list a class, by the rules that different protocols use."""

from __future__ import annotations

from typing import Literal

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS, best_from_here, hits_needed

Rule = Literal["coco", "voc07", "all-points"]
"""101 points of recall; 11 points; the area under the curve whose precision never rises with recall."""


def average_precision(
    kind: AnyArray, score: FloatArray, hit: BoolArray, truths: AnyArray, *, rule: Rule, weight: FloatArray | None = None
) -> FloatArray:
    """AP of each class, (k,); NaN where a class has no object.

    kind (n,), score (n,), hit (n,): predictions in any order; of equal scores the earlier row comes first.
    truths (k,): objects, or their weight. weight (n,): what a hit counts for, where not 1.
    """
    order = ranking(kind, score)
    sorted_weight = None if weight is None else weight[order]
    return ranked_average_precision(kind[order], hit[order], truths, rule=rule, weight=sorted_weight)


def ranking(kind: AnyArray, score: FloatArray) -> AnyArray:
    """Rows (n,) by class, then falling score; of equal scores the earlier row comes first."""
    order = np.argsort(-score, kind="stable")
    return order[np.argsort(kind[order], kind="stable")]


def ranked_average_precision(
    ranked: AnyArray, good: BoolArray, truths: AnyArray, *, rule: Rule, weight: FloatArray | None = None
) -> FloatArray:
    """`average_precision` of rows in the order of `ranking`."""
    found = np.cumsum(good * (1.0 if weight is None else weight))
    wrong = np.cumsum(~good)
    starts = np.searchsorted(ranked, np.arange(len(truths)))
    found = found - np.concatenate(([0], found))[starts][ranked] if len(found) else found
    wrong = wrong - np.concatenate(([0], wrong))[starts][ranked] if len(wrong) else wrong
    # Only hits raise the recall, and precision is best at a hit.
    ranked, found, wrong = ranked[good], found[good], wrong[good]
    total = found + wrong
    sharp = found / (total + np.spacing(1)) if rule == "coco" else found / total
    count = np.bincount(ranked, minlength=len(truths))
    best = best_from_here(sharp, ranked, int(count.max(initial=0)))
    out = np.where(np.asarray(truths) > 0, 0.0, np.nan)
    known = np.flatnonzero((np.asarray(truths) > 0) & (count > 0))
    if rule == "all-points":
        recall = found / np.asarray(truths, np.float64)[ranked]
        step = np.diff(recall, prepend=0)
        heads = np.searchsorted(ranked, known)
        step[heads] = recall[heads]
        out[known] = np.bincount(ranked, weights=step * best, minlength=len(truths))[known]
        return out
    recalls = RECALLS if rule == "coco" else np.linspace(0, 1, 11)
    return _at_recalls(out, best, count, np.asarray(truths, np.int64), recalls)


def _at_recalls(
    out: FloatArray, best: FloatArray, count: IntArray, truths: IntArray, recalls: FloatArray
) -> FloatArray:
    needed = hits_needed(recalls, truths)
    starts = np.cumsum(count) - count
    point, kind = np.nonzero((truths > 0) & (needed <= count))
    reached = np.zeros((len(recalls), len(truths)))
    reached[point, kind] = best[starts[kind] + needed[point, kind] - 1]
    return np.where(np.isnan(out), np.nan, reached.mean(axis=0))
