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
from loopline.server.resident import Resident

AT_ONCE: Final = 200_000
"""Objects of a field that are read while the page waits; more are read beside it."""

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

    def objects(self, at: int, name: str) -> DrawnObjects | None:
        """What is drawn of a field's objects; None where that is not in memory (yet)."""
        resident = self._resident
        rows = resident.objects(at, name)
        if len(rows) > MOST:
            return None
        key = (
            "drawn",
            resident.state(label_table(name), at),
            resident.state("field", at),
            resident.state("samples", at),
            rows.token,
        )
        found = self._kept.peek(key)
        if found is None and len(rows) <= AT_ONCE:
            found = self._kept.get(key, lambda: cast("DrawnObjects", self._read(at, name)))
        elif found is None:
            with self._lock:
                if key in self._reading:
                    return None
                self._reading.add(key)
            threading.Thread(target=self._read_beside, args=(key, at, name), name="loopline-drawn", daemon=True).start()
        return cast("DrawnObjects | None", found)

    def _read(self, at: int, name: str) -> DrawnObjects | None:
        resident = self._resident
        plan, _ = resident.plan(at, name)
        field = resident.lake.schema(at).field(name)
        rows = resident.objects(at, name)
        return read_objects(resident.lake, plan, field, rows, self.samples(at), lambda: not resident.lake.closed)

    def _read_beside(self, key: Hashable, at: int, name: str) -> None:
        try:
            with self._one_at_a_time:
                found = self._read(at, name)
            if found is not None:
                self._kept.get(key, lambda: found)
        except (LooplineError, duckdb.Error):
            return  # pages go on reading the store, and say what is wrong with it
        finally:
            with self._lock:
                self._reading.discard(key)
