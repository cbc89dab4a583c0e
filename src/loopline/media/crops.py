"""Parts of a picture, sharp: cut from the original, not from a thumbnail of all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from loopline.media.thumbnails import as_jpeg, upright

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN: Final = 1.25
"""Side of what is cut out, in longer sides of the box: enough of what is around it, whatever shape the tile has."""

Box: TypeAlias = tuple[float, float, float, float]


def cut_of(box: Box, width: float, height: float) -> Box:
    """x0 y0 x1 y1 of the square around a box (x y w h, pixels), as far as it lies on the picture.

    >>> cut_of((40, 45, 20, 10), 100, 100)
    (37.5, 37.5, 62.5, 62.5)
    >>> cut_of((0, 0, 20, 10), 100, 100)
    (0.0, 0.0, 22.5, 17.5)
    """
    x, y, w, h = box
    half = max(w, h, 1.0) * MARGIN / 2
    cx, cy = x + w / 2, y + h / 2
    x0, x1 = (min(max(v, 0.0), width) for v in (cx - half, cx + half))
    y0, y1 = (min(max(v, 0.0), height) for v in (cy - half, cy + half))
    return x0, y0, x1, y1


def crops(file: BinaryIO, boxes: Sequence[Box], size: int, width: float, height: float) -> list[bytes]:
    """A JPEG of what is around each box, its longer side at most `size` pixels; a smaller cut keeps its pixels.

    boxes, width, height   in pixels of the picture as it is stored in the data set: upright, whole
    Raises MediaError where the picture cannot be read.
    """
    cuts = [cut_of(box, width, height) for box in boxes]
    # Large objects of a large photograph need no more of its pixels than their crops will have.
    wanted = max((min(1.0, size / _side(cut)) for cut in cuts), default=1.0)
    picture = upright(file, math.ceil(wanted * max(width, height)))
    return [as_jpeg(_cut(picture, cut, size, width, height)) for cut in cuts]


def crops_of(picture: Image, boxes: Sequence[Box], size: int, width: float, height: float) -> list[bytes]:
    """As `crops`, of a picture that is open already."""
    return [as_jpeg(_cut(picture, cut_of(box, width, height), size, width, height)) for box in boxes]


def _side(cut: Box) -> float:
    return max(cut[2] - cut[0], cut[3] - cut[1], 1.0)


def _cut(picture: Image, cut: Box, size: int, width: float, height: float) -> Image:
    """`picture` may have been decoded smaller than it is."""
    sx, sy = picture.width / width, picture.height / height
    x0, y0, x1, y1 = cut[0] * sx, cut[1] * sy, cut[2] * sx, cut[3] * sy
    if x1 - x0 < 1:  # a box without width, or outside of the picture: one pixel of its edge
        x0 = min(max(x0, 0.0), picture.width - 1.0)
        x1 = x0 + 1
    if y1 - y0 < 1:
        y0 = min(max(y0, 0.0), picture.height - 1.0)
        y1 = y0 + 1
    scale = min(1.0, size / max(x1 - x0, y1 - y0))
    shape = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    return picture.resize(shape, box=(x0, y0, x1, y1), reducing_gap=2.0)
