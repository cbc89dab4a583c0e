"""What is like this? Exact search over all vectors, by cosine; an approximate index only above a million.

With faiss the vectors stay in float16 (half the memory) and half a million of 512 numbers are searched in less than
a tenth of a second; without it NumPy gives the same answer, slower.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from loopline.curate._vectors import BLOCK_ROWS, Float32, Indices, Vectors, blocks, checked, unit_rows
from loopline.errors import BadValue

APPROXIMATE_ABOVE: Final = 1_200_000
"""Rows above which an approximate index pays: exact search takes a third of a second or more there."""

_GRAPH: Final = (32, 80, 128)  # links a row, breadth while building, breadth while searching
_PROBES: Final = 200


class Nearest(NamedTuple):
    """rows (q, k) int64, by falling likeness, -1 where there are fewer; similarity (q, k) float32, cosine."""

    rows: Indices
    similarity: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Vectors ready to be searched, many times.

    recall  share of the true nearest 100 that a search finds, measured on rows of its own; 1 for exact search
    """

    rows: int
    dimension: int
    recall: float
    _vectors: Vectors
    _faiss: Any

    def search(self, queries: Vectors, k: int) -> Nearest:
        """The k rows most like each query, (q, d). Raises BadValue for vectors of another length."""
        wanted = unit_rows(checked(np.atleast_2d(queries), "queries"))
        if wanted.shape[1] != self.dimension:
            raise BadValue(
                f"a query has {wanted.shape[1]} numbers and the vectors {self.dimension}",
                hint="embed it with the model that made the vectors",
            )
        k = min(k, self.rows)
        if k <= 0 or not len(wanted):
            return Nearest(np.empty((len(wanted), 0), np.int64), np.empty((len(wanted), 0), np.float32))
        if self._faiss is None:
            return exact(self._vectors, wanted, k)
        similarity, index = self._faiss.search(wanted, k)
        return Nearest(index.astype(np.int64), similarity)


def build_index(vectors: Vectors, *, normalised: bool = False, approximate: bool | None = None) -> Index:
    """An index over (n, d) vectors. It is the caller's to keep: building takes longer than searching.

    normalised   every row has length 1 already, so float16 rows are taken as they are
    approximate  a graph (HNSW) instead of a look at every row; None: above a million rows, where faiss is there
    """
    rows, dimension = checked(vectors).shape
    fast = importlib.util.find_spec("faiss") is not None
    graph = fast and (rows > APPROXIMATE_ABOVE if approximate is None else approximate)
    if not fast or rows == 0:
        return Index(rows, dimension, 1.0, vectors, None)
    if graph:
        return _graph_index(vectors, rows, dimension)
    import faiss

    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    if normalised and vectors.dtype == np.float16:
        codes = np.ascontiguousarray(vectors).view(np.uint8).reshape(-1)
        faiss.copy_array_to_vector(codes, index.codes)
        index.ntotal = rows
    else:
        for _, block in blocks(vectors):
            index.add(block)
    return Index(rows, dimension, 1.0, vectors, index)


def _graph_index(vectors: Vectors, rows: int, dimension: int) -> Index:
    import faiss

    links, build, breadth = _GRAPH
    half: Any = faiss.ScalarQuantizer.QT_fp16  # the stubs ask for the class of which this is a constant
    index = faiss.IndexHNSWSQ(dimension, half, links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = build, breadth
    index.is_trained = True
    for _, block in blocks(vectors):
        index.add(block)
    picked = np.linspace(0, rows - 1, min(_PROBES, rows)).astype(np.int64)
    probes = unit_rows(vectors[picked])
    k = min(100, rows)
    truth = exact(vectors, probes, k)
    found = index.search(probes, k)[1]
    hits = [len(np.intersect1d(a, b)) for a, b in zip(truth.rows, found, strict=True)]
    return Index(rows, dimension, float(np.mean(hits)) / k, vectors, index)


def exact(vectors: Vectors, queries: Vectors, k: int) -> Nearest:
    """Search without an index or faiss: every row against every query, a block of rows in memory at a time.

    Ties go to the lower row.
    """
    wanted = unit_rows(queries)
    k = min(k, len(vectors))
    best = np.full((len(wanted), k), -np.inf, np.float32)
    place = np.full((len(wanted), k), -1, np.int64)
    for start, block in blocks(vectors, BLOCK_ROWS):
        scores = wanted @ block.T
        if len(block) > k:
            floor = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
            keep = (scores >= np.maximum(floor, best[:, -1:])).any(axis=0)
            rows = np.flatnonzero(keep)
        else:
            rows = np.arange(len(block))
        if not len(rows):
            continue
        both = np.concatenate([best, scores[:, rows]], axis=1)
        where = np.concatenate([place, np.broadcast_to(start + rows, (len(wanted), len(rows)))], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        best, place = np.take_along_axis(both, order, axis=1), np.take_along_axis(where, order, axis=1)
    return Nearest(place, best)
