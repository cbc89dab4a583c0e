"""What a run goes through: samples, or the boxes of objects on them, as columns that become items a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.models.stream import Item
from loopline.query.view import View

Ids = npt.NDArray[np.int64]

_AT_ONCE: Final = 1024
_COLUMNS: Final = ("id", "root", "path", "media")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Whole pictures, and every n-th frame of videos: a table of id, root, path, media, frame_count.

    begun  of videos that were broken off: sample id → the frame to go on with
    """

    table: pa.Table
    every: int = 0
    begun: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def pictures(self) -> int:
        """How many pictures and frames there are, as far as the files say."""
        if not self.every:
            return len(self)
        counts = self.table["frame_count"].to_numpy(zero_copy_only=False).astype(np.float64)
        frames = np.ceil(np.where(counts > 0, counts, 1) / self.every)
        is_video = np.asarray(pc.equal(self.table["media"], "video"))
        done = sum(-(-first // self.every) for first in self.begun.values())
        return max(int(np.where(is_video, frames, 1).sum()) - done, 1)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.table.to_batches(max_chunksize=_AT_ONCE):
            for sample, root, path, media in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
                yield Item(sample, root, path, media, None, self.every, self.begun.get(sample, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Parts of pictures: those of samples.table[i] are rows offsets[i]:offsets[i+1] of `ids` (n,) and `xywh` (n, 4)."""

    samples: Samples
    ids: Ids
    xywh: npt.NDArray[np.float64]
    offsets: Ids

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def pictures(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Item]:
        for i, one in enumerate(self.samples):
            rows = slice(self.offsets[i], self.offsets[i + 1])
            boxes = zip(self.ids[rows].tolist(), self.xywh[rows].tolist(), strict=True)
            crops = tuple((owner, *box) for owner, box in boxes)
            yield Item(one.sample_id, one.root, one.path, one.media, crops)


def samples_of(view: View, without: Ids, *, every: int = 0, begun: Mapping[int, int] | None = None) -> Samples:
    """The samples of a view in its order, but for those that are done. every, begun: see `Samples`."""
    found = view.to_arrow([*_COLUMNS, "frame_count"])
    left = found.filter(pa.array(~np.isin(found["id"].to_numpy(), without)))
    here = set(left["id"].to_pylist()) if begun else set()
    return Samples(left, every, {sample: first for sample, first in (begun or {}).items() if sample in here})


def box_marks(xywh: npt.NDArray[np.float64]) -> Ids:
    """(n,) a number for each box (n, 4), another when it moves."""
    words = np.ascontiguousarray(xywh, np.float64).view(np.uint64) ^ np.uint64(0x9E3779B97F4A7C15)
    mark = np.zeros(len(words), np.uint64)
    for place in range(4):
        mark = (mark ^ words[:, place]) * np.uint64(0xFF51AFD7ED558CCD)
        mark ^= mark >> np.uint64(32)
    return mark.view(np.int64)


def objects_of(view: View, of: str, done: tuple[Ids, Ids, npt.NDArray[np.bool_]]) -> Objects:
    """The samples of a view that have kept objects of a field with a box, by id, but for the objects that are done: those
    with the mark of the same box, or of one that nobody knows (ids, marks, known: see `store.vectors.made_of`)."""
    rows = view.objects(of).to_arrow(["id", "sample_id", "x", "y", "w", "h"])
    boxes = np.stack([rows[name].to_numpy().astype(np.float64) for name in "xywh"], axis=1)
    ids, owners = rows["id"].to_numpy(), rows["sample_id"].to_numpy()
    order = np.argsort(done[0])
    known_ids, marks, known = (column[order] for column in done)
    at = np.minimum(np.searchsorted(known_ids, ids), max(len(known_ids) - 1, 0))
    same = np.zeros(len(ids), bool)
    if len(known_ids):
        same = (known_ids[at] == ids) & (~known[at] | (marks[at] == box_marks(boxes)))
    kept = np.flatnonzero(~same & np.isfinite(boxes).all(axis=1))
    kept = kept[np.lexsort((ids[kept], owners[kept]))]
    samples, starts = np.unique(owners[kept], return_index=True)
    table = view.to_arrow(list(_COLUMNS))
    table = table.filter(pa.array(np.isin(table["id"].to_numpy(), samples))).sort_by("id")
    return Objects(Samples(table), ids[kept], boxes[kept], np.append(starts, len(kept)).astype(np.int64))
