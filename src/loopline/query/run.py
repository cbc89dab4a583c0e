"""Ask the engine: one statement in, Arrow or NumPy out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from loopline.errors import QueryError
from loopline.query.compile import Statement
from loopline.query.engine import Engine

if TYPE_CHECKING:
    import duckdb


@contextmanager
def cursor_of(engine: Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor for several statements, all of one transaction. An error of the engine becomes a QueryError."""
    import duckdb

    try:
        with engine.looking() as cursor:
            yield cursor
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise QueryError(f"the engine could not answer: {error}", hint="view.explain() shows the SQL") from error


def answered(cursor: duckdb.DuckDBPyConnection, statement: Statement, sql: str) -> duckdb.DuckDBPyConnection:
    """The cursor, after it has run the SQL with the statement's parameters."""
    return cursor.execute(sql, _used(statement, sql) or None)


@contextmanager
def answering(engine: Engine, statement: Statement, sql: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor that has run the SQL with the statement's parameters."""
    with cursor_of(engine) as cursor:
        yield answered(cursor, statement, sql)


def _used(statement: Statement, sql: str) -> dict[str, object]:
    """The parameters that the text names: a statement may have been planned for more than is asked of it."""
    return {name: statement.parameters[name] for name in set(re.findall(r"\$(p\d+)", sql))}


def table(engine: Engine, statement: Statement, sql: str) -> pa.Table:
    """The whole answer."""
    with answering(engine, statement, sql) as cursor:
        return cursor.to_arrow_table()


def batches(engine: Engine, statement: Statement, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The answer in batches of at most `rows` rows; no more than a few of them are in memory at once."""
    with answering(engine, statement, sql) as cursor:
        yield from cursor.to_arrow_reader(rows)


def number(engine: Engine, statement: Statement, sql: str) -> int:
    with answering(engine, statement, sql) as cursor:
        row = cursor.fetchone()
        return int(row[0]) if row else 0
