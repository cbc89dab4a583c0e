"""How answers look: tables, facts, one JSON document, errors. Rich on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

import click

from loopline.errors import LooplineError, NothingAdded, QueryError

NOTHING: Final = "–"
_LONGEST: Final = 72  # characters of one cell
_BAR: Final = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """A table to show. Columns whose values are all numbers stand to the right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""


def document(value: object) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """`value` as JSON has it: times as ISO 8601 in UTC, NaN and infinity as null, bytes as their number."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dt.datetime():
            return value.isoformat() + ("" if value.tzinfo else "Z")
        case bytes():
            return f"{len(value)} bytes"
        case PurePath():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def line(text: str = "") -> None:
    click.echo(clean(text))


def note(text: str, *, err: bool = True) -> None:
    """Something beside the answer, on stderr."""
    click.secho(clean(text), dim=True, err=err)


def step(number: int | None, title: str, code: str) -> None:
    """A step of a longer story: its title, and the code that does it."""
    head = f"{number}. {title}" if number is not None else title
    click.echo()
    click.secho(head, bold=True, fg="cyan")
    click.secho("─" * _width(head), dim=True)
    for text in code.splitlines():
        click.echo(click.style(">>> ", dim=True) + click.style(text, fg="green"))
    if code:
        click.echo()


def heading(text: str) -> None:
    click.secho(clean(text), bold=True)


def grid(table: Grid) -> None:
    """Print a table."""
    if table.title:
        heading(table.title)
    cells = [[cell(value, header) for value, header in zip(row, table.headers, strict=True)] for row in table.rows]
    right = [_is_number([row[i] for row in table.rows]) for i in range(len(table.headers))]
    if sys.stdout.isatty():
        _rich(table.headers, cells, right)
    else:
        _aligned(table.headers, cells, right)


def _is_number(values: Sequence[object]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given)


def _rich(headers: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for header, numbers in zip(headers, right, strict=True):
        table.add_column(Text(clean(header)), justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(text, style="cyan" if text.startswith("█") else "") for text in row))
    Console(highlight=False).print(table)


def _aligned(headers: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    lines = [[clean(header) for header in headers], *cells]
    widths = [max(_width(row[i]) for row in lines) for i in range(len(headers))]
    text_lines: list[str] = []
    for number, row in enumerate(lines):
        padded = [
            " " * (width - _width(text)) + text if numbers else text + " " * (width - _width(text))
            for text, width, numbers in zip(row, widths, right, strict=True)
        ]
        text_lines.append("  ".join(padded).rstrip())
        if number == 0:
            text_lines.append("  ".join("-" * width for width in widths))
    click.echo("\n".join(text_lines))


def _width(text: str) -> int:
    """Columns on a terminal: wide letters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not unicodedata.combining(c))


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names with values, one a line, the values below each other."""
    shown = [(name, cell(value, name)) for name, value in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {text}")


def cell(value: object, header: str = "") -> str:
    """A value as a person reads it. Ids and snapshots stay as they are typed, other numbers get separators.

    >>> cell(1234567), cell(1234567, "sample_id"), cell(0.123456), cell(None), cell(True), cell(["a", "b"])
    ('1,234,567', '1234567', '0.1235', '–', 'yes', 'a, b')
    """
    match value:
        case None | "" | []:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value) if header.split(".")[-1].endswith(("id", "snapshot")) else f"{value:,}"
        case float():
            big = 1000 <= abs(value) < 1e15
            return f"{value:,.{0 if value.is_integer() else 1}f}" if big else f"{value:.4g}"
        case dt.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case bytes():
            return f"{len(value):,} bytes"
        case list() | tuple():
            return _cut(", ".join(cell(item) for item in value[:20]))
    return _cut(clean(str(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def clean(text: str) -> str:
    """`text` without control characters: a file name must not steer the terminal.

    >>> clean("a" + chr(27) + "[31mb")
    'a�[31mb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def bar(count: float, most: float) -> str:
    """A bar as long as `count` is of `most`.

    >>> bar(5, 10), bar(0, 10)
    ('████████████', '')
    """
    if not most or count <= 0:
        return ""
    return "█" * max(1, round(_BAR * count / most))


def counted(count: int, word: str, words: str = "") -> str:
    """A number with its word.

    >>> counted(1, "box", "boxes"), counted(1200, "sample")
    ('1 box', '1,200 samples')
    """
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def failure(error: LooplineError) -> None:
    """Print an error on stderr: what, where, what to do; a caret under the fault of an expression."""
    first, *rest = str(error).split("\n")
    click.echo(click.style("error: ", fg="red", bold=True) + clean(first), err=True)
    for text in rest:
        click.echo(clean(text), err=True)


def error_document(kind: str, error: LooplineError) -> dict[str, object]:
    """An error as JSON: type, what, where, hint; for an expression its text and the 0-based column of the fault,
    for an import that added nothing its problems and their counts."""
    found: dict[str, object] = {"type": kind, "what": error.what, "where": error.where, "hint": error.hint}
    if isinstance(error, QueryError):
        found |= {"text": error.text, "column": error.column}
    if isinstance(error, NothingAdded):
        counts = [{"kind": kind_, "what": what, "rows": n} for (kind_, what), n in error.counts.items()]
        found |= {"counts": counts, "problems": error.problems}
    return found
