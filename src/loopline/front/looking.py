"""Looking at the media files that an import names: which are there, and what each says of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import MediaError
from loopline.media import is_url, probe_many
from loopline.media.many import ProbeCache
from loopline.media.references import media_file

NOT_FOUND: Final = "no such file"
_SEEN: Final = (
    "media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count", "error",
)  # fmt: skip
_ODD_PATH: Final = r"^/|\\\\|:|(^|/)\.{0,2}(/|$)"  # absolute, a drive, back slashes, empty or dotted parts
_LISTING: Final = 32  # rows of one folder from which on it is listed rather than asked file by file


def look(
    files: pa.Table, *, cache: ProbeCache, report: Callable[[int, int], None], stop: Callable[[], None], verify: bool
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
    for batch in probe_many(paths.to_pylist(), report=report, stop=stop, cache=cache, verify=verify):
        yield pa.record_batch({"place": places.slice(done, batch.num_rows), **{name: batch[name] for name in _SEEN}})
        done += batch.num_rows


def missing(paths: pa.ChunkedArray, root: str) -> int:
    """How many of these files under a root are not there; 0 for a remote root."""
    files = pa.table({"place": pa.array(range(len(paths))), "root": pa.array([root] * len(paths)), "path": paths})
    if is_url(root):
        return 0
    _, local, refused = _local_files(files)
    return len(refused) + pc.sum(pc.invert(_existing(local))).as_py() if len(local) else len(refused)


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
