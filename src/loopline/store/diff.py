"""What changed between two snapshots, per table, row and column; and the history of one object."""

from __future__ import annotations

import bisect
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from loopline.errors import UnknownField
from loopline.kernel.schema import DatasetSchema, label_table
from loopline.store.history import alterations, is_steady, lives, snapshots
from loopline.store.lake import Lake
from loopline.store.sql import literal, quoted


@dataclass(frozen=True, slots=True)
class TableDiff:
    """Changes of the samples, or of one label field.

    columns   for the changed rows: how many changed in each column; one that a side lacks counts as missing there
    rows      (id int64[, sample_id int64], change 'added' | 'removed' | 'changed', columns list<string>), by id
    """

    added: int
    removed: int
    changed: int
    columns: Mapping[str, int]
    rows: pa.Table

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything between snapshots `before` and `after`."""

    before: int
    after: int
    samples: TableDiff
    fields: Mapping[str, TableDiff]
    tags_added: int
    tags_removed: int
    schema: tuple[str, ...]  # 'added field predictions', 'removed column weather', ...

    def __bool__(self) -> bool:
        return bool(self.samples or any(self.fields.values()) or self.tags_added or self.tags_removed or self.schema)

    def counts(self) -> dict[str, Any]:
        """The numbers as plain JSON."""
        return {
            "before": self.before,
            "after": self.after,
            "samples": _counts(self.samples),
            "fields": {name: _counts(table) for name, table in self.fields.items()},
            "tags": {"added": self.tags_added, "removed": self.tags_removed},
            "schema": list(self.schema),
        }


def _counts(table: TableDiff) -> dict[str, Any]:
    return {"added": table.added, "removed": table.removed, "changed": table.changed, "columns": dict(table.columns)}


@dataclass(frozen=True, slots=True)
class Change:
    """One step in the life of an object: `values` are those that this step set, {column: (before, after)}."""

    snapshot: int
    at: dt.datetime
    author: str
    verb: str
    message: str
    change: str  # 'added' | 'changed' | 'removed'
    values: Mapping[str, tuple[Any, Any]]


def diff(lake: Lake, before: int, after: int) -> Diff:
    """Compare two snapshots. Cost goes with what changed, not with what is there, as long as their history is kept."""
    old, new = lake.schema(before), lake.schema(after)
    names = [f.name for f in new.fields] + [f.name for f in old.fields if not new.has_field(f.name)]
    with lake.reading() as con:
        samples = _table_diff(lake, con, "samples", before, after, True, True)
        fields = {
            name: _table_diff(lake, con, label_table(name), before, after, old.has_field(name), new.has_field(name))
            for name in names
        }
        tags = [
            con.execute(
                f"SELECT count(*) FROM (SELECT owner, owner_id, tag FROM {lake.table('tag', a)} "
                f"EXCEPT SELECT owner, owner_id, tag FROM {lake.table('tag', b)})"
            ).fetchone()
            for a, b in ((after, before), (before, after))
        ]
    added, removed = (int(row[0]) if row else 0 for row in tags)
    return Diff(before, after, samples, fields, added, removed, _schema_changes(old, new))


def changed_keys(lake: Lake, con: duckdb.DuckDBPyConnection, table: str, before: int, after: int, into: str) -> None:
    """Make the temporary table `into` (id): rows that may differ. Comes from the change feed, which knows the files
    that each snapshot touched; where the feed has a gap (other columns, a table made anew, expired snapshots), all rows."""
    low, high = sorted((before, after))
    if low == high:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {into} (id BIGINT)")
    elif is_steady(lake, con, table, low, high):
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT DISTINCT id FROM ducklake_table_changes('lake', 'main', ?, ?, ?)",
            [table, low + 1, high],
        )
    else:
        both = [lake.table(table, snapshot) for snapshot in (before, after)]
        con.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT id FROM {both[0]} UNION SELECT id FROM {both[1]}")


def _table_diff(
    lake: Lake, con: duckdb.DuckDBPyConnection, table: str, before: int, after: int, was: bool, now: bool
) -> TableDiff:
    owner = ["sample_id"] if table != "samples" else []
    if not (was and now):
        word = "added" if now else "removed"
        source = lake.table(table, after if now else before)
        rows = con.execute(
            f"SELECT {', '.join(['id', *owner])}, '{word}' AS change, []::VARCHAR[] AS columns FROM {source} ORDER BY id"
        ).to_arrow_table()
        return TableDiff(rows.num_rows if now else 0, 0 if now else rows.num_rows, 0, {}, rows)
    changed_keys(lake, con, table, before, after, "_differing")
    old, new = ((f"(SELECT * FROM {lake.table(table, s)} WHERE id IN (FROM temp._differing))") for s in (before, after))
    was_type, now_type = (_types(con, lake.table(table, s)) for s in (before, after))
    sides = {}
    for n in dict.fromkeys([*now_type, *was_type]):
        # A column of another type is compared as text, so that 5 and '5' are alike and 'abc' is no error.
        cast = "::VARCHAR" if now_type.get(n) != was_type.get(n) else ""
        sides[n] = tuple(
            f"{side}.{quoted(n)}{cast}" if n in kinds else "NULL" for side, kinds in (("o", was_type), ("n", now_type))
        )
    differs = [
        f"CASE WHEN {o} IS DISTINCT FROM {n} THEN {literal(name)} END" for name, (o, n) in sides.items() if name != "id"
    ]
    owner_text = "".join(f", coalesce(n.{c}, o.{c}) AS {c}" for c in owner)
    rows = con.execute(
        f"""SELECT * FROM (
                SELECT coalesce(n.id, o.id) AS id{owner_text},
                    CASE WHEN o.id IS NULL THEN 'added' WHEN n.id IS NULL THEN 'removed' ELSE 'changed' END AS change,
                    CASE WHEN o.id IS NULL OR n.id IS NULL THEN []::VARCHAR[]
                         ELSE list_filter([{", ".join(differs)}]::VARCHAR[], lambda c: c IS NOT NULL) END AS columns
                FROM {old} o FULL JOIN {new} n USING (id))
            WHERE change <> 'changed' OR len(columns) > 0 ORDER BY id"""
    ).to_arrow_table()
    con.register("_rows", rows)
    counts = dict(con.execute("SELECT change, count(*) FROM _rows GROUP BY 1").fetchall())
    columns = dict(
        con.execute(
            "SELECT c, count(*) FROM (SELECT unnest(columns) AS c FROM _rows) GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
    )
    con.unregister("_rows")
    return TableDiff(counts.get("added", 0), counts.get("removed", 0), counts.get("changed", 0), columns, rows)


def _types(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()}


def _schema_changes(old: DatasetSchema, new: DatasetSchema) -> tuple[str, ...]:
    changes = _added_removed("column", {c.name: c for c in old.columns}, {c.name: c for c in new.columns})
    before, after = {f.name: f for f in old.fields}, {f.name: f for f in new.fields}
    changes += _added_removed("field", before, after, both=False)
    for name in before.keys() & after.keys():
        a, b = before[name], after[name]
        changes += _added_removed(
            f"attribute {name}.", {x.name: x for x in a.attributes}, {x.name: x for x in b.attributes}
        )
        changes += _added_removed(f"class {name}: ", dict.fromkeys(a.classes), dict.fromkeys(b.classes))
        if replace(a, classes=(), attributes=()) != replace(b, classes=(), attributes=()):
            changes.append(f"changed field {name}")
        elif set(a.classes) == set(b.classes) and a.classes != b.classes:
            changes.append(f"changed order of classes {name}")
    return tuple(sorted(changes))


def _added_removed(what: str, old: Mapping[str, object], new: Mapping[str, object], *, both: bool = True) -> list[str]:
    space = "" if what.endswith((".", " ")) else " "
    lines = [f"added {what}{space}{name}" for name in new if name not in old]
    lines += [f"removed {what}{space}{name}" for name in old if name not in new]
    return lines + [f"changed {what}{space}{name}" for name in new if both and name in old and old[name] != new[name]]


def blame(lake: Lake, owner: str, key: int) -> list[Change]:
    """The history of a sample (`owner` 'sample') or of an object of a label field, newest first.

    Raises UnknownField when nothing with that id was ever there.
    """
    table = "samples" if owner == "sample" else label_table(owner)
    with lake.reading() as con:
        kept = snapshots(con)
        all_lives = lives(lake, con, table)
        touched = set(alterations(lake, con, [life.number for life in all_lives]))
        for life in all_lives:
            touched |= {life.begin, *([life.end] if life.end is not None else [])}
            inside = [s for s in kept if life.covers(s)]
            if inside:
                feed = con.execute(
                    "SELECT DISTINCT snapshot_id FROM ducklake_table_changes('lake', 'main', ?, ?, ?) WHERE id = ?",
                    [life.name, inside[0], inside[-1], key],
                ).fetchall()
                touched |= {s for (s,) in feed}
        changes: list[Change] = []
        row: dict[str, Any] | None = None
        for snapshot in _kept_from(touched, kept):
            alive = [life.name for life in all_lives if life.covers(snapshot)]
            found = [_row(con, lake.table(name, snapshot), key) for name in alive]
            after = next((r for r in found if r is not None), None)
            values = _differences(row, after)
            if values:
                change = "added" if row is None else "removed" if after is None else "changed"
                changes.append(Change(snapshot, *_who(con, snapshot), change, values))
            row = after
    if not changes:
        raise UnknownField(f'there never was an object {key} in "{owner}"', where=str(lake.location))
    return changes[::-1]


def _kept_from(touched: set[int], kept: list[int]) -> list[int]:
    """Each snapshot, or the next one that is kept, where what happened in an expired one shows."""
    places = {bisect.bisect_left(kept, snapshot) for snapshot in touched}
    return [kept[place] for place in sorted(places) if place < len(kept)]


def _row(con: duckdb.DuckDBPyConnection, source: str, key: int) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = (
        con.execute(f"SELECT * FROM {source} WHERE id = ?", [key]).to_arrow_table().to_pylist()
    )
    return found[0] if found else None


def _differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    old, new = before or {}, after or {}
    names = dict.fromkeys([*new, *old])
    return {n: (old.get(n), new.get(n)) for n in names if not _alike(old.get(n), new.get(n))}


def _alike(a: object, b: object) -> bool:
    """Equal, where NaN equals NaN."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_alike(x, y) for x, y in zip(a, b, strict=True))
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def _who(con: duckdb.DuckDBPyConnection, snapshot: int) -> tuple[dt.datetime, str, str, str]:
    row = con.execute(
        "SELECT snapshot_time::TIMESTAMP, author, commit_message, commit_extra_info FROM ducklake_snapshots('lake') WHERE snapshot_id = ?",
        [snapshot],
    ).fetchone()
    assert row is not None
    verb = msgspec.json.decode(row[3])["verb"] if row[3] else "upkeep"
    return row[0], row[1] or "", verb, row[2] or verb
