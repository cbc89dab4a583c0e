"""Columns for keys that a format has no word for, typed as their values come.

A file is read as a stream, so a column gets its type from the first batch that has a value of it: whole numbers,
numbers, texts, truths, or JSON for everything else and for mixtures. Later, whole numbers may widen to numbers; any
other value that does not fit is not forced: the caller keeps it in a JSON column of leftovers, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import pyarrow as pa

from loopline.kernel.schema import Column, ScalarType, unique_name

ARROW: Final[dict[str, pa.DataType]] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us"),
    "json": pa.string(),
    "bytes": pa.binary(),
    "floats": pa.list_(pa.float64()),
    "parts": pa.list_(pa.list_(pa.float64())),
}
"""The Arrow type of each physical type of the schema."""

MISSING: Final = msgspec.UNSET

_NONE: Final = type(None)
_ABSENT: Final = frozenset({type(MISSING), _NONE})
_GOOD: Final[dict[str, set[type]]] = {"bool": {bool}, "text": {str}, "int": {int}, "float": {int, float}}
_ROWS: Final = frozenset({"key", "sample_key", "class_code", "tags"})
"""What rows of samples and labels are tied by: see `kernel.exchange`."""
INT64: Final = range(-(2**63), 2**63)
EXACT: Final = range(-(2**53), 2**53 + 1)


@dataclass(slots=True)
class OpenColumns:
    """Columns found so far, by the key they come from.

    taken   names that a new column must not have; new names are added to it
    known   columns that the data set has already: a key that has one keeps its name, and its type where it fits
    names   the name that a key's column should have, where not the key itself
    """

    taken: set[str]
    known: Sequence[Column] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    found: dict[str, Column] = field(default_factory=dict)
    _locked: set[str] = field(default_factory=set)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(self.found.values())

    def add(self, key: str, values: Sequence[Any]) -> tuple[str, pa.Array | None, list[int]]:
        """One batch of a key's values, MISSING where a row lacks it.

        Gives the column's name, its array (None if it would be empty), and the rows whose value is not in it: null in
        the file (not the same as missing), or of another type than the column.
        """
        if not key:  # a column cannot say that its key was the empty text
            return "", None, [i for i, v in enumerate(values) if v is not MISSING]
        types = set(map(type, values))
        column = self.found.get(key)
        if not types - _ABSENT:
            rows = [i for i, v in enumerate(values) if v is None] if _NONE in types else []
            return column.name if column else "", None, rows
        if column is None:
            column = self._new(key, values, types - _ABSENT)
        elif column.type == "int" and float in types and key not in self._locked:
            column = replace(column, type="float")
        self.found[key] = column
        return column.name, *_fitting(values, types, column.type)

    def add_whole(self, key: str, numbers: pa.Array) -> tuple[str, pa.Array] | None:
        """One batch of whole numbers (int64, no nulls); None where the key's column cannot hold them as they are."""
        column = self.found.setdefault(key, self.found.get(key) or self._new(key, (0,), {int}))
        return (column.name, numbers) if column.type == "int" else None

    def _new(self, key: str, values: Sequence[Any], types: set[type]) -> Column:
        kind = _kind_of(values, types)
        for known in self.known:
            if (known.source_name or known.name) == key and _takes(known.type, kind) and known.name not in self.taken:
                self._locked.add(key)
                self.taken.add(known.name)
                return known
        # A file may have both "a b" and "a_b"; each gets its own name.
        name = unique_name(self.names.get(key, key), self.taken | _ROWS | {c.name for c in self.known})
        self.taken.add(name)
        return Column(name, kind, source_name=key if name != key else "")


def _takes(known: ScalarType, new: ScalarType) -> bool:
    return known == new or known == "json" or (known, new) == ("float", "int")


def _kind_of(values: Sequence[Any], types: set[type]) -> ScalarType:
    if types == {bool}:
        return "bool"
    if types == {str}:
        return "text"
    if types <= {int, float}:
        limit = INT64 if types == {int} else EXACT
        whole = [v for v in values if type(v) is int]
        if not whole or (min(whole) in limit and max(whole) in limit):
            return "int" if types == {int} else "float"
    return "json"


def _fitting(values: Sequence[Any], types: set[type], kind: ScalarType) -> tuple[pa.Array, list[int]]:
    """The values that fit, as an array, and the rows of the others."""
    if kind == "json":
        texts = [None if v is MISSING or v is None else json_text(v) for v in values]
        return pa.array(texts, pa.string()), [i for i, v in enumerate(values) if v is None] if _NONE in types else []
    good: set[type] = _GOOD.get(kind, set())
    if types == {int} and kind == "int":
        try:
            return pa.array(values, pa.int64()), []
        except OverflowError:
            pass
    if kind in ("int", "float") and int in types:
        limit = INT64 if kind == "int" else EXACT
        wide = {i for i, v in enumerate(values) if type(v) is int and v not in limit}
    else:
        wide = set()
    if types <= good and not wide:
        return pa.array(values, ARROW[kind]), []
    if not wide and types <= good | {type(MISSING)}:
        return pa.array([None if v is MISSING else v for v in values], ARROW[kind]), []
    rows = [i for i, v in enumerate(values) if (type(v) not in good and v is not MISSING) or i in wide]
    out = set(rows)
    kept = [None if v is MISSING or i in out else v for i, v in enumerate(values)]
    return pa.array(kept, ARROW[kind]), rows


def json_text(value: Any) -> str:
    """The value as compact JSON, keys sorted: equal values give equal texts."""
    return msgspec.json.encode(value, order="sorted").decode()
