"""Known label errors of four kinds, planted into real labels, and how well a ranking finds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loopline.kernel.detections import Detections, detections, take
from loopline.metrics._arrays import BoolArray, FloatArray, IntArray
from loopline.metrics._pairs import find_pairs
from loopline.metrics.suspects import KINDS, SuspectKind, Suspects


@dataclass(frozen=True)
class Planted:
    """Labels with errors; `removed`: rows of the true labels that are missing; the others by object id."""

    truth: Detections
    true: Detections
    removed: IntArray
    ids: dict[SuspectKind, IntArray]


def plant(true: Detections, rng: np.random.Generator, *, share: float = 0.05) -> Planted:
    """`share` of the objects each: removed, moved by a quarter to 0.6 of their side, given another class, made up."""
    n, count = len(true), round(share * len(true))
    removed, moved, renamed = np.split(rng.permutation(n)[: 3 * count], 3)
    box, label = true.box.copy(), true.class_id.copy()
    side = box[moved, 2:].copy()
    step = rng.uniform(0.25, 0.6, (count, 2)) * rng.choice([-1, 1], (count, 2))
    step[:, 0] *= rng.random(count)
    box[moved, :2] += step * side
    box[moved, 2:] = side * np.exp(rng.normal(0, 0.2, (count, 2)))
    label[renamed] = (label[renamed] + rng.integers(1, max(len(true.classes), 2), count)) % len(true.classes)
    like, where = rng.choice(n, count), rng.integers(0, true.units, count)
    made_up = true.box[like].copy()
    reach = _reach(true)[where]
    made_up[:, :2] = rng.random((count, 2)) * np.maximum(reach - made_up[:, 2:], 1)
    keep = np.delete(np.arange(n), removed)
    ids = true.object_id.max() + 1 + np.arange(count)
    truth = detections(
        np.concatenate([true.sample_id[true.unit()[keep]], true.sample_id[where]]),
        np.concatenate([box[keep], made_up]),
        np.concatenate([label[keep], label[like]]),
        classes=true.classes,
        object_id=np.concatenate([true.object_id[keep], ids]),
        iscrowd=np.concatenate([true.iscrowd[keep], np.zeros(count, bool)]),
        samples=true.sample_id,
    )
    wrong: dict[SuspectKind, IntArray] = {
        "misplaced": true.object_id[moved],
        "mislabelled": true.object_id[renamed],
        "spurious": ids,
    }
    return Planted(truth, true, np.sort(removed), wrong)


def _reach(true: Detections) -> FloatArray:
    """The right and lower end of the objects of each picture: about its size."""
    out = np.full((true.units, 2), 400.0)
    ends = np.zeros((true.units, 2))
    np.maximum.at(ends, true.unit(), true.xyxy()[:, 2:])
    return np.where(ends > 0, ends, out)


def found(planted: Planted, suspects: Suspects, kind: SuspectKind) -> BoolArray:
    """Whether each suspect of a kind, in its order, is a planted error of that kind; each error counts once."""
    rows = np.flatnonzero(suspects.kind == KINDS.index(kind))
    if kind != "missing":
        return np.isin(planted.truth.object_id[suspects.gt[rows]], planted.ids[kind])
    gone = take(planted.true, planted.removed)
    pairs = find_pairs(gone, suspects.predicted, by_class=False, least=0.5)
    hit, seen = np.zeros(len(rows), bool), set()
    for i, det in enumerate(suspects.det[rows].tolist()):
        for gt in pairs.gt[np.searchsorted(pairs.det, det) : np.searchsorted(pairs.det, det, side="right")].tolist():
            if gt not in seen:
                seen.add(gt)
                hit[i] = True
                break
    return hit


def precision_and_recall(hit: BoolArray, planted: int) -> tuple[float, float]:
    """Precision among as many suspects as were planted, and recall among twice as many."""
    return float(hit[:planted].sum()) / max(planted, 1), float(hit[: 2 * planted].sum()) / max(planted, 1)
