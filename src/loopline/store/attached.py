"""An engine of its own for each open data set, with the data set's catalog attached as `lake`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import duckdb

from loopline.errors import DatasetNotFound, StoreError
from loopline.store import engines
from loopline.store.location import FolderLocation, Location
from loopline.store.patience import patiently
from loopline.store.sql import literal
from loopline.store.storage import needs_s3, use_s3

INLINE_ROWS: Final = 64
"""Writes of at most this many rows go into the catalog, not into a Parquet file of their own: a session of single
edits would otherwise leave hundreds of tiny files. `upkeep` moves them to Parquet."""


def connect(location: Location, data: str | None, *, spill: Path, create: bool = False) -> duckdb.DuckDBPyConnection:
    """The only connection to an engine with the data set attached; end it with `disconnect`.

    data    where the data files lie; None: where the catalog says
    spill   where its big intermediate results go
    create  make the catalog if there is none

    Raises DatasetNotFound; StoreError for a catalog that cannot be opened; MissingDependency.
    """
    local = isinstance(location, FolderLocation)
    con = engines.start_local(spill) if local else engines.start("postgres_scanner", spill)
    try:
        con.execute(f"SET memory_limit = {literal(memory_limit())}")
        con.execute("SET parquet_metadata_cache = true")  # data files never change, so their footers are read once
        _attach(con, location, data, create=create)
    except BaseException:
        con.close()
        raise
    return con


def disconnect(location: Location, con: duckdb.DuckDBPyConnection) -> None:
    """Close the connection and all cursors made from it."""
    if isinstance(location, FolderLocation):
        engines.finish_local(con, "lake")
    else:
        con.close()


def _attach(con: duckdb.DuckDBPyConnection, location: Location, data: str | None, *, create: bool) -> None:
    options = ["AUTOMATIC_MIGRATION false", f"DATA_INLINING_ROW_LIMIT {INLINE_ROWS}"]
    options.append(f"CREATE_IF_NOT_EXISTS {'true' if create else 'false'}")
    if data is not None:
        options += [f"DATA_PATH {literal(data)}", "OVERRIDE_DATA_PATH true"]
    if isinstance(location, FolderLocation):
        # Readers go on while somebody commits, and a busy catalog is waited for.
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 20000"]
    else:
        options.append(f"METADATA_SCHEMA '{location.schema}'")
    if needs_s3(data):
        use_s3(con)
    catalog = literal(f"ducklake:{location.catalog}")

    def attach() -> None:
        con.execute(f"ATTACH {catalog} AS lake ({', '.join(options)})")

    try:
        try:
            patiently(attach)
        except duckdb.Error as error:
            if "requires the extension httpfs" not in str(error):
                raise
            use_s3(con)  # the catalog knows that the files lie there
            patiently(attach)
    except duckdb.Error as error:
        text = str(error)
        if not create and ("does not exist" in text or "no DuckLake" in text.lower()):
            raise DatasetNotFound(f'no data set "{location.name}"', where=str(location)) from error
        raise StoreError(f"cannot open the catalog: {text}", where=str(location)) from error


def memory_limit() -> str:
    """What the engine may hold before it goes to disk: `$LOOPLINE_MEMORY`, or 1 GB."""
    return os.environ.get("LOOPLINE_MEMORY") or "1GB"
