"""The lake: one data set's tables under a transactional catalog, opened, read at any snapshot, and committed to.

    with Lake.open(location) as lake:
        lake.commit("tag", lambda tx: tx.execute(...))

Everything is read through `cursor()` and `table()`, and changed through `commit()`: one transaction a verb.
"""

from __future__ import annotations

import getpass
import os
import shutil
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

import duckdb
import msgspec
from filelock import FileLock, Timeout

from loopline.errors import Conflict, DatasetExists, DatasetNotFound, ReadOnlyVersion, StoreError
from loopline.kernel.schema import DatasetSchema
from loopline.store import attached, patience, tables
from loopline.store.files import PlainTables
from loopline.store.location import CATALOG_FILE, FolderLocation, Location, PostgresLocation
from loopline.store.patience import is_conflict, is_stale, patiently
from loopline.store.reading import NewestSnapshot, Readers
from loopline.store.storage import has_files
from loopline.store.transaction import Transaction as Transaction  # verbs take it from here

T = TypeVar("T")

LOCK_TIMEOUT_S: Final = 600.0
LOCK_POLL_S: Final = 0.003


class OutOfDate(Exception):
    """The connection belongs to an engine that was given up; its temporary tables have to be made again."""


class Lake:
    """An open data set. A context manager; may be shared by threads. After a fork the child connects anew."""

    def __init__(
        self,
        location: Location,
        *,
        data: str | None = None,
        create: bool = False,
    ) -> None:
        self.location = location
        self._data = data
        self._lock = threading.RLock()
        self._schemas: dict[int, DatasetSchema] = {}
        self._spare: dict[str, range] = {}
        self._spill = _own_spill_folder(location)
        self._newest = NewestSnapshot(location.folder / CATALOG_FILE if isinstance(location, FolderLocation) else None)
        self._readers = Readers(self._start_looking)
        self._plain = PlainTables(self.metadata, self._data_place()) if isinstance(location, FolderLocation) else None
        self.generation = 0  # rises when the engine is started anew; connections of earlier ones are out of date
        self._con = self._connect(create=create)
        self._inlined = self._inlined_tables(self._con)
        self._pid = os.getpid()
        self.closed = False
        _open_lakes.add(self)

    # -- life

    @classmethod
    def create(cls, location: Location, *, data: str | None = None) -> Lake:
        """A new, empty data set; its files go into a folder of its own in `data` (a folder or `s3://bucket/prefix`),
        which others may share. Raises DatasetExists; StoreError where that folder has files already, because upkeep
        deletes what the catalog does not know."""
        if isinstance(location, FolderLocation):
            if location.folder.exists() and not location.folder.is_dir():
                raise StoreError("a data set is a folder, and this is a file", where=str(location))
            location.folder.mkdir(parents=True, exist_ok=True)
            if data is None:  # there before the first row, so that a folder that was moved still finds its files
                Path(location.default_data).mkdir(exist_ok=True)
        path = f"{data.rstrip('/')}/{location.name}" if data else location.default_data
        lake = cls(location, data=path, create=True)

        def make(tx: Transaction) -> None:
            # Asked inside the transaction: a create that was killed half-way may be done again, and of two at once
            # one wins.
            if tables.is_dataset(tx.con, lake.metadata("ducklake_table")):
                raise DatasetExists(
                    f'there is a data set "{location.name}" already',
                    where=str(location),
                    hint="open it, or drop it first",
                )
            if has_files(tx.con, path):
                raise StoreError(
                    "the place for the files is not empty", where=path, hint="choose another place, or empty it"
                )
            tables.create(tx)

        try:
            lake.commit("create", make, message=f"create {location.name}")
            with lake.exclusive() as con:
                tables.settle(con)
        except BaseException:
            lake.close()
            raise
        return lake

    @classmethod
    def open(cls, location: Location) -> Lake:
        """A data set that exists. Raises DatasetNotFound."""
        if isinstance(location, FolderLocation) and not location.exists():
            raise DatasetNotFound(
                f'no data set "{location.name}"',
                where=str(location),
                hint="loopline list shows what is there; loopline create makes one",
            )
        lake = cls(location)
        if not tables.is_dataset(lake._con, lake.metadata("ducklake_table")):
            lake.close()
            raise DatasetNotFound(
                f'no data set "{location.name}"', where=str(location), hint="loopline create makes one"
            )
        return lake

    def close(self) -> None:
        self.closed = True
        if self._pid == os.getpid():  # else it is the parent's
            self._readers.close()
            attached.disconnect(self.location, self._con)
            shutil.rmtree(self._spill, ignore_errors=True)

    def __enter__(self) -> Lake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self, *, create: bool) -> duckdb.DuckDBPyConnection:
        spill = self._spill / f"engine-{self.generation}"
        con = attached.connect(self.location, self._data_place(), spill=spill, create=create)
        with suppress(OSError):  # where nobody may write, only what fits into memory can be asked
            self._spill.mkdir(parents=True, exist_ok=True)  # the engine makes the last folder, and no more
        return con

    def _data_place(self) -> str | None:
        """Where the data files lie, if not where the catalog says: a folder that was moved still finds its files."""
        if (
            self._data is None
            and isinstance(self.location, FolderLocation)
            and (self.location.folder / "data").is_dir()
        ):
            return self.location.default_data
        return self._data

    # -- reading

    @property
    def name(self) -> str:
        return self.location.name

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of the caller's own to this data set; close it when done. May be called from any thread."""
        with self._lock:
            self._after_fork()
            if self._is_out_of_date():
                self._readers.close()
                self._start_anew()
            con = self._con.cursor()
        # Every time in the lake is UTC, wherever the process runs; a progress bar would go to stdout, into JSON.
        con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        return con

    def _after_fork(self) -> None:
        """Connect anew in a child. The engine's threads did not survive the fork; its memory must not be touched, not
        even to free it."""
        with self._lock:
            if self._pid != os.getpid():
                _abandoned.append(self._con)
                self._readers.forget()
                self._spill, self._pid = _own_spill_folder(self.location), os.getpid()
                self._start_anew()

    def _start_anew(self) -> None:
        self.generation += 1
        self._con = self._connect(create=False)  # the old one lives on until its cursors are closed
        self._inlined = self._inlined_tables(self._con)

    def _is_out_of_date(self) -> bool:
        """Upkeep of another process drops tables in which the catalog kept small writes, once an alteration has put
        others in their place. An engine that has read of them goes on looking for them, for ever, and over PostgreSQL
        it dies of that (DuckLake issues 1305 and 1413): then only a new engine helps."""
        try:
            there = patiently(lambda: self._inlined_tables(self._con))
        except duckdb.Error as error:
            if not is_stale(error):
                raise
            return True
        gone = self._inlined - there
        self._inlined = there
        return bool(gone)

    def _inlined_tables(self, con: duckdb.DuckDBPyConnection) -> frozenset[str]:
        with con.cursor() as own:
            rows = own.execute(f"SELECT table_name FROM {self.metadata('ducklake_inlined_data_tables')}").fetchall()
        return frozenset(name for (name,) in rows)

    def metadata(self, table: str) -> str:
        """SQL text that reads a table of the catalog itself, whose layout is part of the DuckLake specification."""
        schema = self.location.schema if isinstance(self.location, PostgresLocation) else "main"
        return f'__ducklake_metadata_lake."{schema}"."{table}"'

    def read(self, look: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """What `look` gives of a cursor; it is called again where the catalog was busy, or in upkeep, just then."""

        def once() -> T:
            with self.reading() as con:
                return look(con)

        return patiently(once, passes=_passes)

    def table(self, name: str, snapshot: int | None = None) -> str:
        """SQL text that reads a table, as it is now or as it was at a snapshot."""
        quoted = '"' + name.replace('"', '""') + '"'
        if snapshot is None:
            return f"lake.{quoted}"
        return self._plainly(name, snapshot) or f"lake.{quoted} AT (VERSION => {int(snapshot)})"

    def _plainly(self, name: str, snapshot: int) -> str:
        if self._plain is None:
            return ""
        plain, newest = self._plain, self.snapshot()
        if plain.is_news(name, snapshot, newest):
            return ""
        known = plain.known(name, snapshot)
        return self.look(lambda con: plain.find(con, name, snapshot, newest)) if known is None else known

    def look(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """What `question` gives of a cursor inside a transaction that sees the newest snapshot; for reading. It is
        called again where the catalog was busy, or in upkeep, just then.

        Starting a transaction costs as much as a small query, so it is kept ready for the next look.
        """

        def once() -> T:
            newest = self.snapshot()
            self._after_fork()
            try:
                with self._readers.lend(newest) as con:
                    return question(con)
            except duckdb.Error:
                self._readers.close()  # the others may be no better
                raise

        return patiently(once, passes=_passes)

    def _start_looking(self) -> tuple[duckdb.DuckDBPyConnection, int]:
        con = self.cursor()

        def begin() -> int:
            con.execute("BEGIN")
            try:
                row = con.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchone()
            except duckdb.Error:
                con.execute("ROLLBACK")
                raise
            return int(row[0]) if row else 0

        return con, patiently(begin)

    def snapshot(self) -> int:
        """Number of the newest snapshot."""
        return self._newest.get(self._ask_snapshot)

    def _ask_snapshot(self) -> int:
        row = self.read(lambda con: con.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchone())
        return int(row[0]) if row else 0

    def schema(self, snapshot: int | None = None) -> DatasetSchema:
        """Columns and label fields, now or at a snapshot."""
        at = self.snapshot() if snapshot is None else snapshot
        known = self.known_schema(at)
        if known is None:
            table = self.table("field", at)
            known = self.look(lambda con: tables.read_schema(con, table))
            self._remember(at, known)
        return known

    def known_schema(self, snapshot: int) -> DatasetSchema | None:
        """The schema at a snapshot, if this process has seen it."""
        return self._schemas.get(snapshot)

    def _remember(self, snapshot: int, schema: DatasetSchema) -> None:
        if len(self._schemas) > 256:
            self._schemas.clear()
        self._schemas[snapshot] = schema

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one look at the data."""
        con = self.cursor()
        try:
            yield con
        finally:
            con.close()

    # -- changing

    def commit(
        self,
        verb: str,
        body: Callable[[Transaction], T],
        *,
        message: str = "",
        author: str | None = None,
        con: duckdb.DuckDBPyConnection | None = None,
        generation: int | None = None,
    ) -> T:
        """Run `body` in one transaction and make one snapshot of it, named by the verb, its author and message.

        `body` may run more than once: when another writer got in between, everything is rolled back and tried again
        with rising pauses. `con` is a connection whose temporary tables `body` reads; else a new one.
        Raises Conflict when other writers kept winning; OutOfDate when `con` is of an earlier `generation`.
        """

        def passes(error: duckdb.Error) -> bool:
            return is_conflict(error) or (con is None and is_stale(error))

        def once() -> T:
            with self.reading() as own:  # looks whether the engine is up to date
                if generation not in (None, self.generation):
                    raise OutOfDate
                return self._once(con or own, verb, body, message, author or current_author())

        try:
            with self._queue():
                return patiently(once, passes=passes)
        except duckdb.Error as error:
            if not passes(error):
                raise
            raise Conflict(
                f"other writers kept winning: gave up on {verb} after {patience.RETRIES} tries",
                where=str(self.location),
                hint="try again when it is quieter",
            ) from error

    def _once(
        self, con: duckdb.DuckDBPyConnection, verb: str, body: Callable[[Transaction], T], message: str, author: str
    ) -> T:
        con.execute("BEGIN")
        try:
            transaction = Transaction(self, con)
            result = body(transaction)
            extra = msgspec.json.encode({"verb": verb, **transaction.details}).decode()
            con.execute(
                "CALL ducklake_set_commit_message('lake', ?, ?, extra_info => ?)", [author, message or verb, extra]
            )
            schema = transaction.schema()
            con.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                con.execute("ROLLBACK")
            raise
        with self._lock:
            self._spare.update(transaction.left_over)
        made = con.execute("SELECT id FROM ducklake_last_committed_snapshot('lake')").fetchone()
        if made and made[0] is not None and int(made[0]) > transaction.base:  # else nothing was changed
            self._remember(int(made[0]), schema)
        return result

    def spare_keys(self, counter: str, count: int) -> int | None:
        """The first of `count` keys that an earlier transaction of this process has reserved and left over."""
        with self._lock:
            left = self._spare.get(counter, range(0))
            if len(left) < count:
                return None
            self._spare[counter] = left[count:]
            return left[0]

    @contextmanager
    def exclusive(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for work on the files themselves, while no other writer of a local data set is at work."""
        with self._queue(), self.reading() as con:
            yield con
            self._inlined = self._inlined_tables(con)  # this engine knows what it has dropped

    @contextmanager
    def _queue(self) -> Iterator[None]:
        """Writers of a SQLite catalog wait for each other here rather than collide: four hot writers commit four
        times as fast this way. PostgreSQL sorts its writers out itself. The lock dies with its process."""
        if not isinstance(self.location, FolderLocation):
            yield
            return
        lock = FileLock(self.location.folder / "write.lock", timeout=LOCK_TIMEOUT_S)
        try:
            lock.acquire(poll_interval=LOCK_POLL_S)
        except Timeout as error:
            raise Conflict(
                f"another writer has held the data set for {LOCK_TIMEOUT_S:.0f} s",
                where=str(self.location),
                hint="stop it, or try again later",
            ) from error
        except PermissionError as error:
            raise ReadOnlyVersion("you may read this data set, not change it", where=str(self.location)) from error
        try:
            yield
        finally:
            lock.release()


_abandoned: list[duckdb.DuckDBPyConnection] = []
_open_lakes: weakref.WeakSet[Lake] = weakref.WeakSet()


def _after_fork() -> None:
    """Another thread of the parent may have held a lock when it forked; nobody is there to let go of it."""
    for lake in _open_lakes:
        lake._lock = threading.RLock()
        lake._spare = {}  # the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def current_author() -> str:
    """`$LOOPLINE_AUTHOR`, or the name of the user who runs this."""
    try:
        return os.environ.get("LOOPLINE_AUTHOR") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _passes(error: duckdb.Error) -> bool:
    return is_conflict(error) or is_stale(error)


def spill_folder(lake: Lake) -> Path:
    """Where big intermediate results of this open data set go; deleted when it is closed."""
    return lake._spill


def _own_spill_folder(location: Location) -> Path:
    """Nobody else's: the engine names its files alike in every process, and deletes such files when it closes."""
    return location.cache / "spill" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
