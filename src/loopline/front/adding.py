"""Adding label files and media to a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.front import looking, own_media
from loopline.front.own_media import Keep
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.exchange import (
    Event,
    FieldFound,
    Format,
    LabelRows,
    Problem,
    SampleRows,
    Source,
)
from loopline.kernel.schema import LabelField
from loopline.media import SqliteProbeCache
from loopline.store.ingest import AddReport, Existing, Same, ingest
from loopline.store.lake import Lake
from loopline.store.stage import Problems


def add(
    lake: Lake,
    path: Path,
    *,
    labels: Path | None = None,
    field: str = "ground_truth",
    format: str | None = None,  # noqa: A002  the field's word for it
    split: str | None = None,
    tags: Sequence[str] = (),
    existing: Existing = "keep",
    same: Same = "path",
    read_media: bool = True,
    verify: bool = False,
    media: Keep = "reference",
    options: Mapping[str, object] | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> AddReport:
    """Add a label file with its pictures, or a folder of pictures.

    path        the label file or folder; with `labels`, the folder of the pictures
    labels      the label file, where the pictures lie elsewhere
    field       label field to fill
    format      name of the format; found by looking at the files where it is not given
    split       split of all pictures that are added
    existing    what to do where a picture has labels in the field already: keep, append or replace
    same        what makes a picture one that is there already: its path, or its content
    read_media  look at every media file (size, type, hash); else believe the label file
    verify      decode every picture to its end
    media       leave pictures where they are, copy them into the data set's own folder, or link to them from there
    options     options of the format

    Raises FormatError, UnknownFormat, NothingAdded, Stopped.
    """
    signal = stop or StopSignal()
    signal.keep("nothing was added", resume="run it again: media that were looked at are remembered")
    named, reader, _ = _found(path, labels, format)
    events = _events(lake, path, labels, reader, field, split, options, progress, signal)
    if media != "reference":
        events = own_media.kept(events, own_media.folder_of(lake.location), media, signal.check)

    def probe(files: pa.Table) -> Iterator[pa.RecordBatch]:
        cache_file = lake.location.cache / "probes.sqlite"
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        with SqliteProbeCache(cache_file) as cache, stage(progress, "look at media", unit="files") as report:
            yield from looking.look(files, cache=cache, report=report, stop=signal.check, verify=verify)

    return ingest(
        lake,
        events,
        message=f"add {named.name}",
        existing=existing,
        same=same,
        probe=probe if read_media else None,
        tags=tuple(tags),
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would find. Nothing is written."""

    format: str
    saw: str
    roots: tuple[str, ...]  # where the pictures are, or would have to be
    samples: int
    missing: int  # media files that are not there
    splits: Mapping[str, int]
    objects: Mapping[str, int]  # by field
    fields: Mapping[str, LabelField]
    counts: Mapping[tuple[str, str], int]  # (kind, what) → rows
    problems: tuple[Problem, ...]  # the first ones


def preview(
    lake: Lake,
    path: Path,
    *,
    labels: Path | None = None,
    field: str = "ground_truth",
    format: str | None = None,  # noqa: A002
    split: str | None = None,
    options: Mapping[str, object] | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Preview:
    """Read a label file or folder as `add` would, and say what is in it. Parameters and errors as for `add`."""
    _, reader, saw = _found(path, labels, format)
    roots: dict[str, None] = {}
    splits: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    fields: dict[str, LabelField] = {}
    problems = Problems()
    samples = missing = 0
    for event in _events(lake, path, labels, reader, field, split, options, progress, stop or StopSignal()):
        if isinstance(event, SampleRows):
            samples += event.table.num_rows
            missing += looking.missing(event.table["path"], event.root)
            roots[event.root] = None
            if "split" in event.table.column_names:
                splits.update(s for s in event.table["split"].to_pylist() if s is not None)
        elif isinstance(event, LabelRows):
            objects[event.name] += event.table.num_rows
        elif isinstance(event, FieldFound):
            known = fields.get(event.field.name)
            fields[event.field.name] = known.merged(event.field) if known else event.field
        else:
            problems.add(event)
    return Preview(
        reader.title,
        saw,
        tuple(roots),
        samples,
        missing,
        splits,
        objects,
        fields,
        problems.counts,
        tuple(problems.kept),
    )


def _found(path: Path, labels: Path | None, name: str | None) -> tuple[Path, Format, str]:
    """The label file or folder to read, its format, and what made it known."""
    named = labels if labels is not None else path
    if not named.exists():
        raise FormatError("there is no such file or folder", where=str(named), hint="see how the path is written")
    if name is None:
        reader, sniffed = registry.detect(named)
        return named, reader, sniffed.saw
    return named, registry.get(name), ""


def _events(
    lake: Lake,
    path: Path,
    labels: Path | None,
    reader: Format,
    field: str,
    split: str | None,
    options: Mapping[str, object] | None,
    progress: Progress,
    stop: StopSignal,
) -> Iterator[Event]:
    named = labels if labels is not None else path
    with stage(progress, f"read {named.name}", unit="bytes") as report:
        source = Source(
            path=named.resolve(),
            media=path.resolve() if labels is not None else None,
            name=field,
            split=split,
            schema=lake.schema(),
            report=report,
        )
        for event in reader.read(source, **dict(options or {})):
            stop.check()
            yield event
