"""Array types and checks that the metrics share. Arrays are checked once, at the public functions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue

AnyArray: TypeAlias = np.ndarray[Any, Any]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

NAN = float("nan")


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike, *, empty: float = NAN) -> FloatArray:
    """part / whole, and `empty` where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), empty, np.float64)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def share(part: float, whole: float, *, empty: float = NAN) -> float:
    """part / whole, and `empty` where whole is 0."""
    return float(part) / float(whole) if whole else empty


def exact_mean(values: npt.ArrayLike) -> float:
    """The mean, the same to the last bit in any order. NaN of nothing."""
    flat = np.asarray(values, np.float64).ravel()
    return math.fsum(flat.tolist()) / flat.size if flat.size else NAN


def mean_of_known(values: npt.ArrayLike) -> float:
    """The mean of what is not NaN; NaN where nothing is known."""
    flat = np.asarray(values, np.float64)
    return exact_mean(flat[~np.isnan(flat)])


def weighted_mean(values: FloatArray, weights: npt.ArrayLike) -> float:
    """Sum of values times weights over the sum of weights; a value without weight may be NaN."""
    weights = np.asarray(weights, np.float64)
    used = weights > 0
    return share(math.fsum((values[used] * weights[used]).tolist()), float(weights.sum()))


def finite(name: str, values: npt.ArrayLike, *, ndim: int = 1) -> FloatArray:
    """`values` as float64. Raises BadValue where the shape does not fit or a value is NaN or infinite."""
    try:
        out = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise BadValue(f"{name} must be numbers", hint=str(error)) from error
    _shape(name, out, ndim)
    wrong = ~np.isfinite(out)
    if wrong.any():
        first = int(np.flatnonzero(wrong.reshape(len(out), -1).any(axis=1))[0])
        raise BadValue(
            f"{name} has {int(wrong.sum())} values that are NaN or infinite, the first in row {first}",
            hint="leave those rows out, or mend what made them",
        )
    return out


def probabilities(name: str, values: npt.ArrayLike, *, ndim: int = 1) -> FloatArray:
    """`finite`, and each value in [0, 1]."""
    out = finite(name, values, ndim=ndim)
    wrong = (out < 0) | (out > 1)
    if wrong.any():
        first = int(np.flatnonzero(wrong.reshape(len(out), -1).any(axis=1))[0])
        raise BadValue(
            f"{name} must lie between 0 and 1; {int(wrong.sum())} do not, the first in row {first}",
            hint="logits? put them through a softmax or sigmoid",
        )
    return out


def booleans(name: str, values: npt.ArrayLike, *, ndim: int = 1) -> BoolArray:
    """`values` as booleans. Raises BadValue for anything but True, False, 0 and 1."""
    out = np.asarray(values)
    _shape(name, out, ndim)
    if out.dtype == bool:
        return out
    if out.size and not np.isin(out, (0, 1)).all():
        raise BadValue(f"{name} must be True or False (or 0 and 1)")
    return out.astype(bool)


def codes(name: str, values: npt.ArrayLike, count: int, *, ndim: int = 1, least: int = -1) -> IntArray:
    """Class indices as int64, each in least … count - 1; -1 stands for none.

    Raises BadValue for an index that names no class, or for numbers that are not whole.
    """
    raw = np.asarray(values)
    _shape(name, raw, ndim)
    if raw.size and raw.dtype.kind not in "iub":
        raise BadValue(f"{name} must be class indices, not {raw.dtype}", hint="encode() turns names into indices")
    out = raw.astype(np.int64)
    wrong = (out < least) | (out >= count)
    if wrong.any():
        value = int(out[wrong].ravel()[0])
        raise BadValue(
            f"{name} has {int(wrong.sum())} class indices out of range, the first is {value}",
            hint=f"there are {count} classes: {least} … {count - 1}",
        )
    return out


def same_length(**columns: AnyArray) -> None:
    """Raises BadValue unless all columns have as many rows."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise BadValue("columns differ in length: " + ", ".join(f"{k} has {v}" for k, v in lengths.items()))


def class_names(classes: Iterable[str]) -> tuple[str, ...]:
    """The classes as a tuple. Raises BadValue where a name is there twice."""
    names = tuple(classes)
    if len(set(names)) < len(names):
        raise BadValue("a class is named twice: " + ", ".join(sorted({c for c in names if names.count(c) > 1})))
    return names


def _shape(name: str, values: AnyArray, ndim: int) -> None:
    if values.ndim != ndim and not (values.size == 0 and values.ndim <= ndim):
        raise BadValue(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, not the shape {values.shape}")
