"""Do imported values fit the columns that they go to? What does not is told and kept: an import loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb

from loopline.errors import SchemaError
from loopline.kernel.exchange import Problem
from loopline.kernel.schema import Column, ScalarType


def takes(column: ScalarType, new: ScalarType) -> bool:
    """Can a column of one type hold every value of another?"""
    return column in (new, "json") or (column, new) == ("float", "int")


def check_type(known: Column, new: Column) -> None:
    """Raise SchemaError unless the column that is there can hold the new one's values."""
    if not takes(known.type, new.type):
        raise SchemaError(
            f'column "{known.name}" is {known.type}; the file has {new.type} there',
            hint="rename it in the file, or retype the column first",
        )


def widened(
    con: duckdb.DuckDBPyConnection, column: Column, value: str, source: str
) -> tuple[Column, Iterator[Problem]]:
    """`column` with the values that its closed list lacks, and what else is outside; `value` is SQL over `source`."""
    problems: list[Problem] = []
    if column.values:
        rows = con.execute(
            f"SELECT {value} AS v, count(*) {source} WHERE {value} IS NOT NULL AND {value} NOT IN (SELECT unnest(?::VARCHAR[])) "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            [list(column.values)],
        ).fetchall()
        for text, count in rows:
            where = f"{column.name} = {text!r} ({count} rows)"
            problems.append(
                Problem(
                    "warning", f'a value that the list of "{column.name}" lacked', where, "it was added to the list"
                )
            )
        column = replace(column, values=column.values + tuple(text for text, _ in rows))
    for limit, sign, word in ((column.minimum, "<", "below"), (column.maximum, ">", "above")):
        if limit is None:
            continue
        row = con.execute(
            f"SELECT count(*), min({value}), max({value}) {source} WHERE {value} {sign} ?", [limit]
        ).fetchone()
        if row and row[0]:
            where = f"{row[0]} rows, from {row[1]} to {row[2]}"
            problems.append(
                Problem("warning", f'values of "{column.name}" {word} its limit {limit:g}', where, "mend them")
            )
    return column, iter(problems)
