"""A class for each pixel: IoU, Dice, accuracy, and the same at the borders.

A class map is an integer array (h, w) of class indices 0 … k - 1; `class_map` makes one from the pixel values of a file.
Rules:

- A pixel whose truth is `NOTHING` (-1: unlabelled, ignored) counts nowhere.
- A labelled pixel without a predicted class is wrong, and sits in `unpredicted`.
- All pictures are pooled: counts add up over pictures, and IoU is taken once at the end (as PASCAL VOC and Cityscapes).
- A class that is in neither truth nor predictions has NaN, and no mean includes it.

Borders  The border of a class is what lies within d pixels (a square neighbourhood) of another class or of the
         picture's edge, inside the class. Boundary IoU compares border with border: Cheng et al., Boundary IoU,
         CVPR 2021, d = 2 % of the diagonal, at least 1. Boundary F1: the share of the one pixel wide border that lies
         within a round distance (0.75 % of the diagonal) of the other border, both ways: Csurka et al., What is a good
         evaluation measure for semantic segmentation?, BMVC 2013; pooled over pictures, which the paper averages, and
         without the picture's edge, which no one drew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.metrics._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    class_names,
    mean_of_known,
    ratio,
    share,
    weighted_mean,
)
from loopline.metrics._borders import border_inside, drawn_border, near_same

NOTHING: Final = -1
BORDER_SHARE: Final = 0.02
REACH_SHARE: Final = 0.0075


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationReport:
    """Semantic segmentation over `pictures`; arrays are (k,) float64, one number a class.

    confusion      (k, k) int64 pixels, rows are the truth; unpredicted (k,) int64
    iou, dice      intersection over union, and 2 intersection over the two sizes
    accuracy       share of the labelled pixels that are right; mean_accuracy: mean over classes of the recall
    frequency_weighted_iou   IoU weighted by the pixels of each class
    boundary_iou, boundary_f1   None unless borders were asked for
    """

    classes: tuple[str, ...]
    pictures: int
    confusion: IntArray
    unpredicted: IntArray
    iou: FloatArray
    dice: FloatArray
    precision: FloatArray
    recall: FloatArray
    accuracy: float
    mean_accuracy: float
    mean_iou: float
    mean_dice: float
    frequency_weighted_iou: float
    boundary_iou: FloatArray | None = None
    boundary_f1: FloatArray | None = None

    def numbers(self) -> dict[str, float]:
        names = "accuracy mean_accuracy mean_iou mean_dice frequency_weighted_iou pictures"
        out = {name: float(getattr(self, name)) for name in names.split()}
        for name in ("boundary_iou", "boundary_f1"):
            values = getattr(self, name)
            if values is not None:
                out[f"mean_{name}"] = mean_of_known(values)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationState:
    """Pixel counts. confusion (k + 1, k + 1): last row no truth, last column no prediction. borders (k, 7): of the
    wide border true, predicted, both; of the thin one true, of those near; predicted, of those near. All int64."""

    confusion: IntArray
    borders: IntArray
    pictures: int


def class_map(pixels: npt.ArrayLike, values: Sequence[int], *, ignore: Iterable[int] = ()) -> IntArray:
    """Pixel values (h, w) as indices into `values`; a value in `ignore` becomes -1.

    Raises BadValue for a pixel value that is in neither, with how many pixels have it.

    >>> class_map([[0, 7], [255, 7]], values=[0, 7], ignore=[255])
    array([[ 0,  1],
           [-1,  1]])
    """
    raw = np.asarray(pixels)
    if raw.ndim != 2 or raw.dtype.kind not in "iub":
        raise BadValue(f"a class map is whole numbers (h, w), not {raw.dtype} {raw.shape}")
    index = {int(value): place for place, value in enumerate(values)} | {int(value): NOTHING for value in ignore}
    found, place, count = np.unique(raw, return_inverse=True, return_counts=True)
    unknown = [int(v) for v in found if int(v) not in index]
    if unknown:
        pixels_of = int(count[np.isin(found, unknown)].sum())
        raise BadValue(
            f"{pixels_of} pixels have a value that is no class: {', '.join(map(str, unknown[:5]))}",
            hint="name them in values, or in ignore",
        )
    lookup = np.array([index[int(v)] for v in found], np.int64)
    return np.asarray(lookup[place].reshape(raw.shape), np.int64)


def start(classes: Sequence[str]) -> SegmentationState:
    count = len(class_names(classes))
    return SegmentationState(np.zeros((count + 1, count + 1), np.int64), np.zeros((count, 7), np.int64), 0)


def update(
    state: SegmentationState, truth: npt.ArrayLike, predicted: npt.ArrayLike, *, borders: bool = False
) -> SegmentationState:
    """The state with one more picture.

    Shapes  truth, predicted (h, w) class indices; -1 is "nothing" on either side
    Raises  BadValue where the sizes differ or an index names no class
    """
    count = len(state.borders)
    true, guess = _map("truth", truth, count), _map("predicted", predicted, count)
    if true.shape != guess.shape:
        raise BadValue(f"the class maps differ in size: truth {true.shape}, predicted {guess.shape}")
    size = count + 1
    cell = np.where(true < 0, count, true) * size + np.where(guess < 0, count, guess)
    confusion = np.bincount(cell.ravel(), minlength=size * size).reshape(size, size)
    edge = _border_counts(true, guess, count) if borders and true.size else 0
    return SegmentationState(state.confusion + confusion, state.borders + edge, state.pictures + 1)


def merge(a: SegmentationState, b: SegmentationState) -> SegmentationState:
    return SegmentationState(a.confusion + b.confusion, a.borders + b.borders, a.pictures + b.pictures)


def finish(state: SegmentationState, classes: Sequence[str]) -> SegmentationReport:
    labelled = state.confusion[:-1]
    confusion = labelled[:, :-1]
    both, true, guess = np.diag(confusion), labelled.sum(axis=1), confusion.sum(axis=0)
    iou, dice = ratio(both, true + guess - both), ratio(2 * both, true + guess)
    recall = ratio(both, true)
    return SegmentationReport(
        classes=tuple(classes),
        pictures=state.pictures,
        confusion=confusion,
        unpredicted=labelled[:, -1],
        iou=iou,
        dice=dice,
        precision=ratio(both, guess),
        recall=recall,
        accuracy=share(int(both.sum()), int(true.sum())),
        mean_accuracy=mean_of_known(recall),
        mean_iou=mean_of_known(iou),
        mean_dice=mean_of_known(dice),
        frequency_weighted_iou=weighted_mean(iou, true),
        **(_border_numbers(state.borders) if state.borders.any() else {}),
    )


def segmentation_report(
    pictures: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], classes: Sequence[str], *, borders: bool = False
) -> SegmentationReport:
    """The numbers over (truth, predicted) class maps, one picture in memory at a time. `borders` adds about 0.1 s each."""
    state = start(classes)
    for truth, predicted in pictures:
        state = update(state, truth, predicted, borders=borders)
    return finish(state, classes)


def binary_iou(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """IoU of two masks (h, w) of True and False; NaN where both are empty."""
    true, guess = np.asarray(truth, bool), np.asarray(predicted, bool)
    if true.shape != guess.shape:
        raise BadValue(f"the masks differ in size: {true.shape} and {guess.shape}")
    return share(int((true & guess).sum()), int((true | guess).sum()))


def _map(name: str, values: npt.ArrayLike, count: int) -> IntArray:
    out = np.asarray(values)
    if out.ndim != 2 or out.dtype.kind not in "iub":
        raise BadValue(f"{name} must be a class map: whole numbers (h, w), not {out.dtype} {out.shape}")
    out = out.astype(np.int64)
    if out.size and (out.min() < NOTHING or out.max() >= count):
        wrong = int(out.min()) if out.min() < NOTHING else int(out.max())
        raise BadValue(
            f"{name} has the class index {wrong}; there are {count} classes", hint="class_map() makes indices"
        )
    return out


# -- borders


def _border_counts(true: IntArray, guess: IntArray, count: int) -> IntArray:
    valid = true >= 0
    diagonal = float(np.hypot(*true.shape))
    wide = max(1, round(BORDER_SHARE * diagonal))
    wide_true, wide_guess = (border_inside(x, wide) & valid for x in (true, guess))

    def per_class(classes: IntArray, where: BoolArray) -> IntArray:
        return np.bincount(classes[where & (classes >= 0)], minlength=count)

    out = np.zeros((count, 7), np.int64)
    out[:, 0] = per_class(true, wide_true)
    out[:, 1] = per_class(guess, wide_guess)
    out[:, 2] = per_class(true, wide_true & wide_guess & (true == guess))
    reach = max(1, round(REACH_SHARE * diagonal))
    thin_true, thin_guess = (np.where(drawn_border(x, valid), x, NOTHING) for x in (true, guess))
    for column, (thin, other) in zip((3, 5), ((thin_true, thin_guess), (thin_guess, thin_true)), strict=True):
        out[:, column] = per_class(thin, thin >= 0)
        out[:, column + 1] = per_class(thin, near_same(thin, other, reach))
    return out


def _border_numbers(borders: IntArray) -> Mapping[str, FloatArray]:
    true, guess, both, thin_true, true_near, thin_guess, guess_near = borders.T
    recall, precision = ratio(true_near, thin_true, empty=0), ratio(guess_near, thin_guess, empty=0)
    f1 = ratio(2 * precision * recall, precision + recall, empty=0)
    f1[(thin_true == 0) & (thin_guess == 0)] = np.nan
    return {"boundary_iou": ratio(both, true + guess - both), "boundary_f1": f1}
