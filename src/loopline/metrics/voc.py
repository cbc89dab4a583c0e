"""Pascal VOC average precision: 2007 with 11 points of recall, 2010 and later with all of them.

- Each prediction claims the object of its class that it overlaps most; the first claim is a hit, later ones are wrong.
- A claim on a *difficult* object is neither hit nor error, and difficult objects are not counted.
- The devkit counts pixels: a box from xmin to xmax is xmax - xmin + 1 wide. Boxes here are xmax - xmin wide, so
  `inclusive` adds the pixel again. Leave it out for boxes that were never pixel indices.
- No limit of detections, no area ranges.

Source  M. Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010; VOCevaldet.m of the devkit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, align
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray, mean_of_known
from loopline.metrics._claims import Claimed, claims, first_claims
from loopline.metrics._matching import ranked
from loopline.metrics._pairs import find_pairs

Year = Literal["2007", "2010", "2012"]


@dataclass(frozen=True, slots=True)
class VocOptions:
    """year: which average · iou: what counts as found · inclusive: boxes are spans of pixel indices."""

    year: Year = "2012"
    iou: float = 0.5
    inclusive: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.iou <= 1:
            raise BadValue(f"the IoU must lie above 0 and at most at 1, not at {self.iou}")


STANDARD: Final = VocOptions()


@dataclass(frozen=True, slots=True, eq=False)
class VocReport:
    """ap (k,) by class, NaN where a class has no object that counts · truths (k,) · gt_of (n,) the object that each
    prediction found, -1: none · hit, ignored (n,): neither is an error · claimed: what slices and resampling ask."""

    classes: tuple[str, ...]
    ap: FloatArray
    truths: IntArray
    gt_of: AnyArray
    hit: BoolArray
    ignored: BoolArray
    claimed: Claimed

    def numbers(self) -> dict[str, float]:
        wrong = ~self.hit & ~self.ignored
        counts = {
            "tp": float(self.hit.sum()),
            "fp": float(wrong.sum()),
            "fn": float(self.truths.sum() - self.hit.sum()),
        }
        return {"mAP": mean_of_known(self.ap), **counts}


def evaluate(
    truth: Detections,
    predicted: Detections,
    *,
    difficult: BoolArray | None = None,
    options: VocOptions = STANDARD,
) -> VocReport:
    """AP of each class. `difficult` (k,) by row of the truth; crowds are difficult too.

    Raises BadValue where predictions have no scores, the classes differ, or `difficult` has another length.
    """
    if predicted.score is None:
        raise BadValue("predictions need scores", hint="read them with from_rows(scored=True)")
    truth, predicted = align(truth, predicted)
    passed = truth.iscrowd if difficult is None else truth.iscrowd | difficult
    if len(passed) != len(truth):
        raise BadValue(f"`difficult` has {len(passed)} values for {len(truth)} objects")
    pixel = np.array([0, 0, 1, 1]) * options.inclusive
    sides = [replace(s, box=s.box + pixel, iscrowd=np.zeros(len(s), bool)) for s in (truth, predicted)]
    pairs = find_pairs(*sides)
    claim = claims(pairs, len(predicted), np.ones(len(truth), bool))
    gt_of = np.where(claim.overlap >= options.iou, claim.gt, -1).astype(np.int32)
    ignored = (gt_of >= 0) & passed[gt_of] if len(truth) else np.zeros(len(predicted), bool)
    _, rank = ranked(predicted, by_class=True)
    hit = first_claims(np.where(ignored, -1, gt_of), rank)
    claimed = Claimed(
        truth,
        predicted,
        claim=gt_of,
        counted=~ignored,
        hit=hit,
        weight=np.ones(len(predicted)),
        worth=(~passed).astype(np.float64),
        rule="voc07" if options.year == "2007" else "all-points",
    )
    shown = np.where(hit | ignored, gt_of, -1).astype(np.int32)
    return VocReport(truth.classes, claimed.ap(), claimed.truths().astype(np.int64), shown, hit, ignored, claimed)
