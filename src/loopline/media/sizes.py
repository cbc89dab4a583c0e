"""Sizes of many pictures from the first bytes of their files."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import MediaError
from loopline.media.pictures import exif_orientation
from loopline.media.probe import probe

_HEAD: Final = 16 << 10  # holds the header of nearly every picture
_AT_ONCE: Final = 256
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def picture_sizes(paths: Sequence[str], *, workers: int | None = None) -> npt.NDArray[np.int64]:
    """Width and height in pixels as shown (orientation applied); 0, 0 where a file is not a readable picture.

    Shapes  n paths -> (n, 2). Much quicker than `probe_many`, as nothing is hashed and file ends are not looked at.
    """
    parts = [paths[i : i + _AT_ONCE] for i in range(0, len(paths), _AT_ONCE)]
    if len(parts) < 2:
        sizes = [_size(path) for path in paths]
    else:
        with ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="sizes") as pool:
            sizes = list(chain.from_iterable(pool.map(lambda part: [_size(path) for path in part], parts)))
    return np.array(sizes, np.int64).reshape(-1, 2)


def _size(path: str) -> tuple[int, int]:
    try:
        file = os.open(path, _FLAGS)
        try:
            head = os.read(file, _HEAD)
        finally:
            os.close(file)
    except (OSError, ValueError):
        return 0, 0
    found = _jpeg(head) if head[:2] == b"\xff\xd8" else _png(head) if head[:4] == b"\x89PNG" else None
    if found is not None:
        return found
    try:
        seen = probe(path, with_hash=False)
    except MediaError:
        return 0, 0
    return (seen.width or 0, seen.height or 0) if seen.media == "image" else (0, 0)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """None where the first bytes do not tell; then the whole header is read."""
    at, turned = 2, False
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        kind = head[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            if not (width and height):
                return None
            return (height, width) if turned else (width, height)
        if kind in (0xFF, 0x01) or 0xD0 <= kind <= 0xDA:
            return None
        length = head[at + 2] << 8 | head[at + 3]
        if kind == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            if at + 2 + length > len(head):
                return None
            turned = exif_orientation(head[at + 10 : at + 2 + length]) >= 5
        at += 2 + length
    return None


def _png(head: bytes) -> tuple[int, int] | None:
    if head[12:16] != b"IHDR" or len(head) < 33:
        return None
    width, height = struct.unpack_from(">II", head, 16)
    at = 33
    while at + 8 <= len(head):
        kind = head[at + 4 : at + 8]
        if kind == b"IDAT":
            return (width, height) if width and height else None
        if kind == b"eXIf":  # may turn the picture
            return None
        at += 12 + int.from_bytes(head[at : at + 4], "big")
    return None
