"""The pictures of an import: those that are new go in, those that are there get what they lack."""

from __future__ import annotations

from collections.abc import Mapping

from loopline.kernel.schema import SAMPLE_COLUMNS, Column
from loopline.store import tables
from loopline.store.ingest_attempt import Attempt, fitted, insert_tags, value_sql
from loopline.store.ingest_staged import PROBED
from loopline.store.recognise import match_sql
from loopline.store.sql import literal, quoted
from loopline.store.tables import SAMPLE_OWNER, SQL_TYPES


def add_samples(attempt: Attempt) -> tuple[int, int]:
    """Insert the samples that are new; make the table `_keys` (key → id) of all of them. How many new, known."""
    if not attempt.seen.samples:
        return 0, 0
    samples = attempt.tx.table("samples")
    staged = "s.content_hash" if "content_hash" in attempt.seen.samples else None
    join = "LEFT JOIN temp._probed p USING (_place)" if attempt.seen.probed else ""
    if attempt.seen.probed:
        staged = f"coalesce(p.content_hash, {staged})" if staged else "p.content_hash"
    attempt.tx.execute(match_sql(samples, attempt.same, staged, join))
    fresh, total, last = attempt.tx.one(
        "SELECT count(*) FILTER (fresh AND _place = leader), count(*), max(_place) FROM temp._keys"
    )
    assert isinstance(fresh, int)
    assert isinstance(total, int)
    assert isinstance(last, int)
    values = _sample_values(attempt)
    source = f"FROM _samples s JOIN temp._keys k USING (_place) {join}"
    for column in _own_columns(attempt):
        tables.store(attempt.tx, column, fitted(attempt, column, values[column.name], source))
    if total > fresh:
        _fill(attempt, samples, values, source)
    if fresh:
        # The place in the file gives the key: gaps where rows were left out do no harm.
        first = attempt.tx.reserve("sample", last + 1)
        attempt.tx.execute("UPDATE temp._keys SET id = ? + leader WHERE fresh", [first])
        attempt.tx.execute(
            f"INSERT INTO {samples} ({', '.join(quoted(name) for name in values)}) SELECT {', '.join(values.values())} "
            f"{source} WHERE k.fresh AND k._place = k.leader ORDER BY k.id"
        )
    return fresh, total - fresh


def _own_columns(attempt: Attempt) -> list[Column]:
    """The user's columns that the stream has values for, as the data set has them."""
    known = {c.name: c for c in attempt.tx.schema().columns}
    return [known[n] for n in sorted(attempt.seen.samples) if n in attempt.stage.columns and n in known]


def _fill(attempt: Attempt, samples: str, values: Mapping[str, str], source: str) -> None:
    """Give samples that are there already the values that they lack (with "replace": all that the stream has)."""
    names = [n for n in values if n not in ("id", "created_at", "path", "root", "media")]
    if attempt.seen.probed and attempt.existing == "replace":  # a file that can be read knows better than a label file
        values = {**values, **{n: f"p.{n}" for n in PROBED}}
    if not names:
        return
    new, old = ("n.{0}", "t.{0}") if attempt.existing == "replace" else ("t.{0}", "n.{0}")
    merged = {quoted(n): f"coalesce({new.format(quoted(n))}, {old.format(quoted(n))})" for n in names}
    attempt.tx.execute(
        f"CREATE OR REPLACE TEMP TABLE _fill AS SELECT k.id AS _id, {', '.join(f'{values[n]} AS {quoted(n)}' for n in names)} "
        f"{source} WHERE NOT k.fresh QUALIFY row_number() OVER (PARTITION BY k.id ORDER BY k._place) = 1"
    )
    differs = " OR ".join(f"{value} IS DISTINCT FROM t.{name}" for name, value in merged.items())
    attempt.tx.execute(
        f"UPDATE {samples} AS t SET {', '.join(f'{name} = {value}' for name, value in merged.items())} "
        f"FROM temp._fill n WHERE t.id = n._id AND ({differs})"
    )


def _sample_values(attempt: Attempt) -> dict[str, str]:
    """SQL for each column of a new sample: what the media file says, else what the label file says."""
    values = {"id": "k.id", "created_at": "now()::TIMESTAMP", "media": "'image'"}
    for name in sorted(attempt.seen.samples):
        if name in SAMPLE_COLUMNS and name not in values:
            values[name] = f"s.{quoted(name)}::{SQL_TYPES[SAMPLE_COLUMNS[name]]}"
    for column in _own_columns(attempt):
        values[column.name] = value_sql(column, f"s.{quoted(column.name)}")
    if "created_at" in attempt.seen.samples:  # a copy keeps the day on which the row was first added
        values["created_at"] = "coalesce(s.created_at::TIMESTAMP, now()::TIMESTAMP)"
    if "media" in attempt.seen.samples:
        values["media"] = "coalesce(s.media, 'image')"
    if attempt.seen.probed:
        for name in PROBED:
            values[name] = f"coalesce(p.{name}, {values[name]})" if name in values else f"p.{name}"
    return values


def tag_samples(attempt: Attempt) -> int:
    if not attempt.seen.samples:
        return 0
    count = 0
    if "tags" in attempt.seen.samples:
        count = insert_tags(
            attempt, SAMPLE_OWNER, "SELECT k.id, unnest(s.tags) AS tag FROM _samples s JOIN temp._keys k USING (_place)"
        )
    for tag in attempt.tags:
        count += insert_tags(attempt, SAMPLE_OWNER, f"SELECT id, {literal(tag)} AS tag FROM temp._keys")
    return count
