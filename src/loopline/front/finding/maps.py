"""Embeddings placed on a plane, and kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate.projection import Method, project
from loopline.errors import BadValue
from loopline.front.finding._searched import Searched, viewed
from loopline.front.finding._vectors import Ids, neighbours_of
from loopline.front.finding.result import Found, measured
from loopline.front.finding.similar import chosen_key
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.store.vector_cache import vectors
from loopline.store.vectors import Embedding, embeddings, write_vectors


def map_(
    here: Searched,
    key: str | None = None,
    *,
    method: Method = "pca",
    into: str | None = None,
    replace: bool = False,
    seed: int = 0,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Found:
    """Each vector as a point in the plane, kept with the data as the embedding `into` (default `<key>_<method>`).

    method   "pca": principal components, at once · "pacmap": keeps neighbours together, in about a second for each
             thousand vectors · "umap": likewise, where umap-learn is installed
    replace  a map of that name: made anew, such as after more vectors came
    Table: id · x · y.
    """
    with measured() as cost:
        chosen = chosen_key(here.lake, key)
        name = into or f"{chosen.key}_{method}"
        ids, matrix = vectors(here.lake, chosen.key)
        known = {one.key: one for one in embeddings(here.lake)}.get(name)
        new = Embedding(name, chosen.owner, f"{method} of {chosen.key}", chosen.fingerprint, 2, False)
        if known is not None and not (replace and known.model == new.model):
            hint = "`replace` makes it anew" if known.model == new.model else "choose another name with `into`"
            raise BadValue(f'there is an embedding "{name}" of {known.model}', hint=hint)
        points = _projected(here, chosen, ids, matrix, method, seed, progress, stop)
        reach = float(np.abs(points).max(initial=0)) or 1.0
        write_vectors(here.lake, new, ids, points / reach, replace=known is not None)
    table = pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1]})
    return Found(f"map of {chosen.key} by {method}", table, viewed(here, chosen.owner, ids[:0]), (), cost)


def _projected(
    here: Searched,
    of: Embedding,
    ids: Ids,
    matrix: npt.NDArray[np.float16],
    method: Method,
    seed: int,
    progress: Progress,
    stop: StopSignal | None,
) -> npt.NDArray[np.float32]:
    if method != "pacmap" or len(ids) < 3:
        return project(matrix, method=method, seed=seed)
    _, table = neighbours_of(here.lake, of.key, progress=progress)
    with stage(progress, "map", total=None, unit="rounds") as report:

        def told(done: int, total: int) -> None:
            if stop is not None:
                stop.check()
            report(done, total)

        return project(matrix, method=method, seed=seed, table=table, report=told)
