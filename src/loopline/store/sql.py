"""Names and texts inside SQL."""

from __future__ import annotations


def quoted(name: str) -> str:
    """
    >>> print(quoted('the "big" one'))
    "the ""big"" one"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """For what has to stand in the SQL itself: where no parameter is allowed, or before pandas may be loaded, which
    DuckDB's client does for the first parameter wherever it is installed.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
