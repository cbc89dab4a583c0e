"""Tables of one row an object, or one row a sample, as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loopline.errors import FormatError
from loopline.formats import _table_csv
from loopline.formats._columns import ARROW, json_text
from loopline.formats._media import find_root, tidy_name
from loopline.formats._table_columns import Meaning, meaning
from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import (
    LABEL_COLUMNS,
    SAMPLE_COLUMNS,
    Column,
    FieldKind,
    LabelField,
    ScalarType,
    column_from_json,
    field_from_json,
    unique_name,
)

FIELD_KEY: Final = b"loopline.field"  # Parquet metadata: the label field as JSON
COLUMNS_KEY: Final = b"loopline.columns"  # Parquet metadata: the user's columns of samples as JSON

_SAMPLE_TYPES: Final = {"width": "int", "height": "int", "split": "text"}


@dataclass(slots=True)
class Rows:
    """A batch of typed columns by the file's own names, and where each row stands."""

    columns: dict[str, pa.Array]
    lines: Sequence[int]
    bad: dict[int, str] = field(default_factory=dict)  # row → what is wrong with it


@dataclass(slots=True)
class TableReader:
    """One pass over one table."""

    source: Source
    normalized: bool
    kind: FieldKind | None
    word: str = "line"
    what: Meaning = field(init=False)
    stored: LabelField | None = None
    stored_own: tuple[Column, ...] = ()
    own: dict[str, Column] = field(default_factory=dict)  # column of the file → column of samples
    extra: dict[str, Column] = field(default_factory=dict)  # column of the file → attribute
    keys: dict[str, int] = field(default_factory=dict)
    classes: dict[str, None] = field(default_factory=dict)
    root: Path | None = None
    inside_unit: bool = True  # every corner so far lies in 0..1
    boxes: int = 0

    @property
    def path(self) -> Path:
        return self.source.path

    def csv(self) -> Iterator[Event]:
        names, _ = _table_csv.header(self.path)
        self.what = meaning(names, str(self.path), self.kind)
        self._name_columns(self._csv_types())
        types = self._types()
        for batch in _table_csv.batches(self.path, self.source.report):
            yield from batch.problems
            rows = Rows({}, batch.lines)
            for name, kind in types.items():
                cells = batch.columns[name]
                rows.columns[name], bad = _table_csv.typed(cells, kind)
                for row in bad:
                    rows.bad.setdefault(row, f'"{name}" is not {_word(kind)}')
            yield from self._events(rows)
        yield from self._end()

    def parquet(self) -> Iterator[Event]:
        self.word = "row"
        try:
            file = pq.ParquetFile(self.path)
            file.schema_arrow.names  # noqa: B018  names that are no UTF-8 are told here
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FormatError(f"not Parquet: {error}", where=str(self.path)) from error
        with file:
            schema = file.schema_arrow
            metadata = schema.metadata or {}
            if FIELD_KEY in metadata:
                self.stored = replace(field_from_json(msgspec.json.decode(metadata[FIELD_KEY])), name=self.source.name)
            if COLUMNS_KEY in metadata:
                self.stored_own = tuple(column_from_json(c) for c in msgspec.json.decode(metadata[COLUMNS_KEY]))
            self.what = meaning(schema.names, str(self.path), self.kind or (self.stored.kind if self.stored else None))
            self._name_columns(
                {n: _type_of(schema.field(n).type) for n in (*self.what.own.values(), *self.what.extra.values())}
            )
            types = self._types()
            done, total = 0, file.metadata.num_rows
            for batch in self._parquet_batches(file):
                rows = Rows({}, range(done + 1, done + batch.num_rows + 1))
                for name, kind in types.items():
                    rows.columns[name], bad = _cast(batch.column(name), kind)
                    for row in bad:
                        rows.bad.setdefault(row, f'"{name}" is not {_word(kind)}')
                done += batch.num_rows
                yield from self._events(rows)
                self.source.report(done, total)
        yield from self._end()

    def _parquet_batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        try:
            yield from file.iter_batches(BATCH_ROWS)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FormatError(f"the file cannot be read to its end: {error}", where=str(self.path)) from error

    def _csv_types(self) -> dict[str, ScalarType | None]:
        """Types of the columns that are not Loopline's, from all of their cells: one more pass over the file."""
        names = [*self.what.own.values(), *self.what.extra.values()]
        types: dict[str, ScalarType | None] = dict.fromkeys(names)
        if names:
            for batch in _table_csv.batches(self.path):
                for name in names:
                    if types[name] != "text":
                        types[name] = _table_csv.wider(types[name], _table_csv.type_of(batch.columns[name]))
        return types

    def _name_columns(self, types: Mapping[str, ScalarType | None]) -> None:
        schema, name = self.source.schema, self.source.name
        mine = schema.field(name).attributes if schema.has_field(name) else ()
        taken = set(SAMPLE_COLUMNS) | {f.name for f in schema.fields} | {name}
        self.own = _columns(self.what.own, types, (*schema.columns, *self.stored_own), taken)
        held = set(LABEL_COLUMNS[self.what.kind]) if self.what.kind else set()
        self.extra = _columns(self.what.extra, types, self.stored.attributes if self.stored else mine, held)

    def _types(self) -> dict[str, str]:
        """Column of the file → the physical type to read it as."""
        what = self.what
        types: dict[str, str] = {what.path: "text"}
        types |= dict.fromkeys(what.box or (), "float")
        types |= {column: _SAMPLE_TYPES.get(name, "json") for name, column in what.sample.items()}
        held = LABEL_COLUMNS[what.kind] if what.kind else {}
        types |= {column: held.get(name, "json") for name, column in what.builtin.items()}
        return types | {c: column.type for c, column in (*self.own.items(), *self.extra.items())}

    def _events(self, rows: Rows) -> Iterator[Event]:
        what = self.what
        names = rows.columns[what.path].to_pylist()
        paths = [tidy_name(n) if n else None for n in names]
        for row, path in enumerate(paths):
            if path is None:
                rows.bad[row] = "the picture's name is empty or leads out of the picture folder"
        boxes = self._boxes(rows) if what.box is not None else None
        for row in sorted(rows.bad):
            yield Problem("skipped", rows.bad[row], self._where(rows.lines[row]))
        good = [row for row in range(len(names)) if row not in rows.bad]
        if not good:
            return
        if self.root is None:
            self.root = find_root([paths[row] or "" for row in good], self.path, self.source.media)
        yield from self._samples(rows, [(row, paths[row] or "") for row in good])
        if what.kind is None:
            return
        full = self._objects(rows, boxes, good)
        if full:
            yield from self._labels(rows, boxes, full, [self.keys[paths[row] or ""] for row in full])

    def _where(self, line: int) -> str:
        return f"{self.path.name}:{line}" if self.word == "line" else f"{self.path.name}: row {line}"

    def _boxes(self, rows: Rows) -> Any:
        """(n, 4) x, y, w, h in pixels; NaN where a row has no box. Faulty rows go to `rows.bad`."""
        what = self.what
        assert what.box is not None
        raw = np.column_stack([rows.columns[c].to_numpy(zero_copy_only=False).astype(float) for c in what.box])
        there = ~np.isnan(raw)
        for row in np.flatnonzero(there.any(axis=1) & ~there.all(axis=1)).tolist():
            rows.bad.setdefault(row, "a box with a number missing")
        for row in np.flatnonzero(np.isinf(raw).any(axis=1)).tolist():
            rows.bad.setdefault(row, "a box with a number that is not finite")
        known = raw[there.all(axis=1)]
        self.boxes += len(known)
        self.inside_unit = self.inside_unit and bool(((known >= 0) & (known <= 1)).all())
        if what.form == "xyxy":
            raw[:, 2:] -= raw[:, :2]
        elif what.form == "centre":
            raw[:, :2] -= raw[:, 2:] / 2
        if self.normalized:
            sizes = [
                rows.columns[what.sample[n]].to_numpy(zero_copy_only=False).astype(float) for n in ("width", "height")
            ]
            raw *= np.column_stack([*sizes, *sizes])
            for row in np.flatnonzero(there.all(axis=1) & np.isnan(raw).any(axis=1)).tolist():
                rows.bad.setdefault(row, "a normalized box without the picture's width and height")
        for row in np.flatnonzero((raw[:, 2:] < 0).any(axis=1)).tolist():
            rows.bad.setdefault(row, "a box of negative size")
        return raw

    def _samples(self, rows: Rows, good: Sequence[tuple[int, str]]) -> Iterator[Event]:
        fresh: list[int] = []
        for row, path in good:
            if path not in self.keys:
                self.keys[path] = len(self.keys)
                fresh.append(row)
        if not fresh:
            return
        take = pa.array(fresh, pa.int64())
        by_row = dict(good)
        paths = [by_row[row] for row in fresh]
        columns: dict[str, Any] = {"key": pa.array([self.keys[p] for p in paths], pa.int64()), "path": pa.array(paths)}
        for name, column in self.what.sample.items():
            values = rows.columns[column].take(take)
            columns[name] = _tags(values) if name == "tags" else values
        if self.source.split is not None:
            columns["split"] = pa.array([self.source.split] * len(paths))
        for source, own in self.own.items():
            columns[own.name] = rows.columns[source].take(take)
        yield SampleRows(pa.table(columns), str(self.root), tuple(self.own.values()))

    def _objects(self, rows: Rows, boxes: Any, good: Sequence[int]) -> list[int]:
        """Rows that hold an object, not only a picture."""
        filled = np.zeros(len(rows.lines), bool)
        for name, column in self.what.builtin.items():
            if name != "tags":
                filled |= rows.columns[column].is_valid().to_numpy(zero_copy_only=False)
        if boxes is not None:
            filled |= ~np.isnan(boxes[:, 0])
        return [row for row in good if filled[row]]

    def _labels(self, rows: Rows, boxes: Any, full: Sequence[int], keys: Sequence[int]) -> Iterator[Event]:
        take = pa.array(full, pa.int64())
        columns: dict[str, Any] = {"sample_key": pa.array(keys, pa.int64())}
        for name, column in self.what.builtin.items():
            values = rows.columns[column].take(take)
            columns[name] = _tags(values) if name == "tags" else values
        if boxes is None and "points" in columns:
            boxes = _around(columns["points"])
        elif boxes is not None:
            boxes = boxes[full]
        if boxes is not None:
            for place, name in enumerate("xywh"):
                columns[name] = pa.array(np.ascontiguousarray(boxes[:, place]), from_pandas=True)
            if self.what.kind == "box":
                for i in np.flatnonzero((boxes[:, 2:] == 0).any(axis=1)).tolist():
                    yield Problem("warning", "a box without area", self._where(rows.lines[full[i]]))
        for source, extra in self.extra.items():
            columns[extra.name] = rows.columns[source].take(take)
        if "label" in columns:
            self.classes |= dict.fromkeys(v for v in pc.unique(columns["label"]).to_pylist() if v is not None)
        yield LabelRows(self.source.name, pa.table(columns))

    def _end(self) -> Iterator[Event]:
        if self.boxes and self.inside_unit and not self.normalized:
            yield Problem(
                "warning",
                "all boxes lie in 0..1 and were taken as pixels",
                str(self.path.name),
                "if they are shares of the picture's size, use normalized=True",
            )
        if self.what.kind is None:
            return
        if self.stored is not None:
            more = tuple(c for c in sorted(self.classes) if c not in self.stored.classes)
            known = {a.name for a in self.stored.attributes}
            new = tuple(c for c in self.extra.values() if c.name not in known)
            yield FieldFound(
                replace(
                    self.stored,
                    classes=self.stored.classes + more,
                    attributes=self.stored.attributes + new,
                )
            )
            return
        yield FieldFound(
            LabelField(self.source.name, self.what.kind, tuple(sorted(self.classes)), tuple(self.extra.values()))
        )


def _columns(
    names: Mapping[str, str], types: Mapping[str, ScalarType | None], known: Sequence[Column], taken: set[str]
) -> dict[str, Column]:
    """A column for each name; one that is there with a type that holds the values is used again."""
    out: dict[str, Column] = {}
    used = set(taken)
    for name, source in names.items():
        kind = types.get(source) or "text"
        column = next((c for c in known if name in (c.name, c.source_name) and _holds(c.type, kind)), None)
        if column is None or column.name in used:
            fresh = unique_name(name, used | {c.name for c in known})
            column = Column(fresh, kind, source_name=name if fresh != name else "")
        used.add(column.name)
        out[source] = column
    return out


def _holds(known: ScalarType, new: ScalarType) -> bool:
    return known == new or known == "text" or (known, new) == ("float", "int")


def _type_of(kind: pa.DataType) -> ScalarType:
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return "json"
    return "text"


def _cast(array: pa.Array, kind: str) -> tuple[pa.Array, list[int]]:
    """A Parquet column as a physical type; the rows that do not fit are null, and named."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kind == "json" and not pa.types.is_string(array.type):
        return pa.array([None if v is None else json_text(v) for v in array.to_pylist()], pa.string()), []
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    try:
        return array.cast(ARROW[kind]), []
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = [None if v is None else v if isinstance(v, str) else json_text(v) for v in array.to_pylist()]
        return _table_csv.typed(texts, kind)


def _tags(array: pa.Array) -> pa.Array:
    """Tags from JSON lists of texts, or one bare text."""
    out: list[list[str]] = []
    for cell in array.to_pylist():
        value = msgspec.json.decode(cell) if cell else []
        out.append([str(v) for v in value] if isinstance(value, list) else [str(value)])
    return pa.array(out, pa.list_(pa.string()))


def _around(points: pa.Array) -> Any:
    """Enclosing boxes of outlines. Shapes  n -> (n, 4), NaN where there is none."""
    out = np.full((len(points), 4), np.nan)
    for row, parts in enumerate(points.to_pylist()):
        flat = np.array([v for part in parts or () for v in part])
        if flat.size >= 2 and flat.size % 2 == 0:
            xs, ys = flat[0::2], flat[1::2]
            out[row] = xs.min(), ys.min(), xs.max() - xs.min(), ys.max() - ys.min()
    return out


def _word(kind: str) -> str:
    return {"int": "a whole number", "float": "a number", "bool": "true or false", "json": "JSON"}.get(kind, f"{kind}")
