"""Keeping a lake small and quick: merge small files, forget old snapshots, delete what nothing points at."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb

from loopline.errors import BadValue
from loopline.store.lake import Lake
from loopline.store.versions import versions

ORPHAN_AGE = dt.timedelta(days=1)
"""A file that no snapshot knows may belong to a writer that is at work; after a day it does not."""


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What upkeep did, or with `dry_run` would do (merging is then counted as the files that it would look at)."""

    dry_run: bool
    snapshots_expired: int
    rows_moved: int  # from the catalog into Parquet files
    files_merged: int  # small files that became part of a bigger one
    files_deleted: int


def upkeep(lake: Lake, *, expire_older_than: dt.timedelta | None = None, dry_run: bool = False) -> UpkeepReport:
    """Merge small files; with `expire_older_than`, forget unnamed snapshots of that age; delete unused files.

    Named versions and the newest snapshot always stay, with everything that they hold.
    """
    if expire_older_than is not None and expire_older_than < dt.timedelta(0):
        raise BadValue("an age cannot be negative", hint="for example timedelta(days=30)")
    expired = _expirable(lake, expire_older_than) if expire_older_than is not None else []
    with lake.exclusive() as con:
        if dry_run:
            small = con.execute(
                "SELECT coalesce(sum(file_count), 0) FROM ducklake_table_info('lake') WHERE file_count > 1"
            ).fetchone()
            unused = _delete_files(con, dry_run=True)
            return UpkeepReport(True, len(expired), 0, int(small[0]) if small else 0, unused)
        if expired:
            con.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [expired])
        moved = con.execute("CALL ducklake_flush_inlined_data('lake')").fetchall()
        merged = con.execute("CALL ducklake_merge_adjacent_files('lake')").fetchall()
        con.execute("CALL ducklake_rewrite_data_files('lake')")
        deleted = _delete_files(con, dry_run=False)
    return UpkeepReport(False, len(expired), sum(int(r[-1]) for r in moved), sum(int(r[2]) for r in merged), deleted)


def _expirable(lake: Lake, age: dt.timedelta) -> list[int]:
    named = {v.snapshot for v in versions(lake)}
    now = lake.snapshot()
    with lake.reading() as con:
        rows = con.execute(
            "SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_time::TIMESTAMP < ? ORDER BY 1",
            [dt.datetime.now(dt.UTC).replace(tzinfo=None) - age],
        ).fetchall()
    return [number for (number,) in rows if number not in named and number != now]


def _delete_files(con: duckdb.DuckDBPyConnection, *, dry_run: bool) -> int:
    dry = "true" if dry_run else "false"
    old = con.execute(f"CALL ducklake_cleanup_old_files('lake', dry_run => {dry}, cleanup_all => true)").fetchall()
    before = dt.datetime.now(dt.UTC) - ORPHAN_AGE
    orphans = con.execute(
        f"CALL ducklake_delete_orphaned_files('lake', dry_run => {dry}, older_than => ?::TIMESTAMPTZ)",
        [before.isoformat()],
    ).fetchall()
    return len(old) + len(orphans)
