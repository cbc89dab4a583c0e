"""A few rows that stand for all: spread out as far as possible, or typical of each crowd."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loopline.curate._vectors import BLOCK_ROWS, Float32, Indices, Vectors, checked, unit_rows
from loopline.errors import BadValue

_ROUNDS = 20


def k_center(vectors: Vectors, count: int, *, already: npt.ArrayLike = (), rng: np.random.Generator) -> Indices:
    """`count` rows, each the one furthest from all taken before it; rows in `already` count as taken.

    Every row is then as near to a taken one as a greedy choice can have it (twice the optimum at most). Time grows with
    count × rows. Source  Gonzalez, 1985; Sener, Savarese, ICLR 2018.
    """
    unit, taken = unit_rows(checked(vectors)), list(np.asarray(already, np.int64).reshape(-1).tolist())
    count = _count(count, len(unit) - len(set(taken)))
    closest = np.full(len(unit), -np.inf, np.float32)
    for row in taken:
        np.maximum(closest, unit @ unit[row], out=closest)
    closest[taken] = np.inf
    out: list[int] = []
    while len(out) < count:
        row = int(closest.argmin()) if taken or out else int(rng.integers(len(unit)))
        out.append(row)
        np.maximum(closest, unit @ unit[row], out=closest)
        closest[row] = np.inf
    return np.array(out, np.int64)


def typical(vectors: Vectors, count: int, density: npt.ArrayLike, *, rng: np.random.Generator) -> Indices:
    """`count` rows, the most typical one of each of as many clusters, those of large clusters first.

    density  (n,) how like its neighbours a row is, from `neighbours.density`
    Source   Hacohen et al., Active Learning on a Budget (TypiClust), ICML 2022.
    """
    unit = unit_rows(checked(vectors))
    crowd = np.nan_to_num(np.asarray(density, np.float64), nan=-np.inf)
    if len(crowd) != len(unit):
        raise BadValue(f"there are {len(unit)} rows and {len(crowd)} densities")
    count = _count(count, len(unit))
    if count == 0:
        return np.zeros(0, np.int64)
    cluster = k_means(unit, count, rng=rng)
    size = np.bincount(cluster, minlength=count)
    order = np.lexsort((np.arange(len(unit)), -crowd, cluster, -size[cluster]))
    heads = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    return order[heads]


def k_means(vectors: Vectors, clusters: int, *, rng: np.random.Generator) -> Indices:
    """The cluster of each row, (n,) in 0 … clusters - 1, none empty: k-means on the sphere."""
    unit = unit_rows(checked(vectors))
    if not 0 < clusters <= len(unit):
        raise BadValue(f"{len(unit)} rows cannot be parted into {clusters} clusters")
    centres = unit[_spread_start(unit, clusters, rng)]
    cluster = np.zeros(len(unit), np.int64)
    for _ in range(_ROUNDS):
        before = cluster
        cluster, closeness = _nearest_centre(unit, centres)
        _fill_empty(cluster, closeness, clusters)
        if (cluster == before).all():
            break
        total = np.zeros_like(centres)
        np.add.at(total, cluster, unit)
        centres = unit_rows(total)
    return cluster


def _spread_start(unit: Float32, clusters: int, rng: np.random.Generator) -> Indices:
    """k-means++: starts drawn with a chance that grows with the distance to those before; many at once of many."""
    if clusters > 256:
        return rng.choice(len(unit), clusters, replace=False)
    picked = [int(rng.integers(len(unit)))]
    distance = 1 - unit @ unit[picked[0]]
    while len(picked) < clusters:
        weight = np.clip(distance, 0, None).astype(np.float64)
        weight[picked] = 0
        total = weight.sum()
        left = np.setdiff1d(np.arange(len(unit)), picked) if total <= 0 else None
        picked.append(int(rng.choice(left) if left is not None else rng.choice(len(unit), p=weight / total)))
        np.minimum(distance, 1 - unit @ unit[picked[-1]], out=distance)
    return np.array(picked, np.int64)


def _nearest_centre(unit: Float32, centres: Float32) -> tuple[Indices, Float32]:
    cluster, closeness = np.empty(len(unit), np.int64), np.empty(len(unit), np.float32)
    for start in range(0, len(unit), BLOCK_ROWS):
        scores = unit[start : start + BLOCK_ROWS] @ centres.T
        best = scores.argmax(axis=1)
        cluster[start : start + len(best)] = best
        closeness[start : start + len(best)] = scores[np.arange(len(best)), best]
    return cluster, closeness


def _fill_empty(cluster: Indices, closeness: Float32, clusters: int) -> None:
    """An empty cluster takes the row that fits its own worst, of a cluster with rows to spare."""
    size = np.bincount(cluster, minlength=clusters)
    for empty in np.flatnonzero(size == 0).tolist():
        spare = np.flatnonzero(size[cluster] > 1)
        row = int(spare[closeness[spare].argmin()])
        size[cluster[row]] -= 1
        cluster[row], closeness[row] = empty, np.inf
        size[empty] = 1


def _count(count: int, most: int) -> int:
    if count < 0:
        raise BadValue(f"{count} rows cannot be picked")
    return min(count, most)
