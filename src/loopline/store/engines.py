"""Engines with DuckDB's extensions loaded; one of a closed data set is kept for the next that is opened.

Starting an engine takes 0.3 s, nearly all of it for checking the signatures of its extensions.
"""

from __future__ import annotations

import os
import threading
import uuid
from pathlib import Path
from typing import Final

import duckdb

from loopline.store import extensions
from loopline.store.sql import literal

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {  # nothing is downloaded
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_lock = threading.Lock()
_spare: list[duckdb.DuckDBPyConnection] = []  # at most one; nothing is attached to it, and it holds no memory
_abandoned: list[duckdb.DuckDBPyConnection] = []


def start(catalog: str, spill: Path) -> duckdb.DuckDBPyConnection:
    """The only connection to an engine with nothing attached, ready for a catalog that extension `catalog` reads; its
    big intermediate results go to `spill`.

    Raises MissingDependency.
    """
    con = _connection(uuid.uuid4().hex)
    try:
        extensions.load(con, "ducklake")
        extensions.load(con, catalog)
        con.execute(f"SET temp_directory = {literal(str(spill))}")
    except BaseException:
        con.close()
        raise
    return con


def start_local(spill: Path) -> duckdb.DuckDBPyConnection:
    """`start` for a SQLite catalog, or the spare engine."""
    with _lock:
        con = _spare.pop() if _spare else None
    if con is not None:
        try:
            con.execute(f"SET temp_directory = {literal(str(spill))}")
            return con
        except duckdb.Error:  # it has spilled: from then on it keeps to its folder
            con.close()
    return start("sqlite_scanner", spill)


def finish_local(con: duckdb.DuckDBPyConnection, attached: str) -> None:
    """Close a connection that came from `start_local` and its cursors, or keep its engine where it has none left."""
    own: duckdb.DuckDBPyConnection | None = None
    try:
        name, connections, secrets = _ask(con)
        # In an engine that goes on, another cursor would find itself in another data set under the same name; and
        # what was set up to reach an object store is not the next one's.
        if not _spare and connections == 1 and not secrets:
            own = _connection(name)
            con.close()
            own.execute(f"DETACH {attached}")
            # What is cached of the closed data set is let go of.
            own.execute("SET enable_external_file_cache = false; SET memory_limit = '1MB'")
            own.execute("RESET enable_external_file_cache")
            with _lock:
                if not _spare:
                    _spare.append(own)
                    own = None
    except duckdb.Error:
        pass  # an engine in a bad state is not kept
    finally:
        con.close()
        if own is not None:
            own.close()


def _connection(engine: str) -> duckdb.DuckDBPyConnection:
    """A connection to the engine of that name, which starts with the first and ends with the last."""
    con = duckdb.connect(f":memory:{engine}", config=_CONFIG)
    con.execute(f"SET VARIABLE engine = {literal(engine)}")
    return con


def _ask(con: duckdb.DuckDBPyConnection) -> tuple[str, int, int]:
    """The name of the engine, how many connections it has, and how many secrets."""
    row = con.execute(
        "SELECT getvariable('engine'), count, (SELECT count(*) FROM duckdb_secrets()) FROM duckdb_connection_count()"
    ).fetchone()
    return (str(row[0]), int(row[1]), int(row[2])) if row else ("", 0, 0)


def _after_fork() -> None:
    """The engine's threads stayed with the parent; its memory must not be touched, not even to free it."""
    global _lock
    _lock = threading.Lock()
    _abandoned.extend(_spare)
    _spare.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
