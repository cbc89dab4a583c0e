"""A stage: event batches of one import, kept in the engine until they are whole.

Labels may come before the pictures and classes that they name, and batches of one field may differ in their columns,
so nothing can be written to the lake until the stream has ended. The stage lives in memory and spills to disk.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

import duckdb
import pyarrow as pa

from loopline.errors import FormatError
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows
from loopline.kernel.schema import Column, LabelField
from loopline.store.tables import SQL_TYPES, quoted

PROBLEMS_KEPT: Final = 1_000
"""Problems told one by one; the rest are counted under their words."""

_numbers = itertools.count()


@dataclass(slots=True)
class Problems:
    """Every problem counted; the first ones kept whole."""

    kept: list[Problem] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, what) → rows

    def add(self, problem: Problem, count: int = 1) -> None:
        if len(self.kept) < PROBLEMS_KEPT:
            self.kept.append(problem)
        self.counts[problem.kind, problem.what] += count


@dataclass(frozen=True, slots=True)
class StagedLabels:
    """Rows of one field whose samples are found the same way: by key in the stream, or by a column of samples."""

    table: str
    name: str
    match: str


class Stage:
    """Takes events; gives SQL tables. Belongs to one connection; `close` frees it."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.catalog = f"stage_{next(_numbers)}"
        self.fields: dict[str, LabelField] = {}
        self.codes: dict[str, dict[int, str]] = {}
        self.columns: dict[str, Column] = {}
        self.labels: dict[tuple[str, str], StagedLabels] = {}
        self.problems = Problems()
        self._known: dict[str, dict[str, str]] = {}  # staged table → its columns and SQL types
        con.execute(f"ATTACH ':memory:' AS {self.catalog}")

    def close(self) -> None:
        self.con.execute(f"DETACH {self.catalog}")

    @property
    def samples(self) -> str:
        """Table of the pictures: key, path, root, and what the file says of them. `rowid` is the file's order."""
        return f"{self.catalog}.samples"

    def has_samples(self) -> bool:
        return self.samples in self._known

    def sample_columns(self) -> dict[str, str]:
        return self._known.get(self.samples, {})

    def columns_of(self, labels: StagedLabels) -> dict[str, str]:
        return self._known[labels.table]

    def take(self, event: Event) -> None:
        if isinstance(event, SampleRows):
            self._take_samples(event)
        elif isinstance(event, LabelRows):
            self._take_labels(event)
        elif isinstance(event, FieldFound):
            known = self.fields.get(event.field.name)
            self.fields[event.field.name] = _widened(known, event.field) if known else event.field
            self.codes.setdefault(event.field.name, {}).update(event.codes)
        else:
            self.problems.add(event)

    def _take_samples(self, event: SampleRows) -> None:
        for column in event.columns:
            known = self.columns.get(column.name)
            self.columns[column.name] = _wider(known, column) if known else column
        table = event.table.append_column("root", pa.array([event.root] * event.table.num_rows, pa.string()))
        self._append(self.samples, table)

    def _take_labels(self, event: LabelRows) -> None:
        place = self.labels.get((event.name, event.match))
        if place is None:
            place = StagedLabels(f"{self.catalog}.labels_{len(self.labels)}", event.name, event.match)
            self.labels[event.name, event.match] = place
        self._append(place.table, event.table)

    def _append(self, table: str, rows: pa.Table) -> None:
        """Insert by name; columns that are new are added, integers become floats where a batch needs it."""
        self.con.register("_batch", rows)
        try:
            kinds = {name: kind for name, kind, *_ in self.con.execute("DESCRIBE SELECT * FROM _batch").fetchall()}
            known = self._known.get(table)
            if known is None:
                self.con.execute(f"CREATE TABLE {table} AS FROM _batch LIMIT 0")
                known = self._known[table] = kinds
            for name, kind in kinds.items():
                if name not in known:
                    self.con.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {_usable(kind)}")
                    known[name] = _usable(kind)
                elif known[name] != kind and kind != '"NULL"':
                    wide = _common_type(known[name], kind)
                    if wide != known[name]:
                        self.con.execute(f"ALTER TABLE {table} ALTER {quoted(name)} TYPE {wide}")
                        known[name] = wide
            self.con.execute(f"INSERT INTO {table} BY NAME FROM _batch")
        finally:
            self.con.unregister("_batch")


def _usable(kind: str) -> str:
    return "VARCHAR" if kind == '"NULL"' else kind


_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def _common_type(a: str, b: str) -> str:
    if a in ('"NULL"',):
        return _usable(b)
    if a in _WHOLE and b in _WHOLE:
        return "BIGINT"
    if {a, b} <= {*_WHOLE, "FLOAT", "DOUBLE"}:
        return "DOUBLE"
    return "VARCHAR"


def _wider(known: Column, new: Column) -> Column:
    if known.type == new.type:
        return known
    if {known.type, new.type} == {"int", "float"}:
        return replace(known, type="float")
    if {known.type, new.type} <= {"int", "float", "bool", "text", "json"}:
        return replace(known, type="json", values=(), minimum=None, maximum=None)
    raise FormatError(
        f'column "{known.name}" is {known.type} in one place of the file and {new.type} in another',
        hint="make them alike",
    )


def _widened(known: LabelField, new: LabelField) -> LabelField:
    """`known` merged with a later description of the same field, whose attribute types may be wider."""
    later = {a.name: a for a in new.attributes}
    mine = tuple(_wider(a, later[a.name]) if a.name in later else a for a in known.attributes)
    types = {a.name: a.type for a in mine}
    new = replace(new, attributes=tuple(replace(a, type=types.get(a.name, a.type)) for a in new.attributes))
    return replace(known, attributes=mine).merged(new)


def sql_type(column: Column) -> str:
    return SQL_TYPES[column.type]
