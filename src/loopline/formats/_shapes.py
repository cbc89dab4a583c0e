"""Numbers and shapes of label files: checked as they come in, and turned between the ways to write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from loopline.errors import BadValue
from loopline.kernel import rle

Box: TypeAlias = tuple[float, float, float, float]
"""x, y, w, h in pixels."""

HUGE: Final = 1e9
"""No picture has a coordinate beyond this; such a number is a fault, not a place."""

MOST_MASK_PIXELS: Final = 1 << 28


class Fault(ValueError):
    """What is wrong with one row of a label file; the reader counts it and goes on."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def number(value: Any, name: str = "a coordinate") -> float:
    """A finite number from text or JSON. Raises Fault."""
    if type(value) is float and -HUGE <= value <= HUGE:
        return value
    if isinstance(value, bool) or value is None:
        raise Fault(f"{name} is missing or not a number")
    try:
        out = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Fault(f"{name} is missing or not a number") from None
    if not math.isfinite(out):
        raise Fault(f"{name} is not finite")
    if abs(out) > HUGE:
        raise Fault(f"{name} is larger than any picture", "the number is broken, or in another unit")
    return out


def optional_number(value: Any) -> float | None:
    """A finite number of any size, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        out = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return out if math.isfinite(out) else None


def whole(value: Any) -> int | None:
    """A whole number that fits in 64 bits, from text or JSON; else None."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return None
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def size_px(value: Any) -> int | None:
    """A picture's side, or None where it is not one."""
    side = whole(value)
    return side if side is not None and 0 < side <= HUGE else None


def pairs(points: Any) -> list[float]:
    """A list of [x, y, ...] as flat x0 y0 x1 y1 .... Raises Fault."""
    if not isinstance(points, list):
        raise Fault("the points are not a list")
    flat = []
    for point in points:
        if isinstance(point, dict):
            point = [point.get("x"), point.get("y")]
        if not isinstance(point, list | tuple) or len(point) < 2:
            raise Fault("a point is not a pair of numbers")
        flat += [number(point[0]), number(point[1])]
    return flat


def unflat(flat: Sequence[float]) -> list[list[float]]:
    """Flat x0 y0 x1 y1 ... as pairs, whole numbers without a point."""
    return [[tidy(x), tidy(y)] for x, y in zip(flat[0::2], flat[1::2], strict=True)]


def tidy(value: float) -> float:
    """The number as an int where it is whole, so that JSON and text are as people write them."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def around(flat: Sequence[float]) -> Box:
    """The box around flat x0 y0 x1 y1 ...; at least one point."""
    xs, ys = flat[0::2], flat[1::2]
    x, y = min(xs), min(ys)
    return x, y, max(xs) - x, max(ys) - y


def around_triplets(keypoints: Sequence[float]) -> Box:
    """The box around the labelled points of flat x y v triplets; around all points where none is labelled."""
    points = [p for p in zip(keypoints[0::3], keypoints[1::3], keypoints[2::3], strict=True) if p[2] > 0]
    if not points:
        points = list(zip(keypoints[0::3], keypoints[1::3], keypoints[2::3], strict=True))
    return around([n for x, y, _ in points for n in (x, y)])


def turned_corners(box: Box, degrees: float) -> list[float]:
    """The four corners of a box turned clockwise about its centre: left-top, right-top, right-bottom, left-bottom.

    >>> turned_corners((0, 0, 4, 2), 90)
    [3.0, -1.0, 3.0, 3.0, 1.0, 3.0, 1.0, -1.0]
    """
    x, y, w, h = box
    cx, cy = x + w / 2, y + h / 2
    exact = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}.get(float(degrees % 360))
    cos, sin = exact or (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    flat = []
    for dx, dy in ((-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)):
        flat += [cx + dx * cos - dy * sin, cy + dx * sin + dy * cos]
    return flat


def box_of_corners(flat: Sequence[float]) -> tuple[Box, float]:
    """The turned box nearest to four corners, and its turn in degrees clockwise. The first side gives the turn."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = zip(flat[0::2], flat[1::2], strict=True)
    cx, cy = (x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4
    w = (math.hypot(x1 - x0, y1 - y0) + math.hypot(x2 - x3, y2 - y3)) / 2
    h = (math.hypot(x3 - x0, y3 - y0) + math.hypot(x2 - x1, y2 - y1)) / 2
    degrees = math.degrees(math.atan2(y1 - y0 + y2 - y3, x1 - x0 + x2 - x3))
    return (cx - w / 2, cy - h / 2, w, h), degrees


def placed_mask(crop: rle.MaskArray, left: int, top: int, width: int, height: int) -> bytes:
    """The blob of a picture's mask that is `crop` at (left, top) and empty elsewhere. Raises Fault where it leaves
    the picture."""
    h, w = crop.shape
    if left < 0 or top < 0 or left + w > width or top + h > height:
        raise Fault("the mask reaches outside the picture")
    # Runs of the whole picture from the few columns that the crop covers: a large picture is never made.
    columns = np.zeros((height, w), bool)
    columns[top : top + h] = crop
    counts = rle.counts_of(columns) if w else np.zeros(0, np.int64)
    before, after = left * height, (width - left - w) * height
    runs = counts.tolist() or [0]
    runs[0] += before
    if after:
        if len(runs) % 2:
            runs[-1] += after
        else:
            runs.append(after)
    return rle.pack_blob(height, width, rle.compress(runs))


def mask_crop(blob: bytes) -> tuple[rle.MaskArray, int, int, rle.Mask]:
    """The smallest part of a mask that holds all of its pixels, its left and top, and the mask. Empty: a 0 x 0 part.

    Raises Fault where the blob is not a mask or is too large to unfold.
    """
    try:
        mask = rle.unpack_blob(blob)
        if mask.height * mask.width > MOST_MASK_PIXELS:
            raise Fault("the mask is too large to unfold")
        x, y, w, h = rle.bbox(rle.decompress(mask.packed), mask.height) if mask.height else (0, 0, 0, 0)
        return rle.decode(blob)[y : y + h, x : x + w], x, y, mask
    except BadValue as error:
        raise Fault(error.what) from error


def mask_box(blob: bytes) -> Box:
    """The box around the pixels of a mask. Raises Fault where the blob is not a mask."""
    try:
        mask = rle.unpack_blob(blob)
        counts = rle.decompress(mask.packed)
    except BadValue as error:
        raise Fault(error.what) from error
    if int(counts.sum()) != mask.height * mask.width:
        raise Fault("the mask's runs do not add up to its size")
    return tuple(map(float, rle.bbox(counts, max(mask.height, 1))))  # type: ignore[return-value]


def triplets(flat: Iterable[float], visible: float = 2.0) -> list[float]:
    """Flat x0 y0 x1 y1 ... as flat x y v triplets."""
    values = list(flat)
    return [n for x, y in zip(values[0::2], values[1::2], strict=True) for n in (x, y, visible)]


def rle_blob(found: Mapping[str, Any]) -> bytes:
    """A mask out of COCO's packed run lengths, {"size": [height, width], "counts": "..."}. Raises Fault."""
    size, counts = found.get("size"), found.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not isinstance(counts, str):
        raise Fault("an rle without size and counts")
    try:
        return rle.pack_blob(int(number(size[0])), int(number(size[1])), counts.encode("ascii"))
    except (BadValue, UnicodeEncodeError):
        raise Fault("the mask's counts are not COCO's") from None
