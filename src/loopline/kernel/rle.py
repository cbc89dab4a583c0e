"""Run-length masks as COCO stores them, on NumPy.

A mask of h rows and w columns is read column by column; `counts` are the lengths of its runs, zeros first. COCO
packs counts into text: each count, less the count two before it from the fourth on, in groups of five bits with the
low group first, plus 48.

Many masks travel as one flat array and offsets: counts of mask i are counts[offsets[i]:offsets[i+1]].

blob    how a label row keeps its mask: one byte for the form in the source (b"C" compressed text, b"U" list of
        counts), height and width as little-endian uint32, then the compressed counts.

Source  pycocotools' maskApi, which the tests compare with.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
MaskArray: TypeAlias = npt.NDArray[np.bool_]
Form = Literal["compressed", "list"]

_HEAD: Final = struct.Struct("<cII")
_FORM_OF: Final[dict[bytes, Form]] = {b"C": "compressed", b"U": "list"}
_BYTE_OF: Final[dict[Form, bytes]] = {form: byte for byte, form in _FORM_OF.items()}
_MOST_GROUPS: Final = 8  # 40 bits: any count of a picture that fits in memory


class Mask(NamedTuple):
    """One mask out of a blob."""

    height: int
    width: int
    packed: bytes  # compressed counts
    form: Form  # how the source had it


def pack_blob(height: int, width: int, packed: bytes, form: Form = "compressed") -> bytes:
    """A mask as a label row keeps it. Raises BadValue where a side is not a uint32."""
    try:
        return _HEAD.pack(_BYTE_OF[form], height, width) + packed
    except struct.error as error:
        raise BadValue(f"mask size {height} x {width} is not possible") from error


def unpack_blob(blob: bytes) -> Mask:
    """The parts of `pack_blob`. Raises BadValue where the bytes are not such a blob."""
    if len(blob) < _HEAD.size or blob[:1] not in _FORM_OF:
        raise BadValue("these bytes are not a mask", hint="write masks with rle.pack_blob")
    byte, height, width = _HEAD.unpack_from(blob)
    return Mask(height, width, blob[_HEAD.size :], _FORM_OF[byte])


def counts_of(mask: MaskArray) -> IntArray:
    """Runs of a mask, zeros first. Shapes  (h, w) -> (k,); they add up to h * w.

    >>> counts_of(np.array([[0, 1], [1, 1]], bool))
    array([1, 3])
    """
    flat = np.asarray(mask, bool).ravel(order="F")
    if not flat.size:
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    runs = np.diff(bounds)
    return np.concatenate(([0], runs)) if flat[0] else runs


def mask_of(counts: IntArray, height: int, width: int) -> MaskArray:
    """The (height, width) mask of its runs. Raises BadValue unless they add up to height * width."""
    counts = np.asarray(counts, np.int64)
    if counts.size and counts.min() < 0:
        raise BadValue("a run of the mask has a negative length")
    if int(counts.sum()) != height * width:
        raise BadValue(f"the runs add up to {int(counts.sum())} pixels, the mask has {height} x {width}")
    values = np.arange(counts.size) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")


def compress(counts: IntArray | Sequence[int]) -> bytes:
    """Counts as COCO's text.

    >>> compress([6, 1, 40, 4, 5])
    b'61X13mN'
    """
    runs = np.asarray(counts, np.int64)
    if not runs.size:
        return b""
    delta = runs.copy()
    delta[3:] -= runs[1:-2]
    # Each value takes groups of 5 bits until what is left is only sign.
    groups = np.empty((delta.size, _MOST_GROUPS), np.uint8)
    wanted = np.zeros((delta.size, _MOST_GROUPS), bool)
    rest, open_ = delta, np.ones(delta.size, bool)
    for i in range(_MOST_GROUPS):
        low = rest & 0x1F
        rest = rest >> 5
        more = np.where(low & 0x10, rest != -1, rest != 0)
        groups[:, i] = (low | np.where(more, 0x20, 0)) + 48
        wanted[:, i] = open_
        open_ = open_ & more
    if open_.any():
        raise BadValue("a run of the mask is too long")
    return groups[wanted].tobytes()


def decompress(packed: bytes) -> IntArray:
    """Counts from COCO's text. Raises BadValue where it is not such text."""
    return decompress_many([packed])[0]


def decompress_many(packed: Sequence[bytes]) -> tuple[IntArray, IntArray]:
    """Counts of many masks. Shapes  n texts -> (k,) counts, (n + 1,) offsets. Raises BadValue at the first bad text."""
    sizes = np.fromiter(map(len, packed), np.int64, len(packed))
    text = np.frombuffer(b"".join(packed), np.uint8).astype(np.int64) - 48
    if not text.size:
        return np.zeros(0, np.int64), np.zeros(len(packed) + 1, np.int64)
    if text.min() < 0 or text.max() > 63:
        raise BadValue("the mask's counts hold a character that COCO does not use")
    last = (text & 0x20) == 0
    ends = np.cumsum(sizes)
    if not last[ends[sizes > 0] - 1].all():
        raise BadValue("the mask's counts break off")
    stops = np.flatnonzero(last)
    starts = np.concatenate(([0], stops[:-1] + 1))
    group = np.arange(text.size) - np.repeat(starts, stops - starts + 1)
    if group.max() >= _MOST_GROUPS + 2:
        raise BadValue("the mask's counts hold a number that is too long")
    values = np.add.reduceat((text & 0x1F) << (5 * group), starts)
    values -= np.where(text[stops] & 0x10, np.int64(1) << (5 * (stops - starts + 1)), 0)
    offsets = np.concatenate(([0], np.cumsum(last)[ends - 1])) if sizes.all() else _offsets(sizes, last)
    return _undo_delta(values, offsets), offsets


def _offsets(sizes: IntArray, last: MaskArray) -> IntArray:
    before = np.concatenate(([0], np.cumsum(last)))
    return before[np.concatenate(([0], np.cumsum(sizes)))]


def _undo_delta(values: IntArray, offsets: IntArray) -> IntArray:
    """Add to each value from the fourth of its mask on the one two before: a running sum by even and odd place."""
    place = np.arange(values.size) - np.repeat(offsets[:-1], np.diff(offsets))
    # Place 0 stands alone; odd places and even places from 2 on are each a chain.
    out = values.copy()
    for first in (1, 2):
        chain = np.flatnonzero((place >= first) & ((place - first) % 2 == 0))
        if not chain.size:
            continue
        total = np.cumsum(values[chain])
        heads = np.flatnonzero(place[chain] == first)
        base = np.concatenate(([0], total[heads[1:] - 1]))
        out[chain] = total - np.repeat(base, np.diff(np.append(heads, chain.size)))
    return out


def encode(mask: MaskArray) -> bytes:
    """The blob of a mask."""
    height, width = mask.shape
    return pack_blob(height, width, compress(counts_of(mask)))


def decode(blob: bytes) -> MaskArray:
    """The (h, w) mask of a blob. Raises BadValue where the bytes are not a mask."""
    mask = unpack_blob(blob)
    return mask_of(decompress(mask.packed), mask.height, mask.width)


def area(counts: IntArray) -> int:
    """Pixels that are set."""
    return int(np.asarray(counts)[1::2].sum())


def bbox(counts: IntArray, height: int) -> tuple[int, int, int, int]:
    """Enclosing box x, y, w, h in pixels; all 0 for an empty mask."""
    runs = np.asarray(counts, np.int64)
    x, y, w, h = boxes(runs, np.array([0, runs.size]), np.array([height]))[0].astype(int).tolist()
    return x, y, w, h


def boxes(counts: IntArray, offsets: IntArray, heights: IntArray) -> FloatArray:
    """Enclosing boxes of n masks. Shapes  (k,), (n + 1,), (n,) -> (n, 4) as x, y, w, h; zeros for an empty mask."""
    n = heights.size
    out = np.zeros((n, 4))
    sizes = np.diff(offsets)
    owner = np.repeat(np.arange(n), sizes)
    place = np.arange(counts.size) - np.repeat(offsets[:-1], sizes)
    ends = np.cumsum(counts)
    ends -= np.repeat(np.concatenate(([0], ends))[offsets[:-1]], sizes)
    run = np.flatnonzero((place % 2 == 1) & (counts > 0))
    if not run.size:
        return out
    owner, stop = owner[run], ends[run] - 1
    start = stop - counts[run] + 1
    high = heights[owner]
    x0, x1 = start // high, stop // high
    # A run that goes on into the next column covers the picture's full height.
    across = x1 > x0
    y0, y1 = np.where(across, 0, start % high), np.where(across, high - 1, stop % high)
    heads = np.flatnonzero(np.diff(owner, prepend=-1))
    left, top = np.minimum.reduceat(x0, heads), np.minimum.reduceat(y0, heads)
    right, bottom = np.maximum.reduceat(x1, heads), np.maximum.reduceat(y1, heads)
    out[owner[heads]] = np.stack([left, top, right - left + 1, bottom - top + 1], axis=1)
    return out
