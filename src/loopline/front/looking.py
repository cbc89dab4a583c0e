"""Looking at the media files that an import names: which are there, and what each says of itself."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import LooplineError, MediaError
from loopline.front.placing import roots_of
from loopline.kernel.exchange import SampleRows
from loopline.media import is_url, local_media, probe_many
from loopline.media.many import ProbeCache
from loopline.media.references import media_file

NOT_FOUND: Final = "no such file"
_SEEN: Final = (
    "media", "mime", "width", "height", "size_bytes", "content_hash", "duration_s", "fps", "frame_count", "error",
)  # fmt: skip
_ODD_PATH: Final = r"^/|\\\\|:|(^|/)\.{0,2}(/|$)"  # absolute, a drive, back slashes, empty or dotted parts
_TRANSFERS: Final = 8  # at once
_FETCHED: Final = 256  # remote pictures that are fetched before they are looked at
_GIVEN_UP: Final = 8  # pictures of a silent server
_LISTING: Final = 32  # rows of one folder from which on it is listed rather than asked file by file


class Remote:
    """Remote media as files of the cache.

    wanted   whether the user has asked for pictures of this root; others are left alone, as a label file may name any
             host
    """

    def __init__(self, cache: Path, wanted: Callable[[str], bool]) -> None:
        self._cache, self.wanted = cache, wanted
        self._silent: Counter[str] = Counter()  # hosts that gave no answer, and nothing before

    def file(self, root: str, path: str) -> str | None:
        """A file with the picture; None where it does not come, or was not asked for."""
        return self.fetched(root, path)[0] if self.wanted(root) else None

    def fetched(self, root: str, path: str) -> tuple[str | None, str | None]:
        """A file with the picture, or why there is none."""
        host = urlsplit(root).netloc
        if self._silent[host] >= _GIVEN_UP:
            return None, "its server gives no answer"
        try:
            found = local_media(root, path, cache=self._cache)
        except LooplineError as error:
            if "tried" in error.what and self._silent[host] >= 0:
                self._silent[host] += 1
            return None, NOT_FOUND if "no such file" in error.what else error.what
        self._silent[host] = -1 << 60  # it answers: what fails there is the picture's fault
        return found, None


def moved(files: pa.Table, at: Callable[[str], str]) -> pa.Table:
    """(place, root, path) with other roots."""
    roots = files["root"].combine_chunks().dictionary_encode()
    words = pa.array([at(root) for root in roots.dictionary.to_pylist()], pa.string())
    return files.set_column(1, "root", words.take(roots.indices))


def look(
    files: pa.Table,
    *,
    cache: ProbeCache,
    report: Callable[[int, int], None],
    stop: Callable[[], None],
    verify: bool,
    remote: Remote | None = None,
) -> Iterator[pa.RecordBatch]:
    """Probe the files that are there; say of the others why not. Remote media are left alone, unless `remote` wants
    them."""
    if remote is not None:
        yield from _look_far(files, cache, remote, report, stop, verify)
    places, paths, refused = _local_files(files)
    there = _existing(paths)
    absent = places.filter(pc.invert(there))
    places, paths = places.filter(there), paths.filter(there)
    if len(absent):
        yield pa.record_batch({"place": absent, "error": pa.repeat(NOT_FOUND, len(absent))})
    if refused:
        yield pa.record_batch({"place": list(refused), "error": list(refused.values())})
    yield from _probed(places, paths, cache, report, stop, verify)


def _probed(
    places: pa.Array,
    paths: pa.Array,
    cache: ProbeCache,
    report: Callable[[int, int], None],
    stop: Callable[[], None],
    verify: bool,
) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in probe_many(paths.to_pylist(), report=report, stop=stop, cache=cache, verify=verify):
        yield pa.record_batch({"place": places.slice(done, batch.num_rows), **{name: batch[name] for name in _SEEN}})
        done += batch.num_rows


def _look_far(
    files: pa.Table,
    cache: ProbeCache,
    remote: Remote,
    report: Callable[[int, int], None],
    stop: Callable[[], None],
    verify: bool,
) -> Iterator[pa.RecordBatch]:
    """Fetch remote media, some at a time, and probe them."""
    roots = [root for root in files["root"].unique().to_pylist() if is_url(root) and remote.wanted(root)]
    far = files.filter(pc.is_in(files["root"], value_set=pa.array(roots, pa.string())))
    with ThreadPoolExecutor(_TRANSFERS, thread_name_prefix="fetch") as pool:
        for start in range(0, far.num_rows, _FETCHED):
            part = far.slice(start, _FETCHED)
            wanted = part["root"].to_pylist(), part["path"].to_pylist()
            fetched = list(pool.map(remote.fetched, *wanted))
            stop()
            errors = pa.array([error for _, error in fetched], pa.string())
            places = part["place"].combine_chunks()
            yield pa.record_batch({"place": places.filter(errors.is_valid()), "error": errors.drop_null()})
            here = pa.array([file for file, _ in fetched if file is not None], pa.string())
            yield from _probed(places.filter(errors.is_null()), here, cache, _quiet, stop, verify)
            report(start + part.num_rows, far.num_rows)


def _quiet(done: int, total: int) -> None: ...


def missing(event: SampleRows, at: Callable[[str], str]) -> int:
    """How many pictures are not there; those on the network are taken to be. `at`: see `moved`."""
    count = event.table.num_rows
    named = {
        "place": pa.array(range(count)),
        "root": pa.array(roots_of(event), pa.string()),
        "path": event.table["path"],
    }
    files = moved(pa.table(named), at)
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
            # Not Path.is_file, which raises where a name is longer than a file's name can be.
            found[rows] = [os.path.isfile(f"{folder}/{name}") for name in wanted.to_pylist()]  # noqa: PTH113
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
