"""What the shell offers after Tab: data sets, fields, versions, formats. Offers nothing where it cannot look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

import loopline as ll
from loopline.store.location import home, is_postgres, names_in

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(names: Callable[[click.Context], Iterable[str]], *, paths: bool = False) -> Completer:
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if paths and incomplete.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="dir")]
        with suppress(Exception):  # a Tab is no place for a message
            return [CompletionItem(name) for name in names(ctx) if name.startswith(incomplete)]
        return []

    return complete


def _dataset(ctx: click.Context) -> ll.Dataset:
    name = ctx.params.get("name") or ctx.args[0]  # an option that still lacks its value leaves the arguments unread
    return ll.open(name)


def _formats(_ctx: click.Context) -> list[str]:
    from loopline.formats import registry

    return registry.names()


def _names(_ctx: click.Context) -> list[str]:
    return [] if is_postgres(home()) else names_in(Path(home()).expanduser())


datasets = _completer(_names, paths=True)
fields = _completer(lambda ctx: [f.name for f in _dataset(ctx).schema.fields])
columns = _completer(lambda ctx: [c.name for c in _dataset(ctx).schema.columns])
names = _completer(
    lambda ctx: [
        *_dataset(ctx).schema.sample_columns(),
        *(f"{f.name}.label" for f in _dataset(ctx).schema.fields),
        "tags",
    ]
)
versions = _completer(lambda ctx: [v.name for v in _dataset(ctx).versions()])
tags = _completer(lambda ctx: _dataset(ctx).info().tags)
formats = _completer(_formats)
