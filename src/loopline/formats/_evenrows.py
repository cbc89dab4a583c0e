"""Rows of a JSON array that differ in nothing but their numbers, as Arrow columns.

A million detections written by a program have the same keys in the same order, and numbers as their only values. Taken
without its digits such a text is one row's bones over and over: two passes over the bytes see that, and what is left
when the bones are taken away is CSV. That is several times quicker than to make an object of each row and a number of
each value. Whatever is not so even is not read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, overload

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import csv

Number = Literal["int", "float", "box"]
"""What a key holds: a whole number, a number, or a list of four numbers (columns `key0` … `key3`)."""

_BOX: Final = 4
_KEY: Final = re.compile(r"[A-Za-z_]+\Z")
_LESS: Final = b"~"  # stands for "e-", and the next for "e+", as their letter would be taken for one of a key
_MORE: Final = b"^"
_ROW_ENDS: Final = bytes.maketrans(b"}", b"\n")
_NOT_CSV: Final = bytes(set(range(256)) - set(b"0123456789.-,}" + _LESS + _MORE))
_FEWEST_BYTES: Final = 1 << 14  # for less, setting up the CSV reader costs more than it saves


class EvenRows(Sequence[Any]):
    """Columns, and the same rows as objects for whoever asks for one: then all are decoded, once."""

    def __init__(self, table: pa.Table, raw: bytes, decode: Callable[[bytes], list[Any]]) -> None:
        self.table = table
        self._raw = raw
        self._decode = decode
        self._rows: list[Any] | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if self._rows is None:
            self._rows = self._decode(self._raw)
        return self._rows[index]


def columns(raw: bytes, keys: Mapping[str, Number]) -> pa.Table | None:
    """The columns of `[{...},{...}]`: int64 and float64, no nulls. None where the rows are not even, or have another key.

    Numbers are the nearest double, as any JSON parser gives. A text that is no JSON but for the form of a number (01,
    .5) may be taken.
    """
    if len(raw) < _FEWEST_BYTES or raw[:2] != b"[{":
        return None
    first = raw[1 : raw.find(b"}") + 1]
    names = _columns_of(first, keys)
    if names is None:
        return None
    # Every pass over the text counts, so the rarer things are looked for in what earlier passes have left of it.
    bones = raw.translate(None, b"0123456789.")
    exponents = b"e-" in bones or b"e+" in bones
    if not _is_even(bones, first, raw):
        return None
    if exponents:
        if _LESS in bones or _MORE in bones:
            return None
        raw = raw.replace(b"e-", _LESS).replace(b"e+", _MORE)
    text = b"," + raw.translate(_ROW_ENDS, _NOT_CSV)  # the comma between two rows comes before the second
    if exponents:
        text = text.replace(_LESS, b"e-").replace(_MORE, b"e+")
    kinds = {"int": pa.int64(), "float": pa.float64()}
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=["", *names]),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(
                column_types={name: kinds[kind] for name, kind in names.items()},
                include_columns=list(names),
                null_values=[],
            ),
        )
    except pa.ArrowInvalid:  # a whole number that is none, or too large; a value that is missing
        return None
    finite = all(np.isfinite(table[name].to_numpy()).all() for name, kind in names.items() if kind == "float")
    return table if finite else None


def _columns_of(row: bytes, keys: Mapping[str, Number]) -> dict[str, str] | None:
    """Name and type of the columns of the first row, in its order."""
    try:
        values = msgspec.json.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(values, dict) or row.count(b'"') != 2 * len(values):  # a key twice, or texts
        return None
    out: dict[str, str] = {}
    for key, value in values.items():
        kind = keys.get(key)
        if kind is None or not _KEY.match(key):
            return None
        if kind == "box":
            if type(value) is not list or len(value) != _BOX or not all(type(v) in (int, float) for v in value):
                return None
            out |= {f"{key}{i}": "float" for i in range(_BOX)}
        elif type(value) in (int, float):
            out[key] = kind
        else:
            return None
    return out or None


def _is_even(bones: bytes, first: bytes, raw: bytes) -> bool:
    """Whether every row is the first one with other digits. Only signs and exponents are left of `bones`' numbers."""
    bones = _without_signs(bones)
    row = _without_signs(first.translate(None, b"0123456789."))
    following = raw.find(b"{", len(first) + 1)
    between = raw[len(first) + 1 : following] if following >= 0 else b","
    last = bones.rfind(b"}") + 1
    if between.strip() != b"," or bones[last:].strip() != b"]":
        return False
    count, left = divmod(last - 1 + len(between), len(row) + len(between))
    return left == 0 and bones[1:last] == between.join([row] * count)


def _without_signs(bones: bytes) -> bytes:
    return bones.replace(b"e-", b"").replace(b"e+", b"").replace(b"-", b"")
