"""The LVIS protocol: COCO's, for data where each class was looked for in some pictures only.

- Each picture says which classes were looked for and are absent (`absent`), and which are present but not all boxed
  (`not_exhaustive`). Predictions of any other class without a box in the picture are left out; a prediction without a
  partner of a not exhaustive class is ignored.
- At most 300 predictions a picture, over all classes, in the place of COCO's 100 a class.
- There are no crowds: a crowd box counts as an object, as LVIS has none.
- AP is also given for rare, common and frequent classes.

Source  A. Gupta et al., LVIS: A Dataset for Large Vocabulary Instance Segmentation, CVPR 2019; lvis-api, eval.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue, near
from loopline.kernel.detections import Detections, align, take
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics._curves import curves, partners
from loopline.metrics._matching import Matched, match, ranked, rematch
from loopline.metrics._pairs import Geometry
from loopline.metrics.coco import AREAS, COCO_IOUS, at_iou, mean_known, measured, within

Frequency = Literal["rare", "common", "frequent"]
FREQUENCIES: Final[tuple[Frequency, ...]] = ("rare", "common", "frequent")
SampleClasses: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike]
"""Rows of sample id and class index."""


@dataclass(frozen=True, slots=True)
class LvisOptions:
    geometry: Geometry = "box"
    iou: tuple[float, ...] = COCO_IOUS
    most: int = 300  # predictions of a picture


STANDARD: Final = LvisOptions()


@dataclass(frozen=True, slots=True, eq=False)
class LvisReport:
    """precision (t, 101, k, 4) and recall (t, k, 4) by threshold, class and area · frequency by class, "" unknown ·
    unsure (n,): predictions that are ignored where they have no partner."""

    options: LvisOptions
    classes: tuple[str, ...]
    frequency: tuple[str, ...]
    precision: FloatArray
    recall: FloatArray
    truths: IntArray
    matched: Matched
    unsure: BoolArray

    def numbers(self) -> dict[str, float]:
        """LVIS' 13 numbers; NaN where nothing is known."""
        whole = self.precision[..., 0]
        found = {"AP": mean_known(whole)}
        found |= {f"AP{p}": mean_known(whole[at_iou(self.options.iou, p / 100)]) for p in (50, 75)}
        found |= {f"AP{a.name}": mean_known(self.precision[..., i]) for i, a in enumerate(AREAS) if i}
        for name in FREQUENCIES:
            found[f"AP{name}"] = mean_known(whole[:, :, [f == name for f in self.frequency]])
        found[f"AR{self.options.most}"] = mean_known(self.recall[..., 0])
        return {**found, **{f"AR{a.name}": mean_known(self.recall[..., i]) for i, a in enumerate(AREAS) if i}}


def evaluate(
    truth: Detections,
    predicted: Detections,
    *,
    absent: SampleClasses,
    not_exhaustive: SampleClasses = ((), ()),
    frequency: Mapping[str, Frequency] | None = None,
    options: LvisOptions = STANDARD,
) -> LvisReport:
    """Numbers of predictions over a federated truth.

    frequency  of each class; None: by the pictures of the truth with the class, 1 … 10 rare, … 100 common, more frequent
    Raises BadValue where scores are missing, classes differ or a frequency is unknown.
    """
    if predicted.score is None:
        raise BadValue("predictions need scores", hint="read them with from_rows(scored=True)")
    truth, predicted = align(replace(truth, iscrowd=np.zeros(len(truth), bool)), measured(predicted, options.geometry))
    _, rank = ranked(predicted, by_class=False)
    predicted = take(predicted, rank < options.most)
    present = truth.sample_id[truth.unit()], truth.class_id
    asked = among(truth, predicted, absent) | among(truth, predicted, present)
    predicted = take(predicted, asked)
    matched = match(truth, predicted, options.iou, max_detections=options.most, geometry=options.geometry)
    unsure = among(truth, predicted, not_exhaustive)
    tables = []
    for area in AREAS:
        counted = within(truth, area)
        tables.append(
            curves(
                matched,
                partners(matched, rematch(matched, counted)),
                gt_counts=counted,
                det_counts=within(predicted, area) & ~unsure,
                limits=(options.most,),
            )
        )
    return LvisReport(
        options=options,
        classes=truth.classes,
        frequency=_frequencies(truth, frequency),
        precision=np.stack([t.precision for t in tables], axis=3),
        recall=np.stack([t.recall[..., 0] for t in tables], axis=2),
        truths=np.stack([t.truths for t in tables], axis=1),
        matched=matched,
        unsure=unsure,
    )


def among(truth: Detections, predicted: Detections, rows: SampleClasses) -> BoolArray:
    """Predictions whose sample and class are one of the rows, (n,)."""
    sample, label = np.asarray(rows[0], np.int64), np.asarray(rows[1], np.int64)
    if sample.shape != label.shape:
        raise BadValue(f"{sample.size} sample ids come with {label.size} classes")
    k = max(len(truth.classes), 1)
    ids = np.unique(truth.sample_id)
    known = np.isin(sample, ids)
    keys = np.searchsorted(ids, sample[known]) * k + label[known]
    own = np.searchsorted(ids, predicted.sample_id[predicted.unit()]) * k + predicted.class_id
    return np.asarray(np.isin(own, keys))


def _frequencies(truth: Detections, frequency: Mapping[str, Frequency] | None) -> tuple[str, ...]:
    if frequency is not None:
        wrong = sorted(set(frequency.values()) - set(FREQUENCIES))
        if wrong:
            raise BadValue(f'unknown frequency "{wrong[0]}"', hint=near(wrong[0], FREQUENCIES))
        return tuple(frequency.get(name, "") for name in truth.classes)
    pictures: AnyArray = np.unique(truth.unit() * max(len(truth.classes), 1) + truth.class_id)
    count = np.bincount(pictures % max(len(truth.classes), 1), minlength=len(truth.classes))
    return tuple("" if n == 0 else "rare" if n <= 10 else "common" if n <= 100 else "frequent" for n in count.tolist())
