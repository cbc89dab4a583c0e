"""Versions: log, version, diff, restore, blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import command, dataset_argument, limit_option
from loopline.cli._render import Grid

if TYPE_CHECKING:
    from loopline.store.diff import Diff, TableDiff

version_argument = click.argument("version", shell_complete=_complete.versions)


@command("log", examples=["loopline log masks", "loopline log masks --limit 0 --json"])
@dataset_argument
@limit_option()
def log(name: str, limit: int, as_json: bool) -> None:
    """Show what was done, by whom and when."""
    entries = ll.open(name).log(limit or None)
    if as_json:
        _render.document(entries)
        return
    rows = [(e.snapshot, e.at, e.author, e.verb, e.message, list(e.names) or "") for e in entries]
    _render.grid(Grid(("snapshot", "at (UTC)", "author", "verb", "what", "version"), rows))


@command(
    "version",
    examples=[
        'loopline version masks v1 -m "first labels"',
        "loopline version masks before-cleaning --snapshot 12",
        "loopline version masks",
    ],
)
@dataset_argument
@click.argument("version", required=False, shell_complete=_complete.versions)
@click.option("-m", "--message", default="", help="What this version is.")
@click.option("--snapshot", type=int, metavar="N", help="Name this snapshot [default: the newest].")
@click.option("--remove", is_flag=True, help="Take the name away; its snapshot stays.")
def version(name: str, version: str | None, message: str, snapshot: int | None, remove: bool, as_json: bool) -> None:
    """Name the state of a data set, or list the names.

    To tag samples: loopline tag.
    """
    ds = ll.open(name)
    if version is None:
        found = ds.versions()
        if as_json:
            _render.document(found)
        else:
            rows = [(v.name, v.snapshot, v.at, v.author, v.message) for v in found]
            _render.grid(Grid(("version", "snapshot", "at (UTC)", "author", "message"), rows))
    elif remove:
        ds.drop_version(version)
        _render.document({"removed": version}) if as_json else _render.line(f"{version} is no longer a version's name")
    else:
        made = ds.version(version, message, snapshot=snapshot)
        _render.document(made) if as_json else _render.line(f"{made.name} is snapshot {made.snapshot}")


@command(
    "diff",
    examples=["loopline diff masks v1", "loopline diff masks v1 v2 --rows", "loopline diff masks 12 14 --json"],
)
@dataset_argument
@click.argument("before", shell_complete=_complete.versions)
@click.argument("after", default="now", shell_complete=_complete.versions)
@click.option("--rows", is_flag=True, help="Show the samples and objects that changed, too.")
@limit_option()
def diff(name: str, before: str, after: str, rows: bool, limit: int, as_json: bool) -> None:
    """Compare two versions.

    BEFORE and AFTER are names or numbers of snapshots; AFTER is the newest state where it is not given.
    """
    found = ll.open(name).diff(before, after)
    if as_json:
        _render.document(found.counts() | ({"rows": _row_documents(found, limit)} if rows else {}))
        return
    if not found:
        _render.line(f"nothing changed between {before} and {after}")
        return
    tables = {"samples": found.samples, **found.fields}
    _render.grid(
        Grid(
            ("", "added", "removed", "changed", "changed in"),
            [
                (what, t.added, t.removed, t.changed, [f"{c} ({n:,})" for c, n in t.columns.items()])
                for what, t in tables.items()
            ]
            + [("tags", found.tags_added, found.tags_removed, 0, "")],
        )
    )
    for text in found.schema:
        _render.line(text)
    if rows:
        for what, table in tables.items():
            if table:
                _show_rows(what, table, limit)


def _show_rows(what: str, table: TableDiff, limit: int) -> None:
    _render.line()
    shown = _rows(table, limit)
    _render.grid(Grid(tuple(table.rows.column_names), [list(row.values()) for row in shown], title=what))
    if len(shown) < table.rows.num_rows:
        _render.note(f"{len(shown):,} of {table.rows.num_rows:,}; --limit 0 shows all")


def _rows(table: TableDiff, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (table.rows.slice(0, limit) if limit else table.rows).to_pylist()
    return rows


def _row_documents(found: Diff, limit: int) -> dict[str, list[dict[str, Any]]]:
    return {what: _rows(table, limit) for what, table in {"samples": found.samples, **found.fields}.items()}


@command("restore", examples=["loopline restore masks v1", "loopline restore masks 12"])
@dataset_argument
@version_argument
def restore(name: str, version: str, as_json: bool) -> None:
    """Make everything as it was at a version.

    This is a new snapshot: what there is now is not lost.
    """
    ds = ll.open(name)
    before = ds.snapshot
    snapshot = ds.restore(version)
    if as_json:
        _render.document({"restored": version, "before": before, "snapshot": snapshot})
        return
    _render.line(f"{ds.name} is as it was at {version} (snapshot {snapshot})")
    _render.note(f"to undo: loopline restore {name} {before}")


@command("blame", examples=["loopline blame masks 17 --field ground_truth", "loopline blame masks 3"])
@dataset_argument
@click.argument("id", type=int)
@click.option("--field", help="An object of this label field [default: a sample].", shell_complete=_complete.fields)
def blame(name: str, id: int, field: str | None, as_json: bool) -> None:  # noqa: A002
    """Show who changed what of a sample or object.

    Newest first. Ids come from loopline query.
    """
    changes = ll.open(name).blame(id, field)
    if as_json:
        _render.document(changes)
        return
    rows: list[tuple[object, ...]] = []
    for change in changes:
        what: list[str] = []
        if change.change == "changed":
            what = [
                f"{column}: {_render.cell(old)} → {_render.cell(new)}" for column, (old, new) in change.values.items()
            ]
        rows.append((change.snapshot, change.at, change.author, change.message, change.change, what))
    _render.grid(Grid(("snapshot", "at (UTC)", "author", "what", "change", "values"), rows))
