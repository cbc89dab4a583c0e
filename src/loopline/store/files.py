"""Tables that are whole Parquet files at a snapshot, read past the catalog.

The catalog is asked about each table of each query, which costs as much as reading a hundred thousand rows. What a
table holds at a snapshot never changes, and neither do its files: they are looked up once, when the table is asked for
a second time, because the look-up costs as much as it saves. Only the plain case is read here; the catalog's own reader
knows all the others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb

from loopline.store.sql import literal, quoted

Row = tuple[Any, ...]

MAX_FILES: Final = 64
"""With more of them, the catalog's own statistics, which tell what need not be opened, are worth their look-up."""

_KEPT: Final = 512

_TYPES: Final = {
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "varchar": "VARCHAR",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "blob": "BLOB",
}


class PlainTables:
    """SQL text that reads a table at a snapshot from its Parquet files, where that gives all of it.

    metadata  a table of the catalog to the SQL that reads it
    data      where the data files lie; None: where the catalog says
    """

    def __init__(self, metadata: Callable[[str], str], data: str | None) -> None:
        self._metadata = metadata
        self._data = data
        self._known: dict[tuple[str, int], tuple[int, str | None]] = {}
        self._columns: dict[str, frozenset[Row]] = {}  # of each file: number, name and type

    def is_news(self, table: str, snapshot: int, newest: int) -> bool:
        """Whether this is the first question about the table since somebody has committed: the files that were known
        before may be gone, because upkeep has replaced them."""
        found = self._known.get((table, snapshot))
        if found is not None and found[0] == newest:
            return False
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[table, snapshot] = newest, None
        return True

    def known(self, table: str, snapshot: int) -> str | None:
        """What `find` gave: the SQL, empty where only the catalog's own reader will do; None where it was not called."""
        return self._known.get((table, snapshot), (0, None))[1]

    def find(self, con: duckdb.DuckDBPyConnection, table: str, snapshot: int, newest: int) -> str:
        """The SQL; empty where only the catalog's own reader will do."""
        found = self._plain(con, table, snapshot) or ""
        self._known[table, snapshot] = newest, found
        return found

    def _plain(self, con: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> str | None:
        columns = self._lake_columns(con, table, snapshot)
        if not columns:
            return None
        number = int(columns[0][0])
        files = self._files(con, number, snapshot)
        if files is None or self._has_more(con, number, snapshot):
            return None
        wanted = {(column, name, _TYPES.get(kind, kind)) for _, column, name, kind, _ in columns if kind != "list"}
        wanted |= {(column, name, None) for _, column, name, kind, _ in columns if kind == "list"}
        if not all(wanted <= self._file_columns(con, file) for file in files):
            return None  # columns came, went or got another name since
        # A column without any value costs as much as others when a query is planned: it is not read.
        empty = self._empty_columns(con, number, len(files), snapshot)
        listed = ", ".join(
            (f"CAST(NULL AS {_TYPES[kind]}) AS " if column in empty and kind in _TYPES else "") + quoted(name)
            for _, column, name, kind, parent in columns
            if parent is None
        )
        paths = ", ".join(literal(file) for file in files)
        return f"(SELECT {listed} FROM read_parquet([{paths}], hive_partitioning = false))"

    def _lake_columns(self, con: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> list[Row]:
        """Table number, column number, name, type, and the column that it is a part of, in order."""
        name = literal(table)
        return con.execute(
            f"SELECT t.table_id, c.column_id, c.column_name, c.column_type, c.parent_column"
            f" FROM {self._metadata('ducklake_table')} t JOIN {self._metadata('ducklake_column')} c USING (table_id)"
            f" WHERE t.table_name = {name} AND {_alive('t', snapshot)} AND {_alive('c', snapshot)}"
            # A snapshot that is no longer kept is the catalog's own reader to refuse.
            f" AND EXISTS (FROM {self._metadata('ducklake_snapshot')} WHERE snapshot_id = {snapshot})"
            f" ORDER BY c.column_order"
        ).fetchall()

    def _files(self, con: duckdb.DuckDBPyConnection, number: int, snapshot: int) -> list[str] | None:
        """The table's Parquet files on this machine; None if there is none, or one that does not count as a whole."""
        rows = con.execute(
            f"SELECT f.path, s.path || t.path, f.path_is_relative AND t.path_is_relative AND s.path_is_relative"
            f" AND coalesce(f.partial_max, 0) <= {snapshot} AND f.mapping_id IS NULL AND f.encryption_key IS NULL"
            f" AND f.data_file_id NOT IN"
            f" (SELECT data_file_id FROM {self._metadata('ducklake_delete_file')} d WHERE {_alive('d', snapshot)})"
            f" FROM {self._metadata('ducklake_data_file')} f"
            f" JOIN {self._metadata('ducklake_table')} t USING (table_id)"
            f" JOIN {self._metadata('ducklake_schema')} s USING (schema_id)"
            f" WHERE table_id = {number} AND {_alive('f', snapshot)} AND {_alive('t', snapshot)}"
            f" ORDER BY f.data_file_id"
        ).fetchall()
        if not rows or len(rows) > MAX_FILES or not all(whole for *_, whole in rows):
            return None
        if self._data is None:
            row = con.execute(
                f"SELECT value FROM {self._metadata('ducklake_metadata')} WHERE key = 'data_path' AND scope IS NULL"
            ).fetchone()
            self._data = str(row[0]) if row else ""
        files = [str(Path(self._data, folder, path)) for path, folder, _ in rows]
        # Elsewhere the network takes longer than the catalog; and marks would be taken for a pattern of names.
        return None if "://" in self._data or any(mark in file for file in files for mark in "*?[") else files

    def _has_more(self, con: duckdb.DuckDBPyConnection, number: int, snapshot: int) -> bool:
        """Does the catalog itself hold rows of the table, or deletions from its files?"""
        inlined = con.execute(
            f"SELECT table_name FROM {self._metadata('ducklake_inlined_data_tables')} WHERE table_id = {number}"
        ).fetchall()
        for (name,) in inlined:
            if con.execute(f"FROM {self._metadata(name)} r WHERE {_alive('r', snapshot)} LIMIT 1").fetchone():
                return True
        deleted = self._metadata(f"ducklake_inlined_delete_{number}")
        try:
            return bool(con.execute(f"FROM {deleted} WHERE begin_snapshot <= {snapshot} LIMIT 1").fetchone())
        except duckdb.CatalogException:
            return False  # it is made with the first of them

    def _empty_columns(self, con: duckdb.DuckDBPyConnection, number: int, files: int, snapshot: int) -> frozenset[int]:
        """Numbers of the columns that are null in every row of every file."""
        rows = con.execute(
            f"SELECT c.column_id FROM {self._metadata('ducklake_file_column_stats')} c"
            f" JOIN {self._metadata('ducklake_data_file')} f USING (data_file_id)"
            f" WHERE f.table_id = {number} AND {_alive('f', snapshot)}"
            f" GROUP BY c.column_id HAVING count(*) = {files} AND bool_and(c.null_count = f.record_count)"
        ).fetchall()
        return frozenset(column for (column,) in rows)

    def _file_columns(self, con: duckdb.DuckDBPyConnection, file: str) -> frozenset[Row]:
        if file not in self._columns:
            path = literal(file)
            rows = con.execute(
                f"SELECT field_id, name, duckdb_type FROM parquet_schema({path}) WHERE field_id IS NOT NULL"
            ).fetchall()
            if len(self._columns) >= _KEPT:
                self._columns.clear()
            self._columns[file] = frozenset(rows)
        return self._columns[file]


def _alive(alias: str, at: int) -> str:
    return f"{alias}.begin_snapshot <= {at} AND ({alias}.end_snapshot IS NULL OR {alias}.end_snapshot > {at})"
