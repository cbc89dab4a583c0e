"""The fate of each object at one IoU: found, missed, made up or ignored, with its partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.detections import Detections
from loopline.metrics._arrays import AnyArray, FloatArray
from loopline.metrics._matching import Matched

Outcome = Literal["tp", "fp", "fn", "ignored"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("tp", "fp", "fn", "ignored")


@dataclass(frozen=True, slots=True, eq=False)
class Fates:
    """What became of n predictions and k annotated objects at one IoU.

    det, gt          (n,), (k,) uint8, index into OUTCOMES
    det_of, gt_of    (k,), (n,) int32, row of the partner on the other side; -1: none
    det_iou, gt_iou  (n,), (k,) overlap with the partner; NaN: none
    """

    det: AnyArray
    gt: AnyArray
    gt_of: AnyArray
    det_of: AnyArray
    det_iou: FloatArray
    gt_iou: FloatArray

    def counts(self) -> dict[str, int]:
        """Numbers of true positives, false positives, false negatives, and ignored predictions."""
        return {
            "tp": int((self.det == OUTCOMES.index("tp")).sum()),
            "fp": int((self.det == OUTCOMES.index("fp")).sum()),
            "fn": int((self.gt == OUTCOMES.index("fn")).sum()),
            "ignored": int((self.det == OUTCOMES.index("ignored")).sum()),
        }


def fates(matched: Matched, *, iou: float = 0.5) -> Fates:
    """Who was found, missed, made up or ignored at one of the thresholds.

    A prediction that matches a crowd is ignored; so is one beyond `max_detections`. A crowd is ignored, found or not;
    its partner is the first prediction that fell into it. Raises BadValue for an IoU that was not matched.
    """
    level = level_of(matched, iou)
    truth, predicted = matched.truth, matched.predicted
    tp, fp, fn, ignored = range(4)
    gt_of = matched.gt_of[level]
    rows = np.flatnonzero(gt_of >= 0)
    partner = gt_of[rows]
    det = np.full(len(predicted), fp, np.uint8)
    det[rows] = np.where(matched.ignored[partner], ignored, tp)
    det[matched.rank >= matched.max_detections] = ignored
    det_of = np.full(len(truth), -1, np.int32)
    first = rows[np.argsort(-matched.rank[rows], kind="stable")]  # the last one written stays: the lowest rank
    det_of[gt_of[first]] = first
    gt = np.where(matched.ignored, ignored, np.where(det_of >= 0, tp, fn)).astype(np.uint8)
    det_iou = overlap_of(matched, gt_of)
    gt_iou = np.where(det_of >= 0, det_iou[det_of], np.nan) if len(predicted) else np.full(len(truth), np.nan)
    return Fates(det, gt, gt_of, det_of, det_iou, gt_iou)


def level_of(matched: Matched, iou: float) -> int:
    """Which of the thresholds an IoU is. Raises BadValue where it is none."""
    found = np.flatnonzero(np.isclose(matched.thresholds, iou, rtol=0, atol=1e-9))
    if not len(found):
        known = ", ".join(f"{value:g}" for value in matched.thresholds)
        raise BadValue(f"nothing was matched at IoU {iou:g}", hint=f"there is {known}; add it to options.iou")
    return int(found[0])


def overlap_of(matched: Matched, gt_of: AnyArray) -> FloatArray:
    """Overlap of each prediction with its partner, (n,); NaN where it has none."""
    out = np.full(len(gt_of), np.nan)
    own = gt_of[matched.pairs.det] == matched.pairs.gt
    out[matched.pairs.det[own]] = matched.pairs.iou[own]
    return out


def match_table(matched: Matched, *, iou: float = 0.5) -> pa.Table:
    """One row an object, annotated ones first: what became of it.

    Columns  side 'truth' | 'predicted' · id · sample_id · frame (null: a picture) · label · outcome
             tp | fp | fn | ignored · partner_id and iou (null: no partner) · score (null: truth)
    """
    found = fates(matched, iou=iou)
    return pa.concat_tables(
        [
            _table_of("truth", matched.truth, matched.predicted, found.gt, found.det_of, found.gt_iou),
            _table_of("predicted", matched.predicted, matched.truth, found.det, found.gt_of, found.det_iou),
        ]
    )


def _table_of(
    side: str, mine: Detections, theirs: Detections, outcome: AnyArray, partner: AnyArray, iou: FloatArray
) -> pa.Table:
    unit = mine.unit()
    frame = mine.frame[unit]
    alone = partner < 0
    ids = theirs.object_id[np.where(alone, 0, partner)] if len(theirs) else np.zeros(len(mine), np.int64)
    return pa.table(
        {
            "side": pa.repeat(side, len(mine)),
            "id": mine.object_id,
            "sample_id": mine.sample_id[unit],
            "frame": pa.array(frame, mask=frame < 0),
            "label": _named(mine.class_id, mine.classes),
            "outcome": _named(outcome, OUTCOMES),
            "partner_id": pa.array(ids, mask=alone),
            "iou": pa.array(iou, mask=alone),
            "score": pa.nulls(len(mine), pa.float64()) if mine.score is None else pa.array(mine.score),
        }
    )


def _named(codes: AnyArray, names: Sequence[str]) -> pa.Array:
    return pa.array(list(names), pa.string()).take(pa.array(codes))
