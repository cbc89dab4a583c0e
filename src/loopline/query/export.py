"""A view as a writer of files takes it: streams of samples and labels, all of one snapshot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from loopline.kernel.exchange import BATCH_ROWS, Page
from loopline.kernel.schema import DatasetSchema
from loopline.query.view import View

PAGE_SAMPLES: Final = 2048
LABEL_ROWS: Final = 16_384  # masks make label rows big


def exportable(view: View, fields: Sequence[str] | None = None) -> ViewExport:
    """A view as a writer of files takes it, at the snapshot of now. `fields`: by default all that come along."""
    chosen = view if fields is None else view.select_fields(*fields)
    snapshot = view.engine.snapshot() if view.snapshot is None else view.snapshot
    return ViewExport(dataclasses.replace(chosen, snapshot=snapshot), snapshot)


@dataclass(frozen=True, slots=True)
class ViewExport:
    """Implements `kernel.exchange.Exportable`. The view is pinned to the snapshot."""

    view: View
    snapshot: int

    @property
    def schema(self) -> DatasetSchema:
        """The columns, and the fields that come along, classes in their order."""
        whole = self.view.schema
        return dataclasses.replace(whole, fields=tuple(whole.field(name) for name in self.view.fields()))

    def count(self) -> int:
        return self.view.count()

    def samples(self) -> Iterator[pa.Table]:
        """Batches of at most BATCH_ROWS samples in the view's order, all columns and `tags`."""
        for batch in self.view.to_batches(BATCH_ROWS):
            yield pa.Table.from_batches([batch])

    def labels(self, field: str) -> Iterator[pa.Table]:
        """Batches of at most LABEL_ROWS kept objects, sorted by id, all columns and `tags`."""
        for batch in self.view.objects(field).to_batches(LABEL_ROWS):
            yield pa.Table.from_batches([batch])

    def pages(self) -> Iterator[Page]:
        """PAGE_SAMPLES samples at a time with their labels, in the view's order."""
        for offset in range(0, self.view.count(), PAGE_SAMPLES):
            yield self.view.page(offset, PAGE_SAMPLES)
