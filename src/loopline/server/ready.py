"""Drawn columns that are ready, and those that are being read in the background."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Final, cast

import duckdb

from loopline.errors import LooplineError
from loopline.kernel.schema import label_table
from loopline.server.drawn import DrawnObjects, DrawnSamples, read_objects, read_samples
from loopline.server.kept import Kept
from loopline.server.resident import ObjectRows, Resident

AT_ONCE: Final = 200_000
"""Objects of a field that are read while the page waits; more are read beside it."""

LATER_S: Final = 1.0
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
        rows = resident.samples(at)
        plan, _ = resident.plan(at)
        key = ("drawn samples", resident.state("samples", at), rows.token)
        return self._kept.get(key, lambda: read_samples(resident.lake, plan, rows))

    def rows(self, at: int, name: str, size: int) -> ObjectRows | None:
        """The rows of a field of `size` objects; None where they are many and not in memory (yet)."""
        found = self._resident.known_objects(at, name)
        if found is None and size <= AT_ONCE:
            return self._resident.objects(at, name)
        if found is None:
            self._begin(("rows", at, name), at, name)
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
            self._begin(key, at, name)
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

    def _begin(self, key: Hashable, at: int, name: str) -> None:
        """Read a field beside the pages, once; a little later, so that the pictures of this page come first."""
        with self._lock:
            if key in self._reading:
                return
            self._reading.add(key)
        later = threading.Timer(LATER_S, self._read_beside, (key, at, name))
        later.daemon = True
        later.start()

    def _read(self, at: int, name: str) -> DrawnObjects | None:
        resident = self._resident
        plan, _ = resident.plan(at, name)
        field = resident.lake.schema(at).field(name)
        rows = resident.objects(at, name)
        return read_objects(resident.lake, plan, field, rows, self.samples(at), lambda: not resident.lake.closed)

    def _read_beside(self, key: Hashable, at: int, name: str) -> None:
        try:
            with self._one_at_a_time:
                if len(self._resident.objects(at, name)) > MOST:
                    return
                drawn = self._key(at, name)
                found = self._read(at, name) if self._kept.peek(drawn) is None else None
            if found is not None:
                self._kept.get(drawn, lambda: found)
        except (LooplineError, duckdb.Error):
            return  # pages go on reading the store, and say what is wrong with it
        finally:
            with self._lock:
                self._reading.discard(key)
