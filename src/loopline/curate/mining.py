"""What to label next: the rows of a pool that are most like what fails, and not like one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import BLOCK_ROWS, Float32, Indices, Vectors, checked, unit_rows
from loopline.errors import BadValue

_POOL = 5  # candidates looked at for each one picked


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """rows (m,) of the pool, the most worth first · score (m,) likeness to the failure it is most like ·
    because (m,) int64, that failure."""

    rows: Indices
    score: npt.NDArray[np.float64]
    because: Indices


def mine(
    pool: Vectors, failures: Vectors, count: int, *, weight: npt.ArrayLike | None = None, diversity: float = 0.3
) -> Mined:
    """`count` rows of the pool (n, d) most like the failures (f, d).

    weight     (f,) how bad each failure is, in [0, 1]; likeness is multiplied by it
    diversity  0: by likeness alone; towards 1: ever less of what is like something picked before
    Source     maximal marginal relevance: Carbonell, Goldstein, SIGIR 1998.
    Raises     BadValue where the vectors differ in length, or diversity lies outside [0, 1)
    """
    if checked(pool, "pool").shape[1] != checked(failures, "failures").shape[1]:
        raise BadValue(f"the pool has vectors of {pool.shape[1]} numbers and the failures of {failures.shape[1]}")
    if not 0 <= diversity < 1:
        raise BadValue(f"diversity lies in [0, 1), not at {diversity:g}")
    weights = np.ones(len(failures)) if weight is None else np.asarray(weight, np.float64)
    if len(weights) != len(failures):
        raise BadValue(f"there are {len(failures)} failures and {len(weights)} weights")
    if not len(pool) or not len(failures) or count < 1:
        return Mined(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
    score, because = _closest(pool, unit_rows(failures), weights)
    order = diverse(pool, score, count, diversity=diversity)
    return Mined(order, score[order], because[order])


def diverse(vectors: Vectors, worth: npt.ArrayLike, count: int, *, diversity: float = 0.3) -> Indices:
    """(m,) up to `count` of n rows by falling worth, ever less of what is like something picked before.

    vectors (n, d) · worth (n,) 0 … 1; NaN is never picked · diversity as in `mine`
    """
    if not 0 <= diversity < 1:
        raise BadValue(f"diversity lies in [0, 1), not at {diversity:g}")
    score = np.asarray(worth, np.float64)
    first = np.argsort(-score, kind="stable")  # NaN comes last
    first = first[: np.isfinite(score).sum()][: max(count, 0) * (_POOL if diversity else 1)]
    if not diversity or not len(first):
        return np.asarray(first, np.int64)
    order = _diverse(unit_rows(vectors[np.sort(first)])[_back(first)], score[first], count, diversity)
    return np.asarray(first[order], np.int64)


def _back(rows: Indices) -> Indices:
    """Where each row stands among the rows in rising order: a map on disk is read in order."""
    return np.searchsorted(np.sort(rows), rows)


def _closest(
    pool: Vectors, failures: Float32, weight: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], Indices]:
    score, because = np.full(len(pool), -np.inf), np.zeros(len(pool), np.int64)
    for start in range(0, len(pool), BLOCK_ROWS):
        block = unit_rows(pool[start : start + BLOCK_ROWS])
        for other in range(0, len(failures), BLOCK_ROWS):
            likeness = (block @ failures[other : other + BLOCK_ROWS].T) * weight[other : other + BLOCK_ROWS]
            best = likeness.argmax(axis=1)
            value = likeness[np.arange(len(block)), best]
            mine_now = slice(start, start + len(block))
            better = value > score[mine_now]
            because[mine_now] = np.where(better, other + best, because[mine_now])
            score[mine_now] = np.where(better, value, score[mine_now])
    return score, because


def _diverse(unit: Float32, score: npt.NDArray[np.float64], count: int, diversity: float) -> Indices:
    """Picks one by one: likeness to a failure, less likeness to what has been picked."""
    nearest = np.zeros(len(unit))
    left = np.ones(len(unit), bool)
    out: list[int] = []
    while len(out) < min(count, len(unit)):
        worth = np.where(left, (1 - diversity) * score - diversity * nearest, -np.inf)
        row = int(worth.argmax())
        out.append(row)
        left[row] = False
        np.maximum(nearest, unit @ unit[row], out=nearest)
    return np.array(out, np.int64)
