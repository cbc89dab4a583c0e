"""A stage: the event batches of one import, kept as Arrow until the stream is whole.

Labels may come before the pictures and classes that they name, and batches of one field may differ in their columns,
so nothing can be written to the lake until the stream has ended. Beyond `MEMORY_BYTES` batches go to a file and are
mapped back, so an import of any size needs the memory of a small one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from loopline.errors import FormatError
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows
from loopline.kernel.schema import Column, LabelField

_SPILLED_ROWS: Final = 16_384  # readers take several batches ahead of each file

if TYPE_CHECKING:
    from pyarrow import dataset

PROBLEMS_KEPT: Final = 1_000
"""Problems told one by one; the rest are counted under their words."""

MEMORY_BYTES: Final = 96 << 20
"""Batches of one kind of rows that stay in memory."""


PLACE: Final = "_place"
"""The column of staged rows with their places. A user's column may well be called `place`."""


@dataclass(slots=True)
class Problems:
    """Every problem counted; the first ones kept whole."""

    kept: list[Problem] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, what) → rows

    def add(self, problem: Problem, count: int = 1) -> None:
        if len(self.kept) < PROBLEMS_KEPT:
            self.kept.append(problem)
        self.counts[problem.kind, problem.what] += count

    def copy(self) -> Problems:
        return Problems(list(self.kept), self.counts.copy())


class Rows:
    """Arrow batches of one kind of rows, each row with its `_place`: 0, 1, ... in the file's order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._memory: list[pa.Table] = []
        self._files: list[Path] = []
        self._bytes = 0
        self.count = 0

    def append(self, rows: pa.Table) -> None:
        place = pa.array(np.arange(self.count, self.count + rows.num_rows, dtype=np.int64))
        self.count += rows.num_rows
        self._memory.append(rows.append_column(PLACE, place))
        self._bytes += rows.nbytes
        if self._bytes > MEMORY_BYTES:
            self._spill()

    def table(self) -> pa.Table | dataset.Dataset:
        """All rows: in memory, or read from their files batch by batch each time. Missing columns are null, integers
        become floats."""
        if not self._files:
            return _joined(self._memory)
        if self._memory:
            self._spill()
        from pyarrow import dataset, ipc

        schemas = {ipc.open_file(pa.memory_map(str(file))).schema for file in self._files}
        if len(schemas) == 1:
            return dataset.dataset([str(file) for file in self._files], format="ipc")
        # Rare: a column that came late, or a type that changed. Mapped, so that the rows can be made alike.
        return _joined([ipc.open_file(pa.memory_map(str(file))).read_all() for file in self._files])

    def _spill(self) -> None:
        table = _joined(self._memory)
        file = self._folder / f"{id(self):x}-{len(self._files)}.arrow"
        with pa.OSFile(str(file), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=_SPILLED_ROWS)
        self._files.append(file)
        self._memory, self._bytes = [], 0


class Stage:
    """Takes events; gives Arrow tables. A context manager: leaving it frees the files."""

    def __init__(self, spill: Path) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="import-", dir=spill))
        self._samples = Rows(self._folder)
        self._labels: dict[tuple[str, str], Rows] = {}
        self.fields: dict[str, LabelField] = {}
        self.codes: dict[str, dict[int, str]] = {}
        self.columns: dict[str, Column] = {}
        self.problems = Problems()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def samples(self) -> pa.Table | None:
        """Pictures: _place, key, path, root, and what the file says of them. None: the stream had none."""
        rows = self._samples.table() if self._samples.count else None
        return rows if rows is None or isinstance(rows, pa.Table) else rows.to_table()

    def labels(self) -> Iterator[tuple[str, str, pa.Table | dataset.Dataset]]:
        """(field name, column of samples that `sample_key` matches or '', rows)."""
        for (name, match), rows in self._labels.items():
            yield name, match, rows.table()

    def take(self, event: Event) -> None:
        if isinstance(event, SampleRows):
            for column in event.columns:
                known = self.columns.get(column.name)
                self.columns[column.name] = _wider(known, column) if known else column
            self._samples.append(event.table if "root" in event.table.column_names else _rooted(event))
        elif isinstance(event, LabelRows):
            self._labels.setdefault((event.name, event.match), Rows(self._folder)).append(event.table)
        elif isinstance(event, FieldFound):
            before = self.fields.get(event.field.name)
            self.fields[event.field.name] = _widened(before, event.field) if before else event.field
            self.codes.setdefault(event.field.name, {}).update(event.codes)
        else:
            self.problems.add(event)


def _rooted(event: SampleRows) -> pa.Table:
    root = pa.DictionaryArray.from_arrays(pa.array(np.zeros(event.table.num_rows, np.int32)), pa.array([event.root]))
    return event.table.append_column("root", root)


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Tables one after another; a column whose types clash becomes text."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for column in table.schema:
            if not pa.types.is_null(column.type):
                kinds.setdefault(column.name, set()).add(column.type)
    clash = {
        name for name, seen in kinds.items() if len(seen) > 1 and not all(_is_number(t) or _is_root(name) for t in seen)
    }
    if clash:
        tables = [_as_text(table, clash) for table in tables]
    return pa.concat_tables(tables, promote_options="permissive")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_root(name: str) -> bool:
    return name == "root"


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for name in names & set(table.column_names):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()))
    return table


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
