"""Copying and merging data sets: another data set's rows, as the events that an import takes.

    ingest(target, events_of(source), same="content", existing="keep")

`same` says which samples of the two are one picture, `existing` what happens to labels of samples that have some
already (see `store.ingest`). Keys are the target's own; media files stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, SampleRows
from loopline.kernel.schema import Column
from loopline.store.edits import Ids
from loopline.store.lake import Lake
from loopline.store.tables import SAMPLE_OWNER


def events_of(
    lake: Lake,
    snapshot: int | None = None,
    samples: Ids | None = None,
    fields: Sequence[str] | None = None,
) -> Iterator[Event]:
    """Everything that a snapshot (the newest, if none is given) holds of some samples (all) and label fields (all):
    every column, built-in and own, the full description of fields and columns, and tags; in batches, by id.

    Who gave a tag and when is not carried over: in the target it is whoever copies, now. Raises UnknownField.
    """
    at = lake.snapshot() if snapshot is None else snapshot
    schema = lake.schema(at)
    chosen = [schema.field(name) for name in (fields if fields is not None else [f.name for f in schema.fields])]
    with lake.reading() as con:
        if samples is not None:
            con.register("_chosen", pa.table({"id": pa.array(samples, pa.int64())}))
        for field in chosen:
            yield FieldFound(field)
        columns = "id AS key, * EXCLUDE (id, owner_id)"
        for batch in _rows(lake, con, "samples", SAMPLE_OWNER, at, columns, _only(samples, "id")):
            yield from _by_root(batch, schema.columns)
        for field in chosen:
            columns = "sample_id AS sample_key, * EXCLUDE (id, sample_id, owner_id)"
            for batch in _rows(lake, con, field.table, field.name, at, columns, _only(samples, "sample_id")):
                yield LabelRows(field.name, batch)


def _only(samples: Ids | None, column: str) -> str:
    return "" if samples is None else f"WHERE {column} IN (SELECT id FROM _chosen)"


def _rows(
    lake: Lake, con: duckdb.DuckDBPyConnection, table: str, owner: str, snapshot: int, columns: str, where: str
) -> Iterator[pa.Table]:
    """The rows of a table with their tags, by id, in batches."""
    reader = con.execute(
        f"""SELECT {columns} FROM (FROM {lake.table(table, snapshot)}) t LEFT JOIN (
                SELECT owner_id, list(tag ORDER BY tag) AS tags FROM {lake.table("tag", snapshot)}
                WHERE owner = ? GROUP BY owner_id) ON owner_id = id
            {where} ORDER BY id""",
        [owner],
    ).to_arrow_reader(BATCH_ROWS)
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _by_root(batch: pa.Table, columns: tuple[Column, ...]) -> Iterator[SampleRows]:
    roots = batch["root"]
    for root in roots.unique().to_pylist():
        chosen = batch.filter(pc.equal(roots, root) if root is not None else pc.is_null(roots))
        yield SampleRows(chosen.drop_columns(["root"]), root or "", columns)
