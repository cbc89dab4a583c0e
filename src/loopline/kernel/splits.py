"""Random splits that a seed fixes, and that never part what belongs together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from loopline.errors import BadValue

Ints = NDArray[np.int64]


def linked(columns: Iterable[Sequence[object]], count: int) -> Ints:
    """Group of each of `count` rows: rows that share a value in any column are together, so are those linked through
    others. A missing value (None) links nothing.

    >>> linked([["a", "b", None, None], [1, 2, 2, None]], 4).tolist()
    [0, 1, 1, 3]
    """
    parent = list(range(count))

    def top(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in columns:
        first: dict[object, int] = {}
        for row, value in enumerate(column):
            if value is None:
                continue
            other = first.setdefault(value, row)
            if other != row:
                a, b = top(other), top(row)
                parent[max(a, b)] = min(a, b)
    return np.fromiter((top(row) for row in range(count)), np.int64, count)


def assign(names: Sequence[str], groups: Ints, shares: Mapping[str, float], seed: int) -> list[str]:
    """Split of each row. `shares` of the rows, as near as whole groups allow; they add up to 1.

    names   (n,) a name of each row that stays the same, such as its path: the seed and the names alone decide, not the
            order of the rows
    groups  (n,) rows of one number go to one split

    Groups are drawn in a random order, and each goes to the split that lacks most of its share.
    Raises BadValue for shares that are not positive or do not add up to 1.
    """
    if not shares or any(not 0 < share <= 1 for share in shares.values()) or not _is_one(shares.values()):
        told = ", ".join(f"{name}={share:g}" for name, share in shares.items())
        raise BadValue(f"shares of splits must be above 0 and add up to 1: {told or 'none'}", hint="train=0.8, val=0.2")
    if not len(names):
        return []
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    least: list[str | None] = [None] * sizes.size
    for name, place in zip(names, places.tolist(), strict=True):
        known = least[place]
        least[place] = name if known is None or name < known else known
    drawn = [blake2b(f"{seed}\0{name}".encode("utf-8", "replace"), digest_size=16).digest() for name in least]
    # Large groups first: what is left over at the end is then small and evens the shares out.
    order = sorted(range(sizes.size), key=lambda g: (-int(sizes[g]), drawn[g]))
    words = list(shares)
    room = [share * len(names) for share in shares.values()]
    chosen = [""] * sizes.size
    for group in order:
        split = room.index(max(room))
        room[split] -= int(sizes[group])
        chosen[group] = words[split]
    return [chosen[place] for place in places.tolist()]


def _is_one(shares: Iterable[float]) -> bool:
    return math.isclose(math.fsum(shares), 1, abs_tol=1e-6)
