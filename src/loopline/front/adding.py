"""Adding label files and media to a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.front import looking, own_media
from loopline.front.incoming import Incoming, Stand, incoming
from loopline.front.own_media import Keep
from loopline.front.placing import at_urls, placed, roots_of, told
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
from loopline.media import SqliteProbeCache, is_url, remote
from loopline.store.ingest import AddReport, Existing, Same, ingest
from loopline.store.lake import Lake
from loopline.store.stage import Problems

_SHARDS = "webdataset"  # reads tar files itself


def add(
    lake: Lake,
    path: Path | str,
    *,
    labels: Path | str | None = None,
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
    signal = stop or StopSignal()
    signal.keep("nothing was added", resume="run it again: media that were looked at are remembered")
    with _incoming(lake, path, labels, format, options, unpack_limit, progress, signal) as found:
        named = _chosen(found, format, options)
        events = placed(_events(lake, named, field, split, progress, signal), found, whole=False)
        if media_from is not None:
            events = at_urls(events, media_from)
        cache = lake.location.cache
        fetched = looking.Remote(cache, (lambda _: True) if media_from is not None else found.named)
        events = _kept(events, found, lake, media, fetched, signal)

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
            message=f"add {_name(labels if labels is not None else path)}",
            existing=existing,
            same=same,
            probe=probe if read_media else None,
            tags=tuple(tags),
        )


def _kept(
    events: Iterator[Event], found: Incoming, lake: Lake, media: Keep, fetched: looking.Remote, signal: StopSignal
) -> Iterator[Event]:
    """The events, with pictures copied or linked where that is wished, or where there is no other way."""
    there_only = [one.origin for one in found.stands if one.whole and not one.in_place]
    if media == "link" and any(one.whole for one in found.stands):
        raise FormatError(
            "pictures in an archive or on the network cannot be linked to",
            where=found.stands[0].origin,
            hint='copy them: media="copy"; or leave them where they are: media="reference"',
        )
    if media == "reference" and there_only:
        why = "pictures of a packed tar, or of an archive on the network, were copied into the data set"
        found.problems.append(Problem("warning", why, there_only[0], 'say media="copy" to silence this'))
        media = "copy"
    if media == "reference":
        return events
    folder = own_media.folder_of(lake.location)
    return own_media.kept(events, folder, media, signal.check, passing=found.folder, fetch=fetched.file)


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
    path: Path | str,
    *,
    labels: Path | str | None = None,
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
    signal = stop or StopSignal()
    with _incoming(lake, path, labels, format, options, unpack_limit, progress, signal) as found:
        named = _chosen(found, format, options)
        events = placed(_events(lake, named, field, split, progress, signal), found, whole=False)
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


@dataclass(frozen=True, slots=True)
class _Named:
    """What to read, and how."""

    reader: Format
    saw: str  # what made it known
    path: Path  # label file or folder
    media: Path | None
    options: Mapping[str, object]


def _name(path: Path | str) -> str:
    return (remote.name_of(path) or path) if isinstance(path, str) and is_url(path) else Path(path).name


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
    as_it_is = name == _SHARDS or "extract_to" in (options or {})
    folder = labels is None and not is_url(str(path)) and Path(path).is_dir()
    return incoming(
        lake.location.cache,
        str(path),
        None if labels is None else str(labels),
        as_it_is=as_it_is,
        room=as_it_is or (folder and registry.get(_SHARDS).sniff(Path(path)) is not None),
        limit=limit,
        progress=progress,
        stop=stop,
    )


def _chosen(found: Incoming, name: str | None, options: Mapping[str, object] | None) -> _Named:
    """The label file or folder to read, its format, and what made it known. Raises FormatError, UnknownFormat."""
    path = found.labels if found.labels is not None else found.path
    media = found.path if found.labels is not None else None
    if not path.exists():
        raise FormatError("there is no such file or folder", where=str(path), hint="see how the path is written")
    given = dict(options or {})
    if name == _SHARDS and media is None and "extract_to" not in given:
        return _shards(path, found, given)
    if name is not None:
        return _Named(registry.get(name), "", _within(path, found, name), media, given)
    stand = found.of(str(path))
    if stand is not None and path.is_dir():
        path = _likeliest(path)
        if media is None and _is_shard(Path(stand.origin), path):
            return _shards(Path(stand.origin), found, given)
    reader, sniffed = registry.detect(path)
    if reader.name == _SHARDS and media is None and "extract_to" not in given and stand is None:
        return _shards(path, found, given)
    return _Named(reader, sniffed.saw, path, media, given)


def _shards(path: Path, found: Incoming, options: Mapping[str, object]) -> _Named:
    """Shards hold pictures under names of their own, so these are copied out into the data set."""
    folder = found.new_folder("shards")
    found.stands.append(Stand(folder, str(path.resolve()), whole=True, in_place=False))
    return _Named(registry.get(_SHARDS), "WebDataset shards", path, None, {**options, "extract_to": folder})


def _is_shard(archive: Path, unpacked: Path) -> bool:
    """Whether an archive is a shard rather than a folder that some format knows."""
    if not archive.is_file() or (seen := registry.get(_SHARDS).sniff(archive)) is None:
        return False
    found = registry.sniff(unpacked)
    return seen.confidence > max((s.confidence for _, s in found), default=0.0) and seen.confidence > 0.8


def _alone(folder: Path) -> Iterator[Path]:
    """A folder, and what is the only thing in it, and the only thing in that, ..."""
    yield folder
    while folder.is_dir():
        inside = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        if len(inside) != 1:
            return
        folder = inside[0]
        yield folder


def _likeliest(folder: Path) -> Path:
    """Of an unpacked archive, the folder that a format knows best: all of it, or the one that it is packed in."""

    def sure(place: Path) -> float:
        found = registry.sniff(place)
        return found[0][1].confidence if found else 0.0

    return max(_alone(folder), key=sure)


def _within(path: Path, found: Incoming, name: str) -> Path:
    """As `_likeliest`, where the user has named the format."""
    if found.of(str(path)) is None or not path.is_dir():
        return path
    reader = registry.get(name)

    def sure(place: Path) -> float:
        sniffed = reader.sniff(place)
        return sniffed.confidence if sniffed else 0.0

    return max(_alone(path), key=sure)


def _events(
    lake: Lake, named: _Named, field: str, split: str | None, progress: Progress, stop: StopSignal
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
