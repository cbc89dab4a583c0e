"""A CSV file as batches of text columns with line numbers, and texts as typed columns."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from loopline.errors import BadValue, FormatError
from loopline.formats._columns import ARROW
from loopline.kernel import rle
from loopline.kernel.exchange import BATCH_ROWS, Problem, quiet
from loopline.kernel.schema import ScalarType

_INT: Final = re.compile(r"[+-]?(0|[1-9]\d{0,17})\Z")
_FLOAT: Final = re.compile(r"[+-]?(0|[1-9]\d*)?(\.\d*)?([eE][+-]?\d+)?\Z")
_BOOL: Final = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
_MOST_CELL: Final = 1 << 30


@dataclass(slots=True)
class TextBatch:
    """Rows of texts, by column; an empty cell is None. `lines` are 1-based, of each row's first line."""

    columns: dict[str, list[str | None]]
    lines: list[int]
    problems: list[Problem] = field(default_factory=list)


def delimiter_of(line: str) -> str:
    """The separator that the header line has most of."""
    return max((",", ";", "\t", "|"), key=line.count)


def header(path: Path) -> tuple[list[str], str]:
    """Column names, and the separator."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FormatError("the file is UTF-16", where=str(path), hint="save it as UTF-8")
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise FormatError("the file is empty", where=str(path))
    mark = delimiter_of(first)
    return [name.strip() for name in next(csv.reader([first], delimiter=mark))], mark


def batches(path: Path, report: Callable[[int, int], None] = quiet) -> Iterator[TextBatch]:
    """The rows after the header. A row with more or fewer cells than the header becomes a problem."""
    names, mark = header(path)
    csv.field_size_limit(_MOST_CELL)  # outlines are long
    size = path.stat().st_size
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=mark)
        rows: list[list[str]] = []
        lines: list[int] = []
        problems: list[Problem] = []
        line, read, headed = 0, 0, False
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                problems.append(Problem("skipped", f"not CSV: {error}", f"{path.name}:{line}"))
                continue
            if row is None:
                break
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if not headed:
                headed = True
                continue
            if len(row) != len(names):
                what = "a row with more cells than the header" if len(row) > len(names) else "a row with too few cells"
                problems.append(Problem("skipped", what, f"{path.name}:{line} ({len(row)}, not {len(names)})"))
                continue
            rows.append(row)
            lines.append(line)
            read += sum(map(len, row)) + len(row)
            if len(rows) == BATCH_ROWS:
                yield _batch(path, names, rows, lines, problems)
                rows, lines, problems = [], [], []
                report(min(size, read), size)
        if rows or problems:
            yield _batch(path, names, rows, lines, problems)
        report(size, size)


def _batch(
    path: Path, names: Sequence[str], rows: list[list[str]], lines: list[int], problems: list[Problem]
) -> TextBatch:
    columns: dict[str, list[str | None]] = {}
    for name, cells in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        columns[name] = [cell if cell else None for cell in cells]
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            columns[name] = [None if c is None else _latin(c) for c in columns[name]]
            problems.append(Problem("warning", "text that is not UTF-8; read as Windows-1252", f"{path.name}: {name}"))
    return TextBatch(columns, lines, problems)


def _latin(cell: str) -> str:
    return cell if cell.isascii() else cell.encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def type_of(cells: Sequence[str | None]) -> ScalarType | None:
    """The narrowest type that every cell fits; None where all are empty. `007` is text."""
    some = [c for c in cells if c is not None]
    if not some:
        return None
    if all(map(_INT.match, some)):
        return "int"
    if all(c[-1:].isdigit() or c[-1:] == "." for c in some) and all(map(_FLOAT.match, some)):
        return "float"
    if all(c in _BOOL for c in some):
        return "bool"
    if all(c[:1] in "{[" for c in some) and all(map(_is_json, some)):
        return "json"
    if all(c[10:11] == "T" for c in some) and all(map(_time, some)):
        return "time"
    return "text"


def wider(a: ScalarType | None, b: ScalarType | None) -> ScalarType | None:
    """The type that holds the cells of both."""
    if a is None or b is None or a == b:
        return a or b
    return "float" if {a, b} == {"int", "float"} else "text"


def typed(cells: Sequence[str | None], kind: str) -> tuple[pa.Array, list[int]]:
    """A column of a physical type, and the rows whose text does not fit it (null in the column)."""
    if kind == "text":
        return pa.array(cells, pa.string()), []
    if kind == "float":
        try:
            return pa.array(np.array([np.nan if c is None else float(c) for c in cells]), from_pandas=True), []
        except ValueError:
            pass
    read = _READERS[kind]
    out: list[Any] = []
    bad: list[int] = []
    for row, cell in enumerate(cells):
        try:
            out.append(None if cell is None else read(cell))
        except (ValueError, KeyError, TypeError, BadValue, msgspec.DecodeError):
            out.append(None)
            bad.append(row)
    try:
        return pa.array(out, ARROW[kind]), bad
    except (OverflowError, pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.nulls(len(cells), ARROW[kind]), [i for i, c in enumerate(cells) if c is not None]


def _is_json(cell: str) -> bool:
    try:
        msgspec.json.decode(cell)
    except msgspec.DecodeError:
        return False
    return True


def _time(cell: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _whole(cell: str) -> int:
    value = float(cell)
    if not value.is_integer():
        raise ValueError(cell)
    return int(cell) if _INT.match(cell) else int(value)


def _json(cell: str) -> str:
    msgspec.json.decode(cell)
    return cell


def _flag(cell: str) -> bool:
    return {**_BOOL, "0": False, "1": True}[cell.strip()]


def _moment(cell: str) -> datetime:
    value = _time(cell)
    if value is None:
        raise ValueError(cell)
    return value


def _mask(cell: str) -> bytes:
    """A run-length mask as COCO writes it, else base64."""
    if cell[:1] != "{":
        return base64.b64decode(cell, validate=True)
    found = msgspec.json.decode(cell)
    height, width = found["size"]
    counts = found["counts"]
    if isinstance(counts, str):
        return rle.pack_blob(height, width, counts.encode("ascii"))
    return rle.pack_blob(height, width, rle.compress(counts), "list")


_FLOATS: Final = msgspec.json.Decoder(list[float])
_PARTS: Final = msgspec.json.Decoder(list[list[float]])
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "int": _whole,
    "float": float,
    "bool": _flag,
    "json": _json,
    "time": _moment,
    "bytes": _mask,
    "floats": _FLOATS.decode,
    "parts": _PARTS.decode,
}
