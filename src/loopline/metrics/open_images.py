"""The Open Images Challenge protocol: average precision where not every class of a picture was looked for.

- *Verified labels.* A class was looked for in a picture if it has a box there or an image label, of presence or of
  absence. Predictions of other classes are left out: nobody knows whether they are right.
- *Groups.* A box around many objects ("group of", iscrowd here) is found by any prediction that lies in it by half of
  its own area; all such predictions count as one hit with the best of their scores. A group that nothing lies in is
  missed. With `group_weight` 0 groups are neither hit nor missed and what lies in them is left out.
- *Hierarchy.* A cat is an animal: `expand` copies boxes and image labels of presence to the super-classes and labels of
  absence to the sub-classes. The challenge expands the truth; models are asked to do the same to their predictions.
- Each prediction claims the object that it overlaps most (`_claims.py`); AP is the area under the curve of all points;
  the mean runs over classes with an object. No limit of detections.

Source  storage.googleapis.com/openimages/web/evaluation.html; the object_detection evaluator of TensorFlow's models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue, near
from loopline.kernel.detections import Detections, align, take
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, mean_of_known
from loopline.metrics._claims import Claimed, claims, first_claims
from loopline.metrics._matching import ranked
from loopline.metrics._pairs import find_pairs


@dataclass(frozen=True, slots=True)
class OpenImagesOptions:
    """iou: what counts as found, and the share of a prediction that must lie in a group · group_weight: a group counts
    as so many objects; None: groups are ordinary boxes."""

    iou: float = 0.5
    group_weight: float | None = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.iou <= 1 or (self.group_weight is not None and self.group_weight < 0):
            raise BadValue(f"the IoU must lie above 0 and at most at 1, a group's weight at 0 or above: {self}")


STANDARD: Final = OpenImagesOptions()


@dataclass(frozen=True, slots=True, eq=False)
class ImageLabels:
    """Verified labels of whole pictures: l rows of sample id, class index, and whether the class is there."""

    sample_id: AnyArray
    class_id: AnyArray
    present: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class OpenImagesReport:
    """ap (k,) by class, NaN where a class has no object · truths (k,) objects, groups by weight.

    By prediction, (n,): gt_of the object or group that it found, -1: none · hit · ignored: of a class nobody looked
    for, or one more inside a group · claimed: what slices and resampling ask.
    """

    classes: tuple[str, ...]
    ap: FloatArray
    truths: FloatArray
    gt_of: AnyArray
    hit: BoolArray
    ignored: BoolArray
    claimed: Claimed

    def numbers(self) -> dict[str, float]:
        wrong = ~self.hit & ~self.ignored
        return {"mAP": mean_of_known(self.ap), "tp": float(self.hit.sum()), "fp": float(wrong.sum())}


def evaluate(
    truth: Detections,
    predicted: Detections,
    *,
    labels: ImageLabels | None = None,
    options: OpenImagesOptions = STANDARD,
) -> OpenImagesReport:
    """AP of each class. labels=None: every class was looked for everywhere.

    Raises BadValue where predictions have no scores or the classes differ.
    """
    if predicted.score is None:
        raise BadValue("predictions need scores", hint="read them with from_rows(scored=True)")
    truth, predicted = align(truth, predicted)
    if options.group_weight is None:
        truth = replace(truth, iscrowd=np.zeros(len(truth), bool))
    known = _looked_for(truth, predicted, labels)
    _, rank = ranked(predicted, by_class=True)
    # A group's pair says which share of the prediction lies in it; an object's the IoU.
    pairs = find_pairs(truth, predicted, rows=known)
    group = truth.iscrowd
    one = claims(pairs, len(predicted), ~group)
    gt_of = np.where(one.overlap >= options.iou, one.gt, -1).astype(np.int32)
    hit = first_claims(gt_of, rank)
    many = claims(pairs, len(predicted), group)
    inside = ~hit & (many.overlap >= options.iou)
    best_inside = first_claims(np.where(inside, many.gt, -1), rank)
    weight = options.group_weight or 0.0
    counted = known & ~inside | (best_inside & (weight > 0))
    good = hit | (best_inside & (weight > 0))
    claim = np.where(inside, many.gt, gt_of)
    claimed = Claimed(
        truth,
        predicted,
        claim=claim,
        counted=counted,
        hit=good,
        weight=np.where(best_inside, weight, 1.0),
        worth=np.where(group, weight, 1.0),
        rule="all-points",
    )
    found = np.where(hit | inside, claim, -1).astype(np.int32)
    return OpenImagesReport(truth.classes, claimed.ap(), claimed.truths(), found, good, ~counted, claimed)


def _looked_for(truth: Detections, predicted: Detections, labels: ImageLabels | None) -> BoolArray:
    """Predictions of a class that has a box or a verified label in their picture, (n,)."""
    if labels is None:
        return np.ones(len(predicted), bool)
    k = max(len(truth.classes), 1)
    ids, sample = np.unique(truth.sample_id, return_inverse=True)
    at = np.searchsorted(ids, labels.sample_id)
    ours = (at < len(ids)) & (ids[np.minimum(at, len(ids) - 1)] == labels.sample_id) if len(ids) else at < 0
    seen = np.concatenate(
        [
            at[ours] * k + labels.class_id[ours],
            sample[truth.unit()] * k + truth.class_id,
        ]
    )
    return np.isin(sample[predicted.unit()] * k + predicted.class_id, seen)


# -- hierarchy


def ancestors_of(tree: Mapping[str, Any], names: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """Super-classes of each class in Open Images' JSON hierarchy, nearest first. The root is no class.

    `names`: class name by label id; the ids themselves where not given.

    >>> tree = {"LabelName": "root", "Subcategory": [{"LabelName": "animal", "Subcategory": [{"LabelName": "cat"}]}]}
    >>> ancestors_of(tree)
    {'animal': (), 'cat': ('animal',)}
    """
    found: dict[str, tuple[str, ...]] = {}

    def visit(node: Mapping[str, Any], above: tuple[str, ...]) -> None:
        for child in node.get("Subcategory", ()):
            label = child["LabelName"]
            name = label if names is None else names.get(label, label)
            known = found.get(name, ())
            found[name] = known + tuple(a for a in above if a not in known)  # a class may hang on several branches
            visit(child, (name, *above))

    visit(tree, ())
    return found


def expand(these: Detections, ancestors: Mapping[str, Sequence[str]]) -> tuple[Detections, AnyArray]:
    """Every box once more for each super-class; and of which row each row is a copy.

    A copy keeps its object id. Raises BadValue where a super-class is not among `these.classes`.
    """
    above = _class_ancestors(these.classes, ancestors)
    copies = np.array([1 + len(a) for a in above], np.int64)
    rows = np.repeat(np.arange(len(these)), copies[these.class_id])
    wide = take(these, rows)
    flat = np.array([c for k, a in enumerate(above) for c in (k, *a)], np.int32)
    starts = np.cumsum(copies) - copies
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return replace(wide, class_id=flat[starts[these.class_id[rows]] + place]), rows


def expand_labels(labels: ImageLabels, classes: Sequence[str], ancestors: Mapping[str, Sequence[str]]) -> ImageLabels:
    """Labels of presence also for the super-classes, labels of absence also for the sub-classes."""
    above = _class_ancestors(classes, ancestors)
    below: list[list[int]] = [[k for k, a in enumerate(above) if parent in a] for parent in range(len(classes))]
    rows: list[tuple[int, int, bool]] = []
    for sample, label, present in zip(
        labels.sample_id.tolist(), labels.class_id.tolist(), labels.present.tolist(), strict=True
    ):
        more = above[label] if present else below[label]
        rows += [(sample, k, present) for k in (label, *more)]
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return ImageLabels(columns[:, 0], columns[:, 1], columns[:, 2] == 1)


def _class_ancestors(classes: Sequence[str], ancestors: Mapping[str, Sequence[str]]) -> list[list[int]]:
    place = {name: i for i, name in enumerate(classes)}
    out = []
    for name in classes:
        missing = [a for a in ancestors.get(name, ()) if a not in place]
        if missing:
            raise BadValue(
                f'the super-class "{missing[0]}" of "{name}" is not among the classes', hint=near(missing[0], classes)
            )
        out.append([place[a] for a in ancestors.get(name, ())])
    return out


def labels_of(sample_id: npt.ArrayLike, class_id: npt.ArrayLike, present: npt.ArrayLike) -> ImageLabels:
    """Image labels from columns. Raises BadValue where they differ in length."""
    columns = np.asarray(sample_id, np.int64), np.asarray(class_id, np.int64), np.asarray(present, bool)
    if len({len(c) for c in columns}) > 1:
        raise BadValue("image labels need as many sample ids as classes and values")
    return ImageLabels(*columns)
