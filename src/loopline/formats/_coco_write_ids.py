"""Ids of the pictures and annotations that a COCO file is written with: those they came with, where these are unique."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from loopline.formats import _arrow
from loopline.formats._arrow import ABSENT
from loopline.formats._coco_chunk import ID
from loopline.formats._coco_ids import fit
from loopline.kernel.exchange import Exportable

_HUGE: Final = 1 << 62  # above it there is no room for the ids of others


@dataclass(slots=True)
class ImageIds:
    """Image id of each sample, in the view's order; found again by sample id."""

    samples: Any  # (n,) int64
    ids: Any  # (n,) int64, or texts
    _order: Any = None

    def of(self, sample_ids: Any) -> list[Any]:
        if self._order is None:
            self._order = np.argsort(self.samples, kind="stable")
        places = self._order[np.searchsorted(self.samples, sample_ids, sorter=self._order)]
        found: list[Any] = self.ids[places].tolist()
        return found


def image_ids(what: Exportable) -> ImageIds:
    samples: list[Any] = []
    stated: list[Any] = []
    for table in what.samples():
        samples.append(_arrow.one(table["id"]).to_numpy())
        stated += _arrow.values(table[ID], "int") if ID in table.column_names else [ABSENT] * table.num_rows
    ids = np.concatenate(samples) if samples else np.zeros(0, np.int64)
    kinds = set(map(type, stated))
    if kinds == {str} and len(set(stated)) == len(stated):
        return ImageIds(ids, np.array(stated, object))
    return ImageIds(ids, _completed(stated if kinds <= {int, type(ABSENT)} else [ABSENT] * len(stated)))


def _completed(stated: Sequence[Any]) -> Any:
    """Whole-number ids; a missing one, one that was there before, or a huge one gets a number above all others."""
    given = np.fromiter((type(v) is int and -_HUGE < v < _HUGE for v in stated), bool, len(stated))
    ids = np.array([v if known else 0 for v, known in zip(stated, given.tolist(), strict=True)], np.int64)
    first = np.zeros(ids.size, bool)
    where = np.flatnonzero(given)
    first[where[np.unique(ids[given], return_index=True)[1]]] = True
    top = max(0, int(ids[first].max())) if first.any() else 0
    ids[~first] = top + 1 + np.arange(int((~first).sum()))
    return ids


@dataclass(slots=True)
class Plan:
    """Annotation ids. First as stated, in one pass; if some are missing or there twice, a second pass with all set."""

    seen: list[Any] = field(default_factory=list)  # int64 arrays; lists where an id is a text or missing
    final: Any = None
    at: int = 0

    def ids(self, stated: list[Any] | None, count: int) -> list[Any] | None:
        """The ids of the next rows, `count` of them; `stated` None: not one of them came with an id."""
        if self.final is None:
            whole = stated is not None and set(map(type, stated)) == {int} and fit(stated)
            self.seen.append(np.array(stated, np.int64) if whole else stated or [ABSENT] * count)
            return stated
        self.at += count
        ids: list[Any] = self.final[self.at - count : self.at].tolist()
        return ids

    def settled(self) -> bool:
        if self.final is not None:
            return True
        if all(isinstance(part, np.ndarray) for part in self.seen):
            numbers = np.sort(np.concatenate([np.zeros(0, np.int64), *self.seen]))
            if (numbers[1:] > numbers[:-1]).all():
                return True
        every = [v for part in self.seen for v in (part.tolist() if isinstance(part, np.ndarray) else part)]
        kinds = set(map(type, every))
        if len(kinds) <= 1 and kinds != {type(ABSENT)} and len(set(every)) == len(every):
            return True
        self.final = _completed(every if kinds <= {int, type(ABSENT)} else [ABSENT] * len(every))
        return False
