"""Take one change back, and leave alone what was changed since."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import duckdb

from loopline.errors import BadValue, Conflict, UnknownVersion
from loopline.store.diff import changed_keys
from loopline.store.history import is_steady
from loopline.store.lake import Lake, OutOfDate, Transaction

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Reverted:
    """rows: how many samples, objects and tags are again as they were · left: those that were changed since."""

    rows: int
    left: int
    snapshot: int


class _Overtaken(Exception): ...


def revert(lake: Lake, snapshot: int, *, message: str = "") -> Reverted:
    """Undo what a snapshot did to samples, labels and tags, as one new snapshot; reverting that one is a redo.

    A row that was changed again since is left as it is, and counted. Raises UnknownVersion where the snapshot or the
    one before has expired; BadValue where columns or fields came or went since: restore a version then.
    """
    for _ in range(_TRIES):
        with suppress(_Overtaken, OutOfDate):
            return _revert(lake, snapshot, message)
    raise Conflict(
        "other writers kept changing the data set", where=str(lake.location), hint="try again when it is quieter"
    )


def _revert(lake: Lake, snapshot: int, message: str) -> Reverted:
    now, before = lake.snapshot(), snapshot - 1
    with lake.reading() as con:
        kept = con.execute(
            "SELECT count(*) FROM ducklake_snapshots('lake') WHERE snapshot_id IN (?, ?)", [before, snapshot]
        ).fetchone()
        if before < 1 or kept != (2,):
            raise UnknownVersion(
                f"snapshot {snapshot} cannot be undone: it or the one before is not kept", where=str(lake.location)
            )
        generation = lake.generation
        left = 0
        changed: dict[str, str] = {}  # table to the condition for the rows of `t` to delete
        for table in ("samples", *(f.table for f in lake.schema(snapshot).fields)):
            if not is_steady(lake, con, table, before, now):
                raise BadValue(
                    "columns or fields have changed since, so this cannot be undone by itself",
                    where=str(lake.location),
                    hint="restore the version from before it",
                )
            left += _prepare_rows(lake, con, table, before, snapshot, now)
            changed[table] = f"t.id IN (SELECT id FROM temp._revert_{table})"
        _prepare_tags(lake, con, before, snapshot)
        changed["tag"] = (
            "EXISTS (SELECT 1 FROM temp._revert_tag c WHERE (c.owner, c.owner_id, c.tag) = (t.owner, t.owner_id, t.tag))"
        )

        def body(tx: Transaction) -> int:
            if tx.base != now:
                raise _Overtaken
            rows = _put_back(tx, changed)
            tx.details.update(undone=snapshot, rows=rows, left=left)
            return rows

        rows = lake.commit("undo", body, message=message or f"undo snapshot {snapshot}", con=con, generation=generation)
        made = con.execute("SELECT id FROM ducklake_last_committed_snapshot('lake')").fetchone()
    return Reverted(rows, left, int(made[0]) if made and made[0] is not None else now)


def _prepare_rows(lake: Lake, con: duckdb.DuckDBPyConnection, table: str, before: int, after: int, now: int) -> int:
    """Make `_revert_<table>` (id) of the rows that the change touched and nobody since, and `_old_<table>` of what they
    were; the number of those that somebody has changed since."""
    changed_keys(lake, con, table, before, after, f"_revert_{table}")
    keys = f"(FROM temp._revert_{table})"
    old, made, there = (f"(SELECT * FROM {lake.table(table, at)} WHERE id IN {keys})" for at in (before, after, now))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _left AS SELECT id FROM ((FROM {made} EXCEPT FROM {there}) UNION ALL"
        f" (FROM {there} EXCEPT FROM {made})) GROUP BY id"
    )
    con.execute(f"DELETE FROM temp._revert_{table} WHERE id IN (FROM temp._left)")
    con.execute(f"CREATE OR REPLACE TEMP TABLE _old_{table} AS FROM {old}")
    row = con.execute("SELECT count(*) FROM temp._left").fetchone()
    return int(row[0]) if row else 0


def _prepare_tags(lake: Lake, con: duckdb.DuckDBPyConnection, before: int, after: int) -> None:
    """Tags that the change gave, and those that it took."""
    given, taken = (
        (lake.table("tag", after), lake.table("tag", before)),
        (lake.table("tag", before), lake.table("tag", after)),
    )
    for name, (one, other) in (("_revert_tag", given), ("_old_tag", taken)):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {one} EXCEPT FROM {other}")


def _put_back(tx: Transaction, changed: Mapping[str, str]) -> int:
    rows = 0
    for table, condition in changed.items():
        touched = tx.number(f"SELECT count(*) FROM temp._revert_{table}")
        if touched or table == "tag":
            tx.execute(f"DELETE FROM {tx.table(table)} AS t WHERE {condition}")
            order = {"tag": "owner, owner_id", "samples": "id"}.get(table, "sample_id, id")
            there = f"{tx.table(table)} AS t WHERE (t.owner, t.owner_id, t.tag) = (o.owner, o.owner_id, o.tag)"
            only = (
                f"WHERE NOT EXISTS (SELECT 1 FROM {there})"
                if table == "tag"
                else "WHERE o.id IN (SELECT id FROM temp._revert_" + table + ")"
            )
            added = tx.number(
                f"INSERT INTO {tx.table(table)} BY NAME SELECT o.* FROM temp._old_{table} AS o {only} ORDER BY {order}"
            )
            rows += max(touched, added)
    return rows
