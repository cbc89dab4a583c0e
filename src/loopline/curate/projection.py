"""Vectors as points on a map: principal components at once; UMAP, which keeps neighbours together, where installed."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import BLOCK_ROWS, Float32, Vectors, checked, unit_rows
from loopline.errors import BadValue, MissingDependency, near

Method = Literal["pca", "umap"]
METHODS: Final[tuple[Method, ...]] = ("pca", "umap")
_FIT_ROWS: Final = 50_000


def project(vectors: Vectors, *, method: Method = "pca", seed: int = 0) -> Float32:
    """(n, d) -> (n, 2) float32, centred, the wider direction first; the same seed gives the same map.

    Raises BadValue for an unknown method, MissingDependency where it is not installed.
    """
    if method not in METHODS:
        raise BadValue(f'no projection "{method}"', hint=near(method, METHODS))
    rows = len(checked(vectors))
    if rows < 3 or vectors.shape[1] < 2:
        return np.zeros((rows, 2), np.float32)
    return _pca(vectors, seed) if method == "pca" else _umap(vectors, seed)


def _pca(vectors: Vectors, seed: int) -> Float32:
    """Of many rows the axes are found on some of them, drawn with the seed; every row is then placed."""
    rng = np.random.default_rng(seed)
    picked = np.arange(len(vectors))
    if len(picked) > _FIT_ROWS:
        picked = np.sort(rng.choice(len(picked), _FIT_ROWS, replace=False))
    sample = unit_rows(vectors[picked]).astype(np.float64)
    middle = sample.mean(axis=0)
    sample -= middle
    _, axes = np.linalg.eigh(sample.T @ sample)
    chosen = axes[:, [-1, -2]]
    # An axis has no sign of its own: the largest of its numbers is made positive.
    top = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[top, [0, 1]])
    out = np.empty((len(vectors), 2), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        out[start : start + BLOCK_ROWS] = (unit_rows(vectors[start : start + BLOCK_ROWS]) - middle) @ chosen
    return out


def _umap(vectors: Vectors, seed: int) -> Float32:
    try:
        import umap
    except ImportError as error:
        raise MissingDependency(
            "umap-learn is not installed", hint="pip install umap-learn, or take method='pca'"
        ) from error
    made = umap.UMAP(n_components=2, metric="cosine", random_state=seed, n_jobs=1).fit_transform(unit_rows(vectors))
    placed: npt.NDArray[np.float32] = np.asarray(made, np.float32)
    return np.asarray(placed - placed.mean(axis=0), np.float32)
