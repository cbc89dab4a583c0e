"""Which state of a table a snapshot has: a tag must not make what is known about a million boxes out of date."""

from __future__ import annotations

import threading
from typing import TypeAlias

from loopline.store.lake import Lake

State: TypeAlias = tuple[int, int]
"""Number of the table, and the snapshot that changed it last."""


class TableStates:
    """Read from the catalog's list of changes, and from there on only what is new."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._changes: dict[int, list[int]] = {}  # table number -> snapshots that changed it, rising
        self._names: list[tuple[int, str, int, int | None]] = []
        self._seen = -1

    def at(self, table: str, snapshot: int) -> State:
        """The state of a table at a snapshot; equal states hold equal rows."""
        with self._lock:
            if snapshot > self._seen:
                self._read()
            number = next(
                (
                    n
                    for n, name, begin, end in self._names
                    if name == table and begin <= snapshot < (end or snapshot + 1)
                ),
                None,
            )
            if number is None:
                return (-1, snapshot)
            known = [s for s in self._changes.get(number, []) if s <= snapshot]
            return (number, known[-1] if known else snapshot)

    def _read(self) -> None:
        lake = self._lake

        def look(con: object) -> tuple[list[tuple[int, dict[str, list[str]]]], list[tuple[int, str, int, int | None]]]:
            changes = con.execute(  # type: ignore[attr-defined]
                f"SELECT snapshot_id, changes FROM ducklake_snapshots('lake') WHERE snapshot_id > {self._seen} ORDER BY 1"
            ).fetchall()
            names = con.execute(  # type: ignore[attr-defined]
                f"SELECT table_id, table_name, begin_snapshot, end_snapshot FROM {lake.metadata('ducklake_table')}"
            ).fetchall()
            return changes, names

        changes, self._names = lake.look(look)
        for number, begin in {(number, begin) for number, _, begin, _ in self._names}:
            self._note(number, begin)
        for snapshot, what in changes:
            for entries in what.values():
                for entry in entries:
                    if str(entry).isdigit():
                        self._note(int(entry), snapshot)
            self._seen = max(self._seen, snapshot)

    def _note(self, table: int, snapshot: int) -> None:
        known = self._changes.setdefault(table, [])
        if snapshot not in known[-4:]:
            known.append(snapshot)
            known.sort()
