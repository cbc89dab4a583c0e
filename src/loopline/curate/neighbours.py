"""The nearest others of each row, once: uniqueness, typicality, near duplicates and leaks all read this table."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import Float32, Vectors, checked, unit_rows
from loopline.curate.search import build_index, exact
from loopline.errors import BadValue

K: Final = 20
_BLOCK: Final = 4096

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """index (n, k) int32: the k rows most like row i, itself left out, -1 where there are fewer · similarity (n, k)
    float32, cosine, falling; NaN where there are fewer."""

    index: npt.NDArray[np.int32]
    similarity: Float32

    def __len__(self) -> int:
        return len(self.index)


def neighbours(
    vectors: Vectors, *, k: int = K, report: Report | None = None, approximate: bool | None = None
) -> Neighbours:
    """The table of (n, d) vectors. Memory: the vectors in float32, and a block of rows against all of them.

    report       called with rows done and rows in all
    approximate  as in `search.build_index`
    Raises  BadValue for k < 1
    """
    rows = len(checked(vectors))
    if k < 1:
        raise BadValue(f"a row has at least 1 neighbour to look for, not {k}")
    index = np.full((rows, k), -1, np.int32)
    similarity = np.full((rows, k), np.nan, np.float32)
    wanted = min(k + 1, rows)
    search = _searcher(vectors, approximate)
    for start in range(0, rows, _BLOCK):
        found, score = search(start, min(start + _BLOCK, rows), wanted)
        mine = np.arange(start, start + len(found))
        # A row is its own nearest, or one of its twins is: it goes away wherever it stands, else the last one does.
        own = found == mine[:, None]
        own[~own.any(axis=1), -1] = True
        others = ~own
        index[start : start + len(found), : wanted - 1] = found[others].reshape(len(found), wanted - 1)
        similarity[start : start + len(found), : wanted - 1] = score[others].reshape(len(found), wanted - 1)
        if report is not None:
            report(start + len(found), rows)
    return Neighbours(index, similarity)


_Search = Callable[[int, int, int], tuple[npt.NDArray[np.int64], Float32]]


def _searcher(vectors: Vectors, approximate: bool | None) -> _Search:
    """Finds the nearest of the rows start … stop."""
    if importlib.util.find_spec("faiss") is None:
        unit = unit_rows(vectors)
        return lambda start, stop, k: exact(unit, unit[start:stop], k)
    index = build_index(vectors, approximate=approximate) if approximate or len(vectors) > 1_200_000 else None
    if index is not None:
        return lambda start, stop, k: index.search(vectors[start:stop], k)
    import faiss

    unit = unit_rows(vectors)

    def search(start: int, stop: int, k: int) -> tuple[npt.NDArray[np.int64], Float32]:
        score, found = faiss.knn(unit[start:stop], unit, k, metric=faiss.METRIC_INNER_PRODUCT)
        return found.astype(np.int64), score

    return search


def density(table: Neighbours) -> npt.NDArray[np.float64]:
    """Mean likeness to the neighbours, (n,) in [-1, 1]; NaN for a row without any."""
    known = (table.index >= 0).sum(axis=1)
    total = np.nansum(table.similarity.astype(np.float64), axis=1)
    return np.asarray(np.divide(total, known, out=np.full(len(table), np.nan), where=known > 0))


def uniqueness(table: Neighbours) -> npt.NDArray[np.float64]:
    """How unlike its neighbours each row is, (n,): 0 has a twin in every way, the most unlike row of all has 1."""
    distance = 1 - density(table)
    most = np.nanmax(distance) if np.isfinite(distance).any() else 1.0
    return np.asarray(np.where(np.isnan(distance), 1.0, np.clip(distance / max(float(most), 1e-12), 0, 1)))


def outlier_score(table: Neighbours) -> npt.NDArray[np.float64]:
    """How much further than its neighbours' a row's own neighbours are, (n,); about 1 inside a cloud, more outside.

    Source  Breunig et al., LOF, 2000, with mean distances in the place of reachability.
    """
    distance = np.clip(1 - density(table), 1e-6, None)
    distance = np.where(np.isnan(distance), np.nan, distance)
    around = np.where(table.index >= 0, distance[np.maximum(table.index, 0)], np.nan)
    known = np.isfinite(around).sum(axis=1)
    mean = np.divide(np.nansum(around, axis=1), known, out=np.full(len(table), np.nan), where=known > 0)
    return np.asarray(np.divide(distance, mean, out=np.full(len(table), np.nan), where=mean > 0))
