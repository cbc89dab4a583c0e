"""Which annotations are probably wrong: missing, misplaced, mislabelled or spurious boxes, the most suspicious first.

A detector's disagreement with a label is evidence against the label as far as the detector can be believed. How far that
is, is read off the data: the share of predictions with such a score that agree with the labels (a rising curve), the
share of objects of such a size and class that are found at all, how often two classes are taken for one another. Every
suspect gets one score in [0, 1], comparable over the four kinds, and names the prediction that speaks against it.

    missing      a believable prediction where nothing is annotated
    misplaced    an object whose believable prediction of the same class lies clearly off it
    mislabelled  an object on which a believable prediction of another class lies, and none of its own
    spurious     an object of a size and class that is usually found, where no prediction lies at all

Even the least sure prediction speaks for an object: detectors leave traces of what they almost see, and seldom any on
background. So an object with a trace of its own is less of a suspect (TRACED), whatever its score.

The predictions should come from a model that did not learn these labels. A systematic difference of box rules is taken
out first (`box_rule.py`), or every box would be a suspect. An object is a suspect once, for its likeliest reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, align
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._matching import ranked
from loopline.metrics._pairs import Pairs, find_pairs
from loopline.metrics.box_rule import BoxRule, corrected, find_box_rule
from loopline.metrics.coco import CocoOptions

SuspectKind = Literal["missing", "misplaced", "mislabelled", "spurious"]
KINDS: Final[tuple[SuspectKind, ...]] = ("missing", "misplaced", "mislabelled", "spurious")

ON: Final = 0.5  # an overlap that says: the same object
NEAR: Final = 0.1  # an overlap that may be a badly drawn box
TOUCHED: Final = 0.25  # an overlap from which on an object is not without a prediction
TRACED: Final = 0.25  # how suspicious an object stays on which there is any prediction of its own, however unsure
COVERED: Final = 0.5  # share of a prediction inside an annotated object or crowd that explains it


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """s suspects, by falling score.

    kind (s,) uint8, index into KINDS · score (s,) in [0, 1]
    gt (s,) row of `truth`, -1: missing · det (s,) row of `predicted`, -1: spurious · overlap (s,) of the two, NaN: none
    rule: of the boxes, taken out of `predicted` before; None: there was none
    """

    truth: Detections
    predicted: Detections
    kind: AnyArray
    score: FloatArray
    gt: IntArray
    det: IntArray
    overlap: FloatArray
    rule: BoxRule | None

    def __len__(self) -> int:
        return len(self.kind)


def find_suspects(
    truth: Detections, predicted: Detections, *, by_class: bool = True, kinds: Sequence[SuspectKind] = KINDS
) -> Suspects:
    """Annotations to look at, by falling score; ties by sample and object id.

    by_class=False: predictions do not know the classes (a detector of faces over kinds of faces); nothing is mislabelled.
    Raises BadValue where predictions have no scores, the classes differ, or a kind is unknown.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise BadValue(f'no kind of suspect "{min(unknown)}"', hint=f"there are {', '.join(KINDS)}")
    if predicted.score is None:
        raise BadValue("predictions need scores", hint="read them with from_rows(scored=True)")
    truth, predicted = align(truth, predicted)
    rule = find_box_rule(truth, predicted, options=CocoOptions(by_class=by_class))
    rule = rule if rule is not None and rule.sure.any() and rule.gain > 0 else None
    if rule is not None:
        predicted = corrected(predicted, rule.shift, rule.unit)
    scene = _scene(truth, predicted, by_class)
    found = {"misplaced": _misplaced(scene), "mislabelled": _mislabelled(scene), "spurious": _spurious(scene)}
    found["missing"] = _missing(scene, found["misplaced"])
    parts = [(KINDS.index(name), *part) for name, part in found.items() if name in kinds]
    kind = np.concatenate([np.full(len(score), code, np.uint8) for code, score, _, _, _ in parts])
    score, gt, det, overlap = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3, 4))
    keep = _likeliest(gt, score) & (score > 0)
    place = np.where(gt >= 0, gt, len(truth) + det)
    order = np.flatnonzero(keep)[np.lexsort((place[keep], -score[keep]))]
    return Suspects(truth, predicted, kind[order], score[order], gt[order], det[order], overlap[order], rule)


def suspect_table(suspects: Suspects) -> pa.Table:
    """One row a suspect: kind, score, sample_id, frame, id (of the annotation; null: missing), prediction_id (null:
    spurious), label (as annotated), suggested_label, x, y, w, h (the suggested box; null: spurious), reason."""
    truth, predicted = suspects.truth, suspects.predicted
    gt, det = suspects.gt, suspects.det
    unit = np.where(gt >= 0, _at(truth.unit(), gt), _at(predicted.unit(), det)).astype(np.int64)
    label = _names(truth, gt)
    suggested = _names(predicted, np.where(suspects.kind == KINDS.index("spurious"), -1, det))
    box = np.where((det >= 0)[:, None], _at(predicted.box, det), np.nan)
    frame = truth.frame[unit]
    return pa.table(
        {
            "kind": pa.array([KINDS[k] for k in suspects.kind], pa.string()),
            "score": suspects.score,
            "sample_id": truth.sample_id[unit],
            "frame": pa.array(frame, mask=frame < 0),
            "id": pa.array(_at(truth.object_id, gt), mask=gt < 0),
            "prediction_id": pa.array(_at(predicted.object_id, det), mask=det < 0),
            "label": pa.array(label, pa.string()),
            "suggested_label": pa.array(suggested, pa.string()),
            **{name: pa.array(box[:, i], from_pandas=True) for i, name in enumerate("xywh")},
            "reason": pa.array(_reasons(suspects, label, suggested), pa.string()),
        }
    )


def _reasons(suspects: Suspects, label: list[str | None], suggested: list[str | None]) -> list[str]:
    scores, out = suspects.predicted.scores(), []
    for i, code in enumerate(suspects.kind):
        seen = f"{suggested[i]} predicted with score {scores[suspects.det[i]]:.2f}" if suspects.det[i] >= 0 else ""
        out.append(
            {
                "missing": f"{seen}, nothing is annotated there",
                "misplaced": f"{seen}, overlaps the annotated {label[i]} by {suspects.overlap[i]:.2f} only",
                "mislabelled": f"{seen} where {label[i]} is annotated",
                "spurious": f"a {label[i]} of this size is usually found, nothing is predicted here",
            }[KINDS[code]]
        )
    return out


def _at(values: AnyArray, rows: IntArray) -> AnyArray:
    """values[rows], and anything for row -1."""
    return values[np.maximum(rows, 0)] if len(values) else np.zeros((len(rows), *values.shape[1:]), values.dtype)


def _names(these: Detections, rows: IntArray) -> list[str | None]:
    return [None if row < 0 else these.classes[these.class_id[row]] for row in rows.tolist()]


# -- what the data say about the detector


Found = tuple[FloatArray, IntArray, IntArray, FloatArray]
"""Score, row of the truth, row of the predictions, overlap of each suspect of one kind."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """Truth, predictions, and how far the detector is to be believed.

    pairs   overlaps of at least NEAR whatever the class, crowds left out; same (p,): of the same class
    belief  (n,) share of predictions with such a score that lie on an annotated object
    fit     (n,) share of those on an object whose class is right
    group   (n,) share of a prediction that lies in a crowd
    leader  (n,) no better prediction lies on the same place
    """

    truth: Detections
    predicted: Detections
    by_class: bool
    pairs: Pairs
    same: BoolArray
    belief: FloatArray
    fit: FloatArray
    crowded: FloatArray
    leader: BoolArray


def _scene(truth: Detections, predicted: Detections, by_class: bool) -> _Scene:
    everything = find_pairs(truth, predicted, by_class=False, least=NEAR)
    crowd = truth.iscrowd[everything.gt]
    crowded = _largest(everything.det[crowd], everything.iou[crowd], len(predicted))
    pairs = Pairs(*(column[~crowd] for column in everything))
    same = np.ones(len(pairs.det), bool)
    if by_class:
        same = truth.class_id[pairs.gt] == predicted.class_id[pairs.det]
    leader = _leaders(predicted)
    score = predicted.scores()
    on = _largest(pairs.det, pairs.iou, len(predicted)) >= ON
    right = _largest(pairs.det[same], pairs.iou[same], len(predicted)) >= ON
    usable = leader & (crowded < COVERED)
    return _Scene(
        truth=truth,
        predicted=predicted,
        by_class=by_class,
        pairs=pairs,
        same=same,
        belief=_belief(predicted, usable, on),
        fit=rising(score[usable & on], right[usable & on].astype(float), score, doubt=1),
        crowded=crowded,
        leader=leader,
    )


def _belief(predicted: Detections, usable: BoolArray, on: BoolArray) -> FloatArray:
    """Share of predictions with such a score and class that lie on an annotated object, (n,)."""
    score, k = predicted.scores(), len(predicted.classes)
    by_score = rising(score[usable], on[usable].astype(float), score, doubt=1)
    # A class whose predictions are often wrong at the same score is believed less; rare ones keep to the score.
    kind = predicted.class_id[usable]
    expected = np.bincount(kind, weights=by_score[usable], minlength=k)
    actual = np.bincount(kind, weights=on[usable].astype(float), minlength=k)
    odds = (actual + 5) / (expected + 5)
    return np.asarray(np.clip(by_score * odds[predicted.class_id], 0, 1))


def rising(x: FloatArray, y: FloatArray, at: FloatArray, *, doubt: float = 0.0) -> FloatArray:
    """The rising curve nearest to the points (isotonic regression), read off at `at`, (n,). 0 without points.

    doubt: so many points at the overall mean are added to each level, so that one agreement is no certainty.

    >>> rising(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]), np.array([1.0, 2.5]))
    array([0. , 0.5])
    """
    if not len(x):
        return np.zeros(len(at))
    values, place, count = np.unique(x, return_inverse=True, return_counts=True)
    level: list[float] = []
    weight: list[float] = []
    width: list[int] = []
    for value, size in zip(np.bincount(place.reshape(-1), weights=y) / count, count.tolist(), strict=True):
        level.append(float(value))
        weight.append(size)
        width.append(1)
        # Neighbours that fall are pooled.
        while len(level) > 1 and level[-2] >= level[-1]:
            total = weight[-2] + weight[-1]
            level[-2] = (level[-2] * weight[-2] + level[-1] * weight[-1]) / total
            weight[-2], width[-2] = total, width[-2] + width[-1]
            del level[-1], weight[-1], width[-1]
    mean = float(y.mean())
    sure = [(v * w + mean * doubt) / (w + doubt) for v, w in zip(level, weight, strict=True)]
    return np.asarray(np.interp(at, values, np.repeat(sure, width)))


def _largest(rows: AnyArray, values: FloatArray, n: int) -> FloatArray:
    out = np.zeros(n)
    np.maximum.at(out, rows, values)
    return out


def _leaders(predicted: Detections) -> BoolArray:
    """Predictions that no better one of any class overlaps by ON: one a place."""
    others = find_pairs(predicted, predicted, by_class=False, least=ON)
    _, rank = ranked(predicted, by_class=False)
    behind = others.det[rank[others.gt] < rank[others.det]]
    leader = np.ones(len(predicted), bool)
    leader[behind] = False
    return leader


# -- the four kinds


def _misplaced(scene: _Scene) -> Found:
    """Objects with a believable prediction of their class that is theirs and lies off them."""
    pairs, belief = scene.pairs, scene.belief * scene.leader
    own = np.flatnonzero(scene.same)
    det, gt, iou = pairs.det[own], pairs.gt[own], pairs.iou[own]
    # A prediction belongs to the object that it overlaps most, of whatever class.
    best_gt = np.full(len(scene.predicted), -1, np.int64)
    heads = np.diff(pairs.det, prepend=-1) != 0
    best_gt[pairs.det[heads]] = pairs.gt[heads]
    mine = best_gt[det] == gt
    det, gt, iou = det[mine], gt[mine], iou[mine]
    # Three of four well-drawn boxes overlap by this or more: less is worth a look.
    typical = float(np.quantile(iou[iou >= ON], 0.25)) if (iou >= ON).any() else 1.0
    closest = _largest(gt, iou * (belief[det] > 0), len(scene.truth))
    order = np.lexsort((det, -belief[det], gt))
    det, gt, iou = det[order], gt[order], iou[order]
    first = np.diff(gt, prepend=-1) != 0
    det, gt, iou = det[first], gt[first], iou[first]
    off = np.clip((typical - np.maximum(iou, closest[gt])) / typical, 0, 1)
    return belief[det] * np.sqrt(off), gt.astype(np.int64), det.astype(np.int64), iou


def _mislabelled(scene: _Scene) -> Found:
    """Objects on which another class is predicted, as far as those classes are not often taken for one another."""
    pairs, n = scene.pairs, len(scene.truth)
    other = np.flatnonzero(~scene.same & (pairs.iou >= ON))
    if not len(other):
        return _nothing()
    own = scene.same & (pairs.iou >= ON)
    strength = scene.fit * scene.belief
    own_best = _largest(pairs.gt[own], strength[pairs.det[own]], n)
    traced = np.zeros(n, bool)
    traced[pairs.gt[own]] = True
    det, gt, iou = pairs.det[other], pairs.gt[other], pairs.iou[other]
    order = np.lexsort((det, -strength[det], gt))
    first = order[np.diff(gt[order], prepend=-1) != 0]
    det, gt, iou = det[first], gt[first], iou[first]
    claim = np.clip(strength[det] - own_best[gt], 0, None) * np.where(traced[gt], TRACED, 1.0)
    usual = _taken_for(scene)[scene.predicted.class_id[det], scene.truth.class_id[gt]]
    return claim * (1 - usual), gt.astype(np.int64), det.astype(np.int64), iou


def _taken_for(scene: _Scene) -> FloatArray:
    """Share of the believable predictions of a class that lie on objects of each class, (k, k)."""
    k = len(scene.truth.classes)
    heads = (np.diff(scene.pairs.det, prepend=-1) != 0) & (scene.pairs.iou >= ON) & scene.leader[scene.pairs.det]
    det, gt = scene.pairs.det[heads], scene.pairs.gt[heads]
    counts = np.zeros((k, k))
    np.add.at(counts, (scene.predicted.class_id[det], scene.truth.class_id[gt]), scene.belief[det])
    return np.asarray(counts / (counts.sum(axis=1, keepdims=True) + 1))


def _spurious(scene: _Scene) -> Found:
    """Objects that are usually found, with no prediction near."""
    truth = scene.truth
    rows = np.flatnonzero(~truth.iscrowd)
    seen = _largest(
        scene.pairs.gt, scene.belief[scene.pairs.det] * np.minimum(scene.pairs.iou / TOUCHED, 1), len(truth)
    )
    likely = _detectable(scene)
    traced = _largest(scene.pairs.gt, scene.pairs.iou, len(truth)) >= TOUCHED
    score = likely[rows] * (1 - np.minimum(seen[rows] / max(float(scene.belief.max(initial=0)), 1e-9), 1))
    score *= np.where(traced[rows], TRACED, 1.0)
    return score, rows, np.full(len(rows), -1, np.int64), np.full(len(rows), np.nan)


def _detectable(scene: _Scene) -> FloatArray:
    """Share of objects of such an area and class that some prediction lies on, (k,)."""
    truth = scene.truth
    on = scene.pairs.iou >= ON
    strong = _largest(scene.pairs.gt[on], scene.belief[scene.pairs.det[on]], len(truth))
    real = ~truth.iscrowd
    by_size = rising(truth.area[real], strong[real], truth.area, doubt=1)
    k = len(truth.classes)
    expected = np.bincount(truth.class_id[real], weights=by_size[real], minlength=k)
    actual = np.bincount(truth.class_id[real], weights=strong[real], minlength=k)
    # Classes with few objects keep to what their size says.
    ratio = (actual + 5) / (expected + 5)
    return np.asarray(np.clip(by_size * ratio[truth.class_id], 0, 1))


def _missing(scene: _Scene, misplaced: Found) -> Found:
    """Believable predictions where nothing is annotated."""
    n = len(scene.predicted)
    overlap = _largest(scene.pairs.det, scene.pairs.iou, n)
    explained = np.zeros(n, bool)
    explained[misplaced[2][misplaced[0] > 0]] = True
    rows = np.flatnonzero(scene.leader & (overlap < ON) & (scene.crowded < COVERED) & ~explained)
    score = scene.belief[rows] * (1 - overlap[rows] / ON)
    return score, np.full(len(rows), -1, np.int64), rows, np.where(overlap[rows] > 0, overlap[rows], np.nan)


def _nothing() -> Found:
    return np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)


def _likeliest(gt: IntArray, score: FloatArray) -> BoolArray:
    """Keep one reason an object; missing objects have none to share."""
    keep = gt < 0
    rows = np.flatnonzero(gt >= 0)
    rows = rows[np.lexsort((rows, -score[rows], gt[rows]))]
    keep[rows[np.diff(gt[rows], prepend=-1) != 0]] = True
    return keep
