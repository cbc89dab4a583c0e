"""Are the boxes drawn by another rule? The systematic offset and scale between predictions and annotations.

Two sets of boxes of the same objects may follow different rules: one draws a face from the hair line, the other from
the brow; one counts pixels from 1. Every box is then wrong by the same amount, AP at high IoU collapses, and no amount
of training data explains it. A rule moves each edge of a predicted box by a constant, either in pixels or as a share of
the box's side; it is the median over matched pairs, so single bad boxes do not move it.

The rule is found on one half of the samples and tried on the other, both ways, so the gain is not the noise it was
fitted to. Pairs are mutual best partners at a low IoU, found again after each correction: a rule that is far off hides
pairs at first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, align, take
from loopline.metrics import coco
from loopline.metrics._arrays import NAN, AnyArray, BoolArray, FloatArray
from loopline.metrics._pairs import find_pairs
from loopline.metrics.coco import STANDARD, CocoOptions

Unit = Literal["share", "pixels"]
EDGES: Final = ("left", "top", "right", "bottom")
ROUNDS: Final = 4
LEAST_PAIRS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class BoxRule:
    """How to turn predicted boxes into boxes as the annotators draw them.

    shift      (4,) by edge, left top right bottom, positive to the right and down: in pixels, or as a share of the
               predicted box's width (left, right) and height (top, bottom)
    spread     (4,) what is left, from edge to edge of the middle half of the pairs, in the same unit
    sure       (4,) whether the edge's shift is more than 4 standard errors of its median from 0
    pairs      matched pairs it rests on
    iou        median IoU of the pairs before and after
    ap, ap75   before, and after each half was corrected by the rule of the other half; NaN without AP75
    """

    unit: Unit
    shift: FloatArray
    spread: FloatArray
    sure: BoolArray
    pairs: int
    iou: tuple[float, float]
    ap: tuple[float, float]
    ap75: tuple[float, float]

    @property
    def gain(self) -> float:
        """AP that correcting the boxes returns."""
        return self.ap[1] - self.ap[0]

    def sentence(self) -> str:
        """What was found, in words.

        >>> rule = BoxRule("share", np.array([0, 0.18, 0, 0.09]), np.zeros(4), np.array([False, True, False, True]),
        ...                100, (0.6, 0.8), (0.23, 0.39), (0.03, 0.36))
        >>> print(rule.sentence())
        annotated boxes: top 18 % lower, bottom 9 % lower than predicted ones; correcting it: AP 0.230 -> 0.390
        """
        parts = [self._edge(i) for i in range(4) if self.sure[i]]
        if not parts:
            return "annotated and predicted boxes follow the same rule"
        gained = f"correcting it: AP {self.ap[0]:.3f} -> {self.ap[1]:.3f}"
        return f"annotated boxes: {', '.join(parts)} than predicted ones; {gained}"

    def _edge(self, i: int) -> str:
        size = f"{abs(self.shift[i]) * 100:.0f} %" if self.unit == "share" else f"{abs(self.shift[i]):.1f} px"
        way = ("further left", "further right") if i % 2 == 0 else ("higher", "lower")
        return f"{EDGES[i]} {size} {way[int(self.shift[i] > 0)]}"


def find_box_rule(
    truth: Detections,
    predicted: Detections,
    *,
    options: CocoOptions = STANDARD,
    least_iou: float = 0.25,
    least_score: float | None = None,
) -> BoxRule | None:
    """The rule that best explains the pairs, relative or in pixels; None where fewer than 20 pairs match.

    least_score  predictions that are believed; None: as many of the best as there are annotated objects
    Raises BadValue where the options measure anything but boxes.
    """
    if options.geometry != "box":
        raise BadValue("a rule of boxes is found between boxes", hint="use options with geometry 'box'")
    truth, predicted = align(truth, predicted)
    believed = _believed(truth, predicted, least_score)
    gt, det = take(truth, ~truth.iscrowd), take(predicted, believed)
    fits = [
        fit for unit in ("share", "pixels") if (fit := _fit(gt, det, unit, options.by_class, least_iou)) is not None
    ]
    if not fits:
        return None
    unit, shift, pairs, before, after = max(fits, key=lambda fit: fit[4])
    edges = _edges(gt, corrected(det, shift, unit), unit, options.by_class, least_iou)
    quarter = np.quantile(edges, [0.25, 0.75], axis=0) if len(edges) else np.zeros((2, 4))
    spread = quarter[1] - quarter[0]
    # 1.25 sigma / sqrt(n) is the standard error of a median; a normal's middle half spans 1.35 sigma.
    error = 1.25 * spread / 1.35 / np.sqrt(pairs)
    plain = coco.evaluate(truth, predicted, options=options).numbers()
    mended = coco.evaluate(
        truth, _across(truth, predicted, gt, det, unit, options, least_iou), options=options
    ).numbers()
    return BoxRule(
        unit=unit,
        shift=shift,
        spread=spread,
        sure=np.asarray(np.abs(shift) > 4 * error + 1e-9),
        pairs=pairs,
        iou=(before, after),
        ap=(plain["AP"], mended["AP"]),
        ap75=(plain.get("AP75", NAN), mended.get("AP75", NAN)),
    )


def corrected(predicted: Detections, shift: FloatArray, unit: Unit) -> Detections:
    """Predictions with every edge moved by the rule. A side never gets shorter than 0."""
    corners = predicted.xyxy() + shift * _scale(predicted, unit)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    return replace(predicted, box=np.concatenate([corners[:, :2], sides], axis=1))


def _scale(predicted: Detections, unit: Unit) -> FloatArray:
    return np.tile(predicted.box[:, 2:], 2) if unit == "share" else np.ones((len(predicted), 4))


def _believed(truth: Detections, predicted: Detections, least_score: float | None) -> BoolArray:
    scores = predicted.scores()
    if least_score is None:
        most = int((~truth.iscrowd).sum())
        least_score = float(np.partition(scores, -most)[-most]) if 0 < most < len(scores) else -np.inf
    return np.asarray(scores >= least_score)


def _mutual(
    truth: Detections, predicted: Detections, by_class: bool, least_iou: float
) -> tuple[AnyArray, AnyArray, FloatArray]:
    """Pairs that are each other's best partner: rows of the truth, of the predictions, and their IoU."""
    pairs = find_pairs(truth, predicted, by_class=by_class, least=least_iou)
    first_of_det = np.diff(pairs.det, prepend=-1) != 0
    order = np.lexsort((pairs.det, -pairs.iou, pairs.gt))
    first_of_gt = np.zeros(len(order), bool)
    first_of_gt[order[np.diff(pairs.gt[order], prepend=-1) != 0]] = True
    both = first_of_det & first_of_gt
    return pairs.gt[both], pairs.det[both], pairs.iou[both]


def _edges(truth: Detections, predicted: Detections, unit: Unit, by_class: bool, least_iou: float) -> FloatArray:
    """How far each edge of the annotated box lies from the predicted one, by pair, (p, 4)."""
    gt, det, _ = _mutual(truth, predicted, by_class, least_iou)
    scale = _scale(predicted, unit)[det]
    usable = (scale > 0).all(axis=1)
    return ((truth.xyxy()[gt] - predicted.xyxy()[det])[usable]) / scale[usable]


def _fit(
    truth: Detections, predicted: Detections, unit: Unit, by_class: bool, least_iou: float
) -> tuple[Unit, FloatArray, int, float, float] | None:
    """Unit, shift of the original boxes, pairs, and the median IoU before and after; None: too few pairs."""
    shift = np.zeros(4)
    before = 0.0
    for step in range(ROUNDS):
        moved = corrected(predicted, shift, unit)
        gt, det, iou = _mutual(truth, moved, by_class, least_iou)
        if len(gt) < LEAST_PAIRS:
            return None
        before = before if step else float(np.median(iou))
        scale = _scale(predicted, unit)[det]
        usable = (scale > 0).all(axis=1)
        if not usable.any():
            return None
        away = (truth.xyxy()[gt] - predicted.xyxy()[det])[usable] / scale[usable]
        shift = np.median(away, axis=0)
    gt, _, iou = _mutual(truth, corrected(predicted, shift, unit), by_class, least_iou)
    # Pairs that a bad rule loses count as not overlapping.
    after = float(np.median(iou)) if len(iou) else 0.0
    return unit, shift, len(gt), before, after


def _across(
    truth: Detections,
    predicted: Detections,
    gt: Detections,
    det: Detections,
    unit: Unit,
    options: CocoOptions,
    least_iou: float,
) -> Detections:
    """Predictions, each half of the samples corrected by the rule of the other half."""
    even = np.arange(truth.units) % 2 == 0
    box = predicted.box.copy()
    for half in (even, ~even):
        fit = _fit(take(gt, half[gt.unit()]), take(det, half[det.unit()]), unit, options.by_class, least_iou)
        rows = ~half[predicted.unit()]
        if fit is not None:
            box[rows] = corrected(predicted, fit[1], unit).box[rows]
    return replace(predicted, box=box)
