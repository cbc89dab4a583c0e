"""Perceptual hashes: 64 bits that stay nearly the same when a picture is resized, recompressed or slightly retouched.

Hash     the picture in 32 × 32 grey, its discrete cosine transform, the 8 × 8 lowest frequencies, one bit each: above
         or below their median. Source  Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
Flat pictures (a blank page, a black frame) have next to nothing in those frequencies: their bits are noise, so they
have no hash, and are found by their content only.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate._vectors import Indices
from loopline.curate.groups import Groups, linked_groups
from loopline.errors import BadValue

SIDE_PX: Final = 32
BITS: Final = 64
_FLAT: Final = 2.0  # mean absolute coefficient of grey levels 0 … 255 below which a picture is flat
_CHUNKS: Final = 4

Hashes = npt.NDArray[np.uint64]


def perceptual_hash(grey: npt.NDArray[np.uint8]) -> int | None:
    """Hash of a picture in 32 × 32 grey levels, as a number below 2⁶⁴; None for a flat one. Raises BadValue."""
    if grey.shape != (SIDE_PX, SIDE_PX):
        raise BadValue(f"a perceptual hash is made of {SIDE_PX} × {SIDE_PX} grey levels, not {grey.shape}")
    basis = _basis()
    low = (basis @ grey.astype(np.float64) @ basis.T).reshape(-1)
    low[0] = 0  # the mean grey says nothing about looks
    if np.abs(low).mean() < _FLAT:
        return None
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


@cache
def _basis() -> npt.NDArray[np.float64]:
    """The 8 lowest frequencies of the orthonormal cosine transform, (8, 32)."""
    frequency, place = np.arange(8)[:, None], np.arange(SIDE_PX)[None, :]
    basis = np.cos(np.pi * (2 * place + 1) * frequency / (2 * SIDE_PX)) * np.sqrt(2 / SIDE_PX)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)


def alike_pairs(hashes: Hashes, known: npt.NDArray[np.bool_], *, most_bits: int) -> tuple[Indices, Indices, Indices]:
    """Pairs of rows whose hashes differ in at most `most_bits` bits: (a, b, bits), a < b.

    Hashes that differ in few bits agree in at least one part out of `most_bits` + 1, so only rows that share a part are
    compared: a hundred thousand pictures take seconds. Raises BadValue for most_bits outside 0 … 12.
    """
    if not 0 <= most_bits <= 12:
        raise BadValue(f"hashes of the same picture differ in 0 to 12 bits, not {most_bits}")
    rows = np.flatnonzero(known)
    parts = max(most_bits + 1, _CHUNKS)
    edges = np.linspace(0, BITS, parts + 1).astype(int)
    found: list[Indices] = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        mask = np.uint64(((1 << (high - low)) - 1) << low)
        part = hashes[rows] & mask
        order = np.argsort(part, kind="stable")
        found.append(_within_runs(hashes, rows[order], part[order], most_bits))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1], np.bitwise_count(hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]).astype(np.int64)


def _within_runs(hashes: Hashes, rows: Indices, part: Hashes, most_bits: int) -> Indices:
    """Pairs inside runs of equal parts: each row against the one `step` places on, for as long as runs last."""
    out = [np.zeros((0, 2), np.int64)]
    left = np.arange(len(rows) - 1)
    step = 1
    while len(left):
        left = left[left + step < len(rows)]
        left = left[part[left] == part[left + step]]
        a, b = rows[left], rows[left + step]
        close = np.bitwise_count(hashes[a] ^ hashes[b]) <= most_bits
        out.append(np.sort(np.stack([a[close], b[close]], axis=1), axis=1))
        step += 1
    return np.concatenate(out)


def alike_groups(
    hashes: pa.ChunkedArray | pa.Array, *, most_bits: int = 4, rank: npt.ArrayLike | None = None
) -> Groups:
    """Groups of pictures that look the same. `hashes`: 64-bit numbers, signed or not; missing: like nothing."""
    column = hashes.combine_chunks() if isinstance(hashes, pa.ChunkedArray) else hashes
    known = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
    values = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False)).astype(np.uint64)
    a, b, bits = alike_pairs(values, known, most_bits=most_bits)
    return linked_groups(len(values), a, b, 1 - bits / BITS, rank=rank)
