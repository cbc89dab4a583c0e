"""Whole data sets: create, list, info, drop, upkeep."""

from __future__ import annotations

import datetime as dt
import re
import sys

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import at_option, command, dataset_argument, opened
from loopline.cli._render import Grid


@command(
    "create",
    examples=[
        "loopline create masks",
        "loopline create ./masks",
        "loopline create postgresql://me@db/vision/masks --data s3://bucket/masks",
    ],
)
@dataset_argument
@click.option("--data", metavar="PLACE", help="Where its data files go: a folder or s3://bucket/prefix.")
def create(name: str, data: str | None, as_json: bool) -> None:
    """Create an empty data set."""
    ds = ll.create(name, data=data)
    found = ds.info()
    if as_json:
        _render.document({"name": found.name, "location": found.location, "snapshot": found.snapshot})
        return
    _render.line(f"created {found.name} in {found.location}")
    _render.note(f"next: loopline add {name} PICTURES_OR_LABEL_FILE")


@command("list", examples=["loopline list", "LOOPLINE_HOME=./sets loopline list --json"])
def list_(as_json: bool) -> None:
    """List the data sets under $LOOPLINE_HOME."""
    from loopline.front.opening import overview

    found = list(overview())
    if as_json:
        _render.document(
            [{"name": i.name, "samples": i.samples, "objects": i.objects, "location": i.location} for i in found]
        )
    elif found:
        rows = [(i.name, i.samples, sum(i.objects.values()), list(i.objects), list(i.versions[-3:])) for i in found]
        _render.grid(Grid(("name", "samples", "objects", "fields", "last versions"), rows))
    else:
        _render.note("no data sets yet; next: loopline create NAME")


@command("info", examples=["loopline info masks", "loopline info masks --at v1", "loopline info ./demo/trees --json"])
@dataset_argument
@at_option
def info(name: str, at: str | None, as_json: bool) -> None:
    """Show what a data set holds.

    Its samples, label fields with classes and attributes, columns, tags and versions.
    """
    found = opened(name, at).info()
    if as_json:
        _render.document(found)
        return
    _render.facts(
        [
            ("name", found.name),
            ("location", found.location),
            ("snapshot", found.snapshot),
            ("samples", found.samples),
            ("tags", [f"{tag} ({count:,})" for tag, count in found.tags.items()]),
            ("versions", list(found.versions)),
        ]
    )
    if found.schema.fields:
        _render.line()
        rows = [
            (f.name, f.kind, found.objects[f.name], list(f.classes), [f"{a.name} ({a.type})" for a in f.attributes])
            for f in found.schema.fields
        ]
        _render.grid(Grid(("field", "kind", "objects", "classes", "attributes"), rows))
    if found.schema.columns:
        _render.line()
        columns = [(c.name, c.type, list(c.values), c.guidance) for c in found.schema.columns]
        _render.grid(Grid(("column", "type", "values", "guidance"), columns))


@command("drop", examples=["loopline drop masks", "loopline drop masks --yes"])
@dataset_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def drop(name: str, yes: bool, as_json: bool) -> None:
    """Delete a data set with its whole history. The pictures that it was made from stay."""
    found = ll.open(name).info()
    holds = f"{_render.counted(found.samples, 'sample')}, {_render.counted(sum(found.objects.values()), 'object')}"
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise click.UsageError("this cannot be undone: say --yes to drop without being asked")
        click.confirm(f"Drop {found.name} ({holds}) for good?", abort=True, err=True)
    ll.drop(name)
    if as_json:
        _render.document({"dropped": found.name, "samples": found.samples, "objects": found.objects})
    else:
        _render.line(f"dropped {found.name}: {holds}")


@command(
    "upkeep",
    examples=["loopline upkeep masks --dry-run", "loopline upkeep masks --expire-older-than 30d"],
)
@dataset_argument
@click.option("--expire-older-than", "age", metavar="AGE", help="Forget unnamed snapshots older than 30d, 12h, 2w, …")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def upkeep(name: str, age: str | None, dry_run: bool, as_json: bool) -> None:
    """Merge small files, forget old snapshots.

    Unused files are deleted. Named versions always stay, with everything that they hold.
    """
    found = ll.open(name).upkeep(expire_older_than=None if age is None else duration(age), dry_run=dry_run)
    if as_json:
        _render.document(found)
        return
    if dry_run:
        _render.note("dry run: nothing was changed")
    _render.facts(
        [
            ("snapshots expired", found.snapshots_expired),
            ("rows moved into files", found.rows_moved),
            ("small files looked at" if dry_run else "small files merged", found.files_merged),
            ("files deleted", found.files_deleted),
        ]
    )


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> dt.timedelta:
    """A length of time: a number with m, h, d or w behind it.

    >>> duration("30d"), duration("1.5h")
    (datetime.timedelta(days=30), datetime.timedelta(seconds=5400))
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if not found:
        raise click.BadParameter(f'"{text}" is not a length of time; write 30d, 12h, 2w or 90m')
    return dt.timedelta(**{_UNITS[found[2]]: float(found[1])})
