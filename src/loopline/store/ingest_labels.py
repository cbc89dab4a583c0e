"""The labels of an import: whose they are, which of them may come in, and their rows."""

from __future__ import annotations

from dataclasses import replace

from loopline.errors import FormatError
from loopline.kernel.exchange import Problem
from loopline.store import tables
from loopline.store.ingest_attempt import Attempt, fitted, insert_tags, value_sql
from loopline.store.ingest_staged import NAMED
from loopline.store.sql import quoted
from loopline.store.tables import SQL_TYPES


def resolve(attempt: Attempt, name: str, match: str, view: str, columns: frozenset[str], rows: str) -> None:
    """Make the table `rows`: place, sample_id, label of the staged rows that have a sample and a class."""
    if match:
        _match_column(attempt, match, view)
    elif not attempt.seen.samples:
        raise FormatError(f'labels of "{name}" name pictures that the file does not list')
    keys = "temp._matched" if match else "temp._keys"
    label, join, fault = ("l.label::VARCHAR" if "label" in columns else "NULL::VARCHAR"), "", "FALSE"
    if "class_code" in columns:
        codes = attempt.stage.codes.get(name, {})
        attempt.tx.execute(
            "CREATE OR REPLACE TEMP TABLE _codes AS SELECT unnest(?::BIGINT[]) AS code, unnest(?::VARCHAR[]) AS label",
            [list(codes), list(codes.values())],
        )
        label, join = "c.label", "LEFT JOIN temp._codes c ON c.code = l.class_code"
        fault = "c.code IS NULL AND l.class_code IS NOT NULL"
    attempt.tx.execute(
        f"CREATE OR REPLACE TEMP TABLE {rows} AS SELECT l._place, k.id AS sample_id, {label} AS label, {fault} AS unlisted "
        f"FROM {view} l LEFT JOIN {keys} k ON k.key = l.sample_key {join}"
    )
    lost = "it names a picture that " + ("is not in the data set" if match else "the file does not list")
    hint = "add the picture, or take the row out"
    _leave_out(attempt, rows, "r.sample_id IS NULL", name, view, lost, "sample_key", hint)
    if "class_code" in columns:
        what = "it names a class that is not listed"
        _leave_out(attempt, rows, "r.unlisted", name, view, what, "class_code", "list the class")


def _match_column(attempt: Attempt, match: str, view: str) -> None:
    """Make `_matched`: the samples that the rows name by a column; a value that two samples share is left out."""
    if match not in attempt.tx.schema().sample_columns():
        raise FormatError(
            f'these labels name pictures by "{match}", and no picture of the data set has that',
            hint="add the pictures with their own label file first",
        )
    column = quoted(match)
    attempt.tx.execute(
        f"CREATE OR REPLACE TEMP TABLE _matched AS SELECT {column} AS key, any_value(id) AS id, count(*) AS shared "
        f"FROM {attempt.tx.table('samples')} WHERE {column} IN (SELECT sample_key FROM {view}) GROUP BY 1"
    )
    for (key,) in attempt.tx.execute(
        "SELECT key::VARCHAR FROM temp._matched WHERE shared > 1 ORDER BY 1 LIMIT ?", [NAMED]
    ).fetchall():
        attempt.problems.add(
            Problem(
                "warning",
                f"several pictures have this {match}",
                f"{match} {key}",
                "add the labels to one split at a time",
            )
        )
    attempt.tx.execute("DELETE FROM temp._matched WHERE shared > 1")


def _leave_out(
    attempt: Attempt, rows: str, condition: str, name: str, view: str, what: str, column: str, hint: str
) -> None:
    """Delete the rows that have a fault; count them all, name the first ones."""
    named = attempt.tx.execute(
        f"SELECT _place, l.{column}::VARCHAR FROM {view} l JOIN temp.{rows} r USING (_place) WHERE {condition} ORDER BY _place LIMIT {NAMED}"
    ).fetchall()
    if not named:
        return
    word = "class" if column == "class_code" else "picture"
    for place, value in named:
        attempt.problems.add(Problem("skipped", what, f"{name} row {place + 1} ({word} {value})", hint))
    total = attempt.tx.number(f"DELETE FROM temp.{rows} AS r WHERE {condition}")
    attempt.problems.counts["skipped", what] += total - len(named)


def make_room(attempt: Attempt, name: str, rows: str) -> int:
    """Sort out the samples that have labels in the field already; how many of the new rows stay out for them."""
    if attempt.existing == "append":
        return 0
    target = attempt.tx.table(attempt.tx.schema().field(name).table)
    attempt.tx.execute(
        f"CREATE OR REPLACE TEMP TABLE _held AS SELECT DISTINCT sample_id FROM {target} WHERE sample_id IN (SELECT sample_id FROM temp.{rows})"
    )
    if not attempt.tx.number("SELECT count(*) FROM temp._held"):
        return 0
    if attempt.existing == "replace":
        _forget(attempt, name, target)
        return 0
    return attempt.tx.number(f"DELETE FROM temp.{rows} WHERE sample_id IN (FROM temp._held)")


def _forget(attempt: Attempt, name: str, target: str) -> None:
    gone = f"SELECT id FROM {target} WHERE sample_id IN (FROM temp._held)"
    attempt.tx.execute(f"DELETE FROM {attempt.tx.table('tag')} WHERE owner = ? AND owner_id IN ({gone})", [name])
    attempt.tx.execute(f"DELETE FROM {target} WHERE sample_id IN (FROM temp._held)")


def add_labels(attempt: Attempt, name: str, view: str, columns: frozenset[str], rows: str) -> tuple[int, int]:
    """Insert the rows of one field; how many they are, and how many tags they brought."""
    count = attempt.tx.number(f"SELECT count(*) FROM temp.{rows}")
    if not count:
        return 0, 0
    _list_classes(attempt, name, rows)
    _widen_attributes(attempt, name, view, columns, rows)
    label_field = attempt.tx.schema().field(name)
    target = attempt.tx.table(label_field.table)
    first = attempt.tx.reserve("object", attempt.tx.number(f"SELECT max(_place) + 1 FROM temp.{rows}"))
    own = {a.name: a for a in label_field.attributes}
    values = {"id": f"{first} + r._place", "sample_id": "r.sample_id", "label": "r.label"}
    for column, kind in label_field.columns().items():
        if column in columns and column not in values:
            staged = f"l.{quoted(column)}"
            values[column] = value_sql(own[column], staged) if column in own else f"{staged}::{SQL_TYPES[kind]}"
    source = f"FROM {view} l JOIN temp.{rows} r USING (_place)"
    attempt.tx.execute(
        f"INSERT INTO {target} ({', '.join(quoted(n) for n in values)}) SELECT {', '.join(values.values())} {source} ORDER BY r.sample_id, r._place"
    )
    tagged = (
        insert_tags(attempt, name, f"SELECT {values['id']} AS id, unnest(l.tags) AS tag {source}")
        if "tags" in columns
        else 0
    )
    return count, tagged


def _list_classes(attempt: Attempt, name: str, rows: str) -> None:
    """Give the field the classes that its rows have and it does not list yet, in the order they appear."""
    seen = attempt.tx.execute(
        f"SELECT label FROM temp.{rows} WHERE label IS NOT NULL GROUP BY label ORDER BY min(_place)"
    ).fetchall()
    label_field = attempt.tx.schema().field(name)
    unlisted = tuple(label for (label,) in seen if label not in label_field.classes)
    if unlisted:
        tables.store_field(attempt.tx, label_field, replace(label_field, classes=label_field.classes + unlisted))


def _widen_attributes(attempt: Attempt, name: str, view: str, columns: frozenset[str], rows: str) -> None:
    label_field = attempt.tx.schema().field(name)
    source = f"FROM {view} l JOIN temp.{rows} r USING (_place)"
    attributes = tuple(
        fitted(attempt, a, value_sql(a, f"l.{quoted(a.name)}"), source) if a.name in columns else a
        for a in label_field.attributes
    )
    tables.store_field(attempt.tx, label_field, replace(label_field, attributes=attributes))
