"""Adding label files and media to a data set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from loopline.front import keeping, looking
from loopline.front.choosing import SHARDS, Named, chosen
from loopline.front.incoming import Incoming, incoming
from loopline.front.naming import named_place
from loopline.front.own_media import Keep
from loopline.front.placing import at_urls, placed, roots_of, told
from loopline.front.seeking import sought
from loopline.front.selection import Changeable
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.exchange import (
    Event,
    FieldFound,
    LabelRows,
    Problem,
    SampleRows,
    Source,
)
from loopline.kernel.schema import LabelField
from loopline.media import SqliteProbeCache, is_url, remote
from loopline.store.ingest import AddReport, Existing, Same, ingest
from loopline.store.lake import Lake
from loopline.store.stage import Problems


def add(
    ds: Changeable,
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    field: str = "ground_truth",
    format: str | None = None,  # noqa: A002  the field's word for it
    split: str | None = None,
    tags: Sequence[str] = (),
    existing: Existing = "keep",
    same: Same = "path",
    read_media: bool = True,
    verify: bool = False,
    media: Keep = "reference",
    media_from: str | None = None,
    unpack_limit: int | None = None,
    options: Mapping[str, object] | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> AddReport:
    """Add a label file with its pictures, or a folder of pictures; also in an archive (zip, tar, packed tar), or at a
    URL (http, https, s3, gs, what fsspec knows).

    path        the label file or folder, an archive, or a place in one (`export.zip/annotations`); with `labels`, the
                folder of the pictures
    labels      the label file, where the pictures lie elsewhere
    field       label field to fill
    format      name of the format; found by looking at the files where it is not given
    split       split of all pictures that are added
    existing    what to do where a picture has labels in the field already: keep, append or replace
    same        what makes a picture one that is there already: its path, or its content
    read_media  look at every media file (size, type, hash); else believe the label file
    verify      decode every picture to its end
    media       leave pictures where they are (in a zip or tar, on the network), copy them into the data set's own
                folder, or link to them from there. Of a packed tar, and of an archive on the network, they are copied
                in any case, as nobody can reach into those
    media_from  the field that gives each picture's URL ("coco_url"); "path": its own name is one. Without it no URL
                that a label file names is asked for
    unpack_limit   bytes that an archive may unpack to; None: 100 times its size, but at least 1 GiB
    options     options of the format

    Raises FormatError, UnknownFormat, NothingAdded, Stopped; MediaError where something on the network does not come.
    """
    lake, place, label_place = ds.writable(), named_place(path), None if labels is None else named_place(labels)
    signal = stop or StopSignal()
    signal.keep("nothing was added", resume="run it again: media that were looked at are remembered")
    with _incoming(lake, place, label_place, format, options, unpack_limit, progress, signal) as found:
        named = chosen(found, format, options)
        events = placed(_sought(lake, named, field, split, progress, signal), found, whole=False)
        if media_from is not None:
            events = at_urls(events, media_from)
        cache = lake.location.cache
        fetched = looking.Remote(cache, (lambda _: True) if media_from is not None else found.named)
        events = keeping.kept(events, found, lake.location, media, fetched, signal.check)

        def probe(files: pa.Table) -> Iterator[pa.RecordBatch]:
            cache.mkdir(parents=True, exist_ok=True)
            there = looking.moved(files, found.at)
            with (
                SqliteProbeCache(cache / "probes.sqlite") as remembered,
                stage(progress, "look at media", unit="files") as report,
            ):
                yield from looking.look(
                    there, cache=remembered, remote=fetched, report=report, stop=signal.check, verify=verify
                )

        return ingest(
            lake,
            told(placed(events, found, whole=True), found),
            message=f"add {_name(label_place if label_place is not None else place)}",
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
    ds: Changeable,
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    field: str = "ground_truth",
    format: str | None = None,  # noqa: A002
    split: str | None = None,
    media_from: str | None = None,
    unpack_limit: int | None = None,
    options: Mapping[str, object] | None = None,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Preview:
    """Read a label file or folder as `add` would, and say what is in it. Parameters and errors as for `add`."""
    roots: dict[str, None] = {}
    splits: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    fields: dict[str, LabelField] = {}
    problems = Problems()
    samples = missing = 0
    lake, place, label_place = ds.lake, named_place(path), None if labels is None else named_place(labels)
    signal = stop or StopSignal()
    with _incoming(lake, place, label_place, format, options, unpack_limit, progress, signal) as found:
        named = chosen(found, format, options)
        events = placed(_sought(lake, named, field, split, progress, signal), found, whole=False)
        if media_from is not None:
            events = at_urls(events, media_from)
        for event in told(placed(events, found, whole=True), found):
            if isinstance(event, SampleRows):
                samples += event.table.num_rows
                missing += looking.missing(event, found.at)
                roots.update(dict.fromkeys(roots_of(event)))
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
        named.reader.title,
        named.saw,
        tuple(roots),
        samples,
        missing,
        splits,
        objects,
        fields,
        problems.counts,
        tuple(problems.kept),
    )


def _name(path: Path | str) -> str:
    return (remote.name_of(path) or remote.shown(path)) if isinstance(path, str) and is_url(path) else Path(path).name


def _incoming(
    lake: Lake,
    path: Path | str,
    labels: Path | str | None,
    name: str | None,
    options: Mapping[str, object] | None,
    limit: int | None,
    progress: Progress,
    stop: StopSignal,
) -> AbstractContextManager[Incoming]:
    return incoming(
        lake.location.cache,
        str(path),
        None if labels is None else str(labels),
        as_it_is=name == SHARDS or "extract_to" in (options or {}),
        limit=limit,
        progress=progress,
        stop=stop,
    )


def _sought(
    lake: Lake, named: Named, field: str, split: str | None, progress: Progress, stop: StopSignal
) -> Iterator[Event]:
    events = _events(lake, named, field, split, progress, stop)
    return events if named.media is None else sought(events, named.media.resolve())


def _events(
    lake: Lake, named: Named, field: str, split: str | None, progress: Progress, stop: StopSignal
) -> Iterator[Event]:
    with stage(progress, f"read {named.path.name}", unit="bytes") as report:
        source = Source(
            path=named.path.resolve(),
            media=named.media.resolve() if named.media is not None else None,
            name=field,
            split=split,
            schema=lake.schema(),
            report=report,
        )
        for event in named.reader.read(source, **named.options):
            stop.check()
            yield event
