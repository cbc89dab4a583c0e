"""Keeping a lake small and quick: merge small files, forget old snapshots, delete what nothing points at."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from loopline.errors import BadValue
from loopline.store.lake import Lake
from loopline.store.versions import versions

ORPHAN_AGE: Final = dt.timedelta(days=1)
"""A file that no snapshot knows may belong to a writer that is at work; after a day it does not."""

GRACE: Final = dt.timedelta(hours=1)
"""How long a file that no snapshot needs any more stays for those who are reading it just now."""

TRIES: Final = 5

_FULL_FILE_BYTES: Final = 512 << 20  # the engine merges files up to this size


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What upkeep did, or with `dry_run` would do."""

    dry_run: bool
    snapshots_expired: int
    rows_moved: int  # from the catalog into Parquet files
    files_merged: int  # small files that became part of a bigger one
    files_deleted: int
    files_waiting: int  # no longer needed, deleted by the first upkeep after the grace


def upkeep(
    lake: Lake,
    *,
    expire_older_than: dt.timedelta | None = None,
    dry_run: bool = False,
    grace: dt.timedelta = GRACE,
) -> UpkeepReport:
    """Merge small files; with `expire_older_than`, forget unnamed snapshots of that age; delete unused files.

    Named versions and the newest snapshot always stay, with everything that they hold. A file that this run makes
    superfluous is deleted by the next run after `grace`, because somebody may be reading it.
    """
    if (expire_older_than or dt.timedelta(0)) < dt.timedelta(0) or grace < dt.timedelta(0):
        raise BadValue("an age cannot be negative", hint="for example timedelta(days=30)")
    with lake.exclusive() as con:
        expired = _expirable(lake, con, expire_older_than) if expire_older_than is not None else []
        if dry_run:
            moved, merged = _inlined_rows(lake, con), _mergeable(lake, con)
            deleted, waiting = _delete_files(lake, con, grace, dry_run=True)
            return UpkeepReport(True, len(expired), moved, merged, deleted, waiting)
        if expired:
            _call(con, "ducklake_expire_snapshots('lake', versions => ?)", [expired])
        moved = sum(row[-1] for row in _call(con, "ducklake_flush_inlined_data('lake')"))
        merged = sum(row[2] for row in _call(con, "ducklake_merge_adjacent_files('lake')"))
        _call(con, "ducklake_rewrite_data_files('lake')")
        deleted, waiting = _delete_files(lake, con, grace, dry_run=False)
    _clear_spill(lake)
    return UpkeepReport(False, len(expired), moved, merged, deleted, waiting)


def _call(con: duckdb.DuckDBPyConnection, function: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows that a function of the engine gives. It is one transaction; where that fails, it is tried again: over
    PostgreSQL writers may get in between, and now and then a flush breaks off with a table's name missing in its SQL."""
    for attempt in range(TRIES):
        try:
            return con.execute(f"CALL {function}", parameters or None).fetchall()
        except duckdb.Error:
            if attempt == TRIES - 1:
                raise
            time.sleep(0.2 * (attempt + 1))
    raise AssertionError("unreachable")


def _expirable(lake: Lake, con: duckdb.DuckDBPyConnection, age: dt.timedelta) -> list[int]:
    kept = {v.snapshot for v in versions(lake)} | {lake.snapshot()}
    rows = con.execute(
        "SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_time::TIMESTAMP < ? ORDER BY 1",
        [dt.datetime.now(dt.UTC).replace(tzinfo=None) - age],
    ).fetchall()
    return [number for (number,) in rows if number not in kept]


def _inlined_rows(lake: Lake, con: duckdb.DuckDBPyConnection) -> int:
    """Rows that the catalog holds itself, past versions of them included."""
    found = con.execute(f"SELECT table_name FROM {lake.metadata('ducklake_inlined_data_tables')}").fetchall()
    counts = [con.execute(f"SELECT count(*) FROM {lake.metadata(name)}").fetchone() for (name,) in found]
    return sum(row[0] for row in counts if row)


def _mergeable(lake: Lake, con: duckdb.DuckDBPyConnection) -> int:
    """Small files without deleted rows that have a neighbour of the same columns. Merging looks for these; the file
    that it makes of the catalog's own rows may join them."""
    file, delete, version = (
        lake.metadata(f"ducklake_{name}") for name in ("data_file", "delete_file", "schema_versions")
    )
    row = con.execute(
        f"""SELECT coalesce(sum(n), 0) FROM (
                SELECT count(*) AS n FROM (
                    SELECT f.table_id, (SELECT max(v.schema_version) FROM {version} v
                        WHERE v.table_id = f.table_id AND v.begin_snapshot <= f.begin_snapshot) AS columns
                    FROM {file} f WHERE f.end_snapshot IS NULL AND f.file_size_bytes < {_FULL_FILE_BYTES}
                        AND f.data_file_id NOT IN (SELECT data_file_id FROM {delete} WHERE end_snapshot IS NULL))
                GROUP BY table_id, columns HAVING count(*) > 1)"""
    ).fetchone()
    return int(row[0]) if row else 0


def _delete_files(lake: Lake, con: duckdb.DuckDBPyConnection, grace: dt.timedelta, *, dry_run: bool) -> tuple[int, int]:
    """Delete unused files; how many, and how many wait for the end of their grace."""
    now = dt.datetime.now(dt.UTC)
    dry = "true" if dry_run else "false"
    since = con.execute(
        "SELECT schedule_start::TIMESTAMPTZ::TIMESTAMP FROM " + lake.metadata("ducklake_files_scheduled_for_deletion")
    ).fetchall()
    cutoff = now - grace
    if all(at <= cutoff.replace(tzinfo=None) for (at,) in since):
        old = con.execute(f"CALL ducklake_cleanup_old_files('lake', dry_run => {dry}, cleanup_all => true)").fetchall()
    else:
        # In a SQLite catalog these times are text, and the engine's comparison takes all of a day for older than any
        # time on that day: the day before is safe.
        old = con.execute(
            f"CALL ducklake_cleanup_old_files('lake', dry_run => {dry}, older_than => ?::TIMESTAMPTZ)",
            [(cutoff - dt.timedelta(days=1)).isoformat()],
        ).fetchall()
    orphans = con.execute(
        f"CALL ducklake_delete_orphaned_files('lake', dry_run => {dry}, older_than => ?::TIMESTAMPTZ)",
        [(now - ORPHAN_AGE).isoformat()],
    ).fetchall()
    return len(old) + len(orphans), len(since) - len(old)


def _clear_spill(lake: Lake) -> None:
    """Delete the intermediate files of processes that were killed."""
    for folder in (lake.location.cache / "spill").glob("*"):
        if time.time() - folder.stat().st_mtime > ORPHAN_AGE.total_seconds():
            shutil.rmtree(folder, ignore_errors=True)
