"""Borders in class maps: what is near another class, and what is near a set of pixels. No picture library needed."""

from __future__ import annotations

import numpy as np

from loopline.evaluate._arrays import BoolArray, IntArray

_OUTSIDE = -2  # no class has it, and "nothing" does not either


def border_inside(classes: IntArray, distance: int) -> BoolArray:
    """Pixels within `distance` rows and columns of another class or of the outside: (h, w) -> (h, w).

    Every pixel has one class, so this is the border of all classes at once: a pixel is inside exactly where the least
    and the greatest class in its square agree.
    """
    padded = np.pad(classes, distance, constant_values=_OUTSIDE)
    window = 2 * distance + 1
    least, greatest = (_over_square(padded, window, pick) for pick in (np.minimum, np.maximum))
    return np.asarray(least != greatest, bool)


def drawn_border(classes: IntArray, valid: BoolArray) -> BoolArray:
    """Pixels with a neighbour (of eight) of another class. The picture's edge is no border; neither is what is not valid."""
    h, w = classes.shape
    out = np.zeros((h, w), bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        b = (slice(dy, h), slice(max(0, dx), w - max(0, -dx)))
        differs = (classes[a] != classes[b]) & valid[a] & valid[b]
        out[a] |= differs
        out[b] |= differs
    return out & valid & (classes >= 0)


def dilated(mask: BoolArray, radius: int) -> BoolArray:
    """Pixels within `radius` of the mask, as the crow flies."""
    h, w = mask.shape
    out = np.zeros((h, w), bool)
    if not mask.any():
        return out
    for dy in range(-min(radius, h - 1), min(radius, h - 1) + 1):
        reach = int(np.sqrt(radius * radius - dy * dy))
        to, of = slice(max(0, dy), h + min(0, dy)), slice(max(0, -dy), h - max(0, dy))
        out[to] |= _widened(mask[of], reach)
    return out


def _widened(mask: BoolArray, reach: int) -> BoolArray:
    """Pixels with a True within `reach` columns, by the number of Trues up to each column."""
    width = mask.shape[1]
    upto = np.pad(np.cumsum(mask, axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    columns = np.arange(width)
    last, first = np.minimum(columns + reach + 1, width), np.maximum(columns - reach, 0)
    return np.asarray(upto[:, last] > upto[:, first], bool)


def _over_square(padded: IntArray, window: int, pick: np.ufunc) -> IntArray:
    """`pick` over each window × window square, by doubling: a window of 11 takes 4 steps, not 10."""
    for axis in (0, 1):
        width = 1
        while width < window:
            step = min(width, window - width)
            size = padded.shape[axis] - step
            padded = pick(padded.take(range(size), axis), padded.take(range(step, size + step), axis))
            width += step
    return padded
