"""Embeddings: one vector for each of some samples or objects, under a key that says which model made them.

    vector__<key>    id (of the sample or object) · vector (float16, little endian, `dimension` numbers) · mark (of what it
                     was made of, to know when that has changed; or null)
    vector_key       key · owner · model · ... one row a key

Blobs, because the lake writes and reads lists of floats ten times slower. Read through `vectors`, which keeps a
memory-mapped copy in the cache folder.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel.schema import check_name
from loopline.store.lake import Lake, Transaction
from loopline.store.tables import SAMPLE_OWNER

Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float16]

_TABLE: Final = "vector_key"
_COLUMNS: Final = (
    "key VARCHAR, owner VARCHAR, model VARCHAR, fingerprint VARCHAR, dimension BIGINT, normalised BOOLEAN, "
    "created_at TIMESTAMP, revision VARCHAR"
)


@dataclass(frozen=True, slots=True)
class Embedding:
    """What the vectors of one key are. `at` is UTC."""

    key: str
    owner: str  # 'sample', or the label field whose objects they belong to
    model: str
    fingerprint: str  # of weights and card: vectors of different fingerprints cannot be compared
    dimension: int
    normalised: bool  # every vector has length 1, so that a dot product is the cosine
    created_at: dt.datetime | None = None
    revision: str = ""  # another after each change of the vectors

    @property
    def table(self) -> str:
        return f"vector__{self.key}"


def embeddings(lake: Lake, snapshot: int | None = None) -> list[Embedding]:
    """The keys there are, oldest first."""

    def ask(con: duckdb.DuckDBPyConnection) -> list[Embedding]:
        return _listed(con, lake.table(_TABLE, snapshot))

    return lake.look(ask)


def embedding(lake: Lake, key: str, snapshot: int | None = None) -> Embedding:
    """One key. Raises UnknownField with near names."""
    return _named(key, embeddings(lake, snapshot))


def _named(key: str, known: list[Embedding]) -> Embedding:
    for found in known:
        if found.key == key:
            return found
    names = [found.key for found in known]
    hint = near(key, names) if names else "make one first: ds.embed(model, key=...) or loopline embed"
    raise UnknownField(f'there is no embedding "{key}"', hint=hint)


def _listed(con: duckdb.DuckDBPyConnection, table: str) -> list[Embedding]:
    try:
        rows = con.execute(
            "SELECT key, owner, model, fingerprint, dimension, normalised, created_at, revision "
            f"FROM {table} ORDER BY created_at, key"
        ).fetchall()
    except duckdb.CatalogException:  # made with the first key
        return []
    return [Embedding(*row) for row in rows]


def add_embedding(tx: Transaction, new: Embedding) -> None:
    """Make an empty key, inside a transaction. Raises BadValue where there is one of that name, or a bad name."""
    check_name(new.key, "embedding")
    if new.owner != SAMPLE_OWNER:
        tx.schema().field(new.owner)
    if new.dimension < 1:
        raise BadValue(f"vectors of {new.dimension} numbers", where=new.key)
    if any(found.key.lower() == new.key.lower() for found in _listed(tx.con, tx.table(_TABLE))):
        raise BadValue(f'there is an embedding "{new.key}" already', hint="choose another key, or drop it first")
    tx.execute(f"CREATE TABLE IF NOT EXISTS {tx.table(_TABLE)} ({_COLUMNS})")
    tx.execute(f"CREATE TABLE {tx.table(new.table)} (id BIGINT, vector BLOB, mark BIGINT)")
    values = [new.key, new.owner, new.model, new.fingerprint, new.dimension, new.normalised, secrets.token_hex(8)]
    tx.execute(f"INSERT INTO {tx.table(_TABLE)} VALUES (?, ?, ?, ?, ?, ?, now()::TIMESTAMP, ?)", values)


def put_vectors(
    tx: Transaction, of: Embedding, ids: Ids, vectors: npt.NDArray[np.floating], marks: Ids | None = None
) -> None:
    """Store vectors, inside a transaction; those that the ids had before are replaced.

    Shapes  ids (n,), vectors (n, dimension), marks (n,), see `made_of`. Raises BadValue for another shape, or a number that is not finite.
    """
    half = _as_half(of, ids, vectors)
    if not len(ids):
        return
    blobs = pa.FixedSizeBinaryArray.from_buffers(pa.binary(2 * of.dimension), len(ids), [None, pa.py_buffer(half)])
    rows = {"id": pa.array(ids, pa.int64()), "vector": blobs.cast(pa.large_binary())}
    target = tx.table(of.table)
    if marks is not None:
        rows["mark"] = pa.array(marks, pa.int64())
        tx.execute(f"ALTER TABLE {target} ADD COLUMN IF NOT EXISTS mark BIGINT")  # made before there were marks
    tx.con.register("_vectors", pa.table(rows))
    if tx.number(f"SELECT count(*) FROM {target} SEMI JOIN _vectors USING (id)"):
        tx.execute(f"DELETE FROM {target} WHERE id IN (SELECT id FROM _vectors)")
    tx.execute(f"INSERT INTO {target} BY NAME SELECT * FROM _vectors ORDER BY id")
    tx.con.unregister("_vectors")
    tx.execute(f"UPDATE {tx.table(_TABLE)} SET revision = ? WHERE key = ?", [secrets.token_hex(8), of.key])


def _as_half(of: Embedding, ids: Ids, vectors: npt.NDArray[np.floating]) -> Matrix:
    if vectors.shape != (len(ids), of.dimension):
        raise BadValue(f"vectors of shape {vectors.shape} where ({len(ids)}, {of.dimension}) must be", where=of.key)
    if len(np.unique(ids)) != len(ids):
        raise BadValue("the same id stands twice", where=of.key)
    half = np.ascontiguousarray(vectors, dtype="<f2")
    if not np.isfinite(half).all():
        raise BadValue(
            "a vector holds a number that is not finite in 16 bits", where=of.key, hint="normalise the vectors"
        )
    return half


def write_vectors(
    lake: Lake, new: Embedding, ids: Ids, vectors: npt.NDArray[np.floating], *, replace: bool = False
) -> None:
    """Make a key with its vectors in one snapshot; with `replace` in the place of the one of its name."""

    def body(tx: Transaction) -> None:
        if replace:
            remove_embedding(tx, new.key)
        add_embedding(tx, new)
        put_vectors(tx, new, ids, vectors)
        tx.details.update(key=new.key, vectors=len(ids))

    lake.commit("embed", body, message=f"embed {new.key}")


def drop_embedding(lake: Lake, key: str) -> None:
    """Drop a key with its vectors; earlier snapshots keep them. Raises UnknownField."""

    def body(tx: Transaction) -> None:
        remove_embedding(tx, key)
        tx.details.update(key=key)

    lake.commit("drop embedding", body, message=f"drop embedding {key}")


def remove_embedding(tx: Transaction, key: str) -> None:
    """`drop_embedding` inside a transaction."""
    found = _named(key, _listed(tx.con, tx.table(_TABLE)))
    tx.execute(f"DROP TABLE {tx.table(found.table)}")
    tx.execute(f"DELETE FROM {tx.table(_TABLE)} WHERE key = ?", [key])


def made_of(lake: Lake, of: Embedding) -> tuple[Ids, Ids, npt.NDArray[np.bool_]]:
    """Ids that have a vector, the mark of what each was made of, and whether that is known; all (n,)."""

    def ask(con: duckdb.DuckDBPyConnection) -> pa.Table:
        table = lake.table(of.table)
        try:
            return con.execute(f"SELECT id, mark FROM {table}").to_arrow_table()
        except duckdb.BinderException:  # made before there were marks
            return con.execute(f"SELECT id, NULL::BIGINT AS mark FROM {table}").to_arrow_table()

    found = lake.read(ask)
    known = found["mark"].is_valid().to_numpy()
    return found["id"].to_numpy(), found["mark"].fill_null(0).to_numpy(), known


def vectors_sql(lake: Lake, of: Embedding, snapshot: int | None = None) -> str:
    """SQL text of the vectors whose sample or object is still there: columns id, vector."""
    owner = "samples" if of.owner == SAMPLE_OWNER else lake.schema(snapshot).field(of.owner).table
    return f"(FROM {lake.table(of.table, snapshot)} SEMI JOIN {lake.table(owner, snapshot)} USING (id))"
