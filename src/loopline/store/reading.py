"""Reading quickly: which snapshot is the newest without asking the catalog, and transactions kept ready.

Starting a transaction and asking for the newest snapshot each cost about as much as a small query, so both are
remembered for as long as nothing has changed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

IDLE_S: Final = 1.0
"""How long a transaction is kept ready. While it is, the catalog's log of a busy writer cannot be shortened."""

_SETTLED_NS: Final = 100_000_000
"""A file changed more recently than this may change again without a new time stamp: it proves nothing yet."""

_KEPT: Final = 4  # transactions kept ready: as many readers at once as gain from it


class NewestSnapshot:
    """The newest snapshot of a catalog file. A stat of the file tells whether anybody has committed since."""

    def __init__(self, catalog: Path | None) -> None:
        self._files = [] if catalog is None else [str(catalog), f"{catalog}-wal"]
        self._known: tuple[tuple[tuple[int, int, int], ...], int] | None = None

    def get(self, ask: Callable[[], int]) -> int:
        """The number, from `ask` where it may be another than the last one."""
        before = self._signature()
        known = self._known
        if known is not None and before is not None and known[0] == before:
            return known[1]
        number = ask()
        # Only what was true before and after the question, and long enough, belongs to the answer.
        self._known = (before, number) if before is not None and before == self._signature() else None
        return number

    def _signature(self) -> tuple[tuple[int, int, int], ...] | None:
        """Inode, size and time of each file; None where they prove nothing."""
        if not self._files:
            return None
        found = []
        for file in self._files:
            try:
                stat = os.stat(file)  # noqa: PTH116  on the path of every query
            except FileNotFoundError:
                found.append((0, 0, 0))
                continue
            except OSError:
                return None
            if time.time_ns() - stat.st_mtime_ns < _SETTLED_NS:
                return None
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(found)


@dataclass(slots=True)
class _Ready:
    cursor: duckdb.DuckDBPyConnection
    snapshot: int  # the newest one that its transaction sees
    since: float


class Readers:
    """Cursors inside read transactions, lent to one reader at a time. Safe to use from any thread."""

    def __init__(self, start: Callable[[], tuple[duckdb.DuckDBPyConnection, int]]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._ready: list[_Ready] = []
        self._timer: threading.Timer | None = None

    @contextmanager
    def lend(self, snapshot: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose transaction sees the snapshot."""
        one = self._take(snapshot)
        try:
            yield one.cursor
        except BaseException:
            _end(one)
            raise
        self._give_back(one)

    def close(self) -> None:
        """End all transactions that are kept ready."""
        with self._lock:
            ready, self._ready = self._ready, []
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for one in ready:
            _end(one)

    def forget(self) -> None:
        """After a fork: the parent's transactions are not this process's to end."""
        _abandoned.extend(self._ready)
        self._lock, self._ready, self._timer = threading.Lock(), [], None

    def _take(self, snapshot: int) -> _Ready:
        stale = []
        with self._lock:
            while self._ready:
                one = self._ready.pop()
                if one.snapshot >= snapshot:
                    break
                stale.append(one)
            else:
                one = None
        for old in stale:
            _end(old)
        if one is not None:
            return one
        cursor, seen = self._start()
        return _Ready(cursor, seen, 0.0)

    def _give_back(self, one: _Ready) -> None:
        one.since = time.monotonic()
        with self._lock:
            if len(self._ready) < _KEPT:
                self._ready.append(one)
                if self._timer is None:
                    self._wake_in(IDLE_S)
                return
        _end(one)

    def _wake_in(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        with self._lock:
            limit = time.monotonic() - IDLE_S
            idle = [one for one in self._ready if one.since <= limit]
            self._ready = [one for one in self._ready if one.since > limit]
            self._timer = None
            if self._ready:
                self._wake_in(max(0.05, self._ready[0].since - limit))
        for one in idle:
            _end(one)


_abandoned: list[_Ready] = []


def _end(one: _Ready) -> None:
    with suppress(duckdb.Error):
        one.cursor.execute("ROLLBACK")
    one.cursor.close()
