"""The lives of a table: when it was made, renamed, altered and dropped. Read from the catalog's own tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from loopline.store.lake import Lake


@dataclass(frozen=True, slots=True)
class Life:
    """A table that had this name in the snapshots begin ... end-1; `end` is None while it has it."""

    number: int
    name: str
    begin: int
    end: int | None

    def covers(self, snapshot: int) -> bool:
        return self.begin <= snapshot and (self.end is None or snapshot < self.end)


def snapshots(con: duckdb.DuckDBPyConnection) -> list[int]:
    """All that are kept, oldest first."""
    return [n for (n,) in con.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()]


def lives(lake: Lake, con: duckdb.DuckDBPyConnection, table: str) -> list[Life]:
    """Every life of the tables that ever had this name, under their other names too."""
    rows = con.execute(
        f"SELECT table_id, table_name, begin_snapshot, end_snapshot FROM {lake.metadata('ducklake_table')}"
    ).fetchall()
    all_lives = [Life(*row) for row in rows]
    names, numbers = {table}, set[int]()
    while True:
        found = {life.number for life in all_lives if life.name in names}
        if found == numbers:
            break
        numbers = found
        names |= {life.name for life in all_lives if life.number in numbers}
    return sorted((life for life in all_lives if life.number in numbers), key=lambda life: (life.begin, life.number))


def alterations(lake: Lake, con: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> list[int]:
    """Snapshots at which tables got, lost or changed columns."""
    rows = con.execute(
        f"SELECT begin_snapshot, end_snapshot FROM {lake.metadata('ducklake_column')} "
        "WHERE table_id IN (SELECT unnest(?::BIGINT[]))",
        [list(numbers)],
    ).fetchall()
    return sorted({snapshot for row in rows for snapshot in row if snapshot is not None})


def is_steady(lake: Lake, con: duckdb.DuckDBPyConnection, table: str, low: int, high: int) -> bool:
    """Was it the same table with the same columns in all snapshots low ... high, and are those all kept? Only then
    the change feed tells all: it is silent when a column comes or goes, and about an earlier table of the name."""
    alive = [life for life in lives(lake, con, table) if life.covers(low) and life.covers(high) and life.name == table]
    if not alive or any(low < s <= high for s in alterations(lake, con, [alive[0].number])):
        return False
    row = con.execute(
        "SELECT count(*) FROM ducklake_snapshots('lake') WHERE snapshot_id BETWEEN ? AND ?", [low, high]
    ).fetchone()
    return row is not None and row[0] == high - low + 1
