"""The COCO protocol for boxes, instance masks and keypoints, to the last digit of pycocotools.

One pass matches all IoU thresholds (`_matching.py`); numbers, curves and the fate of each object all read that one
result, so they cannot disagree. What pycocotools does and others do not:

- an object without a labelled keypoint is ignored where keypoints are measured;
- a crowd is never a hit and never missed: a prediction inside it is ignored;
- an area range ignores objects outside it, and predictions outside it that have no partner;
- ties of scores go to the lower sample id, then the lower object id (there: the earlier row of the results), ties of
  overlap to the annotated object with the higher id; the mean runs over classes that have an object, not over all;
- predictions beyond `max_detections` of a picture and class do not exist;
- a prediction's area is that of its box, its mask, or the box around its keypoints, whatever its row says.

Where it differs on purpose: a number that does not exist is NaN (there -1), and an object may have id 0 (there a match
with id 0 is lost). Source  pycocotools 2.0.11, cocoeval.py; the tests compare with it and with hotcoco.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from loopline.errors import BadValue, near
from loopline.kernel.detections import Detections
from loopline.metrics._arrays import NAN, BoolArray, FloatArray, IntArray
from loopline.metrics._curves import RECALLS, Curves, curves, partners
from loopline.metrics._masks import areas_and_boxes, masks_of
from loopline.metrics._matching import Matched, match, rematch
from loopline.metrics._matching import merge as merge_matched
from loopline.metrics._pairs import Geometry

COCO_IOUS: Final[tuple[float, ...]] = tuple(np.linspace(0.5, 0.95, 10).tolist())
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class AreaRange:
    """Objects of least … most square pixels, both ends included."""

    name: str
    least: float
    most: float


AREAS: Final = (
    AreaRange(ALL, 0, 1e5**2),
    AreaRange("small", 0, 32**2),
    AreaRange("medium", 32**2, 96**2),
    AreaRange("large", 96**2, 1e5**2),
)


@dataclass(frozen=True, slots=True)
class CocoOptions:
    """What is measured. The defaults are COCO's for boxes and masks; `keypoint_options` gives those for keypoints.

    iou              thresholds in (0, 1], of IoU or OKS
    areas            the first covers everything, by COCO's rule up to 1e10 square pixels
    max_detections   of a picture and class, rising; the last one bounds everything but the recalls of the others
    by_class         False: all classes are one
    sigmas           one a keypoint; None: COCO's 17
    """

    geometry: Geometry = "box"
    iou: tuple[float, ...] = COCO_IOUS
    areas: tuple[AreaRange, ...] = AREAS
    max_detections: tuple[int, ...] = (1, 10, 100)
    by_class: bool = True
    sigmas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.max_detections or list(self.max_detections) != sorted(set(self.max_detections)):
            raise BadValue(f"max_detections must rise, not {self.max_detections}")
        if not self.areas or len({a.name for a in self.areas}) < len(self.areas):
            raise BadValue("areas need at least one range, and each a name of its own")
        if list(self.iou) != sorted(set(self.iou)):
            raise BadValue(f"IoU thresholds must rise, not {self.iou}")


STANDARD: Final = CocoOptions()
"""COCO's settings for boxes."""


def keypoint_options(*, sigmas: Sequence[float] | None = None) -> CocoOptions:
    """COCO's settings for keypoints: 20 detections a picture, no small objects."""
    areas = tuple(area for area in AREAS if area.name != "small")
    return CocoOptions(
        geometry="keypoints", areas=areas, max_detections=(20,), sigmas=None if sigmas is None else tuple(sigmas)
    )


@dataclass(frozen=True, slots=True, eq=False)
class CocoReport:
    """t IoU thresholds, 101 points of recall, k classes (1 where they are not told apart), a areas, m limits.

    precision (t, 101, k, a) and score (t, 101, k, a): at the largest limit · recall (t, k, a, m) · truths (k, a):
    objects that count. NaN where a class has none in an area.
    """

    options: CocoOptions
    classes: tuple[str, ...]
    precision: FloatArray
    score: FloatArray
    recall: FloatArray
    truths: IntArray
    matched: Matched
    dropped: Mapping[str, int] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """COCO's 12 numbers (keypoints: 10) under their usual names, for whatever thresholds, areas and limits."""
        return summary(self)


def evaluate(truth: Detections, predicted: Detections, *, options: CocoOptions = STANDARD) -> CocoReport:
    """Numbers, curves and matches of predictions over the truth.

    Without truths every number is NaN; without predictions every number is 0. Raises BadValue where a score is missing,
    the classes differ, or the geometry that is asked for is not there.
    """
    return finish(update((), truth, predicted, options=options), options=options)


State = tuple[Matched, ...]
"""Batches as matched: each holds every row of its samples."""


def start() -> State:
    return ()


def update(state: State, truth: Detections, predicted: Detections, *, options: CocoOptions = STANDARD) -> State:
    """The state with one more batch."""
    sigmas = None if options.sigmas is None else np.asarray(options.sigmas)
    one = match(
        truth,
        measured(predicted, options.geometry),
        options.iou,
        max_detections=options.max_detections[-1],
        geometry=options.geometry,
        by_class=options.by_class,
        sigmas=sigmas,
        ignored=without_keypoints(truth) if options.geometry == "keypoints" else None,
    )
    return (*state, one)


def merge(a: State, b: State) -> State:
    return a + b


def finish(state: State, *, options: CocoOptions = STANDARD) -> CocoReport:
    """The report over all batches, in whatever order they came. Raises BadValue where there was none."""
    if not state:
        raise BadValue("no batch was seen", hint="update() with an empty batch still tells the classes")
    matched = merge_matched(state)
    tables = [_in_area(matched, area, options.max_detections) for area in options.areas]
    return CocoReport(
        options=options,
        classes=matched.truth.classes if options.by_class else ("",),
        precision=np.stack([table.precision for table in tables], axis=3),
        score=np.stack([table.score for table in tables], axis=3),
        recall=np.stack([table.recall for table in tables], axis=2),
        truths=np.stack([table.truths for table in tables], axis=1),
        matched=matched,
        dropped={**matched.truth.dropped, **matched.predicted.dropped},
    )


def measured(predicted: Detections, geometry: Geometry) -> Detections:
    """Predictions with the area that their geometry has, as pycocotools' loadRes sets it."""
    if geometry == "mask":
        area, _ = areas_and_boxes(masks_of(predicted))
    elif geometry == "keypoints" and predicted.keypoints is not None and len(predicted):
        low, high = predicted.keypoints[:, :, :2].min(axis=1), predicted.keypoints[:, :, :2].max(axis=1)
        area = (high - low).prod(axis=1)
    else:
        area = predicted.box[:, 2] * predicted.box[:, 3]
    return replace(predicted, area=area)


def without_keypoints(truth: Detections) -> BoolArray:
    """Objects whose points nobody labelled: ignored where keypoints are measured."""
    if truth.keypoints is None:
        return np.zeros(len(truth), bool)
    return np.asarray(~(truth.keypoints[:, :, 2] > 0).any(axis=1))


def within(these: Detections, area: AreaRange) -> BoolArray:
    return np.asarray((these.area >= area.least) & (these.area <= area.most))


def _in_area(matched: Matched, area: AreaRange, limits: Sequence[int]) -> Curves:
    counted = within(matched.truth, area)
    errors = within(matched.predicted, area)
    partnered = partners(matched, rematch(matched, counted))
    return curves(matched, partnered, gt_counts=counted & ~matched.ignored, det_counts=errors, limits=limits)


# -- numbers


def mean_known(values: FloatArray) -> float:
    """Mean of what is not NaN, summed in pycocotools' order; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if known.size else NAN


def summary(report: CocoReport) -> dict[str, float]:
    """AP, AP50, AP75, AP<area>, AR<limit>, AR<area>; NaN where an IoU is not among the thresholds."""
    options = report.options
    found = {"AP": mean_known(report.precision[..., 0])}
    for percent in (50, 75):
        found[f"AP{percent}"] = mean_known(report.precision[at_iou(options.iou, percent / 100), :, :, 0])
    for i, area in enumerate(options.areas[1:], 1):
        found[f"AP{area.name}"] = mean_known(report.precision[..., i])
    if options.geometry == "keypoints":
        found["AR"] = mean_known(report.recall[:, :, 0, -1])
        for percent in (50, 75):
            found[f"AR{percent}"] = mean_known(report.recall[at_iou(options.iou, percent / 100), :, 0, -1])
    else:
        for i, limit in enumerate(options.max_detections):
            found[f"AR{limit}"] = mean_known(report.recall[:, :, 0, i])
    for i, area in enumerate(options.areas[1:], 1):
        found[f"AR{area.name}"] = mean_known(report.recall[:, :, i, -1])
    return found


def at_iou(thresholds: Sequence[float], iou: float) -> BoolArray:
    """Which of the thresholds an IoU is: at most one."""
    return np.isclose(thresholds, iou, rtol=0, atol=1e-9)


def per_class(report: CocoReport) -> dict[str, dict[str, float]]:
    """AP, AP50, AP75, AR and the count of objects of each class; NaN where a class has no object."""
    options = report.options
    out = {}
    for k, name in enumerate(report.classes):
        precision = report.precision[:, :, k, 0]
        out[name] = {
            "AP": mean_known(precision),
            **{f"AP{p}": mean_known(precision[at_iou(options.iou, p / 100)]) for p in (50, 75)},
            "AR": mean_known(report.recall[:, k, 0, -1]),
            "truths": float(report.truths[k, 0]),
        }
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision and the score that reaches it at 101 points of recall."""

    recall: FloatArray
    precision: FloatArray
    score: FloatArray


def curve(report: CocoReport, *, iou: float | None = None, label: str | None = None, area: str = ALL) -> Curve:
    """One precision-recall curve: at one IoU or their mean, of one class or their mean.

    Raises BadValue for an IoU, class or area that the report does not have.
    """
    levels = np.ones(len(report.options.iou), bool) if iou is None else at_iou(report.options.iou, iou)
    if not levels.any():
        raise BadValue(f"the report has no IoU {iou}", hint=f"it has {', '.join(f'{v:g}' for v in report.options.iou)}")
    areas = [a.name for a in report.options.areas]
    if area not in areas:
        raise BadValue(f'the report has no area "{area}"', hint=near(area, areas))
    if label is not None and label not in report.classes:
        raise BadValue(f'the report has no class "{label}"', hint=near(label, report.classes))
    kinds = np.array([label is None or name == label for name in report.classes])
    known = kinds & (report.truths[:, areas.index(area)] > 0)
    pick = np.ix_(levels, np.ones(len(RECALLS), bool), known, np.array([areas.index(area)]))
    if not known.any():
        return Curve(RECALLS, np.full(len(RECALLS), NAN), np.full(len(RECALLS), NAN))
    return Curve(RECALLS, report.precision[pick].mean(axis=(0, 2, 3)), report.score[pick].mean(axis=(0, 2, 3)))
