"""The tables of a lake: their columns, and the schema that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import duckdb
import msgspec

from loopline.kernel.schema import (
    SAMPLE_COLUMNS,
    Column,
    DatasetSchema,
    EvaluationNames,
    LabelField,
    PhysicalType,
    as_json,
    column_from_json,
    field_from_json,
    label_table,
)
from loopline.store.sql import quoted

FORMAT_VERSION: Final = 1

SQL_TYPES: Final[dict[PhysicalType, str]] = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "time": "TIMESTAMP",
    "json": "VARCHAR",
    "bytes": "BLOB",
    "floats": "DOUBLE[]",
    "parts": "DOUBLE[][]",
}

ROW_GROUP_ROWS: Final = 32_768
"""A page reads the labels of a few scattered samples: with row groups of a quarter of the engine's default it reads a
third of the bytes, and whole scans take as long as before."""

COUNTERS: Final = ("sample", "object")

_FIXED: Final[dict[str, str]] = {
    "about": "format_version BIGINT, created_at TIMESTAMP",
    "counter": "name VARCHAR, next BIGINT",
    "field": "name VARCHAR, kind VARCHAR, position BIGINT, spec VARCHAR",
    "tag": 'owner VARCHAR, owner_id BIGINT, tag VARCHAR, author VARCHAR, "at" TIMESTAMP',
    "version": 'name VARCHAR, snapshot BIGINT, message VARCHAR, author VARCHAR, "at" TIMESTAMP',
}

CONTENT_TABLES: Final = ("samples", "tag", "field")
"""Tables that a version holds, beside the label tables. The rest goes on through a restore."""

SAMPLE_OWNER: Final = "sample"
"""`tag.owner` of a sample's tags; an object's tags have the name of its label field."""

COLUMN: Final = "column"
EVALUATION: Final = "evaluation"
"""`field.kind` of the user's own sample columns, and of stored evaluations, whose names queries know; label fields have
their kind there."""


class Changing(Protocol):
    """A transaction, as far as the tables need one."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection: ...

    def forget_schema(self) -> None:
        """The schema has changed: what was read of it no longer holds."""


def create(tx: Changing) -> None:
    """Make the tables of an empty data set."""
    tx.execute("CALL ducklake_set_option('lake', 'parquet_row_group_size', ?)", [str(ROW_GROUP_ROWS)])
    for name, columns in _FIXED.items():
        tx.execute(f"CREATE TABLE lake.{name} ({columns})")
    tx.execute(f"CREATE TABLE lake.samples ({_definitions(SAMPLE_COLUMNS.items())})")
    tx.execute("INSERT INTO lake.about VALUES (?, now()::TIMESTAMP)", [FORMAT_VERSION])
    for counter in COUNTERS:
        tx.execute("INSERT INTO lake.counter VALUES (?, 0)", [counter])


def settle(con: duckdb.DuckDBPyConnection) -> None:
    """What can be set only once the tables are there.

    The catalog would keep small writes to the samples in a table of its own, a new one after each change of their
    columns, and every look at them would cost 5 ms more for each of those until upkeep. Samples are rarely written
    one by one, and their columns change often: their rows go to Parquet at once.
    """
    con.execute("CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0', table_name => 'samples')")


def is_dataset(con: duckdb.DuckDBPyConnection, tables: str) -> bool:
    """Whether the catalog has the tables that make a data set; `tables` is SQL text that reads its list of tables."""
    row = con.execute(
        f"SELECT count(*) FROM {tables} WHERE table_name IN ('about', 'samples') AND end_snapshot IS NULL"
    ).fetchone()
    return row is not None and row[0] == 2


def read_schema(con: duckdb.DuckDBPyConnection, table: str) -> DatasetSchema:
    """The columns and fields that the lake's own table `field` lists; `table` is SQL text that reads it."""
    rows = con.execute(f"SELECT kind, spec FROM {table} ORDER BY position").fetchall()
    specs = [(kind, msgspec.json.decode(spec)) for kind, spec in rows]
    return DatasetSchema(
        columns=tuple(column_from_json(spec) for kind, spec in specs if kind == COLUMN),
        fields=tuple(field_from_json(spec) for kind, spec in specs if kind not in (COLUMN, EVALUATION)),
        evaluations=tuple(EvaluationNames(**spec) for kind, spec in specs if kind == EVALUATION),
    )


def add_field(tx: Changing, field: LabelField) -> None:
    tx.execute(f"CREATE TABLE {_label(field.name)} ({_definitions(field.columns().items())})")
    _append(tx, field)


def store_field(tx: Changing, before: LabelField, after: LabelField) -> None:
    """Replace a field's description, and add the columns of its new attributes."""
    had = {a.name for a in before.attributes}
    for attribute in after.attributes:
        if attribute.name not in had:
            tx.execute(
                f"ALTER TABLE {_label(before.name)} ADD COLUMN {quoted(attribute.name)} {SQL_TYPES[attribute.type]}"
            )
    store(tx, before, after)


def drop_field(tx: Changing, field: LabelField) -> None:
    tx.execute(f"DROP TABLE {_label(field.name)}")
    tx.execute("DELETE FROM lake.tag WHERE owner = ?", [field.name])
    _remove(tx, field)


def add_column(tx: Changing, column: Column) -> None:
    tx.execute(f"ALTER TABLE lake.samples ADD COLUMN {quoted(column.name)} {SQL_TYPES[column.type]}")
    _append(tx, column)


def drop_column(tx: Changing, column: Column) -> None:
    tx.execute(f"ALTER TABLE lake.samples DROP COLUMN {quoted(column.name)}")
    _remove(tx, column)


def store(tx: Changing, before: LabelField | Column, after: LabelField | Column) -> None:
    """Replace a description; its table is left as it is."""
    if after != before:
        tx.execute(
            "UPDATE lake.field SET name = ?, spec = ? WHERE name = ? AND kind = ?",
            [after.name, _spec(after), before.name, _kind(before)],
        )
        tx.forget_schema()


def add_evaluation(tx: Changing, names: EvaluationNames) -> None:
    """Make an evaluation's names known to queries."""
    tx.execute(
        "INSERT INTO lake.field SELECT ?, ?, coalesce(max(position), -1) + 1, ? FROM lake.field",
        [names.key, EVALUATION, msgspec.json.encode(names).decode()],
    )
    tx.forget_schema()


def drop_evaluation(tx: Changing, key: str) -> None:
    tx.execute("DELETE FROM lake.field WHERE name = ? AND kind = ?", [key, EVALUATION])
    tx.forget_schema()


def rename_in_evaluations(tx: Changing, schema: DatasetSchema, old: str, new: str) -> None:
    """A label field has another name: evaluations of it follow."""
    for known in schema.evaluations_of(old).values():
        truth, predicted = (new if name == old else name for name in (known.truth, known.predicted))
        spec = msgspec.json.encode(EvaluationNames(known.key, truth, predicted)).decode()
        tx.execute("UPDATE lake.field SET spec = ? WHERE name = ? AND kind = ?", [spec, known.key, EVALUATION])


def content_tables(schema: DatasetSchema) -> list[str]:
    return [*CONTENT_TABLES, *(label_table(f.name) for f in schema.fields)]


def _label(field_name: str) -> str:
    return f"lake.{quoted(label_table(field_name))}"


def _append(tx: Changing, value: LabelField | Column) -> None:
    tx.execute(
        "INSERT INTO lake.field SELECT ?, ?, coalesce(max(position), -1) + 1, ? FROM lake.field",
        [value.name, _kind(value), _spec(value)],
    )
    tx.forget_schema()


def _remove(tx: Changing, value: LabelField | Column) -> None:
    tx.execute("DELETE FROM lake.field WHERE name = ? AND kind = ?", [value.name, _kind(value)])
    tx.forget_schema()


def _kind(value: LabelField | Column) -> str:
    return value.kind if isinstance(value, LabelField) else COLUMN


def _spec(value: LabelField | Column) -> str:
    return msgspec.json.encode(as_json(value)).decode()


def _definitions(columns: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{quoted(name)} {SQL_TYPES[kind]}" for name, kind in columns)
