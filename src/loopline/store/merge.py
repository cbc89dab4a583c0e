"""The rows of a data set as the events of an import: copying and merging are adding one data set to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, SampleRows
from loopline.store.lake import Lake
from loopline.store.tables import SAMPLE_OWNER, quoted

_TAGS = "coalesce(g.tags, []::VARCHAR[]) AS tags"


def events_of(
    lake: Lake, snapshot: int, ids: npt.NDArray[np.int64] | None = None, fields: Sequence[str] | None = None
) -> Iterator[Event]:
    """Everything that a snapshot holds of some samples (None: all), with the labels of some fields (None: all).

    Samples come by their id, labels in the order in which they were added; memory is bounded by a batch.
    """
    schema = lake.schema(snapshot)
    chosen = schema.fields if fields is None else tuple(schema.field(name) for name in fields)
    with lake.reading() as con:
        if ids is not None:
            con.register("_chosen", pa.table({"id": pa.array(ids, pa.int64())}))
        within = "" if ids is None else "WHERE {} IN (SELECT id FROM _chosen)"
        for field in chosen:
            yield FieldFound(field)
        samples = (
            f"SELECT s.* EXCLUDE (id), s.id AS key, {_TAGS} FROM {lake.table('samples', snapshot)} s "
            f"{_tag_join(lake, snapshot, 's.id')} {within.format('s.id')} ORDER BY s.root, s.id"
        )
        for batch in _batches(con, samples, [SAMPLE_OWNER]):
            for root in batch["root"].unique().to_pylist():
                rows = batch.filter(pc.equal(batch["root"], root)).drop_columns(["root"])
                yield SampleRows(rows, root, schema.columns)
        for field in chosen:
            columns = ", ".join(f"l.{quoted(name)}" for name in field.columns() if name not in ("id", "sample_id"))
            labels = (
                f"SELECT l.sample_id AS sample_key, {columns}, {_TAGS} FROM {lake.table(field.table, snapshot)} l "
                f"{_tag_join(lake, snapshot, 'l.id')} {within.format('l.sample_id')} ORDER BY l.id"
            )
            for batch in _batches(con, labels, [field.name]):
                yield LabelRows(field.name, batch)


def _tag_join(lake: Lake, snapshot: int, key: str) -> str:
    return (
        f"LEFT JOIN (SELECT owner_id, list(tag ORDER BY tag) AS tags FROM {lake.table('tag', snapshot)} "
        f"WHERE owner = ? GROUP BY owner_id) g ON g.owner_id = {key}"
    )


def _batches(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[str]) -> Iterator[pa.Table]:
    for batch in con.execute(sql, parameters).to_arrow_reader(BATCH_ROWS):
        if batch.num_rows:
            yield pa.Table.from_batches([batch])
