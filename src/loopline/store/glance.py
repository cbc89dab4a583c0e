"""How much a data set holds, as its catalog says: read in a few hundredths of a second, without opening the data set.

The catalog's layout is part of the DuckLake specification. It is read by the engine's own SQLite: another copy of SQLite
in this process would end the locks that the engine holds on the file.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Final

import duckdb

from loopline.kernel.schema import label_table
from loopline.store import engines
from loopline.store.attached import memory_limit
from loopline.store.location import CATALOG_FILE, FolderLocation
from loopline.store.sql import literal

_AS: Final = "lake"
_LABELS: Final = label_table("")


@dataclass(frozen=True, slots=True)
class Glance:
    """Of the newest snapshot: when it was made (UTC), and how many samples, objects of all label fields and names of
    versions there are."""

    snapshot: int
    at: dt.datetime
    samples: int
    objects: int
    versions: int


def glance(location: FolderLocation) -> Glance | None:
    """What the data set holds; None where the catalog cannot be read like this."""
    con = engines.start_local(location.cache)  # where nothing will lie: what is asked here is small
    try:
        con.execute("SET memory_limit = ?", [memory_limit()])
        catalog = literal(str(location.folder / CATALOG_FILE))
        con.execute(f"ATTACH {catalog} AS {_AS} (TYPE sqlite, READ_ONLY)")
        con.execute("BEGIN")
        try:
            return _read(con)
        finally:
            con.execute("ROLLBACK")
    except duckdb.Error:
        return None  # whoever opens it says what is wrong
    finally:
        engines.finish_local(con, _AS)


def _read(con: duckdb.DuckDBPyConnection) -> Glance | None:
    newest = con.execute(f"SELECT snapshot_id, snapshot_time FROM {_AS}.ducklake_snapshot ORDER BY 1 DESC").fetchone()
    tables = con.execute(
        f"SELECT table_id, table_name FROM {_AS}.ducklake_table WHERE end_snapshot IS NULL"
        " AND (table_name IN ('samples', 'version') OR starts_with(table_name, ?))",
        [_LABELS],
    ).fetchall()
    if newest is None or not any(name == "samples" for _, name in tables):
        return None
    rows = Counter[str]()
    in_files, in_catalog = _in_files(con), _in_catalog(con, [number for number, _ in tables])
    for number, name in tables:
        rows[_LABELS if name.startswith(_LABELS) else name] += in_files[number] + in_catalog[number]
    at = dt.datetime.fromisoformat(newest[1]).astimezone(dt.UTC).replace(tzinfo=None)
    return Glance(int(newest[0]), at, rows["samples"], rows[_LABELS], rows["version"])


def _in_files(con: duckdb.DuckDBPyConnection) -> Counter[int]:
    """Rows of each table that are in files, by its number."""
    files = con.execute(
        f"SELECT f.table_id, sum(f.record_count) - coalesce(sum(d.delete_count), 0) FROM {_AS}.ducklake_data_file f"
        f" LEFT JOIN {_AS}.ducklake_delete_file d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL"
        " WHERE f.end_snapshot IS NULL GROUP BY 1"
    ).fetchall()
    return Counter({number: int(count) for number, count in files})


def _in_catalog(con: duckdb.DuckDBPyConnection, wanted: list[int]) -> Counter[int]:
    """Rows of some tables that the catalog itself holds, less those of files that it says are deleted."""
    found = Counter[int]()
    names = con.execute(f"SELECT table_id, table_name FROM {_AS}.ducklake_inlined_data_tables").fetchall()
    for number, name in names:
        if number in wanted:
            found[number] += _count(con, f'{_AS}."{name}" WHERE end_snapshot IS NULL')
    alive = f"SELECT data_file_id FROM {_AS}.ducklake_data_file WHERE end_snapshot IS NULL"
    for number in wanted:
        try:
            found[number] -= _count(con, f"{_AS}.ducklake_inlined_delete_{number} WHERE file_id IN ({alive})")
        except duckdb.CatalogException:
            continue  # it is made with the first of them
    return found


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {rows}").fetchone()
    return int(row[0]) if row else 0
