"""Arrow columns as Python values, quickly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ABSENT: Final = msgspec.UNSET


def one(column: Any) -> pa.Array:
    """A chunked column as one array."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


def values(column: Any, kind: str) -> list[Any]:
    """A column's values as they go into JSON, ABSENT for null. `kind` is the schema's physical type."""
    array = one(column)
    if kind == "parts":
        return _parts(array)
    if kind == "floats":
        return _floats(array)
    if kind in ("int", "float") and not array.null_count:
        out: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
        return out
    plain = array.to_pylist()
    if kind == "json":
        return [ABSENT if v is None else msgspec.json.decode(v) for v in plain]
    if kind == "time":
        return [ABSENT if v is None else v.isoformat() for v in plain]
    return [ABSENT if v is None else v for v in plain] if array.null_count else plain


def _lists(array: pa.Array) -> tuple[Any, list[int], list[bool] | None]:
    """What the lists hold, where each starts and stops, and which are null."""
    offsets = array.offsets.to_numpy().astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    inner = array.values.slice(first, last - first)
    nulls = array.is_null().to_pylist() if array.null_count else None
    return inner, (offsets - first).tolist(), nulls


def _floats(array: pa.Array) -> list[Any]:
    inner, at, nulls = _lists(array)
    flat = inner.to_numpy(zero_copy_only=False).tolist()
    rows: list[Any] = [flat[a:b] for a, b in pairwise(at)]
    return rows if nulls is None else [ABSENT if null else row for row, null in zip(rows, nulls, strict=True)]


def _parts(array: pa.Array) -> list[Any]:
    inner, at, nulls = _lists(array)
    parts = _floats(inner)
    rows: list[Any] = [parts[a:b] for a, b in pairwise(at)]
    return rows if nulls is None else [ABSENT if null else row for row, null in zip(rows, nulls, strict=True)]


def count_filled(table: pa.Table, name: str) -> int:
    """Rows whose value is neither null nor an empty list."""
    if name not in table.column_names:
        return 0
    column = table[name]
    if pa.types.is_list(column.type):
        return int(pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0)
    return len(column) - int(column.null_count)
