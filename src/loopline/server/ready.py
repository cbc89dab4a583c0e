"""Drawn columns that are ready, and those that are being read in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, cast

import duckdb

from loopline.errors import LooplineError
from loopline.kernel.schema import label_table
from loopline.server.arrays import Ids
from loopline.server.drawn import DrawnObjects, DrawnSamples, read_objects, read_samples
from loopline.server.kept import Kept
from loopline.server.resident import ObjectRows, Resident

AT_ONCE: Final = 200_000
"""Objects of a field that are read while the page waits; more are read beside it."""

LATER_S: Final = 1.5
"""After so many seconds."""

MOST: Final = 30_000_000
"""A field with more objects than this is always read from the store, page by page."""


class Ready:
    """Of one data set. Shared by threads."""

    def __init__(self, resident: Resident, kept: Kept) -> None:
        self._resident, self._kept = resident, kept
        self._lock = threading.Lock()
        self._reading: set[Hashable] = set()
        self._one_at_a_time = threading.Lock()

    def samples(self, at: int) -> DrawnSamples:
        """Every sample's size and path; reading a million takes half a second, once for a state of the samples."""
        resident = self._resident
        ids = resident.samples(at).ids
        plan, _ = resident.plan(at)
        return self._kept.get(self._samples_key(at), lambda: read_samples(resident.lake, plan, ids, among=False))

    def some_samples(self, at: int, rows: Ids) -> DrawnSamples:
        """The same of some rows, in their order; from the store where there are many and they are not in memory (yet)."""
        resident = self._resident
        ids = resident.samples(at).ids
        key = self._samples_key(at)
        if self._kept.peek(key) is not None or len(ids) <= AT_ONCE:
            return self.samples(at).take(rows)
        self._begin(key, lambda: self.samples(at))
        plan, _ = resident.plan(at)
        return read_samples(resident.lake, plan, ids[rows], among=True)

    def _samples_key(self, at: int) -> Hashable:
        return ("drawn samples", self._resident.state("samples", at), self._resident.samples(at).token)

    def rows(self, at: int, name: str, size: int) -> ObjectRows | None:
        """The rows of a field of `size` objects; None where they are many and not in memory (yet)."""
        found = self._resident.known_objects(at, name)
        if found is None and size <= AT_ONCE:
            return self._resident.objects(at, name)
        if found is None:
            self._begin(("rows", at, name), lambda: self._read_all(at, name))
        return found

    def objects(self, at: int, name: str) -> DrawnObjects | None:
        """What is drawn of a field's objects, whose rows are in memory; None where that itself is not (yet)."""
        resident = self._resident
        rows = resident.objects(at, name)
        if len(rows) > MOST:
            return None
        key = self._key(at, name)
        found = self._kept.peek(key)
        if found is None and len(rows) <= AT_ONCE:
            found = self._kept.get(key, lambda: cast("DrawnObjects", self._read(at, name)))
        elif found is None:
            self._begin(key, lambda: self._read_all(at, name))
        return cast("DrawnObjects | None", found)

    def _key(self, at: int, name: str) -> Hashable:
        resident = self._resident
        return (
            "drawn",
            resident.state(label_table(name), at),
            resident.state("field", at),
            resident.state("samples", at),
            resident.objects(at, name).token,
        )

    def _begin(self, key: Hashable, read: Callable[[], object]) -> None:
        """Read beside the pages, once; a little later, so that the pictures of this page come first."""
        with self._lock:
            if key in self._reading:
                return
            self._reading.add(key)
        later = threading.Timer(LATER_S, self._read_beside, (key, read))
        later.daemon = True
        later.start()

    def _read(self, at: int, name: str) -> DrawnObjects | None:
        resident = self._resident
        plan, _ = resident.plan(at, name)
        field = resident.lake.schema(at).field(name)
        rows = resident.objects(at, name)
        return read_objects(resident.lake, plan, field, rows, self.samples(at), lambda: not resident.lake.closed)

    def _read_all(self, at: int, name: str) -> None:
        if len(self._resident.objects(at, name)) > MOST:
            return
        key = self._key(at, name)
        found = self._read(at, name) if self._kept.peek(key) is None else None
        if found is not None:
            self._kept.get(key, lambda: found)

    def _read_beside(self, key: Hashable, read: Callable[[], object]) -> None:
        try:
            with self._one_at_a_time:
                read()
        except (LooplineError, duckdb.Error):
            return  # pages go on reading the store, and say what is wrong with it
        finally:
            with self._lock:
                self._reading.discard(key)
