"""What is like this: a sample, an object, a picture from outside, a vector, or words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate.search import exact
from loopline.errors import BadValue, UnknownField, near
from loopline.front.finding._outside import embed_outside, embed_words
from loopline.front.finding._vectors import Ids, index_of
from loopline.front.finding.result import Cost, measured
from loopline.front.selection import Changeable
from loopline.query.view import ObjectView, View
from loopline.store.lake import Lake
from loopline.store.tables import SAMPLE_OWNER
from loopline.store.vector_cache import vectors
from loopline.store.vectors import Embedding, embedding, embeddings

Likeness: TypeAlias = "int | Iterable[int] | View | ObjectView | str | Path | npt.NDArray[np.floating]"
"""An id, several, a view of them, a vector (d,), a picture's file, or words."""


@dataclass(frozen=True, slots=True, eq=False)
class Similar:
    """The nearest, by falling similarity.

    ids (n,) int64 of samples, or of objects where the embedding is of objects · similarity (n,) float32, cosine
    view    the same samples or objects, in the order of their ids
    recall  share of the true nearest that the search finds; 1 where it looks at every vector
    """

    key: str
    ids: Ids
    similarity: npt.NDArray[np.float32]
    view: View | ObjectView
    recall: float
    cost: Cost

    def __len__(self) -> int:
        return len(self.ids)

    def to_arrow(self) -> pa.Table:
        """id · similarity · sample_id · path, the most alike first."""
        objects = isinstance(self.view, ObjectView)
        names = ["id", "sample_id", "sample.path"] if objects else ["id", "path"]
        rows = self.view.to_arrow(names)
        order = {int(i): place for place, i in enumerate(rows["id"].to_numpy().tolist())}
        picked = rows.take(pa.array([order[int(i)] for i in self.ids], pa.int64()))
        sample = picked["sample_id"] if objects else picked["id"]
        path = picked["sample.path" if objects else "path"]
        return pa.table({"id": self.ids, "similarity": self.similarity, "sample_id": sample, "path": path})


def chosen_key(lake: Lake, key: str | None, *, owner: str | None = None) -> Embedding:
    """The embedding of that name; without a name the only one there is (of that owner) that is no map of another. Raises
    UnknownField."""
    if key is not None:
        return embedding(lake, key)
    every = embeddings(lake)
    maps = {one.key for one in every if one.dimension == 2 and one.model.partition(" of ")[2] in {k.key for k in every}}
    known = [one for one in every if (owner is None or one.owner == owner) and one.key not in maps]
    if len(known) == 1:
        return known[0]
    if not known:
        what = "" if owner is None else " of samples" if owner == SAMPLE_OWNER else f" of {owner}"
        raise UnknownField(f"there is no embedding{what}", hint='make one: ds.embed("histogram", key="looks")')
    names = [one.key for one in known]
    raise BadValue("there are several embeddings", hint=f"say which by key: {', '.join(names)}")


def similar(
    ds: Changeable,
    to: Likeness | None = None,
    *,
    text: str | None = None,
    key: str | None = None,
    within: View | None = None,
    limit: int = 100,
) -> Similar:
    """What is most like something, by an embedding.

    to      an id or several (of samples, or objects where the embedding is of objects), a view of them, a vector,
            or the path of a picture's file. What is given is no answer itself
    text    words instead, where the model that made the embedding knows words
    key     of the embedding; may be left out where there is only one
    within  look among these samples only
    """
    lake = ds.lake
    if (to is None) == (text is None):
        raise BadValue("similar to what?", hint="give one thing: an id, a view, a vector, a file; or text=...")
    with measured() as cost:
        chosen = chosen_key(lake, key)
        queries, own = (
            (embed_words(lake, chosen, text), np.zeros(0, np.int64))
            if text is not None
            else _queries(lake, chosen, to if to is not None else [])
        )
        recall = 1.0
        if within is None:
            ids, index = index_of(lake, chosen.key)
            found = index.search(queries, min(limit + len(own), index.rows))
            rows, score, recall = found.rows, found.similarity, index.recall
        else:
            ids, matrix = vectors(lake, chosen.key)
            keep = np.flatnonzero(np.isin(ids, _owners(within, chosen)))
            # A narrow view is read by itself, row after row.
            found = exact(matrix[keep], queries, min(limit + len(own), len(keep)))
            rows, score = keep[found.rows] if len(keep) else found.rows, found.similarity
        best, worth = _best(ids, rows, score, own, limit)
        view = _view(ds.chosen(None), chosen, best)
    return Similar(chosen.key, best, worth, view, recall, cost)


def _queries(lake: Lake, of: Embedding, to: Likeness) -> tuple[npt.NDArray[np.floating], Ids]:
    """Vectors to search with, (q, d), and ids that are not an answer because they are the question."""
    if isinstance(to, np.ndarray) and np.issubdtype(to.dtype, np.floating):
        return np.atleast_2d(to), np.zeros(0, np.int64)
    if isinstance(to, (str, Path)):
        return embed_outside(lake, of, to), np.zeros(0, np.int64)
    if isinstance(to, (View, ObjectView)):
        wanted = _owners(to, of)
    else:
        numbers = np.atleast_1d(np.asarray([to] if isinstance(to, int) else list(to)))
        wanted = numbers.astype(np.int64)
    ids, matrix = vectors(lake, of.key)
    rows = np.flatnonzero(np.isin(ids, wanted))
    if not len(rows):
        what = "samples" if of.owner == SAMPLE_OWNER else f"objects of {of.owner}"
        first = int(wanted[0]) if len(wanted) else None
        raise UnknownField(
            f'none of these has a vector in "{of.key}"' + (f", such as {first}" if first is not None else ""),
            hint=f'"{of.key}" holds vectors of {what}; embed what is new: ds.embed(...)',
        )
    return np.asarray(matrix[rows]), ids[rows]


def _owners(view: View | ObjectView, of: Embedding) -> Ids:
    """The ids of a view that the embedding may know: samples, or objects of its field."""
    if of.owner == SAMPLE_OWNER:
        return view.samples().ids() if isinstance(view, ObjectView) else view.ids()
    if isinstance(view, ObjectView):
        if view.field != of.owner:
            raise BadValue(
                f'"{of.key}" holds vectors of {of.owner}, not of {view.field}', hint=near(of.owner, [of.owner])
            )
        return view.ids()
    return view.objects(of.owner).ids()


def _best(
    ids: Ids, rows: npt.NDArray[np.int64], score: npt.NDArray[np.float32], own: Ids, limit: int
) -> tuple[Ids, npt.NDArray[np.float32]]:
    """Each id with its best similarity to any query, the best first; ties: the lower id."""
    there = rows.reshape(-1) >= 0
    found, worth = ids[rows.reshape(-1)[there]], score.reshape(-1)[there]
    keep = ~np.isin(found, own)
    found, worth = found[keep], worth[keep]
    order = np.lexsort((found, -worth))
    _, first = np.unique(found[order], return_index=True)
    picked = order[np.sort(first)][:limit]
    return found[picked], worth[picked]


def _view(everything: View, of: Embedding, ids: Ids) -> View | ObjectView:
    if of.owner == SAMPLE_OWNER:
        return everything.select(ids)
    return everything.objects(of.owner).select(ids)
