"""Columns of the engine's answers as NumPy arrays, and ids the other way.

By their buffers: pyarrow's own conversions load pandas wherever it is installed, which takes longer than all that the
first page asks for.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ids: TypeAlias = npt.NDArray[np.int64]
Doubles: TypeAlias = npt.NDArray[np.float64]


def as_array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """(n,) numbers or bools without a missing one; read-only. Raises ValueError where one is missing.

    >>> as_array(pa.chunked_array([[3, 1], [2]]))
    array([3, 1, 2])
    """
    if column.null_count:
        raise ValueError(f"{column.null_count} values are missing")
    return _joined([_held(chunk) for chunk in column.chunks], column.type)


def as_doubles(column: pa.ChunkedArray) -> Doubles:
    """(n,) as doubles, a missing one as NaN.

    >>> as_doubles(pa.chunked_array([[3, None], [2]]))
    array([ 3., nan,  2.])
    """
    doubles = column.cast(pa.float64(), safe=False)
    return _joined([_with_nan(chunk) for chunk in doubles.chunks], doubles.type)


def as_codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """(n,) the place of each value among the different ones, which follow; a missing one is after the last of them.

    >>> as_codes(pa.chunked_array([["b", "a"], [None, "b"]]))
    (array([0, 1, 2, 0], dtype=int32), ['b', 'a'])
    """
    encoded = column.combine_chunks().dictionary_encode()
    listed = encoded.dictionary.to_pylist()
    places = encoded.indices
    codes = np.where(_valid(places), _held(places), len(listed)) if places.null_count else _held(places)
    return codes.astype(np.int32), listed


def id_column(ids: Ids) -> pa.Array:
    """
    >>> id_column(np.array([7, 9])).to_pylist()
    [7, 9]
    """
    held = np.ascontiguousarray(ids, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(held), [None, pa.py_buffer(held)])


def _joined(parts: list[npt.NDArray[Any]], kind: pa.DataType) -> npt.NDArray[Any]:
    if not parts:
        return np.zeros(0, _dtype(kind))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _held(chunk: pa.Array) -> npt.NDArray[Any]:
    """What stands in the buffer, at missing values too."""
    held = chunk.buffers()[1]
    if held is None or not len(chunk):
        return np.zeros(len(chunk), _dtype(chunk.type))
    if pa.types.is_boolean(chunk.type):
        return _bits(held, chunk.offset, len(chunk))
    kind = _dtype(chunk.type)
    return np.frombuffer(held, kind, len(chunk), chunk.offset * kind.itemsize)


def _with_nan(chunk: pa.Array) -> Doubles:
    held: Doubles = _held(chunk)
    return np.where(_valid(chunk), held, np.nan) if chunk.null_count else held


def _valid(chunk: pa.Array) -> npt.NDArray[np.bool_]:
    """Of a chunk with missing values: where there is one."""
    return _bits(chunk.buffers()[0], chunk.offset, len(chunk))


def _bits(held: pa.Buffer, offset: int, count: int) -> npt.NDArray[np.bool_]:
    packed = np.frombuffer(held, np.uint8)[: (offset + count + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[offset : offset + count].astype(np.bool_)


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    name = str(kind)
    return np.dtype({"halffloat": "float16", "float": "float32"}.get(name, name))
