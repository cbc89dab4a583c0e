"""What a run goes through: samples, or the boxes of objects on them, as columns that become items a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.models.stream import Item
from loopline.query.view import View

Ids = npt.NDArray[np.int64]

_AT_ONCE: Final = 1024
_COLUMNS: Final = ("id", "root", "path", "media")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Whole pictures: a table of id, root, path, media."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.table.to_batches(max_chunksize=_AT_ONCE):
            for row in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
                yield Item(*row)


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Parts of pictures: those of samples.table[i] are rows offsets[i]:offsets[i+1] of `ids` (n,) and `xywh` (n, 4)."""

    samples: Samples
    ids: Ids
    xywh: npt.NDArray[np.float64]
    offsets: Ids

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Item]:
        for i, one in enumerate(self.samples):
            rows = slice(self.offsets[i], self.offsets[i + 1])
            boxes = zip(self.ids[rows].tolist(), self.xywh[rows].tolist(), strict=True)
            crops = tuple((owner, *box) for owner, box in boxes)
            yield Item(one.sample_id, one.root, one.path, one.media, crops)


def samples_of(view: View, without: Ids) -> Samples:
    """The samples of a view in its order, but for those that are done."""
    found = view.to_arrow(list(_COLUMNS))
    return Samples(found.filter(pa.array(~np.isin(found["id"].to_numpy(), without))))


def objects_of(view: View, field: str, without: Ids) -> Objects:
    """The samples of a view that have kept objects of a field with a box, by id, but for the objects that are done."""
    rows = view.objects(field).to_arrow(["id", "sample_id", "x", "y", "w", "h"])
    boxes = np.stack([rows[name].to_numpy().astype(np.float64) for name in "xywh"], axis=1)
    ids, owners = rows["id"].to_numpy(), rows["sample_id"].to_numpy()
    kept = np.flatnonzero(~np.isin(ids, without) & np.isfinite(boxes).all(axis=1))
    kept = kept[np.lexsort((ids[kept], owners[kept]))]
    samples, starts = np.unique(owners[kept], return_index=True)
    table = view.to_arrow(list(_COLUMNS))
    table = table.filter(pa.array(np.isin(table["id"].to_numpy(), samples))).sort_by("id")
    return Objects(Samples(table), ids[kept], boxes[kept], np.append(starts, len(kept)).astype(np.int64))
