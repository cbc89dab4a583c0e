"""How unsure a model is of each picture, by the scores that it gave; and how far it is from what people said."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import Indices
from loopline.errors import BadValue, near

Float64 = npt.NDArray[np.float64]
Measure = Literal["entropy", "margin", "least"]
Over = Literal["max", "mean"]

MEASURES: Final[tuple[Measure, ...]] = ("entropy", "margin", "least")
OVERS: Final[tuple[Over, ...]] = ("max", "mean")


def of_objects(score: npt.ArrayLike, measure: Measure = "entropy") -> Float64:
    """(n,) of objects that are there with a probability of `score`: 0 sure … 1.

    entropy  in bits of there or not · margin: 1 - |there - not there| · least: 1 - score

    >>> of_objects([0.5, 1.0, 0.75], "margin")
    array([1. , 0. , 0.5])
    """
    _check(measure)
    there = np.clip(np.asarray(score, np.float64), 0, 1)
    if measure == "least":
        return np.asarray(1 - there)
    if measure == "margin":
        return np.asarray(1 - np.abs(2 * there - 1))
    return _bits(there) + _bits(1 - there)


def of_classes(sample: Indices, score: npt.ArrayLike, samples: int, measure: Measure = "entropy") -> Float64:
    """(samples,) of pictures whose classes have n scores; NaN for a picture without one.

    sample   (n,) which picture, 0 … samples - 1
    measure  entropy: in bits, of the scores there are and of what is left of 1 · margin: 1 - (the best - the next),
             where only the best is kept the next is what is left of 1 · least: 1 - the best

    Scores that sum up to more than 1 are of classes that do not exclude one another: the unsurest of them counts.
    Source  Settles, Active Learning Literature Survey, 2009, section 3.1.
    """
    _check(measure)
    value = np.clip(np.asarray(score, np.float64), 0, 1)
    total = np.bincount(sample, value, samples)
    apart = total > 1 + 1e-3
    order = np.lexsort((-value, sample))
    first = np.searchsorted(sample[order], np.arange(samples))
    count = np.bincount(sample, minlength=samples)
    sorted_ = np.append(value[order], [0.0, 0.0])
    rest: Float64 = np.clip(1 - total, 0, 1)
    best = sorted_[first]
    if measure == "least":
        found = 1 - best
    elif measure == "margin":
        found = 1 - (best - np.where(count > 1, sorted_[np.minimum(first + 1, len(value))], np.minimum(rest, best)))
    else:
        found = np.bincount(sample, _bits(value), samples) + _bits(rest)
    found = np.where(apart, _of_samples(sample, of_objects(value, measure), samples, "max"), found)
    return np.asarray(np.where(count > 0, found, np.nan))


def per_sample(sample: Indices, value: npt.ArrayLike, samples: int, over: Over = "max") -> Float64:
    """(samples,) of n objects: the greatest, or the mean; NaN for a picture without one."""
    if over not in OVERS:
        raise BadValue(f'no way to sum up "{over}"', hint=near(over, OVERS))
    return _of_samples(sample, np.asarray(value, np.float64), samples, over)


def _of_samples(sample: Indices, value: Float64, samples: int, over: Over) -> Float64:
    count = np.bincount(sample, minlength=samples)
    if over == "mean":
        total = np.bincount(sample, value, samples)
        return np.asarray(np.divide(total, count, out=np.full(samples, np.nan), where=count > 0))
    most = np.full(samples, -np.inf)
    np.maximum.at(most, sample, value)
    return np.asarray(np.where(count > 0, most, np.nan))


def disagreement(
    sample_of_truth: Indices,
    sample_of_predicted: Indices,
    score: npt.ArrayLike,
    right: npt.NDArray[np.bool_],
    samples: int,
) -> Float64:
    """(samples,) 0 … 1: 1 - 2 · the scores of right predictions / (objects of the truth + all scores); 0 without either.

    right  (n,) the prediction found an object that no surer one had found
    Source the Dice coefficient, with a prediction counted by as much as the model believes it.
    """
    value = np.clip(np.asarray(score, np.float64), 0, 1)
    agreed = np.bincount(sample_of_predicted, value * right, samples)
    both = np.bincount(sample_of_truth, minlength=samples) + np.bincount(sample_of_predicted, value, samples)
    return np.asarray(1 - np.divide(2 * agreed, both, out=np.ones(samples), where=both > 0))


def _bits(share: Float64) -> Float64:
    return np.asarray(-share * np.log2(np.where(share > 0, share, 1)))


def _check(measure: str) -> None:
    if measure not in MEASURES:
        raise BadValue(f'no measure "{measure}"', hint=near(measure, MEASURES))
