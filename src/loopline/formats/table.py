"""CSV and Parquet: one row an object, or one row a sample. The columns are named in docs/formats.md."""

from __future__ import annotations

import base64
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from loopline.errors import BadValue, FormatError
from loopline.formats import _arrow, _table_csv
from loopline.formats._columns import ARROW
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._split_files import UNSPLIT, Part, candidates, one_set, read_parts
from loopline.formats._table_columns import meaning
from loopline.formats._table_read import COLUMNS_KEY, FIELD_KEY, TableReader
from loopline.kernel import rle
from loopline.kernel.exchange import Event, Exportable, Page, Sniffed, Source, Written
from loopline.kernel.schema import LABEL_COLUMNS, FieldKind, LabelField, as_json

_NOT_WRITTEN: Final = frozenset({"id", "sample_id"})


def sniff_csv(path: Path) -> Sniffed | None:
    """A text table whose header names pictures; a folder with one of labels, or with one of boxes for each split."""
    if path.is_dir():
        parts = _parts(path)
        if len(parts) == 1:
            return Sniffed(0.58, f"a table of labels: {parts[0].file.name}")
        told = ", ".join(p.split or UNSPLIT for p in parts)
        return Sniffed(0.8, f"tables of box labels: {told}") if parts else None
    if not path.is_file() or path.suffix.lower() not in (".csv", ".tsv"):
        return None
    try:
        names, _ = _table_csv.header(path)
        found = meaning(names, str(path))
    except FormatError:
        return None
    return Sniffed(0.6, f"a table of {_rows_are(found.kind)}: {', '.join(names[:8])}")


def _parts(folder: Path) -> list[Part]:
    """The tables of a folder, if they are one data set: tables of boxes for each split, or one table of labels."""
    found: dict[Path, FieldKind] = {}
    for file in candidates(folder, "*.csv"):
        try:
            kind = meaning(_table_csv.header(file)[0], str(file)).kind
        except FormatError:
            continue
        if kind is not None:
            found[file] = kind
    parts = one_set(list(found), folder) if found else []
    split = any(part.split for part in parts) and set(found.values()) == {"box"}
    return parts if split or len(parts) == 1 else []


def sniff_parquet(path: Path) -> Sniffed | None:
    """A Parquet file whose columns name pictures."""
    if not path.is_file() or path.suffix.lower() not in (".parquet", ".pq"):
        return None
    try:
        names = pq.read_schema(path).names
        found = meaning(names, str(path))
    except (FormatError, pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return Sniffed(0.6, f"a table of {_rows_are(found.kind)}: {', '.join(names[:8])}")


def _rows_are(kind: FieldKind | None) -> str:
    return "samples" if kind is None else f"{kind} labels"


def read_csv(source: Source, *, normalized: bool = False, kind: FieldKind | None = None) -> Iterator[Event]:
    """A CSV file, or a folder with one for each split, as events.

    normalized   boxes are shares of the picture's width and height, which the table must have
    kind         what the rows are, where the columns do not tell: "polyline", ...
    Raises       FormatError where no column names the pictures.
    """

    def one(mine: Source) -> Iterator[Event]:
        return _reader(mine, normalized, kind).csv()

    if source.path.is_dir() and (parts := _parts(top := source.path.absolute())):
        if len(parts) == 1 and parts[0].file.parent == top:
            return one(replace(source, path=parts[0].file, split=source.split or parts[0].split))
        return read_parts(parts, source, top, one)
    return one(source)


def read_parquet(source: Source, *, normalized: bool = False, kind: FieldKind | None = None) -> Iterator[Event]:
    """A Parquet file as events. Options as for CSV."""
    return _reader(source, normalized, kind).parquet()


def _reader(source: Source, normalized: bool, kind: FieldKind | None) -> TableReader:
    if not source.path.is_file():
        raise FormatError("there is no such file", where=str(source.path))
    if kind is not None and kind not in LABEL_COLUMNS:
        raise FormatError(f'"{kind}" is not a kind of label', hint=f"one of: {', '.join(LABEL_COLUMNS)}")
    return TableReader(source, normalized, kind)


def write_csv(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write samples, with one label field or none, as CSV. Masks, outlines, points and tags are JSON in their cells."""

    def save(pages: Iterator[pa.Table], schema: pa.Schema, out: Any) -> None:
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(schema.names)
        out.write(head.getvalue().encode())
        options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
        for page in pages:
            pa_csv.write_csv(_as_text(page), out, options)

    return _write(what, target, fields, ".csv", save)


def write_parquet(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write samples, with one label field or none, as Parquet; the field's description is in its metadata."""

    def save(pages: Iterator[pa.Table], schema: pa.Schema, out: Any) -> None:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for page in pages:
                writer.write_table(page)

    return _write(what, target, fields, ".parquet", save)


def _write(what: Exportable, target: Path, fields: Sequence[str], suffix: str, save: Any) -> Written:
    if len(fields) > 1:
        raise FormatError(f"a table holds one field, not {', '.join(fields)}", hint="export one field at a time")
    label_field = what.schema.field(fields[0]) if fields else None
    file = target if target.suffix else target / f"labels{suffix}"
    pages = _Pages(what, label_field)
    with new_file(file) as out:
        save(pages.tables(), pages.schema, out)
    lost = {name: n for name, n in sorted(pages.lost.items()) if n}
    return Written([file], pages.samples, pages.objects, lost)


@dataclass(slots=True)
class _Pages:
    """The view as tables of one schema: a row for each object, and one for each sample without any."""

    what: Exportable
    label_field: LabelField | None
    schema: pa.Schema = field(init=False)
    lost: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0
    _sample: dict[str, str] = field(default_factory=dict)  # column of the file → of samples
    _label: dict[str, str] = field(default_factory=dict)  # column of the file → of labels

    def __post_init__(self) -> None:
        types: dict[str, pa.DataType] = {"path": pa.string(), "split": pa.string()}
        self._sample = {"path": "path", "split": "split"}
        for name in ("width", "height"):
            self._sample[f"image_{name}"] = name
            types[f"image_{name}"] = pa.int64()
        for column in self.what.schema.columns:
            self._sample[f"sample.{column.name}"] = column.name
            types[f"sample.{column.name}"] = ARROW[column.type]
        self._sample["sample.tags"] = "tags"
        types["sample.tags"] = pa.list_(pa.string())
        own_columns = [as_json(c) for c in self.what.schema.columns]
        metadata = {COLUMNS_KEY: msgspec.json.encode(own_columns, order="sorted")}
        if self.label_field is not None:
            own = {a.name for a in self.label_field.attributes}
            for name, kind in self.label_field.columns().items():
                if name not in _NOT_WRITTEN:
                    column_name = f"label.{name}" if name in own else name
                    self._label[column_name] = name
                    types[column_name] = ARROW[kind]
            self._label["tags"] = "tags"
            types["tags"] = pa.list_(pa.string())
            metadata[FIELD_KEY] = msgspec.json.encode(as_json(self.label_field), order="sorted")
        self.schema = pa.schema(list(types.items()), metadata)

    def tables(self) -> Iterator[pa.Table]:
        for page in self.what.pages():
            yield self._table(page)

    def _table(self, page: Page) -> pa.Table:
        ids = _arrow.one(page.samples["id"]).to_numpy()
        labels = page.labels[self.label_field.name] if self.label_field is not None else None
        owners = _arrow.one(labels["sample_id"]).to_numpy() if labels is not None else np.zeros(0, np.int64)
        order = np.argsort(ids, kind="stable")
        place = order[np.searchsorted(ids, owners, sorter=order)] if owners.size else np.zeros(0, np.int64)
        alone = np.setdiff1d(np.arange(ids.size), place)
        rows = np.concatenate((place, alone))
        objects = np.concatenate((np.arange(owners.size), np.full(alone.size, -1)))
        sort = np.argsort(rows, kind="stable")
        rows, objects = rows[sort], objects[sort]
        take = pa.array(objects, pa.int64(), mask=objects < 0)
        columns = []
        for entry in self.schema:
            if entry.name in self._label and labels is not None:
                columns.append(_column(labels, self._label[entry.name], entry.type, take))
            else:
                columns.append(_column(page.samples, self._sample[entry.name], entry.type, pa.array(rows, pa.int64())))
        self.samples += ids.size
        self.objects += owners.size
        return pa.Table.from_arrays(columns, schema=self.schema)


def _column(table: pa.Table, name: str, kind: pa.DataType, take: pa.Array) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(take), kind)
    return _arrow.one(table[name]).take(take).cast(kind)


def _as_text(table: pa.Table) -> pa.Table:
    """The table with every cell that CSV has no type for as text. Numbers keep all of their digits."""
    columns = []
    for entry, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_nested(entry.type):
            texts = [None if not v and entry.name.endswith("tags") else _json(v) for v in column.to_pylist()]
            columns.append(pa.array(texts, pa.string()))
        elif pa.types.is_binary(entry.type):
            columns.append(pa.array([_mask_text(v) for v in column.to_pylist()], pa.string()))
        elif pa.types.is_floating(entry.type) and "." in entry.name:
            # 2.0 stays 2.0, so that the column is read as numbers again, not as whole ones.
            columns.append(pa.array([None if v is None else repr(v) for v in column.to_pylist()], pa.string()))
        elif pa.types.is_timestamp(entry.type):
            columns.append(pc.strftime(column, format="%Y-%m-%dT%H:%M:%S"))
        else:
            columns.append(column)
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _mask_text(blob: bytes | None) -> str | None:
    """A run-length mask as COCO writes it; other bytes (a PNG of classes) in base64."""
    if blob is None:
        return None
    try:
        mask = rle.unpack_blob(blob)
    except BadValue:
        return base64.b64encode(blob).decode()
    counts = mask.packed.decode() if mask.form == "compressed" else rle.decompress(mask.packed).tolist()
    return _json({"size": [mask.height, mask.width], "counts": counts})


SUPPORT: Final = {
    "boxes": "exact",
    "masks": "exact",
    "polygons": "exact",
    "keypoints": "exact",
    "attributes": "lossy: CSV guesses types from the texts; Parquet is exact",
    "tracks": "exact",
    "scores": "exact",
    "crowd": "exact",
    "tags": "exact",
    "splits": "exact",
    "ids": "no",
    "picture_fields": "lossy: CSV guesses types from the texts; Parquet is exact",
}

FORMATS: Final = (
    FileFormat("csv", "CSV table", sniff_csv, read_csv, write_csv),
    FileFormat("parquet", "Parquet table", sniff_parquet, read_parquet, write_parquet),
)

__all__ = ["FORMATS", "SUPPORT", "read_csv", "read_parquet", "sniff_csv", "sniff_parquet", "write_csv", "write_parquet"]
