"""Probing many files: in parallel, in order, in bounded memory, stopping for nothing."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from loopline.errors import MediaError
from loopline.kernel.exchange import quiet
from loopline.media.files import LOCAL, Files, FileStamp
from loopline.media.pictures import MAX_PIXELS
from loopline.media.probe import Probe, probe

PROBE_SCHEMA: Final = pa.schema(
    [
        ("path", pa.string()),  # as it was given
        ("media", pa.string()),  # null in every column but path and error where a file cannot be read
        ("mime", pa.string()),
        ("width", pa.int64()),  # pixels as shown
        ("height", pa.int64()),
        ("orientation", pa.int64()),
        ("size_bytes", pa.int64()),
        ("content_hash", pa.string()),
        ("pages", pa.int64()),
        ("duration_s", pa.float64()),
        ("fps", pa.float64()),
        ("frame_count", pa.int64()),
        ("note", pa.string()),
        ("error", pa.string()),  # null: readable
    ]
)
"""What `probe_many` yields, one row a file."""

_AT_ONCE: Final = 64
"""Files in one task of a worker: handing over costs as much as reading a small header."""

_Row = tuple[str, Probe | None, str | None]


class ProbeCache(Protocol):
    """Remembers probes of files that have not changed. Called from several threads."""

    def get(self, stamps: Sequence[FileStamp]) -> list[Probe | None]:
        """The remembered probe of each file, None for one that is not known in this state."""

    def put(self, found: Sequence[tuple[FileStamp, Probe]]) -> None:
        """Remember them."""


def never() -> None:
    """Do not stop."""


def probe_many(
    paths: Iterable[str | Path],
    *,
    workers: int | None = None,
    with_hash: bool = True,
    verify: bool = False,
    max_pixels: int = MAX_PIXELS,
    batch_rows: int = 4096,
    report: Callable[[int, int], None] = quiet,
    stop: Callable[[], None] = never,
    cache: ProbeCache | None = None,
    files: Files = LOCAL,
) -> Iterator[pa.RecordBatch]:
    """`PROBE_SCHEMA` rows of `paths`, in their order, `batch_rows` at a time.

    A file that cannot be read has its `error`, one of few wordings so that they can be counted, and nulls else.

    workers  threads: reading and hashing do not hold each other up; default one for each processor, more for a slow disk
    verify   decode every picture to its end instead of only those that look cut off; cached probes are not asked
    report   called as report(done, total) in files; total is 0 where `paths` has no length
    stop     called between tasks; what it raises ends the work, and what was probed stays in `cache`
    cache    known files are not opened again
    Memory   one batch, and `_AT_ONCE` rows plus about 1 MiB for each of `workers`
    """
    total = len(paths) if isinstance(paths, Sized) else 0
    count = workers or os.cpu_count() or 1

    def task(chunk: list[str]) -> list[_Row]:
        return _probe_chunk(
            chunk,
            cache=None if verify else cache,
            one=lambda path: probe(path, with_hash=with_hash, verify=verify, max_pixels=max_pixels, files=files),
            files=files,
            with_hash=with_hash,
        )

    source = iter(paths)
    waiting: deque[Future[list[_Row]]] = deque()
    rows: list[_Row] = []
    done = 0
    pool = ThreadPoolExecutor(count, thread_name_prefix="probe")
    try:
        while True:
            while len(waiting) < 3 * count and (chunk := [os.fspath(path) for path in islice(source, _AT_ONCE)]):
                waiting.append(pool.submit(task, chunk))
            if not waiting:
                break
            stop()
            found = waiting.popleft().result()
            rows += found
            done += len(found)
            report(done, total)
            while len(rows) >= batch_rows:
                yield _batch(rows[:batch_rows])
                rows = rows[batch_rows:]
        if rows:
            yield _batch(rows)
    finally:
        pool.shutdown(cancel_futures=True)


def _probe_chunk(
    chunk: list[str],
    *,
    cache: ProbeCache | None,
    one: Callable[[str], Probe],
    files: Files,
    with_hash: bool,
) -> list[_Row]:
    known: dict[str, Probe] = {}
    stamps: dict[str, FileStamp] = {}
    if cache is not None:
        for path in chunk:
            try:
                stamps[path] = files.stamp(path)
            except MediaError:
                continue  # told below, where the file is opened
        remembered = zip(stamps, cache.get(list(stamps.values())), strict=True)
        known = {path: found for path, found in remembered if found and (found.content_hash or not with_hash)}
    rows: list[_Row] = []
    for path in chunk:
        try:
            rows.append((path, known.get(path) or one(path), None))
        except MediaError as error:
            rows.append((path, None, error.what))
    if cache is not None:
        cache.put([(stamps[path], found) for path, found, _ in rows if found and path in stamps and path not in known])
    return rows


def _batch(rows: Sequence[_Row]) -> pa.RecordBatch:
    columns: list[list[object]] = [[_text(path) for path, _, _ in rows]]
    columns += [[getattr(found, name) if found else None for _, found, _ in rows] for name in PROBE_SCHEMA.names[1:-1]]
    columns.append([error for _, _, error in rows])
    for name in ("content_hash", "note"):
        at = PROBE_SCHEMA.get_field_index(name)
        columns[at] = [value or None for value in columns[at]]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, PROBE_SCHEMA, strict=True)], schema=PROBE_SCHEMA
    )


def _text(path: str) -> str:
    """A file name that is not UTF-8 has no place in a table; it is shown with its odd bytes escaped."""
    return path.encode("utf-8", "backslashreplace").decode()
