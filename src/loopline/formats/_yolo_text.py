"""Many small texts of numbers as one array.

A data set has a hundred thousand label files of ten rows each, so nothing is done row by row that can be done for
thousands of files at once: texts are joined and parsed in one call. Only where that fails does a slower way look for
the row that is to blame.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

from loopline.kernel.rle import FloatArray, IntArray

_BOM: Final = b"\xef\xbb\xbf"
_MOST_COLUMNS: Final = 128


@dataclass(slots=True)
class Rows:
    """Rows of numbers of many texts.

    text     (n,) index of the text that a row is in, rising
    line     (n,) its line in the text, from 1
    offsets  (n + 1,) numbers of row i are numbers[offsets[i]:offsets[i + 1]]; no row is empty
    bad      text, line and what is wrong, of rows that hold something else than numbers
    """

    text: IntArray
    line: IntArray
    offsets: IntArray
    numbers: FloatArray
    bad: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def sizes(self) -> IntArray:
        return np.diff(self.offsets)


def parse(texts: Sequence[bytes]) -> Rows:
    """The rows of all texts. Blank lines are no rows; a byte order mark and Windows line ends are fine."""
    clean = [text.removeprefix(_BOM).rstrip() for text in texts]
    if any(b"\r" in text for text in clean):
        clean = [text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for text in clean]
    used = [i for i, text in enumerate(clean) if text]
    if not used:
        return _empty()
    clean = [clean[i] for i in used]
    blob = b"\n".join(clean)
    lines = np.fromiter((text.count(b"\n") + 1 for text in clean), np.int64, len(clean))
    text = np.repeat(np.array(used, np.int64), lines)
    line = np.arange(text.size) - np.repeat(np.cumsum(lines) - lines, lines) + 1
    table = _even(blob, text.size)
    if table is not None:
        return Rows(text, line, np.arange(text.size + 1) * table.shape[1], table.ravel())
    return _uneven(blob, text, line)


def _empty() -> Rows:
    none = np.zeros(0, np.int64)
    return Rows(none, none, np.zeros(1, np.int64), np.zeros(0))


def _even(blob: bytes, rows: int) -> FloatArray | None:
    """All rows as one table, where each has the same count of numbers, with one space between; else None."""
    columns = blob[: blob.find(b"\n") % (len(blob) + 1)].count(b" ") + 1
    if columns > _MOST_COLUMNS or b"\t" in blob:
        return None
    names = [str(i) for i in range(columns)]
    try:
        table = csv.read_csv(
            pa.BufferReader(blob),
            read_options=csv.ReadOptions(column_names=names, block_size=max(len(blob), 1)),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=True),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
    except pa.ArrowException:
        return None
    if table.num_rows != rows:
        return None
    out = np.empty((rows, columns))
    for number, column in enumerate(table.columns):
        out[:, number] = column.to_numpy()
    return out


def _uneven(blob: bytes, text: IntArray, line: IntArray) -> Rows:
    lines = blob.split(b"\n")
    sizes = np.fromiter((len(part.split()) for part in lines), np.int64, len(lines))
    numbers = _numbers(blob)
    if numbers is None or numbers.size != sizes.sum():
        return _one_by_one(lines, text, line)
    kept = sizes > 0
    return Rows(text[kept], line[kept], np.concatenate(([0], np.cumsum(sizes[kept]))), numbers)


def _numbers(blob: bytes) -> FloatArray | None:
    """Every number in the text, or None where there is something else in it."""
    with warnings.catch_warnings():
        # Before NumPy 2.3 a text that is not all numbers is a warning, after it an error.
        warnings.simplefilter("error")
        try:
            found: FloatArray = np.fromstring(blob, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
    return found


def _one_by_one(lines: Sequence[bytes], text: IntArray, line: IntArray) -> Rows:
    values: list[float] = []
    sizes: list[int] = []
    kept: list[int] = []
    bad: list[tuple[int, int, str]] = []
    for place, part in enumerate(lines):
        tokens: list[Any] = part.split()
        if not tokens:
            continue
        try:
            if b"_" in part:  # Python takes 1_000 for a number, and nobody else does
                raise ValueError
            row = list(map(float, tokens))
        except ValueError:
            bad.append((int(text[place]), int(line[place]), "a row with something else than numbers"))
            continue
        values += row
        sizes.append(len(row))
        kept.append(place)
    at = np.array(kept, np.int64)
    return Rows(
        text[at], line[at], np.concatenate(([0], np.cumsum(np.array(sizes, np.int64)))), np.array(values, float), bad
    )
