"""Finding rows by their keys, for whole columns at once."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
V = TypeVar("V", bound=np.generic)


def places(keys: Keys, wanted: Keys) -> Keys:
    """The row of each wanted key, -1 where there is none. Of equal keys the first.

    Shapes  keys (n,) in any order, wanted (m,) -> (m,)

    >>> places(np.array([7, 3, 5]), np.array([5, 6, 7]))
    array([ 2, -1,  0])
    """
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[at] == wanted, at, -1).astype(np.int64)


def looked_up(keys: Keys, values: npt.NDArray[V], wanted: Keys, otherwise: float) -> npt.NDArray[V]:
    """The value beside each wanted key, `otherwise` where there is none. Of equal keys the first counts.

    >>> looked_up(np.array([7, 3]), np.array([0.7, 0.3]), np.array([3, 4]), -1)
    array([ 0.3, -1. ])
    """
    at = places(keys, wanted)
    found = np.full(len(wanted), otherwise, values.dtype)
    found[at >= 0] = values[at[at >= 0]]
    return found
