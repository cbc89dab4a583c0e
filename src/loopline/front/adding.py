"""Adding label files and media to a data set, and writing them out again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
_ODD_PATH: Final = r"^/|\\\\|:|(^|/)\.{0,2}(/|$)"  # absolute, a drive, back slashes, empty or dotted parts
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
    places, paths, refused = _local_files(files)
    there = _existing(paths)
    absent = places.filter(pc.invert(there))
    places, paths = places.filter(there), paths.filter(there)
    if len(absent):
        yield pa.record_batch({"place": absent, "error": pa.repeat(NOT_FOUND, len(absent))})
    if refused:
        yield pa.record_batch({"place": list(refused), "error": list(refused.values())})
    done = 0
    for batch in probe_many(paths.to_pylist(), report=report, stop=stop.check, cache=cache, verify=verify):
        yield pa.record_batch({"place": places.slice(done, batch.num_rows), **{name: batch[name] for name in _SEEN}})
        done += batch.num_rows


def _local_files(files: pa.Table) -> tuple[pa.Array, pa.Array, dict[int, str]]:
    """Of (place, root, path): the places and absolute paths of local files, and why a place was refused.

    Done on whole columns, as imports have millions of paths; only paths that could lead out of their root are looked
    at one by one.
    """
    remote = [root for root in files["root"].unique().to_pylist() if is_url(root)]
    files = files.filter(pc.invert(pc.is_in(files["root"], value_set=pa.array(remote, pa.string())))).combine_chunks()
    odd = pc.match_substring_regex(files["path"], _ODD_PATH)
    plain = files.filter(pc.invert(odd))
    joined = pc.binary_join_element_wise(pc.utf8_rtrim(plain["root"], "/"), plain["path"], "/")
    found: list[tuple[int, str]] = []
    refused: dict[int, str] = {}
    for row in files.filter(odd).to_pylist():
        try:
            found.append((row["place"], media_file(row["root"], row["path"])))
        except MediaError as error:
            refused[row["place"]] = error.what
    more = pa.array([place for place, _ in found], pa.int64()), pa.array([path for _, path in found], pa.string())
    return _one([plain["place"], more[0]], pa.int64()), _one([joined, more[1]], pa.string()), refused


def _one(parts: list[pa.Array | pa.ChunkedArray], kind: pa.DataType) -> pa.Array:
    chunks = [c.cast(kind) for part in parts for c in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.concat_arrays(chunks)


def _existing(paths: pa.Array) -> pa.Array:
    """Which files exist. A folder with many of them is listed once: a hundred thousand questions take seconds."""
    split = pc.extract_regex(paths, r"(?s)^(?P<folder>.*)/(?P<name>[^/]*)$")
    folders, names = pc.struct_field(split, "folder").dictionary_encode(), pc.struct_field(split, "name")
    codes = folders.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(folders.dictionary)), side="right").tolist()
    found = np.zeros(len(paths), bool)
    start = 0
    for folder, end in zip(folders.dictionary.to_pylist(), ends, strict=True):
        rows = order[start:end]
        wanted = names.take(pa.array(rows))
        if len(rows) < _LISTING:
            found[rows] = [Path(folder or "/", name).is_file() for name in wanted.to_pylist()]
        else:
            found[rows] = pc.is_in(wanted, value_set=pa.array(_listing(folder or "/"), pa.string())).to_numpy(
                zero_copy_only=False
            )
        start = end
    return pa.array(found)


def _listing(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


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
