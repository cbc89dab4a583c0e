"""Options of commands that look for something, and how what they found is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import Function
from loopline.cli._render import Grid

if TYPE_CHECKING:
    from loopline.front.finding.result import Found

key_option = click.option("--key", metavar="KEY", help="The embedding; may be left out where there is only one.")
tag_option = click.option("--tag", metavar="TAG", help="Also tag what was found.")


def into_option(default: str) -> Callable[[Function], Function]:
    return click.option("--into", default=default, show_default=True, metavar="COLUMN", help="The column to write.")


def show(ds: ll.Dataset, found: Found, tag: str | None, limit: int, as_json: bool, *, deleted: int = 0) -> None:
    from loopline.front.finding.result import Doubles

    tagged = 0
    which = found.spare if isinstance(found, Doubles) else found.view
    if tag is not None and which is not None:
        tagged = ds.tag(which, tag)
    if as_json:
        said = {**found.to_json(), "tagged": tagged}
        if isinstance(found, Doubles):
            said |= {"groups": found.groups, "deleted": deleted}
        _render.document(said)
        return
    rows = found.table.slice(0, limit) if limit else found.table
    _render.line(found.title)
    if len(rows):
        _render.grid(grid(rows.to_pylist(), rows.column_names))
    parts = [f"{len(rows):,} of {_render.counted(len(found), 'row')}"]
    if isinstance(found, Doubles):
        parts.append(_render.counted(found.groups, "group"))
    if found.columns:
        parts.append(f"written: {', '.join(found.columns)}")
    parts += [f"{tagged:,} tagged {tag}"] if tagged else []
    parts += [f"{deleted:,} deleted"] if deleted else []
    parts.append(f"{found.cost.seconds:.2f} s, at most {found.cost.peak_bytes / 2**20:,.0f} MiB")
    _render.note("; ".join(parts))
    for problem in found.problems:
        _render.note(f"problem: {problem}")


def grid(rows: list[dict[str, Any]], names: list[str]) -> Grid:
    return Grid(names, [[row[name] for name in names] for row in rows])
