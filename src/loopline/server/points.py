"""Embeddings as points on a plane: the first two principal axes, at once and the same every time."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.server.frames import frame
from loopline.server.kept import Kept
from loopline.server.library import Shown
from loopline.store.vector_cache import vectors
from loopline.store.vectors import embedding

FITTED: Final = 50_000
"""Vectors that the axes are found from; more change nothing that is seen."""

_BATCH: Final = 65_536
_OUTER: Final = 0.001
_SEED: Final = 0
_KEPT: Final = Kept(128 * 1024 * 1024)

Places = npt.NDArray[np.uint16]


class _Points:
    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.nbytes = len(packed)


def points(shown: Shown, key: str, snapshot: int | None) -> bytes:
    """x u2 · y u2 · id f8, in a random order, so that any prefix is a fair sample. Header: owner (sample, or a label
    field), method, snapshot. Raises UnknownField."""
    at = shown.at(snapshot)
    found = embedding(shown.lake, key, at)
    ids, matrix = vectors(shown.lake, key, snapshot=at)

    def make() -> _Points:
        places = plane(matrix)
        order = shuffled(len(ids))
        columns = {"x": places[order, 0], "y": places[order, 1], "id": ids[order].astype(np.float64)}
        extra: dict[str, object] = {"owner": found.owner, "method": "pca", "snapshot": at, "count": len(ids)}
        return _Points(frame(columns, extra))

    return _KEPT.get((str(shown.lake.location), key, found.revision, len(ids), at), make).packed


def shuffled(count: int) -> npt.NDArray[np.int64]:
    """The order that points are sent in."""
    return np.random.default_rng(_SEED).permutation(count)


def plane(matrix: npt.NDArray[np.float16]) -> Places:
    """(n, d) -> (n, 2) in 0 … 65535: the two directions of greatest variance, each stretched to the whole range.

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
    span = np.where(high > low, high - low, 1.0)
    placed: Places = np.rint(np.clip((found - low) / span, 0, 1) * 65_535).astype(np.uint16)
    return placed
