"""What commands have in common: `--json`, examples, the data set's name, conditions, options of formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

import loopline as ll
from loopline.cli import _complete
from loopline.jobs import StopSignal, stop_on_interrupt, terminal_progress

Function = TypeVar("Function", bound=Callable[..., Any])


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., None]], click.Command]:
    """A command with `--json` (as the argument `as_json`) and with examples under its help."""

    def made(function: Callable[..., None]) -> click.Command:
        found = click.command(name, epilog=epilog(examples))(function)
        found.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document."))
        return found

    return made


def epilog(examples: Sequence[str]) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def dataset_argument(function: Function) -> Function:
    return click.argument("name", shell_complete=_complete.datasets)(function)


def at_option(function: Function) -> Function:
    return click.option(
        "--at", metavar="VERSION", help="Look at an earlier version or snapshot.", shell_complete=_complete.versions
    )(function)


def where_option(help: str = "Only samples that meet this condition.") -> Callable[[Function], Function]:  # noqa: A002
    return click.option("--where", metavar="EXPR", help=help)


def fields_option(help: str) -> Callable[[Function], Function]:  # noqa: A002
    return click.option("--field", "fields", multiple=True, metavar="FIELD", help=help, shell_complete=_complete.fields)


def limit_option(default: int = 20) -> Callable[[Function], Function]:
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        metavar="N",
        help="Rows to show; 0: all.",
    )


def format_options(function: Function) -> Function:
    option = click.option(
        "--option",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the format; several may be given. true, false, null and numbers are read as such.",
    )
    format_ = click.option(
        "--format",
        metavar="FORMAT",
        help="Name of the format [default: seen from the files].",
        shell_complete=_complete.formats,
    )
    return format_(option(function))


def opened(name: str, at: str | None = None) -> ll.Dataset:
    """The data set, or an earlier version of it."""
    ds = ll.open(name)
    return ds if at is None else ds.at(at)


def viewed(ds: ll.Dataset, where: str | None) -> ll.View:
    return ds.where(where) if where else ds.view()


def key_values(pairs: Sequence[str], option: str = "--option") -> dict[str, object]:
    """`["depth=3", "mode=strict"]` as {"depth": 3, "mode": "strict"}."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, mark, value = pair.partition("=")
        if not mark or not key:
            raise click.BadParameter(f'"{pair}" is not KEY=VALUE', param_hint=option)
        found[key.replace("-", "_")] = scalar(value)
    return found


def scalar(text: str) -> object:
    """`true`, `false`, `null`, numbers and "quoted text" as JSON has them; anything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, (dict, list)) else value


def shares_of(pairs: Sequence[str]) -> dict[str, float]:
    """`["train=0.8", "val=0.2"]`, or both in one text, as shares of splits."""
    found: dict[str, float] = {}
    for pair in listed(pairs):
        split_, _, share = pair.partition("=")
        try:
            found[split_] = float(share)
        except ValueError:
            raise click.BadParameter(f'"{pair}" is not SPLIT=SHARE, such as train=0.8') from None
    return found


def listed(texts: Sequence[str]) -> list[str]:
    """The parts of texts separated by commas outside brackets and quotes.

    >>> listed(["id,path", "gt.count(a == 'x, y'),min(a, b)"])
    ['id', 'path', "gt.count(a == 'x, y')", 'min(a, b)']
    """
    return [part.strip() for text in texts for part in _parts(text) if part.strip()]


def _parts(text: str) -> Iterator[str]:
    depth, quote, begin = 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            yield text[begin:i]
            begin = i + 1
    yield text[begin:]


@contextmanager
def long_work(*, quiet: bool) -> Iterator[dict[str, Any]]:
    """Progress on stderr and a stop signal that Ctrl-C sets, as the arguments that a long verb takes."""
    with stop_on_interrupt(StopSignal()) as stop:
        yield {"progress": terminal_progress(quiet=quiet), "stop": stop}
