"""All vectors of an embedding as one matrix: read from the lake once, then memory-mapped."""

from __future__ import annotations

import hashlib
import os
import secrets
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from loopline.errors import StoreError
from loopline.store.lake import Lake
from loopline.store.vectors import Embedding, Ids, Matrix, embedding, vectors_sql

_BATCH_ROWS: Final = 8192

_known: weakref.WeakKeyDictionary[Lake, dict[tuple[str, int], tuple[Ids, Matrix]]] = weakref.WeakKeyDictionary()
_KEPT: Final = 8  # matrices an open data set remembers; they are maps of files, so they cost little


def vectors(lake: Lake, key: str, *, snapshot: int | None = None) -> tuple[Ids, Matrix]:
    """The ids that have a vector, rising, and their vectors: (n,) int64 and (n, dimension) float16, both read-only.

    Row i of the matrix belongs to ids[i]. Vectors of samples or objects that were deleted are left out. The matrix is
    a map of a file in the cache folder, so a second process starts with it at once.
    Raises  UnknownField where there is no such embedding.
    """
    at = lake.snapshot() if snapshot is None else snapshot
    known = _known.setdefault(lake, {})
    if (key, at) not in known:
        found = _mapped(lake, embedding(lake, key, at), at)
        while len(known) >= _KEPT:
            known.pop(next(iter(known)))
        known[key, at] = found
    return known[key, at]


def _mapped(lake: Lake, of: Embedding, at: int) -> tuple[Ids, Matrix]:
    source = vectors_sql(lake, of, at)
    ids = lake.read(lambda con: _ids(con, source))
    if not len(ids):
        return _sealed(ids), np.empty((0, of.dimension), np.float16)
    state = hashlib.blake2b(ids.tobytes(), digest_size=8).hexdigest()
    folder = lake.location.cache / "vectors" / of.key
    file = folder / f"{of.revision}-{state}.npy"
    if not file.is_file():
        _write(lake, of, source, ids, file)
        _forget_others(folder, file)
    matrix: Matrix = np.load(file, mmap_mode="r")
    if matrix.shape != (len(ids), of.dimension):
        raise StoreError("a file of the cache does not fit its vectors", where=str(file), hint="delete it")
    return _sealed(ids), matrix


def _ids(con: duckdb.DuckDBPyConnection, source: str) -> Ids:
    found = con.execute(f"SELECT id FROM {source} ORDER BY id").to_arrow_table()
    return np.array(found["id"].to_numpy(), np.int64)


def _sealed(ids: Ids) -> Ids:
    ids.flags.writeable = False
    return ids


def _write(lake: Lake, of: Embedding, source: str, ids: Ids, file: Path) -> None:
    """Fill the file row by row: the vectors are read in any order, which spares the engine a sort of them all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        matrix = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float16, shape=(len(ids), of.dimension))
        for batch in con.execute(f"SELECT id, vector FROM {source}").to_arrow_reader(_BATCH_ROWS):
            matrix[np.searchsorted(ids, batch["id"].to_numpy())] = _unpacked(batch["vector"], of)
        matrix.flush()

    try:
        lake.read(fill)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _unpacked(blobs: pa.Array, of: Embedding) -> Matrix:
    """(n, dimension) of the n blobs of a batch."""
    width = 2 * of.dimension
    wide = blobs.cast(pa.large_binary())
    _, starts, content = wide.buffers()
    offsets = np.frombuffer(starts, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    if (np.diff(offsets) != width).any():
        raise StoreError(f"a vector does not have {of.dimension} numbers", where=of.table)
    return np.frombuffer(content, "<f2", count=len(wide) * of.dimension, offset=int(offsets[0])).reshape(
        len(wide), of.dimension
    )


def _forget_others(folder: Path, newest: Path) -> None:
    """Delete what the newest file takes the place of. Who has one mapped keeps it; where the system forbids it, it
    stays until the next time."""
    for other in folder.iterdir():
        if other != newest and not other.name.startswith("."):
            with suppress(OSError):
                other.unlink()
