"""The part of a view that is one split, for formats that have a file for each split."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.formats import _arrow
from loopline.kernel.exchange import Exportable, Page
from loopline.kernel.schema import DatasetSchema


def by_split(what: Exportable) -> dict[str | None, Exportable]:
    """Split → the samples that are in it, as something to export: train, val and test first, samples without a split
    last. Empty where no sample has a split. Holds 8 bytes a sample."""
    ids: dict[str | None, list[Any]] = {}
    for table in what.samples():
        if "split" not in table.column_names:
            return {}
        numbers = _arrow.one(table["id"]).to_numpy()
        coded = _arrow.one(table["split"]).dictionary_encode()
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        words = [*coded.dictionary.to_pylist(), None]
        for code in np.unique(codes).tolist():
            ids.setdefault(words[code], []).append(numbers[codes == code])
    if not set(ids) - {None}:
        return {}
    order = sorted(ids, key=lambda s: (s is None, s != "train", s != "val", s != "test", s or ""))
    return {split: _Part(what, split, np.sort(np.concatenate(ids[split]))) for split in order}


def folder_names(splits: Iterable[str | None], none: str = "unsplit") -> dict[str | None, str]:
    """A name for each split that can be a file's or folder's; a number behind it where two would be the same."""
    names: dict[str | None, str] = {}
    for split in splits:
        stem = name = re.sub(r"[^\w.-]+|\A\.+", "_", split or none)
        number = 2
        while name.lower() in {n.lower() for n in names.values()}:
            name, number = f"{stem}_{number}", number + 1
        names[split] = name
    return names


@dataclass(frozen=True, slots=True)
class _Part:
    """Implements `Exportable` over another one. `ids` of the samples rise. The column `split` is gone: a writer has
    said it by the file."""

    what: Exportable
    split: str | None
    ids: Any

    @property
    def schema(self) -> DatasetSchema:
        return self.what.schema

    def count(self) -> int:
        return int(self.ids.size)

    def samples(self) -> Iterator[pa.Table]:
        for table in self.what.samples():
            mine = self._only(table, "id")
            if mine.num_rows:
                yield self._bare(mine)

    def labels(self, field: str) -> Iterator[pa.Table]:
        for table in self.what.labels(field):
            mine = self._only(table, "sample_id")
            if mine.num_rows:
                yield mine

    def pages(self) -> Iterator[Page]:
        for page in self.what.pages():
            mine = self._only(page.samples, "id")
            if mine.num_rows:
                yield dataclasses.replace(
                    page,
                    samples=self._bare(mine),
                    labels={name: self._only(table, "sample_id") for name, table in page.labels.items()},
                )

    def _only(self, table: pa.Table, key: str) -> pa.Table:
        if not table.num_rows:
            return table
        numbers = _arrow.one(table[key]).to_numpy()
        places = np.minimum(np.searchsorted(self.ids, numbers), self.ids.size - 1)
        return table.filter(pa.array(self.ids[places] == numbers))

    def _bare(self, table: pa.Table) -> pa.Table:
        nothing = pa.nulls(table.num_rows, pa.string())
        return table.set_column(table.column_names.index("split"), "split", nothing)
