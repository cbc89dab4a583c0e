"""Snapshots, names for them, and going back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import msgspec

from loopline.errors import BadValue, Conflict, UnknownVersion, near
from loopline.kernel.schema import SAMPLE_COLUMNS, DatasetSchema
from loopline.store import tables
from loopline.store.diff import changed_keys
from loopline.store.lake import Lake, OutOfDate, Transaction, current_author
from loopline.store.sql import quoted
from loopline.store.tables import SQL_TYPES

RESTORE_TRIES = 8

VersionLike = str | int
"""A version's name, or a snapshot's number."""


@dataclass(frozen=True, slots=True)
class Version:
    """A named snapshot. `at` is UTC."""

    name: str
    snapshot: int
    message: str
    author: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One snapshot: who did what when, and the names that point at it."""

    snapshot: int
    at: dt.datetime
    author: str
    verb: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def log(lake: Lake, *, limit: int | None = None) -> list[LogEntry]:
    """What was done, newest first."""
    named: dict[int, list[str]] = {}
    for version in versions(lake):
        named.setdefault(version.snapshot, []).append(version.name)
    with lake.reading() as con:
        rows = con.execute(
            "SELECT snapshot_id, snapshot_time::TIMESTAMP, author, commit_message, commit_extra_info "
            "FROM ducklake_snapshots('lake') ORDER BY snapshot_id DESC"
            + (f" LIMIT {int(limit)}" if limit is not None else "")
        ).fetchall()
    return [_entry(*row, names=tuple(named.get(row[0], ()))) for row in rows if row[0] > 0]


def _entry(
    snapshot: int,
    at: dt.datetime,
    author: str | None,
    message: str | None,
    extra: str | None,
    *,
    names: tuple[str, ...],
) -> LogEntry:
    details: dict[str, Any] = msgspec.json.decode(extra) if extra else {}
    verb = str(details.pop("verb", "upkeep"))
    return LogEntry(snapshot, at, author or "", verb, message or verb, details, names)


def versions(lake: Lake) -> list[Version]:
    """The named snapshots, oldest first."""
    sql = f'SELECT name, snapshot, message, author, "at" FROM {lake.table("version")} ORDER BY snapshot, "at"'
    return [Version(*row) for row in lake.look(lambda con: con.execute(sql).fetchall())]


def name_version(lake: Lake, name: str, *, message: str = "", snapshot: int | None = None) -> Version:
    """Name a snapshot (the newest, if none is given). Raises BadValue for a name that is taken or looks like a number."""
    if (
        not name.strip()
        or name != name.strip()
        or name.isdigit()
        or len(name) > 200
        or name in ("now", "latest")
        or any(c in name for c in "\n\r\t/@")
    ):
        raise BadValue(
            f'"{name}" cannot name a version',
            hint="use a word such as v1 or first-labels; not a number, 'now', '/' or '@'",
        )

    def body(tx: Transaction) -> Version:
        # Looked up here, where upkeep cannot expire it in between.
        at = resolve(lake, snapshot) if snapshot is not None else tx.base
        if tx.number(f"SELECT count(*) FROM {tx.table('version')} WHERE name = ?", [name]):
            raise BadValue(f'there is a version "{name}" already', where=str(lake.location), hint="choose another name")
        tx.execute(
            f"INSERT INTO {tx.table('version')} VALUES (?, ?, ?, ?, now()::TIMESTAMP)",
            [name, at, message, current_author()],
        )
        tx.details.update(version=name, of=at)
        return Version(name, at, message, current_author(), dt.datetime.now(dt.UTC).replace(tzinfo=None))

    return lake.commit("version", body, message=message or f"name version {name}")


def drop_version(lake: Lake, name: str) -> None:
    """Take a name away; the snapshot stays until upkeep expires it."""

    def body(tx: Transaction) -> None:
        if not tx.number(f"DELETE FROM {tx.table('version')} WHERE name = ?", [name]):
            known = [n for (n,) in tx.execute(f"SELECT name FROM {tx.table('version')}").fetchall()]
            raise UnknownVersion(f'no version "{name}"', where=str(lake.location), hint=near(name, known))

    lake.commit("drop version", body, message=f"drop version {name}")


def resolve(lake: Lake, version: VersionLike) -> int:
    """The snapshot that a version name or a number stands for. Raises UnknownVersion."""
    if isinstance(version, str) and version in ("now", "latest"):
        return lake.snapshot()
    named = {v.name: v.snapshot for v in versions(lake)}
    if isinstance(version, str) and version in named:
        return named[version]
    if isinstance(version, int) or (version.isascii() and version.isdigit()):
        number = min(int(version), 2**62)
        with lake.reading() as con:
            row = con.execute(
                "SELECT count(*), max(snapshot_id) FROM ducklake_snapshots('lake') WHERE snapshot_id = ?", [number]
            ).fetchone()
        if row and row[0] and number > 0:
            return number
        raise UnknownVersion(
            f"no snapshot {number}",
            where=str(lake.location),
            hint="loopline log shows what is there; upkeep may have expired it",
        )
    raise UnknownVersion(f'no version "{version}"', where=str(lake.location), hint=near(version, named))


def restore(lake: Lake, version: VersionLike) -> int:
    """Make samples, labels, tags and schema as they were at a version, in one new snapshot; its number.

    Nothing is lost: the state before the restore stays a snapshot like any other. Named versions and counters go on.
    """
    target = resolve(lake, version)
    for _ in range(RESTORE_TRIES):
        with suppress(_Overtaken, OutOfDate):
            return _restore(lake, version, target)
    raise Conflict(
        f"other writers changed the data set each of the {RESTORE_TRIES} times that the restore was prepared",
        where=str(lake.location),
        hint="try again when it is quieter",
    )


class _Overtaken(Exception):
    """Somebody committed between the preparation of a restore and its transaction."""


def _restore(lake: Lake, version: VersionLike, target: int) -> int:
    now = lake.snapshot()
    old, new = lake.schema(target), lake.schema(now)
    with lake.reading() as con:
        generation = lake.generation
        plan = _prepare(lake, con, target, now, old, new)

        def body(tx: Transaction) -> None:
            if tx.base != now:
                raise _Overtaken
            _restore_schema(tx, old, new)
            for table, key in plan.items():
                tx.execute(
                    f"DELETE FROM {tx.table(table)} AS t WHERE EXISTS (FROM temp._changed_{table} c WHERE {_same_row(key)})"
                )
                tx.execute(
                    f"INSERT INTO {tx.table(table)} BY NAME SELECT * FROM temp._old_{table} ORDER BY {_order(table)}"
                )
            tx.forget_schema()
            tx.details.update(restored=target)

        lake.commit("restore", body, message=f"restore {version}", con=con, generation=generation)
    return lake.snapshot()


def _same_row(key: Sequence[str]) -> str:
    return " AND ".join(f"t.{quoted(k)} IS NOT DISTINCT FROM c.{quoted(k)}" for k in key)


def _order(table: str) -> str:
    return {"field": "position", "tag": "owner, owner_id"}.get(table, "id" if table == "samples" else "sample_id, id")


def _prepare(
    lake: Lake, con: duckdb.DuckDBPyConnection, target: int, now: int, old: DatasetSchema, new: DatasetSchema
) -> dict[str, tuple[str, ...]]:
    """Make temporary tables of the rows to delete and of the old rows to insert; per table, the columns that tell
    the rows to delete.

    Old rows are read before the transaction starts: inside it, a table that it has altered cannot be read as of then.
    """
    plan: dict[str, tuple[str, ...]] = {}
    now_tables = set(tables.content_tables(new))
    for table in tables.content_tables(old):
        before = lake.table(table, target)
        if table in ("field", "tag"):
            there = lake.table(table, now)
            # Stored evaluations are no content: they go on through a restore.
            only = f"WHERE kind <> '{tables.EVALUATION}'" if table == "field" else ""
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE _changed_{table} AS FROM {there} {only} EXCEPT FROM {before} {only}"
            )
            con.execute(f"CREATE OR REPLACE TEMP TABLE _old_{table} AS FROM {before} {only} EXCEPT FROM {there} {only}")
            plan[table] = tuple(con.table(f"temp._old_{table}").columns)
            continue
        same_columns = table in now_tables and _columns(old, table) == _columns(new, table)
        if same_columns:
            changed_keys(lake, con, table, target, now, f"_changed_{table}")
        elif table in now_tables:
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE _changed_{table} AS SELECT id FROM {before} UNION SELECT id FROM {lake.table(table, now)}"
            )
        else:
            con.execute(f"CREATE OR REPLACE TEMP TABLE _changed_{table} AS SELECT id FROM {before}")
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE _old_{table} AS SELECT * FROM {before} WHERE id IN (FROM temp._changed_{table})"
        )
        plan[table] = ("id",)
    return plan


def _columns(schema: DatasetSchema, table: str) -> dict[str, str]:
    if table == "samples":
        return {name: SQL_TYPES[kind] for name, kind in schema.sample_columns().items()}
    wanted = next(f for f in schema.fields if f.table == table)
    return {name: SQL_TYPES[kind] for name, kind in wanted.columns().items()}


def _restore_schema(tx: Transaction, old: DatasetSchema, new: DatasetSchema) -> None:
    """Make the tables have the columns that they had; `field` itself is copied as rows."""
    for gone in new.fields:
        if not old.has_field(gone.name):
            tx.execute(f"DROP TABLE {tx.table(gone.table)}")
    for known in old.fields:
        if not new.has_field(known.name):
            columns = ", ".join(f"{quoted(n)} {SQL_TYPES[k]}" for n, k in known.columns().items())
            tx.execute(f"CREATE TABLE {tx.table(known.table)} ({columns})")
        else:
            _alter(tx, known.table, _columns(new, known.table), _columns(old, known.table))
    _alter(tx, "samples", _columns(new, "samples"), _columns(old, "samples"))


def _alter(tx: Transaction, table: str, have: Mapping[str, str], want: Mapping[str, str]) -> None:
    fixed = SAMPLE_COLUMNS if table == "samples" else {}
    for name, kind in have.items():
        if name not in fixed and want.get(name) != kind:
            tx.execute(f"ALTER TABLE {tx.table(table)} DROP COLUMN {quoted(name)}")
    for name, kind in want.items():
        if have.get(name) != kind:
            tx.execute(f"ALTER TABLE {tx.table(table)} ADD COLUMN {quoted(name)} {kind}")
