"""Changing samples and objects: tag, set, delete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import command, dataset_argument, shares_of, viewed, where_option
from loopline.errors import BadValue
from loopline.kernel.schema import PhysicalType

field_option = click.option(
    "--field", metavar="FIELD", help="Objects of this label field; EXPR is about them.", shell_complete=_complete.fields
)


def _undo(name: str, before: int) -> None:
    _render.note(f"to undo: loopline restore {name} {before}")


@command(
    "tag",
    examples=[
        'loopline tag masks todo --where "ground_truth.count() == 0"',
        "loopline tag masks todo checked --remove",
        'loopline tag masks tiny --field ground_truth --where "box.rel_area < 0.001"',
    ],
)
@dataset_argument
@click.argument("tags", nargs=-1, required=True, metavar="TAG...", shell_complete=_complete.tags)
@where_option("Which samples or objects [default: all].")
@field_option
@click.option("--remove", is_flag=True, help="Take the tags away.")
def tag(name: str, tags: tuple[str, ...], where: str | None, field: str | None, remove: bool, as_json: bool) -> None:
    """Tag samples or objects, or take tags away.

    To name a state of the data set: loopline version.
    """
    ds = ll.open(name)
    which = _chosen(ds, where, field)
    changed = ds.untag(which, *tags) if remove else ds.tag(which, *tags)
    if as_json:
        _render.document({"tags": tags, "removed" if remove else "added": changed, "snapshot": ds.snapshot})
    else:
        _render.line(f"{'took away' if remove else 'gave'} {_render.counted(changed, 'tag')}")


def _chosen(ds: ll.Dataset, where: str | None, field: str | None) -> ll.View | ll.ObjectView:
    view: ll.View | ll.ObjectView = ds.objects(field) if field else ds.view()
    return view.where(where) if where else view


@command(
    "set",
    examples=[
        'loopline set masks split --value val --where "id % 10 == 0"',
        'loopline set masks brightness --expr "ground_truth.mean(score)"',
        "loopline set masks weather --csv weather.csv --key path",
    ],
)
@dataset_argument
@click.argument("column", shell_complete=_complete.columns)
@click.option("--value", help="One value for all; for a missing one give --clear.")
@click.option("--clear", is_flag=True, help="Take the values away.")
@click.option("--expr", "expression", metavar="EXPR", help="Computed for each sample.")
@click.option(
    "--csv",
    "table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file with the columns KEY and COLUMN.",
)
@click.option(
    "--key", default="path", show_default=True, help="Column of the CSV file, and of the samples, that says which."
)
@where_option("Which samples [default: all, or those in the CSV file].")
def set_(
    name: str,
    column: str,
    value: str | None,
    clear: bool,
    expression: str | None,
    table: Path | None,
    key: str,
    where: str | None,
    as_json: bool,
) -> None:
    """Set a sample column.

    To one value, to an expression, or from a CSV file. The column has to be there: loopline column add.
    """
    if sum((value is not None, clear, expression is not None, table is not None)) != 1:
        raise click.UsageError("give one of --value, --clear, --expr and --csv")
    ds = ll.open(name)
    before = ds.snapshot
    unknown = 0
    view = ds.where(where) if where else None
    if table is not None:
        values, unknown = _from_csv(view or ds.view(), table, key, column, kind_of(ds, column))
        changed = ds.set(column, values)
    elif expression is not None:
        from loopline.query.parse import parse

        changed = ds.set(column, parse(expression), at=view)
    else:
        changed = ds.set(column, None if value is None else typed(value, kind_of(ds, column), column), at=view)
    if as_json:
        _render.document({"column": column, "samples": changed, "unknown": unknown, "snapshot": ds.snapshot})
        return
    _render.line(f"set {column} of {_render.counted(changed, 'sample')}")
    if unknown:
        _render.line(f"{_render.counted(unknown, 'row')} of {table} name no sample by {key}, and did nothing")
    _undo(name, before)


def kind_of(ds: ll.Dataset, column: str) -> PhysicalType:
    """The type of a sample column. Raises UnknownField with near names."""
    schema = ds.schema
    return schema.sample_columns().get(column) or schema.column(column).type


def typed(text: str, kind: PhysicalType, column: str) -> object:
    """A word of the command line as a value of that type. Raises BadValue.

    >>> typed("3", "int", "n"), typed("3", "text", "n"), typed("yes", "bool", "n"), typed("0.5", "float", "n")
    (3, '3', True, 0.5)
    """
    words: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return words[text.lower()]
    except (ValueError, KeyError):
        raise BadValue(f'"{text}" is not of type {kind}, which "{column}" is', hint="see loopline info") from None
    return text


def _from_csv(view: ll.View, file: Path, key: str, column: str, kind: PhysicalType) -> tuple[dict[int, Any], int]:
    """{sample id: value} of a CSV file, and how many of its rows name no sample."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        rows = csv.read_csv(
            file, convert_options=csv.ConvertOptions(include_columns=[key, column], column_types={key: pa.string()})
        )
    except (pa.ArrowInvalid, KeyError) as error:
        raise BadValue(str(error), where=str(file), hint=f'it needs the columns "{key}" and "{column}"') from error
    samples = view.to_arrow(["id", key])
    ids: dict[str, list[int]] = {}
    for id_, name in zip(samples["id"].to_pylist(), samples[key].to_pylist(), strict=True):
        ids.setdefault(str(name), []).append(id_)
    found: dict[int, Any] = {}
    unknown = 0
    for name, value in zip(rows[key].to_pylist(), rows[column].to_pylist(), strict=True):
        unknown += name not in ids
        fitting = str(value) if kind == "text" and value is not None else value
        found.update(dict.fromkeys(ids.get(name, ()), fitting))
    return found, unknown


@command(
    "split",
    examples=[
        "loopline split masks train=0.8 val=0.2",
        "loopline split masks train=0.7 val=0.2 test=0.1 --by video --seed 1",
    ],
)
@dataset_argument
@click.argument("shares", nargs=-1, required=True, metavar="SPLIT=SHARE...")
@where_option("Which samples [default: all].")
@click.option(
    "--by", multiple=True, metavar="EXPR", help="Samples with one value of this stay together; may be repeated."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another draw.")
def split(name: str, shares: tuple[str, ...], where: str | None, by: tuple[str, ...], seed: int, as_json: bool) -> None:
    """Give samples random splits.

    Files with the same content always go to one split. Nothing but the column `split` changes.
    """
    ds = ll.open(name)
    before = ds.snapshot
    found = ds.split(shares_of(shares), by=by, seed=seed, at=viewed(ds, where))
    if as_json:
        _render.document({"splits": found, "snapshot": ds.snapshot})
        return
    _render.grid(_render.Grid(("split", "samples"), list(found.items())))
    _undo(name, before)


@command(
    "delete",
    examples=[
        'loopline delete masks --where "width < 32"',
        'loopline delete masks --field predictions --where "score < 0.01"',
    ],
)
@dataset_argument
@click.option("--where", metavar="EXPR", required=True, help="Which samples or objects.")
@field_option
def delete(name: str, where: str, field: str | None, as_json: bool) -> None:
    """Delete samples with their labels, or objects.

    The media files stay, and so do earlier versions.
    """
    ds = ll.open(name)
    before = ds.snapshot
    deleted = ds.delete(_chosen(ds, where, field))
    if as_json:
        _render.document({"deleted": deleted, "of": field or "samples", "snapshot": ds.snapshot})
        return
    _render.line(
        f"deleted {_render.counted(deleted, f'object of {field}' if field else 'sample', f'objects of {field}' if field else '')}"
    )
    _undo(name, before)
