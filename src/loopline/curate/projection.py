"""Vectors as points on a map: principal components at once; PaCMAP, which keeps neighbours together, in its time; UMAP
where it is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import BLOCK_ROWS, Float32, Vectors, checked, unit_rows
from loopline.curate.neighbours import Neighbours, neighbours
from loopline.curate.pacmap import pacmap
from loopline.errors import BadValue, MissingDependency, near

Method = Literal["pca", "pacmap", "umap"]
METHODS: Final[tuple[Method, ...]] = ("pca", "pacmap", "umap")
_FIT_ROWS: Final = 50_000


def project(
    vectors: Vectors,
    *,
    method: Method = "pca",
    seed: int = 0,
    table: Neighbours | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Float32:
    """(n, d) -> (n, 2) float32, centred; the same seed gives the same map.

    table   the neighbours, for "pacmap", where they are known
    report  is called with what is done and what is to do in all
    Raises BadValue for an unknown method, MissingDependency where it is not installed.
    """
    if method not in METHODS:
        raise BadValue(f'no projection "{method}"', hint=near(method, METHODS))
    rows = len(checked(vectors))
    if rows < 3 or vectors.shape[1] < 2:
        return np.zeros((rows, 2), np.float32)
    if method == "umap":
        return _umap(vectors, seed)
    axes = _pca(vectors, seed)
    if method == "pca":
        return axes
    return pacmap(vectors, table or neighbours(vectors), axes, rng=np.random.default_rng(seed), report=report)


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
        with warnings.catch_warnings():  # it says that TensorFlow is missing, which nothing here needs
            warnings.simplefilter("ignore", ImportWarning)
            import umap
    except ImportError as error:
        raise MissingDependency(
            "umap-learn is not installed", hint="pip install umap-learn, or take method='pacmap'"
        ) from error
    made = umap.UMAP(n_components=2, metric="cosine", random_state=seed, n_jobs=1).fit_transform(unit_rows(vectors))
    placed: npt.NDArray[np.float32] = np.asarray(made, np.float32)
    return np.asarray(placed - placed.mean(axis=0), np.float32)
