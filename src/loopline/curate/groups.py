"""Groups of rows that are the same thing: by equal content, by nearly equal looks, by vectors. And which one to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.curate._vectors import Indices
from loopline.curate.neighbours import Neighbours
from loopline.errors import BadValue, near

Keep = Literal["first", "largest", "most_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """g groups of two rows or more.

    rows     (m,) int64, group after group, the one to keep first · offsets (g + 1,) · closeness (m,) float64: of each
             row to the nearest other of its group, 1 where they are equal
    """

    rows: Indices
    offsets: Indices
    closeness: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of_row(self, n: int) -> Indices:
        """The group of each of n rows, (n,); -1: none."""
        group = np.full(n, -1, np.int64)
        group[self.rows] = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return group

    def spare(self) -> Indices:
        """Rows that may go: all but the first of each group."""
        keep = np.zeros(len(self.rows), bool)
        keep[self.offsets[:-1]] = True
        return self.rows[~keep]


def equal_groups(values: pa.ChunkedArray | pa.Array, *, rank: npt.ArrayLike | None = None) -> Groups:
    """Rows of one value, such as a content hash; a missing value is equal to nothing. rank: see `linked_groups`."""
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    coded = column.dictionary_encode()
    code = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    known = np.flatnonzero(code >= 0)
    order = known[np.argsort(code[known], kind="stable")]
    same = code[order[1:]] == code[order[:-1]]
    return linked_groups(len(code), order[:-1][same], order[1:][same], np.ones(int(same.sum())), rank=rank)


def linked_groups(
    n: int, a: npt.ArrayLike, b: npt.ArrayLike, closeness: npt.ArrayLike, *, rank: npt.ArrayLike | None = None
) -> Groups:
    """Groups of n rows, of which a[i] and b[i] are the same thing: whatever is linked in steps is one group.

    rank  (n,) the row with the highest of a group is the one to keep; ties, and without it: the first row
    """
    left, right = np.asarray(a, np.int64), np.asarray(b, np.int64)
    weight = np.asarray(closeness, np.float64)
    order_of = np.zeros(n) if rank is None else np.asarray(rank, np.float64)
    if len(order_of) != n:
        raise BadValue(f"there are {n} rows and {len(order_of)} ranks")
    label = _components(n, left, right)
    best = np.full(n, -np.inf)
    np.maximum.at(best, left, weight)
    np.maximum.at(best, right, weight)
    members = np.flatnonzero(np.bincount(label, minlength=n)[label] > 1)
    order = members[np.lexsort((members, -order_of[members], label[members]))]
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    return Groups(order, np.append(starts, len(order)).astype(np.int64), best[order])


def _components(n: int, a: Indices, b: Indices) -> Indices:
    """The lowest row that each row is linked to, (n,)."""
    label = np.arange(n)
    while True:
        lowest = np.minimum(label[a], label[b])
        fresh = label.copy()
        np.minimum.at(fresh, label[a], lowest)
        np.minimum.at(fresh, label[b], lowest)
        fresh = fresh[fresh]
        while (fresh[fresh] != fresh).any():
            fresh = fresh[fresh]
        if (fresh == label).all():
            return fresh
        label = fresh


def near_groups(table: Neighbours, *, least: float, rank: npt.ArrayLike | None = None) -> Groups:
    """Rows whose likeness is `least` or more, from a neighbour table. Raises BadValue for a `least` outside (0, 1]."""
    if not 0 < least <= 1:
        raise BadValue(f"a likeness lies in (0, 1], not at {least:g}")
    row, place = np.nonzero((table.index >= 0) & (table.similarity >= least))
    return linked_groups(len(table), row, table.index[row, place], table.similarity[row, place], rank=rank)


def leaks(groups: Groups, split: Sequence[str | None]) -> pa.Table:
    """Pairs of splits that share a group: row, split, other_row, other_split, closeness; each row with the first row
    of its group that lies in another split. Rows without a split leak nothing."""
    rows: list[tuple[int, str, int, str, float]] = []
    for start, stop in zip(groups.offsets[:-1].tolist(), groups.offsets[1:].tolist(), strict=True):
        members = [row for row in groups.rows[start:stop].tolist() if split[row] is not None]
        if len({split[row] for row in members}) < 2:
            continue
        for row in members:
            other = next(one for one in members if split[one] != split[row])
            at = start + int(np.flatnonzero(groups.rows[start:stop] == row)[0])
            rows.append((row, str(split[row]), other, str(split[other]), float(groups.closeness[at])))
    names = ("row", "split", "other_row", "other_split", "closeness")
    types = (pa.int64(), pa.string(), pa.int64(), pa.string(), pa.float64())
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return pa.table({n: pa.array(list(c), t) for n, c, t in zip(names, columns, types, strict=True)})


def keep_rank(rule: Keep, *, pixels: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """What `rank` is for a rule: the largest picture, the one with most labels, or the first. Raises BadValue."""
    ranks = {"first": np.zeros(len(np.asarray(pixels))), "largest": pixels, "most_labels": labels}
    if rule not in ranks:
        raise BadValue(f'no rule "{rule}" for what to keep', hint=near(rule, list(ranks)))
    return np.asarray(ranks[rule], np.float64)
