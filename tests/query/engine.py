"""A real engine over plain tables in memory: what the store gives the query layer, without the store."""

# ruff: noqa: DTZ001 - times in the store are UTC without a zone

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa

from loopline.kernel.schema import Column, DatasetSchema, LabelField, PhysicalType, label_table

T = TypeVar("T")

TYPES: Mapping[PhysicalType, tuple[str, pa.DataType]] = {
    "text": ("VARCHAR", pa.string()),
    "int": ("BIGINT", pa.int64()),
    "float": ("DOUBLE", pa.float64()),
    "bool": ("BOOLEAN", pa.bool_()),
    "time": ("TIMESTAMP", pa.timestamp("us")),
    "json": ("VARCHAR", pa.string()),
    "bytes": ("BLOB", pa.binary()),
    "floats": ("DOUBLE[]", pa.list_(pa.float64())),
    "parts": ("DOUBLE[][]", pa.list_(pa.list_(pa.float64()))),
}

TAG_COLUMNS: Mapping[str, PhysicalType] = {
    "owner": "text",
    "owner_id": "int",
    "tag": "text",
    "author": "text",
    "at": "time",
}

Row = Mapping[str, object]


class MemoryEngine:
    """Tables of one snapshot. `cursors` counts how often the data were asked."""

    name = "memory"

    def __init__(self, con: duckdb.DuckDBPyConnection, schema: DatasetSchema) -> None:
        self._con = con
        self._schema = schema
        self.now = 1
        self.cursors = 0

    def cursor(self) -> duckdb.DuckDBPyConnection:
        self.cursors += 1
        return self._con.cursor()

    def look(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        cursor = self.cursor()
        try:
            return question(cursor)
        finally:
            cursor.close()

    def table(self, name: str, snapshot: int | None = None) -> str:
        return '"' + name.replace('"', '""') + '"'

    def schema(self, snapshot: int | None = None) -> DatasetSchema:
        return self._schema

    def snapshot(self) -> int:
        return self.now

    def close(self) -> None:
        self._con.close()


def make_engine(
    schema: DatasetSchema,
    samples: Sequence[Row],
    labels: Mapping[str, Sequence[Row]] | None = None,
    tags: Sequence[tuple[str, int, str]] = (),
) -> MemoryEngine:
    """An engine with these rows; what a row does not name is missing. `tags`: owner, id, tag."""
    con = duckdb.connect(":memory:", config={"threads": 2})
    _fill(con, "samples", schema.sample_columns(), samples)
    for field in schema.fields:
        _fill(con, label_table(field.name), field.columns(), (labels or {}).get(field.name, ()))
    at = dt.datetime(2026, 1, 1)
    _fill(
        con,
        "tag",
        TAG_COLUMNS,
        [{"owner": owner, "owner_id": key, "tag": tag, "author": "ann", "at": at} for owner, key, tag in tags],
    )
    return MemoryEngine(con, schema)


def _fill(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, PhysicalType], rows: Sequence[Row]) -> None:
    definitions = ", ".join(f'"{column}" {TYPES[kind][0]}' for column, kind in columns.items())
    con.execute(f'CREATE TABLE "{name}" ({definitions})')
    if rows:
        table = pa.table({c: pa.array([row.get(c) for row in rows], TYPES[kind][1]) for c, kind in columns.items()})
        con.register("incoming", table)
        con.execute(f'INSERT INTO "{name}" SELECT * FROM incoming')
        con.unregister("incoming")


STREET = DatasetSchema(
    columns=(
        Column("weather", "text", values=("rain", "sun", "fog")),
        Column("brightness", "float"),
        Column("people", "int"),
        Column("checked", "bool"),
        Column("taken_at", "time"),
        Column("meta", "json"),
    ),
    fields=(
        LabelField(
            "ground_truth",
            "box",
            classes=("car", "person", "mask"),
            attributes=(Column("occluded", "bool"), Column("colour", "text"), Column("wheels", "int")),
        ),
        LabelField("predictions", "box", classes=("car", "person", "mask")),
        LabelField("scene", "class", classes=("day", "night")),
        LabelField("quality", "value"),
    ),
)
"""A schema with every type of column and the main kinds of field."""
