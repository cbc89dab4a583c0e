"""Embeddings as points on a plane, the first two principal axes, and which points lie inside a drawn shape."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import QueryTypeError
from loopline.query.engine import Engine
from loopline.store.lake import Lake
from loopline.store.vector_cache import vectors
from loopline.store.vectors import embedding

FITTED: Final = 50_000
"""Vectors that the axes are found from; more change nothing that is seen."""

SPAN: Final = 65_535
"""Places go from 0 to this."""

_BATCH: Final = 65_536
_OUTER: Final = 0.001
_ROOM: Final = 0.15
_SEED: Final = 0
_GRID: Final = 512
_KEPT: Final = 4  # planes that an open data set remembers: 12 bytes a point

Places: TypeAlias = npt.NDArray[np.uint16]
Ids: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """ids (n,) rising · places (n, 2) in 0 … SPAN · owner: 'sample', or the label field whose objects the ids are of"""

    owner: str
    ids: Ids
    places: Places


Planes: TypeAlias = Callable[[str], Plane]
"""The plane of an embedding by its key, at the snapshot that is asked about. Raises UnknownField."""


def no_planes(key: str) -> Plane:
    """For statements that hold no condition."""
    raise QueryTypeError(f'there is no embedding "{key}" here, and so no points to lie inside of anything')


_lock: Final = threading.Lock()
_known: weakref.WeakKeyDictionary[Lake, dict[tuple[str, str, int], Plane]] = weakref.WeakKeyDictionary()


def plane_of(engine: Engine, key: str, snapshot: int) -> Plane:
    """The points of an embedding, computed once for the vectors that there are. Raises UnknownField."""
    if not isinstance(engine, Lake):
        return no_planes(key)
    found = embedding(engine, key, snapshot)
    ids, matrix = vectors(engine, key, snapshot=snapshot)
    state = (key, found.revision, hash(ids.tobytes()))
    with _lock:
        kept = _known.setdefault(engine, {})
        known = kept.get(state)
    if known is None:
        known = Plane(found.owner, ids, plane(matrix))
        with _lock:
            while len(kept) >= _KEPT:
                kept.pop(next(iter(kept)))
            kept[state] = known
    return known


def plane(matrix: npt.NDArray[np.float16]) -> Places:
    """(n, d) -> (n, 2) in 0 … SPAN: the two directions of greatest variance, each stretched to the whole range.

    The sign of a direction is the one that makes its greatest part positive, so that the picture does not flip.
    """
    size, dimension = matrix.shape
    if size == 0 or dimension == 0:
        return np.zeros((size, 2), np.uint16)
    rng = np.random.default_rng(_SEED)
    chosen = np.sort(rng.choice(size, FITTED, replace=False)) if size > FITTED else np.arange(size)
    some = np.nan_to_num(matrix[chosen].astype(np.float64))
    mean = some.mean(axis=0)
    centred = some - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    axes = np.zeros((dimension, 2))
    axes[:, : min(2, dimension)] = directions[:, ::-1][:, :2]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    found = np.concatenate(
        [(np.nan_to_num(matrix[i : i + _BATCH].astype(np.float64)) - mean) @ axes for i in range(0, size, _BATCH)]
    )
    # A few points far out would press all others into one spot: they are put on the edge.
    ends = (_OUTER, 1 - _OUTER) if size * _OUTER >= 1 else (0.0, 1.0)
    low, high = np.quantile(found, ends[0], axis=0), np.quantile(found, ends[1], axis=0)
    room = _ROOM * (high - low)  # what lies not far beyond is no outlier
    low, high = np.maximum(low - room, found.min(axis=0)), np.minimum(high + room, found.max(axis=0))
    span = np.where(high > low, high - low, 1.0)
    placed: Places = np.rint(np.clip((found - low) / span, 0, 1) * SPAN).astype(np.uint16)
    return placed


def inside(places: Places, corners: Sequence[float]) -> npt.NDArray[np.bool_]:
    """(n,): the points inside a polygon (even-odd). `corners`: x, y, x, y, … as shares of the plane, 0 … 1.

    Cells of a coarse grid that no edge crosses are wholly in or out, and their points need no test of their own.
    """
    xy = places.astype(np.float64) / SPAN
    shape = np.asarray(corners, np.float64).reshape(-1, 2)
    cell = np.minimum((xy * _GRID).astype(np.int64), _GRID - 1)
    number = cell[:, 1] * _GRID + cell[:, 0]
    crossed = _crossed(shape)
    middles = (np.arange(_GRID) + 0.5) / _GRID
    whole = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    plain = np.zeros(_GRID * _GRID, np.bool_)
    rest = ~crossed
    plain[rest] = _even_odd(whole[rest], shape)
    found: npt.NDArray[np.bool_] = plain[number]
    near = np.flatnonzero(crossed[number])
    found[near] = _even_odd(xy[near], shape)
    return found


def _crossed(shape: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Cells that an edge may go through, and their neighbours, so that rounding leaves none out."""
    mark = np.zeros((_GRID, _GRID), np.bool_)
    for a, b in zip(shape, np.roll(shape, -1, axis=0), strict=True):
        steps = max(2, int(np.ceil(np.abs(b - a).max() * _GRID * 2)) + 1)
        line = a + (b - a) * np.linspace(0, 1, min(steps, 8 * _GRID))[:, None]
        at = np.clip((line * _GRID).astype(np.int64), 0, _GRID - 1)
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                mark[np.clip(at[:, 1] + dy, 0, _GRID - 1), np.clip(at[:, 0] + dx, 0, _GRID - 1)] = True
    return mark.reshape(-1)


def _even_odd(xy: npt.NDArray[np.float64], shape: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(xy), np.bool_)
    x, y = xy[:, 0], xy[:, 1]
    for (xa, ya), (xb, yb) in zip(shape, np.roll(shape, -1, axis=0), strict=True):
        if ya == yb:
            continue
        crosses = (ya > y) != (yb > y)
        found ^= crosses & (x < (xb - xa) * (y - ya) / (yb - ya) + xa)
    return found
