"""What a picture looks like as numbers: dark, washed out, blurred, empty, of an odd shape.

All are measured on the picture in grey, its longer side made `SIDE_PX`, so that they compare between sizes. A number says
something about a picture only beside the others of its set: `odd` finds those that stand apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue

SIDE_PX: Final = 256
Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Quality:
    """Numbers of one picture.

    brightness   mean grey level, 0 black … 1 white · dark, bright: the level that 99 % lie below, that 99 % lie above
    contrast     standard deviation of grey levels, 0 … 0.5
    sharpness    variance of the Laplacian over that of the grey levels: low is blurred, or has no detail
    entropy      bits of the histogram of grey levels, 0 (one level) … 8
    """

    brightness: float
    dark: float
    bright: float
    contrast: float
    sharpness: float
    entropy: float


NAMES: Final = tuple(field.name for field in fields(Quality))


def quality(grey: Grey) -> Quality:
    """Of a picture in grey, (h, w) uint8. Raises BadValue for another shape or no pixels.

    >>> quality(np.full((4, 4), 255, np.uint8))
    Quality(brightness=1.0, dark=1.0, bright=1.0, contrast=0.0, sharpness=0.0, entropy=0.0)
    """
    if grey.ndim != 2 or grey.size == 0:
        raise BadValue(f"a picture in grey has rows and columns, not the shape {grey.shape}")
    level = grey.astype(np.float64) / 255
    share = np.bincount(grey.reshape(-1), minlength=256) / grey.size
    held = share[share > 0]
    low, high = np.quantile(level, [0.01, 0.99])
    variance = float(level.var())
    return Quality(
        brightness=float(level.mean()),
        dark=float(high),
        bright=float(low),
        contrast=float(level.std()),
        sharpness=float(_laplacian(level).var() / variance) if variance > 1e-6 else 0.0,
        entropy=float(-(held * np.log2(held)).sum()) + 0.0,
    )


def _laplacian(level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of the inner pixels; of a picture too small to have any, zero."""
    if min(level.shape) < 3:
        return np.zeros(1)
    inner = level[1:-1, 1:-1]
    return np.asarray(level[:-2, 1:-1] + level[2:, 1:-1] + level[1:-1, :-2] + level[1:-1, 2:] - 4 * inner)


def odd(values: npt.ArrayLike, *, spread: float = 3.5, low: bool = True, high: bool = True) -> npt.NDArray[np.bool_]:
    """Which of n values stand apart, by the modified z-score: distance to the median over the median distance.

    spread  of 3.5 is what the source recommends; NaN never stands apart
    Source  Iglewicz, Hoaglin, How to Detect and Handle Outliers, 1993.
    """
    column = np.asarray(values, np.float64)
    known = column[np.isfinite(column)]
    if known.size < 3:
        return np.zeros(len(column), bool)
    middle = np.median(known)
    typical = np.median(np.abs(known - middle))
    if typical == 0:  # more than half are equal: the mean distance still tells the others apart
        typical = np.mean(np.abs(known - middle)) * 0.6745 / 0.7979
    if typical == 0:
        return np.zeros(len(column), bool)
    score = 0.6745 * (column - middle) / typical
    return np.asarray(((score > spread) & high) | ((score < -spread) & low))
