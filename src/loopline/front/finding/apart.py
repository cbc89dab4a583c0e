"""How each sample stands among all others: unlike them, typical of them, and some that stand for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate import coreset as cores
from loopline.curate.neighbours import Neighbours, density, outlier_score, uniqueness
from loopline.errors import BadValue
from loopline.front.finding._searched import Searched, of_samples, paths, with_paths, write_column
from loopline.front.finding._vectors import neighbours_of
from loopline.front.finding.result import Found, measured
from loopline.front.selection import Selection, sample_ids
from loopline.jobs import SILENT, Progress
from loopline.kernel.schema import Column
from loopline.query.view import View
from loopline.store.vector_cache import vectors

Spread = Literal["far", "typical"]
Score = Callable[[Neighbours], npt.NDArray[np.float64]]


def unique(here: Searched, key: str | None = None, *, into: str = "uniqueness", progress: Progress = SILENT) -> Found:
    """How unlike all others each sample is: 0 … 1, in a column; the table holds the most unique ones."""
    return _scored(here, key, into, uniqueness, "uniqueness", progress)


def outliers(here: Searched, key: str | None = None, *, into: str = "outlier", progress: Progress = SILENT) -> Found:
    """How much further from its neighbours each sample is than they are from theirs: about 1 is usual, in a column."""
    return _scored(here, key, into, outlier_score, "outliers", progress)


def typical(here: Searched, key: str | None = None, *, into: str = "typicality", progress: Progress = SILENT) -> Found:
    """How like its neighbours each sample is, -1 … 1, in a column: high means many others look like it."""
    return _scored(here, key, into, density, "typicality", progress)


def _scored(here: Searched, key: str | None, into: str, score: Score, title: str, progress: Progress) -> Found:
    with measured() as cost:
        chosen = of_samples(here, key)
        ids, table = neighbours_of(here.lake, chosen.key, progress=progress)
        values: npt.NDArray[np.float64] = score(table)
        write_column(
            here, Column(into, "float", guidance=f"{title} by {chosen.key}"), ids, pa.array(values, from_pandas=True)
        )
        best = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:100]
        rows = with_paths(here, into, ids[best], values[best])
    return Found(f"{title} by {chosen.key}", rows, here.view.sort(f"-{into}"), (into,), cost)


def coreset(
    here: Searched,
    count: int,
    key: str | None = None,
    *,
    how: Spread = "far",
    where: View | None = None,
    already: Selection | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Found:
    """`count` samples that stand for all of the view.

    how      "far": each as far as possible from those before (and from `already`): also the odd ones ·
             "typical": the most typical one of each of as many clusters: what to label first with a small budget
    already  samples that are taken, such as those with labels
    """
    if how not in ("far", "typical"):
        raise BadValue(f'no way to spread "{how}"', hint="far, typical")
    with measured() as cost:
        chosen = of_samples(here, key)
        ids, matrix = vectors(here.lake, chosen.key)
        taken = np.zeros(0, np.int64) if already is None else sample_ids(here.view, already)
        inside = np.ones(len(ids), bool) if where is None else np.isin(ids, where.ids())
        is_taken = np.isin(ids, taken)
        rows = np.flatnonzero(inside | is_taken)
        rng = np.random.default_rng(seed)
        if how == "far":
            picked = rows[cores.k_center(matrix[rows], count, already=np.flatnonzero(is_taken[rows]), rng=rng)]
        else:
            _, table = neighbours_of(here.lake, chosen.key, progress=progress)
            rows = np.flatnonzero(inside & ~is_taken)
            picked = rows[cores.typical(matrix[rows], count, density(table)[rows], rng=rng)]
        answer = pa.table({"id": ids[picked], "path": paths(here, ids[picked])})
    return Found(f"{len(picked)} samples that stand for all", answer, here.view.select(ids[picked]), (), cost)
