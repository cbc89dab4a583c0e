"""The demo: told by `loopline.demo`, shown here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from loopline.cli import _render
from loopline.cli._command import command
from loopline.cli._render import Grid


@command(
    "demo",
    examples=["loopline demo", "loopline demo ./try --pictures aerial/", "make demo"],
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"))
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of pictures, each with a Pascal VOC file beside it [default: those of the package deepforest].",
)
def demo(folder: Path, pictures: Path | None, as_json: bool) -> None:
    """Take trees seen from the air once round the loop.

    Everything goes into FOLDER [default: ./demo], which every run makes anew: tiles of the photographs, the data set
    FOLDER/trees, and what is exported. The pictures are those of the Python package deepforest where it is installed;
    else they are drawn.
    """
    import numpy as np

    from loopline.demo import HOW_TO_GET, drawn, find, tell

    photographs = find(pictures)
    if not photographs:
        _render.note(f"The real photographs are not here, so these are drawn. To get the real ones:\n  {HOW_TO_GET}")
        photographs = drawn(np.random.default_rng(1))
    elif pictures is None:
        _render.note("Photographs: from the Python package deepforest (MIT licence), boxes drawn by hand.")
    steps = []
    for number, step in enumerate(tell(folder, photographs), 1):
        if as_json:
            steps.append(step)
            continue
        _render.step(number, step.title, step.code)
        if step.rows:
            _render.grid(_grid(step.rows))
        if step.note:
            _render.line(step.note)
        if step.shell:
            _render.note(f"$ {step.shell}", err=False)
    if as_json:
        _render.document(steps)
        return
    _render.step(None, "Now you", "")
    place = folder / "trees"
    program = "loopline" if shutil.which("loopline") else sys.argv[0]  # as make runs it, it is not on the path
    for text in (
        f"app {place}",
        f"info {place}",
        f"query {place} 'crowding > 0.3 and split == \"val\"'",
        f"log {place}",
        f"restore {place} first-labels",
    ):
        _render.line(f"  {program} {text}")


def _grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Rows as a table, with a bar for counts."""
    headers = list(rows[0])
    if "count" not in headers:
        return Grid(headers, [list(row.values()) for row in rows])
    most = max(row["count"] for row in rows)
    return Grid([*headers, ""], [[*row.values(), _render.bar(row["count"], most)] for row in rows])
