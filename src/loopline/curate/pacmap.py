"""A map that keeps neighbours together and far groups apart, made from the neighbour table: no further library.

Three kinds of pairs pull or push points, first the far-reaching ones, so that the whole falls into place before its parts.

Source  Wang, Huang, Rudin, Shaposhnik, Understanding How Dimension Reduction Tools Work (PaCMAP), JMLR 22, 2021; here
        with cosine neighbours that are known already, instead of scaled distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import Float32, Vectors, unit_rows
from loopline.curate.neighbours import Neighbours

ROUNDS: Final = 450
_PHASES: Final = (100, 200)  # rounds at which the mid-near pairs have led to the whole, and at which they let go
_MID, _MID_FROM, _FAR = 0.5, 6, 2.0  # mid-near and far pairs for each neighbour; drawn to find one mid-near pair
_AT_ONCE: Final = 8192
_RATE: Final = 1.0
_DECAY: Final = (0.9, 0.999)

Indices32 = npt.NDArray[np.int32]


def pacmap(
    vectors: Vectors,
    table: Neighbours,
    start: Float32,
    *,
    rng: np.random.Generator,
    report: Callable[[int, int], None] | None = None,
) -> Float32:
    """(n, 2) from n vectors, their neighbours, and a first placing (n, 2) such as the principal axes.

    report  is called with the rounds that are done and ROUNDS; what it raises ends the work
    Time    grows with n: about a second for each thousand rows.  Memory  some 300 bytes a row
    """
    n = len(vectors)
    count = min(_wanted(n), table.index.shape[1], n - 1)
    pairs = (
        _near(table, count),
        _mid_near(vectors, max(1, round(count * _MID)), rng),
        rng.integers(0, n, (n, round(count * _FAR)), dtype=np.int32),
    )
    places = np.asarray(start, np.float32)
    places = np.float32(0.01) * (places - places.mean(axis=0)) / np.float32(max(float(places.std()), 1e-12))
    places += rng.standard_normal(places.shape, dtype=np.float32) * np.float32(1e-5)  # twins are not stuck together
    first, second = np.zeros_like(places), np.zeros_like(places)
    for done in range(1, ROUNDS + 1):
        slope = _slope(places, pairs, _weights(done))
        first += np.float32(1 - _DECAY[0]) * (slope - first)
        second += np.float32(1 - _DECAY[1]) * (slope * slope - second)
        rate = _RATE * math.sqrt(1 - _DECAY[1] ** done) / (1 - _DECAY[0] ** done)
        places -= np.float32(rate) * first / (np.sqrt(second) + np.float32(1e-7))
        if report is not None:
            report(done, ROUNDS)
    return np.asarray(places - places.mean(axis=0), np.float32)


def _wanted(n: int) -> int:
    return 10 if n <= 10_000 else round(10 + 15 * (math.log10(n) - 4))


def _near(table: Neighbours, count: int) -> Indices32:
    """(n, count); a row with fewer neighbours has itself in their place, which neither pulls nor pushes."""
    found = table.index[:, :count]
    return np.where(found >= 0, found, np.arange(len(table), dtype=np.int32)[:, None])


def _mid_near(vectors: Vectors, count: int, rng: np.random.Generator) -> Indices32:
    """(n, count): each the second nearest of a few rows that were drawn."""
    n = len(vectors)
    out = np.empty((n, count), np.int32)
    for low in range(0, n, _AT_ONCE):
        block = unit_rows(vectors[low : low + _AT_ONCE])
        for place in range(count):
            drawn = rng.integers(0, n, (len(block), _MID_FROM), dtype=np.int32)
            others = np.unique(drawn)
            unit = unit_rows(vectors[others])[np.searchsorted(others, drawn)]
            alike = np.einsum("nd,nkd->nk", block, unit)
            second = np.argpartition(-alike, 1, axis=1)[:, 1]
            out[low : low + len(block), place] = drawn[np.arange(len(block)), second]
    return out


def _weights(done: int) -> tuple[float, float, float]:
    """Of near, mid-near and far pairs."""
    if done <= _PHASES[0]:
        share = (done - 1) / _PHASES[0]
        return 2.0, (1 - share) * 1000.0 + share * 3.0, 1.0
    return (3.0, 3.0, 1.0) if done <= _PHASES[1] else (1.0, 0.0, 1.0)


def _slope(
    places: Float32, pairs: tuple[Indices32, Indices32, Indices32], weights: tuple[float, float, float]
) -> Float32:
    """The gradient of w · d/(10 + d) of near, w · d/(10,000 + d) of mid-near and w/(1 + d) of far pairs, where d is the
    square of the distance, and 1."""
    slope = np.zeros_like(places)
    x, y = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
    for other, weight, reach, sign in zip(pairs, weights, (10.0, 10_000.0, 1.0), (1, 1, -1), strict=True):
        if not weight:
            continue
        dx, dy = x[:, None] - x[other], y[:, None] - y[other]
        pull = np.float32(2 * sign * weight * reach) / np.square(dx * dx + dy * dy + np.float32(1 + reach))
        flat = other.ravel()
        for axis, delta in enumerate((dx, dy)):
            delta *= pull
            slope[:, axis] += delta.sum(axis=1)
            slope[:, axis] -= np.bincount(flat, delta.ravel(), len(places)).astype(np.float32)
    return slope
