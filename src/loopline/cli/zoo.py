"""Public data sets by name: list, info, get."""

from __future__ import annotations

import click

from loopline.cli import _render
from loopline.cli._command import command, epilog, long_work
from loopline.cli._render import Grid
from loopline.cli.transfer import added_document, show_problems


@click.group(epilog=epilog(["loopline zoo list", "loopline zoo get trees"]))
def zoo() -> None:
    """Public data sets by name: list, info, get."""


@command("list", examples=["loopline zoo list", "loopline zoo list --task detection --json"])
@click.option("--task", help="Only data sets for this task: detection, classification.")
def list_(task: str | None, as_json: bool) -> None:
    """List the public data sets that can be named."""
    from loopline.front.zoo.entries import list_zoo

    found = [one for one in list_zoo() if task is None or task == one.task]
    if as_json:
        _render.document(found)
        return
    rows = [(s.name, s.task, s.samples, _megabytes(s.size_bytes), s.licence, s.title) for s in found]
    _render.grid(Grid(("name", "task", "samples", "to fetch", "licence", "what"), rows))


@command("info", examples=["loopline zoo info coco_2017_val"])
@click.argument("data_set")
def info(data_set: str, as_json: bool) -> None:
    """Show what a public data set is, its licence and sources."""
    from loopline.front.zoo.entries import entry

    found = entry(data_set)
    if as_json:
        _render.document(found)
        return
    files = [file for part in found.parts for file in (part.pictures, part.labels) if file is not None]
    hashes = [f"MD5 {file.md5}" if file.md5 else "no hash is stated" for file in files]
    named = ("name", "title", "task", "samples", "licence", "page", "sources")
    facts = [(name, getattr(found, name)) for name in named]
    _render.facts([*facts, ("to fetch", _megabytes(found.size_bytes)), ("hashes", hashes)])


@command(
    "get",
    examples=[
        "loopline zoo get trees",
        "loopline zoo get coco_2017_val --into street",
        "loopline zoo get open_images_val --class Cat --class Dog --most 200",
    ],
)
@click.argument("data_set")
@click.option("--into", metavar="NAME", help="Data set to add it to, made if it is not there [default: its own name].")
@click.option("--class", "classes", multiple=True, metavar="CLASS", help="Open Images: pictures with this class.")
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="Open Images: how many pictures [default: 500].")
def get(data_set: str, into: str | None, classes: tuple[str, ...], most: int | None, as_json: bool) -> None:
    """Fetch a public data set and add it."""
    from loopline.front.zoo.take import from_zoo

    with long_work(quiet=as_json) as reporting:
        taken = from_zoo(data_set, into, classes=classes, most=most, **reporting)
    if as_json:
        reports = [added_document(report) for report in taken.reports]
        _render.document({"name": data_set, "into": taken.dataset.name, "reports": reports})
        return
    samples = sum(report.samples_added for report in taken.reports)
    objects = sum(sum(report.objects_added.values()) for report in taken.reports)
    _render.line(
        f"{data_set} is in {taken.dataset.name}: {_render.counted(samples, 'sample')} and "
        f"{_render.counted(objects, 'object')} added"
    )
    for report in taken.reports:
        show_problems(report.counts, report.problems)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes else ""


for one in (list_, info, get):
    zoo.add_command(one)
