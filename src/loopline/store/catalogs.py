"""Whole catalogs: which data sets a PostgreSQL database holds, and taking one away with its files."""

from __future__ import annotations

import duckdb

from loopline.store import extensions
from loopline.store.lake import Lake
from loopline.store.location import PostgresLocation
from loopline.store.sql import literal
from loopline.store.storage import needs_s3

_PREFIX = "loopline_"


def postgres_names(base: str) -> list[str]:
    """Names of the data sets in the database at `postgresql://user@host/database`."""
    location = PostgresLocation(base.rstrip("/"), "none")
    with duckdb.connect(":memory:") as con:
        extensions.load(con, "postgres_scanner")
        con.execute(f"ATTACH {literal(location.connection_text)} AS pg (TYPE postgres, READ_ONLY)")
        rows = con.execute(
            "SELECT nspname FROM postgres_query('pg', 'SELECT nspname FROM pg_namespace') WHERE starts_with(nspname, ?)",
            [_PREFIX],
        ).fetchall()
    return sorted(name.removeprefix(_PREFIX) for (name,) in rows)


def data_path(lake: Lake) -> str:
    """Where the data files lie."""
    with lake.reading() as con:
        row = con.execute("SELECT value FROM ducklake_options('lake') WHERE option_name = 'data_path'").fetchone()
    return str(row[0]) if row else ""


def delete_remote_files(lake: Lake) -> None:
    """Delete the data files of a lake that keeps them on an object store; local ones go with their folder."""
    if needs_s3(data_path(lake)):
        _delete_all(lake)


def drop_postgres(lake: Lake) -> None:
    """Delete the data files and the catalog schema of a lake in PostgreSQL, and close it."""
    location = lake.location
    assert isinstance(location, PostgresLocation)
    _delete_all(lake)
    lake.close()
    with duckdb.connect(":memory:") as con:
        extensions.load(con, "postgres_scanner")
        con.execute(f"ATTACH {literal(location.connection_text)} AS pg (TYPE postgres)")
        con.execute("CALL postgres_execute('pg', ?)", [f'DROP SCHEMA "{location.schema}" CASCADE'])


def _delete_all(lake: Lake) -> None:
    with lake.exclusive() as con:
        names = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        for (name,) in names:
            con.execute(f"DROP TABLE {lake.table(name)}")
        snapshots = [s for (s,) in con.execute("SELECT snapshot_id FROM ducklake_snapshots('lake')").fetchall()]
        con.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [snapshots[:-1]])
        con.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        con.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
