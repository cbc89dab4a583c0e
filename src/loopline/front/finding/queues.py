"""Worth labelling next: like what fails, unsure to a model, or not as people said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate import mining
from loopline.curate.uncertainty import Measure, Over
from loopline.front.finding._searched import Searched, of_samples, paths, with_paths, write_column
from loopline.front.finding._unsure import differing, unsure
from loopline.front.finding._vectors import Ids
from loopline.front.finding.result import Cost, Found, measured
from loopline.kernel.schema import Column
from loopline.query.view import ObjectView, View
from loopline.store.vector_cache import vectors


def hard(
    here: Searched,
    failures: View | ObjectView,
    pool: View,
    count: int,
    key: str | None = None,
    *,
    diversity: float = 0.3,
) -> Found:
    """The samples of a pool that are most like what fails, and not like one another: a queue for labelling.

    failures  samples, or objects by whose samples: `report.matches.where("outcome == 'fn'").samples()`
    Table: id · similarity · because (the sample that failed) · path.
    """
    with measured() as cost:
        ids, matrix = vectors(here.lake, of_samples(here, key).key)
        bad = failures.samples().ids() if isinstance(failures, ObjectView) else failures.ids()
        wrong = np.flatnonzero(np.isin(ids, bad))
        rest = np.flatnonzero(np.isin(ids, pool.ids()) & ~np.isin(ids, bad))
        found = mining.mine(matrix[rest], matrix[wrong], count, diversity=diversity)
        picked = ids[rest[found.rows]] if len(rest) else np.zeros(0, np.int64)
        table = pa.table(
            {
                "id": picked,
                "similarity": found.score,
                "because": ids[wrong[found.because]] if len(wrong) else picked,
                "path": paths(here, picked),
            }
        )
    return Found(f"{len(picked)} samples like what fails", table, here.view.select(picked), (), cost)


def uncertain(
    here: Searched,
    field: str = "predictions",
    *,
    measure: Measure = "entropy",
    over: Over = "max",
    where: View | None = None,
    count: int | None = None,
    key: str | None = None,
    diversity: float = 0.3,
    into: str = "uncertainty",
) -> Found:
    """How unsure a model is of each sample, by the scores of its predictions, in a column: see `curate.uncertainty`.

    over   of a picture's objects the greatest ("max") or the "mean"; a picture without one has no value
    count  a queue to label: so many of the view, the unsurest first; with the `key` of an embedding ever less of what
           is like something picked before
    """
    with measured() as cost:
        ids, values = unsure(where or here.view, field, measure, over)
        title = f"{measure} of {field}"
        return _ranked(here, ids, values, into, title, cost, count=count, key=key, diversity=diversity)


def disagreement(
    here: Searched,
    truth: str = "ground_truth",
    predicted: str = "predictions",
    *,
    where: View | None = None,
    count: int | None = None,
    key: str | None = None,
    diversity: float = 0.3,
    into: str = "disagreement",
) -> Found:
    """How far a model's predictions are from what people said, 0 … 1, in a column: what is hard, or labelled wrongly.

    Objects agree where class and place do (IoU of 0.5); each prediction counts by its score. Of classes: 1 - the
    score of the true one. count, key, diversity: as in `uncertain`
    """
    with measured() as cost:
        ids, values = differing(where or here.view, truth, predicted)
        title = f"disagreement of {predicted} with {truth}"
        return _ranked(here, ids, values, into, title, cost, count=count, key=key, diversity=diversity)


def _ranked(
    here: Searched,
    ids: Ids,
    values: npt.NDArray[np.float64],
    into: str,
    title: str,
    cost: Cost,
    *,
    count: int | None,
    key: str | None,
    diversity: float,
) -> Found:
    """Values as a column, and the highest, or a queue of them."""
    write_column(here, Column(into, "float", guidance=title), ids, pa.array(values, from_pandas=True))
    order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
    if count is not None and key is None:
        order = order[:count]
    elif count is not None:
        owners, matrix = vectors(here.lake, of_samples(here, key).key)
        known = np.flatnonzero(np.isin(ids, owners))
        rows = np.searchsorted(owners, ids[known])
        order = known[mining.diverse(matrix[rows], values[known], count, diversity=diversity)]
    best = order if count is not None else order[:100]
    view = here.view.select(ids[order]) if count is not None else here.view.sort(f"-{into}")
    return Found(title, with_paths(here, into, ids[best], values[best]), view, (into,), cost)
