"""What flows between a label file and the store: batches of columns, in both directions.

A format reads a file into a stream of these events and knows nothing of the store; the store takes the stream and
knows nothing of the file. Order is free: labels may come before the pictures or the classes that they name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import pyarrow as pa

from loopline.kernel.schema import Column, DatasetSchema, LabelField

BATCH_ROWS = 65_536
"""Rows in a batch at most, unless one picture alone has more."""


@dataclass(frozen=True, slots=True)
class SampleRows:
    """Pictures or videos, one row each.

    table   `key` (int64 or string): the file's own id, unique in the stream · `path` (string): relative to `root`,
            forward slashes · optional `width`, `height` (as the label file states them; the media file wins where it
            can be read), `split`, `media`, `tags` (list<string>), and any own column named in `columns`.
    root    folder or URL that `path` is relative to; absolute. A column `root` of the table counts instead, where the
            rows have different ones.
    """

    table: pa.Table
    root: str
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelRows:
    """Annotations of one field, one row each, in the file's order.

    table   `sample_key`, matching `SampleRows.key` or, with `match`, a column of samples that are already there;
            `label` (string) or `class_code` (int64, see `FieldFound.codes`); the columns of the field's kind that
            the file has; attributes named in the field; optional `tags` (list<string>).
    """

    name: str  # of the field
    table: pa.Table
    match: str = ""


@dataclass(frozen=True, slots=True)
class FieldFound:
    """A label field in the file. May come again later with more classes or attributes; `codes` add up."""

    field: LabelField
    codes: Mapping[int, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was left out ("skipped"), or kept with something to know ("warning")."""

    kind: Literal["skipped", "warning"]
    what: str  # the same words for the same fault, so that they can be counted
    where: str  # file and line or key
    hint: str = ""


Event: TypeAlias = SampleRows | LabelRows | FieldFound | Problem


def quiet(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader is given.

    path     the label file, or the folder, as the user named it
    media    where the pictures are, if the user said so
    name     of the label field to fill
    split    split of every picture, if the user said so
    schema   what the data set holds already (a results file needs the classes of the truth)
    """

    path: Path
    media: Path | None = None
    name: str = "ground_truth"
    split: str | None = None
    schema: DatasetSchema = dataclasses.field(default_factory=DatasetSchema)
    report: Callable[[int, int], None] = quiet  # bytes read, bytes in all


@dataclass(frozen=True, slots=True)
class Page:
    """Some samples, and all of their labels: field name to rows with `sample_id`, sorted by sample and id."""

    samples: pa.Table
    labels: Mapping[str, pa.Table]


class Exportable(Protocol):
    """What a writer is given: the part of a view that goes out. Every call streams; nothing holds all rows."""

    @property
    def schema(self) -> DatasetSchema:
        """Columns and the chosen fields, classes in their order."""

    def count(self) -> int:
        """Number of samples."""

    def samples(self) -> Iterator[pa.Table]:
        """All sample columns plus `tags` (list<string>), in batches, in the view's order."""

    def labels(self, field: str) -> Iterator[pa.Table]:
        """The field's rows that belong to the samples of the view, in batches, sorted by object id (so: the order
        of the file they came from). Columns as in `LabelField.columns()` plus `tags`."""

    def pages(self) -> Iterator[Page]:
        """Samples with their labels of every field, a few thousand samples at a time, in the view's order."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer did. `lost` counts what the format cannot hold, by name ('masks', 'attribute occluded', ...)."""

    files: Sequence[Path]
    samples: int
    objects: int
    lost: Mapping[str, int] = dataclasses.field(default_factory=dict)


class Format(Protocol):
    """One file format. Registered by name in `formats.registry`; a plug-in registers the same way."""

    name: str  # "coco"
    title: str  # "COCO JSON"
    reads: bool
    writes: bool

    def sniff(self, path: Path) -> Sniffed | None:
        """Is this ours? Reads a few kB at most. None: no."""

    def read(self, source: Source, **options: Any) -> Iterator[Event]:
        """The file as events. Bad rows become `Problem`s; FormatError only where nothing can be read."""

    def write(self, what: Exportable, target: Path, *, fields: Sequence[str], **options: Any) -> Written:
        """Write the view. Written beside the target and renamed; the same view gives the same bytes."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """How sure a format is that a path is its own, and what it saw ('COCO JSON: 3 classes, 597 pictures')."""

    confidence: float  # 0 … 1
    saw: str
