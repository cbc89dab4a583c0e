"""Who is matched with whom: COCO's greedy rule, for all IoU thresholds at once, on columns.

The rule: within a unit and class, predictions take their turn by falling score. Each takes, of the annotated objects
that overlap it by the threshold at least, a counted one before an ignored one, then the one with the largest overlap,
then the one with the higher id (without classes: of the later class first); a crowd may be taken any number of times, anything else once.

Objects linked by overlaps of the lowest threshold form *components*, which do not influence each other. The greedy rule
runs over all components in step: turn by turn, not prediction by prediction. What is counted changes from slice to
slice, but only components that hold both counted and ignored objects have to be matched anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, align, concat
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._pairs import Geometry, Pairs, find_pairs

NOBODY: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The fate of n predictions over k annotated objects at t IoU thresholds.

    ignored     (k,) objects that never count: crowds, and what `match` was told
    gt_of       (t, n) int32, row of the truth; -1: nobody
    rank        (n,) int32, place of a prediction within its unit and class by falling score; ties: lower object id
    order       (q,) rows whose rank is below `max_detections`, by class, then falling score; ties: unit, object id
    starts      (classes + 1,) where each class starts in `order`
    component   (k,) int32; turn (n,) int32, place of a prediction within its component
    """

    truth: Detections
    predicted: Detections
    ignored: BoolArray
    thresholds: FloatArray
    max_detections: int
    by_class: bool
    pairs: Pairs
    gt_of: AnyArray
    rank: AnyArray
    order: IntArray
    starts: IntArray
    component: AnyArray
    turn: AnyArray

    @property
    def kinds(self) -> int:
        """Number of classes that are told apart; 1 if none are."""
        return len(self.truth.classes) if self.by_class else 1

    def truth_kind(self) -> AnyArray:
        return self.truth.class_id if self.by_class else np.zeros(len(self.truth), np.int32)


def match(
    truth: Detections,
    predicted: Detections,
    thresholds: Sequence[float] | FloatArray,
    *,
    max_detections: int,
    geometry: Geometry = "box",
    by_class: bool = True,
    sigmas: FloatArray | None = None,
    ignored: BoolArray | None = None,
) -> Matched:
    """Match predictions with the truth at each IoU threshold.

    `ignored`: objects, by row of the truth, that are taken last and do not count; crowds never do.
    Raises BadValue for thresholds outside (0, 1], predictions without scores, or classes that differ.
    """
    levels = np.asarray(thresholds, np.float64)
    if levels.ndim != 1 or not levels.size or not ((levels > 0) & (levels <= 1)).all():
        raise BadValue(f"IoU thresholds must lie above 0 and at most at 1, not {levels.tolist()}")
    if max_detections < 1:
        raise BadValue(f"max_detections must be 1 at least, not {max_detections}")
    if predicted.score is None:
        raise BadValue("predictions need scores", hint="read them with from_rows(scored=True)")
    truth, predicted = align(truth, predicted)
    passed = truth.iscrowd if ignored is None else truth.iscrowd | ignored
    order, rank = ranked(predicted, by_class=by_class)
    taking_part = rank < max_detections
    order = order[taking_part[order]]
    kind = predicted.class_id[order] if by_class else np.zeros(len(order), np.int32)
    pairs = find_pairs(
        truth,
        predicted,
        geometry=geometry,
        by_class=by_class,
        least=_reach(levels.min()),
        rows=None if taking_part.all() else taking_part,
        sigmas=sigmas,
    )
    component, turn = _turns(pairs, rank, len(truth), len(predicted))
    return Matched(
        truth=truth,
        predicted=predicted,
        ignored=passed,
        thresholds=levels,
        max_detections=max_detections,
        by_class=by_class,
        pairs=pairs,
        gt_of=greedy(pairs, turn, levels, ~passed, truth.iscrowd, len(predicted)),
        rank=rank,
        order=order,
        starts=np.searchsorted(kind, np.arange((len(truth.classes) if by_class else 1) + 1)),
        component=component,
        turn=turn,
    )


def merge(parts: Sequence[Matched]) -> Matched:
    """Batches that share no sample, matched apart, as if matched together."""
    first = parts[0]
    if any(
        p.max_detections != first.max_detections
        or p.by_class != first.by_class
        or not np.array_equal(p.thresholds, first.thresholds)
        for p in parts
    ):
        raise BadValue("batches were matched with different settings")
    if len(parts) == 1:
        return first
    truth, gt_rows = concat([p.truth for p in parts])
    predicted, det_rows = concat([p.predicted for p in parts])
    gt_at, det_at = _inverse(gt_rows), _inverse(det_rows)
    gt_base = np.cumsum([0, *(len(p.truth) for p in parts)])
    det_base = np.cumsum([0, *(len(p.predicted) for p in parts)])
    gt_of = np.concatenate(
        [np.where(p.gt_of >= 0, p.gt_of + base, NOBODY) for p, base in zip(parts, gt_base, strict=False)], axis=1
    )
    moved = np.append(gt_at, NOBODY)[gt_of].astype(np.int32)[:, det_rows]  # -1 reads the last: nobody
    det = det_at[np.concatenate([p.pairs.det + base for p, base in zip(parts, det_base, strict=False)])]
    gt = gt_at[np.concatenate([p.pairs.gt + base for p, base in zip(parts, gt_base, strict=False)])]
    iou = np.concatenate([p.pairs.iou for p in parts])
    by_det = np.argsort(det, kind="stable")
    pairs = Pairs(det[by_det].astype(np.int32), gt[by_det].astype(np.int32), iou[by_det])
    order, rank = ranked(predicted, by_class=first.by_class)
    order = order[rank[order] < first.max_detections]
    kind = predicted.class_id[order] if first.by_class else np.zeros(len(order), np.int32)
    component, turn = _turns(pairs, rank, len(truth), len(predicted))
    return replace(
        first,
        truth=truth,
        predicted=predicted,
        ignored=np.concatenate([p.ignored for p in parts])[gt_rows],
        pairs=pairs,
        gt_of=moved,
        rank=rank,
        order=order,
        starts=np.searchsorted(kind, np.arange(first.kinds + 1)),
        component=component,
        turn=turn,
    )


def rematch(matched: Matched, counted: BoolArray) -> AnyArray:
    """`gt_of` where only the `counted` annotated objects, (k,), count and the others are ignored, as `ignored` always is."""
    out = ~counted & ~matched.ignored
    size = len(counted)
    has_out = np.bincount(matched.component[out], minlength=size) > 0
    has_other = np.bincount(matched.component[~out], minlength=size) > 0
    mixed = has_out & has_other
    rows = mixed[matched.component[matched.pairs.gt]]
    if not rows.any():
        return matched.gt_of
    pairs = Pairs(*(column[rows] for column in matched.pairs))
    gt_of = matched.gt_of.copy()
    dets = pairs.det[np.flatnonzero(np.diff(pairs.det, prepend=-1))]
    crowd = matched.truth.iscrowd
    best = counted & ~matched.ignored
    anew = greedy(pairs, matched.turn, matched.thresholds, best, crowd, len(matched.predicted), dets)
    gt_of[:, dets] = anew
    return gt_of


def greedy(
    pairs: Pairs,
    turn: AnyArray,
    thresholds: FloatArray,
    counted: BoolArray,
    shared: BoolArray,
    n: int,
    rows: AnyArray | None = None,
) -> AnyArray:
    """Row of the truth that each prediction takes, (t, n) int32, or (t, len(rows)) for the predictions `rows` alone.

    turn     (n,) predictions with equal turns do not compete
    counted  (k,) annotated objects that are taken before the others; shared (k,): may be taken again
    """
    t, k = len(thresholds), len(counted)
    gt_of = np.full(t * n, NOBODY, np.int32)
    open_ = np.ones(t * k, bool)
    by_turn = np.argsort(turn[pairs.det], kind="stable")
    det, gt, iou = (column[by_turn] for column in pairs)
    turns = turn[det]
    bounds = np.searchsorted(turns, np.arange(int(turns[-1]) + 2)) if len(turns) else np.zeros(1, np.int64)
    reach = np.array([_reach(level) for level in thresholds])[:, None]
    for start, stop in pairwise(bounds):
        level, row = np.nonzero(iou[start:stop] >= reach)
        row += start
        who, whom = level * n + det[row], level * k + gt[row]
        free = np.flatnonzero(open_[whom])
        who, whom, picked = who[free], whom[free], gt[row[free]]
        first_choice = counted[picked]
        if not first_choice.all():
            _take(gt_of, who[first_choice], picked[first_choice])
            rest = gt_of[who] == NOBODY
            _take(gt_of, who[rest], picked[rest])
        else:
            _take(gt_of, who, picked)
        taken = whom[gt_of[who] == picked]
        open_[taken] = shared[taken % k]
    out = gt_of.reshape(t, n)
    return out if rows is None else out[:, rows]


def _take(gt_of: AnyArray, who: AnyArray, picked: AnyArray) -> None:
    """The first of each prediction's choices."""
    heads = np.flatnonzero(np.diff(who, prepend=-1))
    gt_of[who[heads]] = picked[heads]


def _reach(threshold: float) -> float:
    """The overlap that counts as reaching the threshold: COCO lets a perfect overlap be a hair short of 1."""
    return min(float(threshold), 1 - 1e-10)


def ranked(predicted: Detections, *, by_class: bool) -> tuple[IntArray, AnyArray]:
    """Rows by class and falling score, (n,); and each row's rank within its unit and class, (n,) int32."""
    unit = predicted.unit()
    group = unit
    if not by_class:
        # pycocotools lays the classes of a picture end to end, so among equal scores the first class comes first.
        rows = np.lexsort((predicted.class_id, unit))
        order = rows[np.argsort(-predicted.scores()[rows], kind="stable")]
    else:
        order = np.argsort(-predicted.scores(), kind="stable")
        order = order[np.argsort(predicted.class_id[order], kind="stable")]
        group = predicted.class_id.astype(np.int64) * max(predicted.units, 1) + unit
    grouped = order[np.argsort(group[order], kind="stable")]
    rank = np.empty(len(order), np.int32)
    rank[grouped] = _place_within(group[grouped])
    return order, rank


def _place_within(group: AnyArray) -> AnyArray:
    """0, 1, 2 … within each run of equal values."""
    if not len(group):
        return np.zeros(0, np.int64)
    heads = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    return np.arange(len(group)) - np.repeat(heads, np.diff(np.append(heads, len(group))))


def _turns(pairs: Pairs, rank: AnyArray, k: int, n: int) -> tuple[AnyArray, AnyArray]:
    """The component of each annotated object, (k,) int32; each prediction's turn within its component, (n,) int32."""
    component = _components(pairs, k)
    turn = np.zeros(n, np.int32)
    heads = np.flatnonzero(np.diff(pairs.det, prepend=-1))
    det, group = pairs.det[heads], component[pairs.gt[heads]]
    order = np.lexsort((rank[det], group))
    turn[det[order]] = _place_within(group[order])
    return component, turn


def _components(pairs: Pairs, k: int) -> AnyArray:
    """Label of each annotated object: the least row that overlaps link it with."""
    label = np.arange(k, dtype=np.int32)
    heads = np.diff(pairs.det, prepend=-1) != 0
    # Only a prediction with several partners links anything.
    several = np.flatnonzero(~heads)
    if not len(several):
        return label
    linking = np.zeros(len(heads), bool)
    linking[several] = True
    linking[several - 1] = True
    gt = pairs.gt[linking]
    starts = np.flatnonzero(heads[linking])
    sizes = np.diff(np.append(starts, len(gt)))
    while True:
        least = np.repeat(np.minimum.reduceat(label[gt], starts), sizes)
        new = label.copy()
        np.minimum.at(new, gt, least)
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _inverse(rows: IntArray) -> IntArray:
    out = np.empty(len(rows), np.int64)
    out[rows] = np.arange(len(rows))
    return out
