"""Ask the engine: one statement in, Arrow or NumPy out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from loopline.errors import QueryError
from loopline.query.compile import Statement
from loopline.query.engine import Engine

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")


@contextmanager
def _told() -> Iterator[None]:
    """An error of the engine becomes a QueryError."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise QueryError(f"the engine could not answer: {error}", hint="view.explain() shows the SQL") from error


def asked(engine: Engine, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """What `question` gives of a cursor: one or more statements, all of one transaction. It may be called twice."""
    with _told():
        return engine.look(question)


def answered(cursor: duckdb.DuckDBPyConnection, statement: Statement, sql: str) -> duckdb.DuckDBPyConnection:
    """The cursor, after it has run the SQL with the statement's parameters."""
    return cursor.execute(sql, _used(statement, sql) or None)


def _used(statement: Statement, sql: str) -> dict[str, object]:
    """The parameters that the text names: a statement may have been planned for more than is asked of it."""
    return {name: statement.parameters[name] for name in set(re.findall(r"\$(p\d+)", sql))}


def table(engine: Engine, statement: Statement, sql: str) -> pa.Table:
    """The whole answer."""
    return asked(engine, lambda cursor: answered(cursor, statement, sql).to_arrow_table())


def batches(engine: Engine, statement: Statement, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The answer in batches of at most `rows` rows; no more than a few of them are in memory at once."""
    with _told():
        cursor = engine.cursor()
        try:
            yield from answered(cursor, statement, sql).to_arrow_reader(rows)
        finally:
            cursor.close()


def rows(engine: Engine, statement: Statement, sql: str) -> list[tuple[Any, ...]]:
    """The whole of a small answer."""
    found: list[tuple[Any, ...]] = asked(engine, lambda cursor: answered(cursor, statement, sql).fetchall())
    return found


def number(engine: Engine, statement: Statement, sql: str) -> int:
    return int(rows(engine, statement, sql)[0][0])
