"""What the checks of an expression say: types in words, and the faults of a pattern."""

from __future__ import annotations

import functools

from loopline.kernel import expr as tree
from loopline.query.bound import NUMBERS, Bound, Type


def type_of(value: tree.Scalar) -> Type:
    """The type of a constant."""
    match value:
        case None:
            return "none"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
    return "text"


def in_words(kind: Type) -> str:
    """A type as a message names it."""
    return {
        "text": "a text",
        "int": "a whole number",
        "float": "a number",
        "bool": "a truth value",
        "time": "a time",
        "json": "a json value",
        "none": "None",
        "opaque": "a mask or point list",
    }[kind]


def condition_hint(found: Bound) -> str:
    """How a value that is no condition becomes one."""
    if found.type in NUMBERS:
        return "compare it: … > 0"
    return "compare it: … == '…', or ask … is not None"


@functools.lru_cache(maxsize=512)
def pattern_fault(pattern: str) -> str:
    """What the engine's regular expressions say against a pattern; empty if nothing."""
    import duckdb

    con = duckdb.connect(":memory:", config={"threads": 1})
    try:
        con.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except duckdb.Error as error:
        return str(error).removeprefix("Invalid Input Error: ").splitlines()[0]
    finally:
        con.close()
    return ""
