"""Columns on the wire: a header in JSON, then the bytes of each column, which a browser reads without copying.

    u32 little endian   length of the header, padding included
    header              JSON {"columns": {name: [dtype, length, offset]}, ...}; spaces up to a multiple of 8
    columns             each starts at a multiple of 8, counted from the end of the header; little endian

dtypes are u1 u2 u4 i4 f4 f8. A column of texts is two: `<name>.bytes` (UTF-8) and `<name>.offsets` (n + 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

MEDIA_TYPE: Final = "application/x-loopline-columns"

Column: TypeAlias = npt.NDArray[np.generic]

_DTYPES: Final = {"u1", "u2", "u4", "i4", "f4", "f8"}
_ALIGNED: Final = 8


def frame(columns: Mapping[str, Column], extra: Mapping[str, object] | None = None) -> bytes:
    """The columns, one-dimensional and of the dtypes above, as bytes; `extra` joins the header.

    >>> read_frame(frame({"id": np.array([7.0])}, {"count": 1}))[1]["id"]
    array([7.])
    """
    places: dict[str, tuple[str, int, int]] = {}
    parts: list[bytes] = []
    at = 0
    for name, column in columns.items():
        kind = f"{column.dtype.kind}{column.dtype.itemsize}"
        if kind not in _DTYPES or column.ndim != 1:
            raise TypeError(f'column "{name}" is {column.dtype} with {column.ndim} axes')
        packed = np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()
        places[name] = (kind, len(column), at)
        pad = -len(packed) % _ALIGNED
        parts += [packed, b"\0" * pad]
        at += len(packed) + pad
    header = msgspec.json.encode({"columns": places, **(extra or {})})
    header += b" " * (-(len(header) + 4) % _ALIGNED)
    return b"".join([len(header).to_bytes(4, "little"), header, *parts])


def read_frame(packed: bytes) -> tuple[dict[str, object], dict[str, Column]]:
    """Header and columns of `frame`."""
    length = int.from_bytes(packed[:4], "little")
    header: dict[str, object] = msgspec.json.decode(packed[4 : 4 + length])
    places = msgspec.convert(header["columns"], dict[str, tuple[str, int, int]])
    start = 4 + length
    found = {
        name: np.frombuffer(packed, np.dtype(f"<{kind}"), count, start + offset)
        for name, (kind, count, offset) in places.items()
    }
    return header, found


def texts(name: str, values: pa.Array | pa.ChunkedArray) -> dict[str, Column]:
    """The two columns of texts; a missing one is empty."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    array = array.fill_null("").cast(pa.large_string())
    _, ends, characters = array.buffers()
    if not len(array) or ends is None:
        return {f"{name}.bytes": np.zeros(0, np.uint8), f"{name}.offsets": np.zeros(len(array) + 1, np.uint32)}
    offsets = np.frombuffer(ends, np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.frombuffer(characters, np.uint8) if characters is not None else np.zeros(0, np.uint8)
    return {
        f"{name}.bytes": held[offsets[0] : offsets[-1]],
        f"{name}.offsets": (offsets - offsets[0]).astype(np.uint32),
    }
