"""Adding label files and media to a data set, and writing them out again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from loopline.errors import FormatError, MediaError
from loopline.formats import registry
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.exchange import Event, Exportable, Format, Source, Written
from loopline.media import SqliteProbeCache, is_url, probe_many
from loopline.media.references import media_file
from loopline.store.ingest import AddReport, Existing, Same, ingest
from loopline.store.lake import Lake

NOT_FOUND: Final = "no such file"
_SEEN: Final = (
    "media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count", "error",
)  # fmt: skip
_LISTING: Final = 32  # rows of one folder from which on it is listed rather than asked file by file


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
    options     options of the format

    Raises FormatError, UnknownFormat, NothingAdded, Stopped.
    """
    signal = stop or StopSignal()
    named = labels if labels is not None else path
    if not named.exists():
        raise FormatError("there is no such file or folder", where=str(named), hint="see how the path is written")
    reader = registry.get(format) if format else registry.detect(named)[0]
    signal.keep("nothing was added", resume="run it again: media that were looked at are remembered")

    def read() -> Iterator[Event]:
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
                signal.check()
                yield event

    def look(files: pa.Table) -> Iterator[pa.RecordBatch]:
        cache_file = lake.location.cache / "probes.sqlite"
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        with SqliteProbeCache(cache_file) as cache, stage(progress, "look at media", unit="files") as report:
            yield from _probed(files, cache, report=report, stop=signal, verify=verify)

    return ingest(
        lake,
        read(),
        message=f"add {named.name}",
        existing=existing,
        same=same,
        probe=look if read_media else None,
        tags=tuple(tags),
    )


def _probed(
    files: pa.Table, cache: SqliteProbeCache, *, report: Callable[[int, int], None], stop: StopSignal, verify: bool
) -> Iterator[pa.RecordBatch]:
    """Probe the files that are there; say of the others why not. Remote media are left alone."""
    there = _There()
    present: list[tuple[int, str]] = []
    refused: list[tuple[int, str]] = []
    for place, root, path in zip(*(files[name].to_pylist() for name in ("place", "root", "path")), strict=True):
        if is_url(root):
            continue
        try:
            file = media_file(root, path)
        except MediaError as error:
            refused.append((place, error.what))
            continue
        if there.has(file):
            present.append((place, file))
        else:
            refused.append((place, NOT_FOUND))
    if refused:
        yield pa.record_batch({"place": [place for place, _ in refused], "error": [error for _, error in refused]})
    places = pa.array([place for place, _ in present], pa.int64())
    done = 0
    for batch in probe_many([f for _, f in present], report=report, stop=stop.check, cache=cache, verify=verify):
        yield pa.record_batch({"place": places.slice(done, batch.num_rows), **{name: batch[name] for name in _SEEN}})
        done += batch.num_rows


class _There:
    """Which files exist. A folder that is asked for often is listed once: a hundred thousand questions take seconds."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._asked: Counter[str] = Counter()

    def has(self, file: str) -> bool:
        folder, name = os.path.split(file)
        self._asked[folder] += 1
        if self._asked[folder] < _LISTING:
            return Path(file).is_file()
        if folder not in self._names:
            self._names[folder] = _listing(folder)
        return name in self._names[folder]


def _listing(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


def export(
    what: Exportable,
    target: Path,
    *,
    format: str | None = None,  # noqa: A002
    fields: Sequence[str] | None = None,
    options: Mapping[str, object] | None = None,
    overwrite: bool = False,
) -> Written:
    """Write a view as a label file or folder. The same view gives the same bytes.

    Raises FormatError, UnknownFormat; FileExistsError-like FormatError where the target is there and `overwrite` is not set.
    """
    writer = registry.get(format) if format else _writer_for(target)
    if target.exists() and not overwrite and not (target.is_dir() and not any(target.iterdir())):
        raise FormatError(
            "there is something there already", where=str(target), hint="choose another target, or say overwrite"
        )
    names = [f.name for f in what.schema.fields]
    chosen = list(fields) if fields is not None else names
    for name in chosen:
        what.schema.field(name)
    return writer.write(what, target, fields=chosen, **dict(options or {}))


def _writer_for(target: Path) -> Format:
    """The format that a target's ending stands for."""
    name = {".json": "coco", ".csv": "table", ".tsv": "table", ".parquet": "table"}.get(target.suffix.lower())
    if name is None:
        known = ", ".join(n for n in registry.names() if registry.get(n).writes)
        raise FormatError("its name does not tell the format", where=str(target), hint=f"name the format: {known}")
    return registry.get(name)


def counted(problems: Iterable[tuple[tuple[str, str], int]]) -> list[str]:
    """Lines that tell how many rows had which problem, the most frequent first."""
    ordered = sorted(problems, key=lambda item: (-item[1], item[0]))
    return [f"{count:,} × {kind}: {what}" for (kind, what), count in ordered]
