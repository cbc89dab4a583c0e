"""Vectors as rows of unit length, a block at a time, so that a dot product is the cosine of an angle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue

Vectors: TypeAlias = npt.NDArray[np.floating[Any]]
Float32: TypeAlias = npt.NDArray[np.float32]
Indices: TypeAlias = npt.NDArray[np.int64]

BLOCK_ROWS: Final = 4096


def unit_rows(vectors: Vectors) -> Float32:
    """The rows in float32 with length 1; a row of zeros stays as it is and is like nothing."""
    rows = np.array(vectors, np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, length, out=rows, where=length > 0)
    return rows


def blocks(vectors: Vectors, rows: int = BLOCK_ROWS) -> Iterator[tuple[int, Float32]]:
    """Unit rows with the place of the first of them."""
    for start in range(0, len(vectors), rows):
        yield start, unit_rows(vectors[start : start + rows])


def checked(vectors: Vectors, name: str = "vectors") -> Vectors:
    """The matrix itself. Raises BadValue unless it has two axes."""
    if vectors.ndim != 2:
        raise BadValue(f"{name} must have the shape (rows, dimensions), not {vectors.shape}")
    return vectors
