"""The closed set of functions: what they take, what they give, and their SQL.

A template names its arguments {0} {1} …; a number reaches it as BIGINT or DOUBLE, never NaN. A function of a missing
value is missing, and so is one without an answer: log(0), sqrt(-1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Parameter = Literal["number", "text", "time", "pattern"]
"""`pattern` is a constant."""

Result = Literal["text", "int", "float", "bool", "same"]
"""`same`: int of an int, float of a float."""


@dataclass(frozen=True, slots=True)
class Function:
    takes: tuple[Parameter, ...]
    gives: Result
    sql: str
    meaning: str


FUNCTIONS: Final[Mapping[str, Function]] = {
    "abs": Function(("number",), "same", "TRY(abs({0}))", "distance from zero"),
    "sqrt": Function(("number",), "float", "TRY(sqrt(CAST({0} AS DOUBLE)))", "square root"),
    "log": Function(("number",), "float", "TRY(ln(CAST({0} AS DOUBLE)))", "natural logarithm"),
    "exp": Function(("number",), "float", "TRY(exp(CAST({0} AS DOUBLE)))", "e to the power of x"),
    "floor": Function(("number",), "int", "TRY_CAST(floor({0}) AS BIGINT)", "the next whole number below"),
    "ceil": Function(("number",), "int", "TRY_CAST(ceil({0}) AS BIGINT)", "the next whole number above"),
    "round": Function(
        ("number",),
        "int",
        "TRY_CAST(round_even(CAST({0} AS DOUBLE), 0) AS BIGINT)",
        "the nearest whole number; of two, the even one",
    ),
    "number": Function(("text",), "float", "TRY_CAST({0} AS DOUBLE)", "the number that a text spells"),
    "lower": Function(("text",), "text", "lower({0})", "in small letters"),
    "upper": Function(("text",), "text", "upper({0})", "in capital letters"),
    "length": Function(("text",), "int", "length({0})", "number of characters"),
    "year": Function(("time",), "int", "year({0})", "the year"),
    "month": Function(("time",), "int", "month({0})", "1 to 12"),
    "day": Function(("time",), "int", "day({0})", "1 to 31"),
    "hour": Function(("time",), "int", "hour({0})", "0 to 23"),
    "weekday": Function(("time",), "int", "(isodow({0}) - 1)", "0 is Monday, 6 is Sunday"),
    "contains": Function(("text", "text"), "bool", "contains({0}, {1})", "has the text in it"),
    "startswith": Function(("text", "text"), "bool", "starts_with({0}, {1})", "begins with the text"),
    "endswith": Function(("text", "text"), "bool", "suffix({0}, {1})", "ends with the text"),
    "matches": Function(
        ("text", "pattern"), "bool", "regexp_matches({0}, {1})", "the RE2 pattern is found somewhere in it"
    ),
}

ONLY_METHODS: Final = ("contains", "startswith", "endswith", "matches")
"""Written `path.contains('x')`. The other functions of text may be written either way."""

TEXT_METHODS: Final = tuple(name for name, f in FUNCTIONS.items() if f.takes[0] == "text" and name != "number")

ROUNDING: Final = ("floor", "ceil", "round")
"""Of a whole number they are that number, exactly."""

SEVERAL: Final = ("min", "max")
"""min(a, b, …) and max(a, b, …): of numbers, texts or times; missing ones are passed over."""

CALLABLE: Final = (*(name for name in FUNCTIONS if name not in ONLY_METHODS), *SEVERAL, "len", "inside")
"""What may be written `name(…)`."""
