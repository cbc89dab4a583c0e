"""What ran on which version with what, giving what: runs, their numbers, and the evaluations among them.

    run         id · kind · status · started_at · finished_at · author · snapshot (read) · parameters · code
    metric      run · name · label (a class) · slice (query text) · step · value      one row a number
    evaluation  key · run · task · protocol · truth · predicted · snapshot · numbers · report · at
    match__<key>  id (of an object, unique over all fields) · sample_id · side · outcome · iou · partner_id · off,
                  and once explained error · suspect · suspect_score

Parameters, code and numbers are JSON text; `report` holds what the evaluation wants to remember, in its own form. The
tables are made with the first run. They are no content of a version: a restore leaves them alone.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa

from loopline.errors import BadValue, UnknownField, near
from loopline.kernel.schema import EvaluationNames
from loopline.store import tables
from loopline.store.lake import Lake, Transaction, current_author

_TABLES: Final[dict[str, str]] = {
    "run": "id BIGINT, kind VARCHAR, status VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, author VARCHAR, "
    "snapshot BIGINT, parameters VARCHAR, code VARCHAR",
    "metric": "run BIGINT, name VARCHAR, label VARCHAR, slice VARCHAR, step BIGINT, value DOUBLE",
    "evaluation": "key VARCHAR, run BIGINT, task VARCHAR, protocol VARCHAR, truth VARCHAR, predicted VARCHAR, "
    'snapshot BIGINT, numbers VARCHAR, report BLOB, "at" TIMESTAMP',
}
_MATCH_COLUMNS: Final = (
    "id BIGINT, sample_id BIGINT, side VARCHAR, outcome VARCHAR, iou DOUBLE, partner_id BIGINT, "
    "off DOUBLE, error VARCHAR, suspect VARCHAR, suspect_score DOUBLE"
)
MATCH_NAMES: Final = ("id", "sample_id", "side", "outcome", "iou", "partner_id")
"""What is stored of every object that took part; of numbers also `off`."""


@dataclass(frozen=True, slots=True)
class Run:
    """One piece of work. Times are UTC.

    snapshot    of the data that it read · parameters: everything that it was told · code: versions it ran with
    """

    id: int
    kind: str
    status: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    author: str
    snapshot: int
    parameters: Mapping[str, Any]
    code: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of a run."""

    name: str
    value: float
    label: str | None = None
    slice: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """One row of the table `evaluation`."""

    key: str
    run: int
    task: str
    protocol: str
    truth: str
    predicted: str
    snapshot: int
    numbers: Mapping[str, float | None]
    report: bytes
    at: dt.datetime


@dataclass(frozen=True, slots=True, eq=False)
class NewEvaluation:
    """An evaluation to be stored. matches: a table with the columns MATCH_NAMES, numbers with `off`, or None: nothing is known of objects."""

    key: str
    task: str
    protocol: str
    truth: str
    predicted: str
    snapshot: int
    started_at: dt.datetime
    parameters: Mapping[str, Any]
    numbers: Mapping[str, float | None]
    measured: Sequence[Measured]
    report: bytes
    matches: pa.Table | None


def code_versions() -> dict[str, str]:
    """The versions of what computes numbers here."""
    found = {name: metadata.version(name) for name in ("loopline", "numpy", "pyarrow", "duckdb")}
    return {**found, "python": platform.python_version()}


def now_utc() -> dt.datetime:
    """The time now, UTC without a zone, as the lake keeps it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


# -- writing


def start_run(
    tx: Transaction,
    kind: str,
    *,
    snapshot: int,
    parameters: Mapping[str, Any],
    started_at: dt.datetime,
    status: str = "done",
) -> int:
    """Write a run down inside a transaction; its number."""
    for name in ("run", "metric"):
        tx.execute(f"CREATE TABLE IF NOT EXISTS {tx.table(name)} ({_TABLES[name]})")
    number = tx.number(f"SELECT coalesce(max(id), 0) + 1 FROM {tx.table('run')}")
    finished = None if status == "running" else now_utc()
    tx.execute(
        f"INSERT INTO {tx.table('run')} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            number,
            kind,
            status,
            started_at,
            finished,
            current_author(),
            snapshot,
            _json(parameters),
            _json(code_versions()),
        ],
    )
    return number


def add_metrics(tx: Transaction, run: int, measured: Iterable[Measured]) -> None:
    """Numbers of a run, inside a transaction. NaN is stored as null."""
    rows = list(measured)
    if not rows:
        return
    table = pa.table(
        {
            "run": pa.array([run] * len(rows), pa.int64()),
            "name": pa.array([m.name for m in rows], pa.string()),
            "label": pa.array([m.label for m in rows], pa.string()),
            "slice": pa.array([m.slice for m in rows], pa.string()),
            "step": pa.array([m.step for m in rows], pa.int64()),
            "value": pa.array([m.value for m in rows], pa.float64(), from_pandas=True),
        }
    )
    tx.con.register("_metrics", table)
    tx.execute(f"INSERT INTO {tx.table('metric')} SELECT * FROM _metrics")
    tx.con.unregister("_metrics")


def save_evaluation(lake: Lake, new: NewEvaluation) -> int:
    """Store an evaluation: its run, numbers and matches, in one transaction; the run's number.

    Raises BadValue where the key is taken, SchemaError where it cannot be a name.
    """

    def body(tx: Transaction) -> int:
        schema = tx.schema()
        check_key(tx.con, tx.table("evaluation"), new.key)
        schema.check_new(new.key, "evaluation")
        for name in {new.truth, new.predicted}:
            if schema.has_field(name) and any(a.name == new.key for a in schema.field(name).attributes):
                raise BadValue(f'"{new.key}" is an attribute of {name}', hint="choose another key")
        run = start_run(tx, "evaluate", snapshot=new.snapshot, parameters=new.parameters, started_at=new.started_at)
        add_metrics(tx, run, new.measured)
        tx.execute(f"CREATE TABLE IF NOT EXISTS {tx.table('evaluation')} ({_TABLES['evaluation']})")
        tx.execute(
            f"INSERT INTO {tx.table('evaluation')} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                new.key,
                run,
                new.task,
                new.protocol,
                new.truth,
                new.predicted,
                new.snapshot,
                _json(new.numbers),
                new.report,
                now_utc(),
            ],
        )
        if new.matches is not None:
            names = EvaluationNames(new.key, new.truth, new.predicted)
            tx.execute(f"CREATE TABLE {tx.table(names.table)} ({_MATCH_COLUMNS})")
            if new.matches.num_rows:
                tx.con.register("_matches", new.matches)
                columns = ", ".join(new.matches.column_names)
                tx.execute(
                    f"INSERT INTO {tx.table(names.table)} ({columns}) SELECT {columns} FROM _matches ORDER BY id"
                )
                tx.con.unregister("_matches")
            tables.add_evaluation(tx, names)
        tx.details.update(key=new.key, run=run)
        return run

    return lake.commit("evaluate", body, message=f"evaluate {new.predicted} against {new.truth} as {new.key}")


def explain_matches(lake: Lake, key: str, rows: pa.Table) -> None:
    """Say more about some objects of an evaluation: rows of id, error, suspect, suspect_score; the others get none.

    Raises UnknownField with near names.
    """

    def body(tx: Transaction) -> None:
        known = _named(key, _listed(tx.con, tx.table("evaluation")))
        table = tx.table(EvaluationNames(known.key, "", "").table)
        names = ("error", "suspect", "suspect_score")
        tx.con.register("_rows", rows)
        sets = ", ".join(f"{name} = r.{name}" for name in names)
        tx.execute(
            f"UPDATE {table} SET {', '.join(f'{name} = NULL' for name in names)} WHERE {' OR '.join(f'{name} IS NOT NULL' for name in names)}"
        )
        tx.execute(f"UPDATE {table} AS m SET {sets} FROM _rows r WHERE m.id = r.id")
        tx.con.unregister("_rows")
        tx.details.update(key=key, objects=rows.num_rows)

    lake.commit("explain", body, message=f"explain evaluation {key}")


def drop_evaluation(lake: Lake, key: str) -> None:
    """Delete an evaluation, its matches and its run's numbers. Earlier snapshots still have them.

    Raises UnknownField with near names.
    """

    def body(tx: Transaction) -> None:
        known = _listed(tx.con, tx.table("evaluation"))
        found = _named(key, known)
        tx.execute(f"DELETE FROM {tx.table('evaluation')} WHERE key = ?", [key])
        tx.execute(f"DELETE FROM {tx.table('metric')} WHERE run = ?", [found.run])
        tx.execute(f"DELETE FROM {tx.table('run')} WHERE id = ?", [found.run])
        if any(e.key == key for e in tx.schema().evaluations):
            tx.execute(f"DROP TABLE {tx.table(EvaluationNames(key, '', '').table)}")
            tables.drop_evaluation(tx, key)
        tx.details.update(key=key)

    lake.commit("drop evaluation", body, message=f"drop evaluation {key}")


def check_key(con: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    """Raise BadValue where there is an evaluation of that name."""
    if any(e.key.lower() == key.lower() for e in _listed(con, table)):
        raise BadValue(f'there is an evaluation "{key}" already', hint="choose another key, or drop it first")


# -- reading


def stored_evaluations(lake: Lake, snapshot: int | None = None) -> list[StoredEvaluation]:
    """All there are, oldest first."""
    return lake.read(lambda con: _listed(con, lake.table("evaluation", snapshot)))


def stored_evaluation(lake: Lake, key: str, snapshot: int | None = None) -> StoredEvaluation:
    """One by its key. Raises UnknownField with near names."""
    return _named(key, stored_evaluations(lake, snapshot))


def free_key(lake: Lake, start: str = "ev") -> str:
    """`ev1`, `ev2`, …: the first that is neither an evaluation nor another name."""
    schema = lake.schema()
    taken = {e.key.lower() for e in stored_evaluations(lake)} | {n.lower() for n in schema.sample_columns()}
    taken |= {f.name.lower() for f in schema.fields} | {a.name.lower() for f in schema.fields for a in f.attributes}
    number = 1
    while f"{start}{number}" in taken:
        number += 1
    return f"{start}{number}"


def runs(lake: Lake, snapshot: int | None = None) -> list[Run]:
    """What ran, oldest first."""

    def ask(con: duckdb.DuckDBPyConnection) -> list[Run]:
        try:
            rows = con.execute(
                "SELECT id, kind, status, started_at, finished_at, author, snapshot, parameters, code "
                f"FROM {lake.table('run', snapshot)} ORDER BY id"
            ).fetchall()
        except duckdb.CatalogException:  # made with the first run
            return []
        return [Run(*row[:-2], *map(msgspec.json.decode, row[-2:])) for row in rows]

    return lake.read(ask)


def metrics(lake: Lake, run: int) -> pa.Table:
    """The numbers of a run: name, label, slice, step, value."""

    def ask(con: duckdb.DuckDBPyConnection) -> pa.Table:
        sql = f"SELECT name, label, slice, step, value FROM {lake.table('metric')} WHERE run = ?"
        return con.execute(sql, [run]).to_arrow_table()

    return lake.read(ask)


def series(lake: Lake, run: int) -> pa.Table:
    """The numbers of a run that have steps: name, label, step, value, by name, label and step."""

    def ask(con: duckdb.DuckDBPyConnection) -> pa.Table:
        sql = (
            f"SELECT name, label, step, value FROM {lake.table('metric')} WHERE run = ? AND step IS NOT NULL "
            "AND slice IS NULL ORDER BY name, label NULLS FIRST, step"
        )
        try:
            return con.execute(sql, [run]).to_arrow_table()
        except duckdb.CatalogException:  # made with the first run
            return pa.table({"name": [], "label": [], "step": [], "value": []})

    return lake.read(ask)


def matches(lake: Lake, key: str) -> pa.Table:
    """The stored matches of an evaluation, sorted by object id: the columns MATCH_NAMES."""

    def ask(con: duckdb.DuckDBPyConnection) -> pa.Table:
        columns = ", ".join(MATCH_NAMES)
        sql = f"SELECT {columns} FROM {lake.table(EvaluationNames(key, '', '').table)} ORDER BY id"
        return con.execute(sql).to_arrow_table()

    return lake.read(ask)


def _listed(con: duckdb.DuckDBPyConnection, table: str) -> list[StoredEvaluation]:
    try:
        rows = con.execute(
            'SELECT key, run, task, protocol, truth, predicted, snapshot, numbers, report, "at" '
            f"FROM {table} ORDER BY run"
        ).fetchall()
    except duckdb.CatalogException:  # made with the first evaluation
        return []
    return [_evaluation(row) for row in rows]


def _evaluation(row: tuple[Any, ...]) -> StoredEvaluation:
    key, run, task, protocol, truth, predicted, snapshot, numbers, report, at = row
    found = msgspec.json.decode(numbers)
    return StoredEvaluation(key, run, task, protocol, truth, predicted, snapshot, found, bytes(report), at)


def _named(key: str, known: Sequence[StoredEvaluation]) -> StoredEvaluation:
    for found in known:
        if found.key == key:
            return found
    names = [e.key for e in known]
    hint = near(key, names) if names else "make one: ds.evaluate(truth=..., predicted=...) or loopline evaluate"
    raise UnknownField(f'there is no evaluation "{key}"', hint=hint)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
