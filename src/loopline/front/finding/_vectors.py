"""Vectors of a data set, and what is kept beside them in the cache: the neighbour table and the search index."""

from __future__ import annotations

import os
import secrets
import threading
import weakref
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.curate.neighbours import K, Neighbours, neighbours
from loopline.curate.search import Index, build_index
from loopline.jobs import Progress, stage
from loopline.store.lake import Lake
from loopline.store.vector_cache import vectors
from loopline.store.vectors import embedding

Ids = npt.NDArray[np.int64]

_INDEXES: weakref.WeakKeyDictionary[Lake, dict[str, tuple[str, Index]]] = weakref.WeakKeyDictionary()
_KEPT: Final = 4
_LOCK: Final = threading.Lock()


def index_of(lake: Lake, key: str) -> tuple[Ids, Index]:
    """The ids that have a vector, and an index over their vectors; the index is kept while the data set is open."""
    ids, matrix = vectors(lake, key)
    state = _state(lake, key, ids)
    with _LOCK:
        known = _INDEXES.setdefault(lake, {})
        found = known.get(key)
    if found is None or found[0] != state:
        found = state, build_index(matrix, normalised=embedding(lake, key).normalised)
        with _LOCK:
            while len(known) >= _KEPT:
                known.pop(next(iter(known)))
            known[key] = found
    return ids, found[1]


def neighbours_of(lake: Lake, key: str, *, progress: Progress, k: int = K) -> tuple[Ids, Neighbours]:
    """The neighbour table of an embedding: made once, then read from the cache folder by whoever asks."""
    ids, matrix = vectors(lake, key)
    file = lake.location.cache / "neighbours" / key / f"{_state(lake, key, ids)}-{k}.npz"
    if file.is_file():
        with np.load(file) as kept:
            return ids, Neighbours(kept["index"], kept["similarity"])
    with stage(progress, "neighbours", total=len(ids), unit="rows") as report:
        table = neighbours(matrix, k=k, report=report)
    _write(file, table)
    return ids, table


def _write(file: Path, table: Neighbours) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob(f"*-{table.index.shape[1]}.npz"):
        old.unlink(missing_ok=True)
    beside = file.with_name(f".{secrets.token_hex(6)}.npz")
    np.savez(beside, index=table.index, similarity=table.similarity)
    os.replace(beside, file)  # noqa: PTH105 - over a file of the same name, on every system


def _state(lake: Lake, key: str, ids: Ids) -> str:
    """Another with each change of the vectors, or of what they belong to."""
    return f"{embedding(lake, key).revision}-{len(ids)}-{int(ids.sum()) if len(ids) else 0:x}"
