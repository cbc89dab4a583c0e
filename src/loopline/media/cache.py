"""Probes remembered on disk, so that an import that was stopped does not hash every file again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Final

from loopline.media.files import FileStamp
from loopline.media.probe import Probe

MAX_ROWS: Final = 4_000_000
"""About 1 GB. Above it the oldest are forgotten."""

FRESH_NS: Final = 2_000_000_000
"""A file written this recently may change again without a new time stamp, so it is not remembered yet."""

_LAYOUT: Final = 1
_NAMES: Final = tuple(field.name for field in fields(Probe))


class SqliteProbeCache:
    """A `ProbeCache` in one SQLite file that may be deleted at any time. Closed at the end of its `with`.

    Files are known by absolute path, size and time of change. It is only a cache: where it cannot be read or written
    (a full disk, a damaged file, another process), files are probed as if it were not there.
    """

    def __init__(self, file: Path, *, max_rows: int = MAX_ROWS) -> None:
        self._lock = threading.Lock()
        self._max_rows = max_rows
        self._db: sqlite3.Connection | None = None
        for _ in range(2):
            try:
                self._db = _opened(file)
                return
            except sqlite3.OperationalError:  # locked, read-only, ...: go on without
                return
            except (sqlite3.DatabaseError, OSError):  # damaged: begin anew
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)

    def get(self, stamps: Sequence[FileStamp]) -> list[Probe | None]:
        known = self._rows(stamps)
        return [known.get((_absolute(stamp), stamp.size_bytes, stamp.mtime_ns)) for stamp in stamps]

    def _rows(self, stamps: Sequence[FileStamp]) -> dict[tuple[str, int, int], Probe]:
        marks = ",".join("?" * len(stamps))
        query = f"select path, size, mtime_ns, {', '.join(_NAMES)} from probe where path in ({marks})"
        with self._lock:
            if self._db is None or not stamps:
                return {}
            try:
                rows = self._db.execute(query, [_absolute(stamp) for stamp in stamps]).fetchall()
            except sqlite3.Error:
                return {}
        return {tuple(row[:3]): Probe(*row[3:]) for row in rows}

    def put(self, found: Sequence[tuple[FileStamp, Probe]]) -> None:
        latest = time.time_ns() - FRESH_NS
        rows = [
            (_absolute(stamp), stamp.size_bytes, stamp.mtime_ns, *(getattr(probe, name) for name in _NAMES))
            for stamp, probe in found
            if stamp.mtime_ns < latest
        ]
        marks = ",".join("?" * (3 + len(_NAMES)))
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is not None and rows:
                with self._db:
                    self._db.executemany(f"insert or replace into probe values ({marks})", rows)

    def close(self) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                with self._db:  # a row that is written again gets a new rowid, so the smallest are the oldest
                    self._db.execute(
                        "delete from probe where rowid <= (select max(rowid) from probe) - ?", [self._max_rows]
                    )
                self._db.close()
                self._db = None

    def __enter__(self) -> SqliteProbeCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _opened(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(file, timeout=2, check_same_thread=False)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = off")  # a lost cache costs time, not data
        if db.execute("pragma user_version").fetchone()[0] != _LAYOUT:
            columns = ", ".join(("path primary key", "size", "mtime_ns", *_NAMES))
            with db:
                db.execute("drop table if exists probe")
                db.execute(f"create table probe ({columns})")
                db.execute(f"pragma user_version = {_LAYOUT}")
    except BaseException:
        db.close()
        raise
    return db


def _absolute(stamp: FileStamp) -> str:
    path = stamp.path if os.path.isabs(stamp.path) else os.path.abspath(stamp.path)  # noqa: PTH100, PTH117  # ten times quicker
    return path if path.isprintable() else path.encode("utf-8", "backslashreplace").decode()
