"""What is like something: similar."""

from __future__ import annotations

from typing import Any

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import command, dataset_argument, limit_option, where_option
from loopline.cli._found import grid, key_option, tag_option


@command(
    "similar",
    examples=[
        "loopline similar masks outside.jpg --key clip --limit 50",
        'loopline similar masks --text "a dog on a sofa" --key words',
        "loopline similar masks 17 18 19 --where \"split == 'val'\"",
    ],
)
@dataset_argument
@click.argument("to", nargs=-1, metavar="[ID|FILE]...")
@click.option("--text", metavar="WORDS", help="Words instead, where the model of the embedding knows words.")
@key_option
@where_option("Only among samples that meet this condition.")
@tag_option
@limit_option()
def similar(
    name: str,
    to: tuple[str, ...],
    text: str | None,
    key: str | None,
    where: str | None,
    tag: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """What is most like a sample, an object, a file, or words.

    Numbers are ids; anything else is a file.
    """
    ds = ll.open(name)
    ids = [int(part) for part in to if part.isdecimal()]
    asked: Any = None if not to else ids if len(ids) == len(to) else " ".join(to)
    within = ds.where(where) if where else None
    found = ds.similar(asked, text=text, key=key, within=within, limit=limit or len(ds))
    if tag is not None and len(found):
        ds.tag(found.view, tag)
    rows = found.to_arrow()
    if as_json:
        _render.document(
            {"key": found.key, "recall": found.recall, "seconds": found.cost.seconds, "rows": rows.to_pylist()}
        )
        return
    _render.grid(grid(rows.to_pylist(), rows.column_names))
    _render.note(f"{len(found)} by {found.key}, {found.cost.seconds:.2f} s")
