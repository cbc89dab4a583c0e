"""Ids of a COCO file: which are there, and which are there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.formats._columns import INT64

_NO_ID: Final = np.iinfo(np.int64).min


def fit(values: Sequence[Any]) -> bool:
    """Whether whole numbers fit into 64 bits; texts do not count."""
    return all(type(v) is not int or v in INT64 for v in values)


class Ids:
    """Ids seen so far: whole numbers in NumPy, texts in a set. The first id says which of the two they are."""

    def __init__(self) -> None:
        self._numbers = np.zeros(0, np.int64)
        self._texts: set[str] = set()
        self._kind: type | None = None

    def add(self, values: Sequence[Any]) -> list[bool]:
        """Which of them are usable and new."""
        if self._kind is None:
            self._kind = next((type(v) for v in values if type(v) in (int, str)), None)
        if self._kind is int and set(map(type, values)) == {int} and fit(values):
            ids = np.array(values, np.int64)
            first = np.zeros(ids.size, bool)
            first[np.unique(ids, return_index=True)[1]] = True
            fresh: list[bool] = (first & ~np.isin(ids, self._numbers)).tolist()
            self._numbers = np.concatenate((self._numbers, ids[fresh]))
            return fresh
        out = []
        for value in values:
            good = type(value) is self._kind and self._kind is not None and fit([value])
            new = good and not self.contains([value])[0]
            if new and self._kind is int:
                self._numbers = np.append(self._numbers, value)
            elif new:
                self._texts.add(value)
            out.append(bool(new))
        return out

    def contains(self, values: Any) -> Any:
        """Shapes  n -> (n,) bool. `values` a list, or an array of whole numbers."""
        if isinstance(values, np.ndarray):
            return np.isin(values, self._numbers)
        if self._kind is int and set(map(type, values)) == {int} and fit(values):
            return np.isin(np.array(values, np.int64), self._numbers)
        if self._kind is int:
            known = set(self._numbers.tolist())
            return np.array([type(v) is int and v in known for v in values], bool)
        return np.array([type(v) is str and v in self._texts for v in values], bool)

    def array(self, values: Sequence[Any]) -> pa.Array:
        return pa.array(values, pa.int64() if self._kind is int else pa.string())


@dataclass(slots=True)
class AllIds:
    """Every annotation's id with its place in the file, to find at the end which are there twice."""

    parts: list[tuple[Any, Any]] = field(default_factory=list)

    def add(self, places: Any, ids: Any) -> None:
        """`places` an array, or the first place where they follow on each other: a million need not be kept."""
        if isinstance(ids, np.ndarray) or ids.count(UNSET) < len(ids):
            self.parts.append((places, ids if isinstance(ids, np.ndarray) else _plain(ids)))

    def repeated(self) -> Iterator[tuple[int, Any]]:
        """(place, id) of each that was there before, in the file's order. Rows without an id are not told."""
        if any(isinstance(ids, list) for _, ids in self.parts):
            every: Any = np.array(
                [str(v) for _, ids in self.parts for v in (ids if isinstance(ids, list) else ids.tolist())]
            )
        else:
            every = np.concatenate([np.zeros(0, np.int64), *(ids for _, ids in self.parts)])
        if every.dtype == np.int64 and (np.diff(every) > 0).all():
            return
        ranked = np.sort(every)
        if not (ranked[1:] == ranked[:-1]).any():
            return
        order = np.argsort(every, kind="stable")
        ranked = every[order]
        without = [_NO_ID] if every.dtype == np.int64 else [str(UNSET), str(None), str(_NO_ID)]
        again = order[1:][(ranked[1:] == ranked[:-1]) & ~np.isin(ranked[1:], without)]
        places = np.concatenate([p + np.arange(len(ids)) if isinstance(p, int) else p for p, ids in self.parts])
        for row in np.sort(again).tolist():
            yield int(places[row]), every[row]


def _plain(ids: list[Any]) -> Any:
    types = set(map(type, ids))
    if str in types or not fit(ids):
        return ids
    if types == {int}:
        return np.array(ids, np.int64)
    return np.array([v if type(v) is int else _NO_ID for v in ids], np.int64)
