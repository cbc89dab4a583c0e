"""The tables of a lake: their columns, and the schema that they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import duckdb
import msgspec

from loopline.kernel.schema import (
    SAMPLE_COLUMNS,
    Column,
    DatasetSchema,
    LabelField,
    PhysicalType,
    as_json,
    column_from_json,
    field_from_json,
    label_table,
)

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

COUNTERS: Final = ("sample", "object")

_FIXED: Final[dict[str, str]] = {
    "about": "format_version BIGINT, created_at TIMESTAMP",
    "counter": "name VARCHAR, next BIGINT",
    "field": "name VARCHAR, position BIGINT, spec VARCHAR",
    "sample_column": "name VARCHAR, position BIGINT, spec VARCHAR",
    "tag": 'owner VARCHAR, owner_id BIGINT, tag VARCHAR, author VARCHAR, "at" TIMESTAMP',
    "version": 'name VARCHAR, snapshot BIGINT, message VARCHAR, author VARCHAR, "at" TIMESTAMP',
}

CONTENT_TABLES: Final = ("samples", "tag", "field", "sample_column")
"""Tables that a version holds, beside the label tables. The rest goes on through a restore."""

SAMPLE_OWNER: Final = "sample"
"""`tag.owner` of a sample's tags; an object's tags have the name of its label field."""

Execute = Callable[..., duckdb.DuckDBPyConnection]


def create(execute: Execute) -> None:
    """Make the tables of an empty data set."""
    for name, columns in _FIXED.items():
        execute(f"CREATE TABLE lake.{name} ({columns})")
    execute(f"CREATE TABLE lake.samples ({_definitions(SAMPLE_COLUMNS.items())})")
    execute("INSERT INTO lake.about VALUES (?, now()::TIMESTAMP)", [FORMAT_VERSION])
    for counter in COUNTERS:
        execute("INSERT INTO lake.counter VALUES (?, 0)", [counter])


def is_dataset(con: duckdb.DuckDBPyConnection) -> bool:
    row = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake' AND table_name IN ('about', 'samples')"
    ).fetchone()
    return row is not None and row[0] == 2


def read_schema(con: duckdb.DuckDBPyConnection, table: Callable[[str], str]) -> DatasetSchema:
    """The columns and fields that the lake's own tables name."""
    columns = con.execute(f"SELECT spec FROM {table('sample_column')} ORDER BY position").fetchall()
    fields = con.execute(f"SELECT spec FROM {table('field')} ORDER BY position").fetchall()
    return DatasetSchema(
        columns=tuple(column_from_json(msgspec.json.decode(spec)) for (spec,) in columns),
        fields=tuple(field_from_json(msgspec.json.decode(spec)) for (spec,) in fields),
    )


def add_field(execute: Execute, field: LabelField) -> None:
    execute(f"CREATE TABLE {_label(field.name)} ({_definitions(field.columns().items())})")
    _append_spec(execute, "field", field)


def store_field(execute: Execute, before: LabelField, after: LabelField) -> None:
    """Replace a field's specification, and add the columns of its new attributes."""
    had = {a.name for a in before.attributes}
    for attribute in after.attributes:
        if attribute.name not in had:
            execute(f"ALTER TABLE {_label(after.name)} ADD COLUMN {quoted(attribute.name)} {SQL_TYPES[attribute.type]}")
    if after != before:
        execute("UPDATE lake.field SET spec = ? WHERE name = ?", [spec(after), before.name])


def drop_field(execute: Execute, name: str) -> None:
    execute(f"DROP TABLE {_label(name)}")
    execute("DELETE FROM lake.field WHERE name = ?", [name])
    execute("DELETE FROM lake.tag WHERE owner = ?", [name])


def add_column(execute: Execute, column: Column) -> None:
    execute(f"ALTER TABLE lake.samples ADD COLUMN {quoted(column.name)} {SQL_TYPES[column.type]}")
    _append_spec(execute, "sample_column", column)


def store_column(execute: Execute, before: Column, after: Column) -> None:
    if after != before:
        execute(
            "UPDATE lake.sample_column SET spec = ?, name = ? WHERE name = ?", [spec(after), after.name, before.name]
        )


def drop_column(execute: Execute, name: str) -> None:
    execute(f"ALTER TABLE lake.samples DROP COLUMN {quoted(name)}")
    execute("DELETE FROM lake.sample_column WHERE name = ?", [name])


def content_tables(schema: DatasetSchema) -> list[str]:
    return [*CONTENT_TABLES, *(label_table(f.name) for f in schema.fields)]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _label(field_name: str) -> str:
    return f"lake.{quoted(label_table(field_name))}"


def _append_spec(execute: Execute, table: str, value: LabelField | Column) -> None:
    execute(
        f"INSERT INTO lake.{table} SELECT ?, coalesce(max(position), -1) + 1, ? FROM lake.{table}",
        [value.name, spec(value)],
    )


def spec(value: LabelField | Column) -> str:
    return msgspec.json.encode(as_json(value)).decode()


def _definitions(columns: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{quoted(name)} {SQL_TYPES[kind]}" for name, kind in columns)
