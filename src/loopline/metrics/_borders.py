"""Borders in class maps: what is near another class, and what is near a set of pixels. No picture library needed."""

from __future__ import annotations

import numpy as np

from loopline.metrics._arrays import BoolArray, IntArray

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


def near_same(a: IntArray, b: IntArray, radius: int) -> BoolArray:
    """Which drawn pixels of `a` (h, w; -1 is blank) have one of the same class in `b` within `radius`, as the crow flies.

    Looks at the nearest places first, and each time only for the pixels that are still without a partner.
    """
    reach = np.arange(-radius, radius + 1)
    dy, dx = (x.ravel() for x in np.meshgrid(reach, reach, indexing="ij"))
    inside = dy**2 + dx**2 <= radius**2
    nearest = np.argsort((dy**2 + dx**2)[inside], kind="stable")
    width = a.shape[1] + 2 * radius
    steps = (dy * width + dx)[inside][nearest]
    other = np.pad(b, radius, constant_values=-1).ravel()
    drawn = np.flatnonzero(a.ravel() >= 0)
    classes = a.ravel()[drawn]
    place = (drawn // a.shape[1] + radius) * width + drawn % a.shape[1] + radius
    alone = np.arange(drawn.size)
    for step in steps.tolist():
        alone = alone[other[place[alone] + step] != classes[alone]]
    out = np.zeros(a.shape, bool)
    out.ravel()[drawn] = True
    out.ravel()[drawn[alone]] = False
    return out


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
