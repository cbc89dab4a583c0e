"""The schema: sample columns, label fields, their classes and attributes."""

from __future__ import annotations

from typing import get_args

import click

import loopline as ll
from loopline.cli import _complete, _render
from loopline.cli._command import Function, command, dataset_argument, epilog, key_values, listed, scalar
from loopline.kernel.schema import FieldKind, ScalarType

_TYPES = click.Choice(get_args(ScalarType))
_KINDS = click.Choice(get_args(FieldKind))


def _said(ds: ll.Dataset, text: str, as_json: bool, **what: object) -> None:
    """One line, or what was done as a document with the snapshot that it made."""
    _render.document({**what, "snapshot": ds.snapshot}) if as_json else _render.line(text)


def _column_options(function: Function) -> Function:
    """What is the same for a sample column and for an attribute."""
    for option in (
        click.option("--guidance", default="", help="One line for whoever fills it in."),
        click.option("--required", is_flag=True, help="No value may be missing."),
        click.option("--default", metavar="VALUE", help="Given to what is there already."),
        click.option("--maximum", type=float, help="Greatest value that is allowed."),
        click.option("--minimum", type=float, help="Least value that is allowed."),
        click.option("--values", multiple=True, metavar="A,B,…", help="The only values that are allowed (text)."),
    ):
        function = option(function)
    return function


def _default(text: str | None, kind: ScalarType) -> str | int | float | bool | None:
    value = text if text is None or kind == "text" else scalar(text)
    assert value is None or isinstance(value, (str, int, float, bool))
    return value


@click.group(
    epilog=epilog(
        ["loopline column add masks weather text --values sun,rain,fog", "loopline column retype masks year int"]
    )
)
def column() -> None:
    """Sample columns: add, rename, retype, drop.

    loopline info lists them.
    """


@command(
    "add",
    examples=[
        "loopline column add masks weather text --values sun,rain,fog",
        "loopline column add masks brightness float --minimum 0 --maximum 1",
    ],
)
@dataset_argument
@click.argument("column")
@click.argument("kind", metavar="TYPE", type=_TYPES)
@_column_options
def add_column(
    name: str,
    column: str,
    kind: ScalarType,
    values: tuple[str, ...],
    minimum: float | None,
    maximum: float | None,
    default: str | None,
    required: bool,
    guidance: str,
    as_json: bool,
) -> None:
    """Add a sample column.

    TYPE is text, int, float, bool, time (UTC) or json.
    """
    ds = ll.open(name)
    made = ds.columns.add(
        column,
        kind,
        values=listed(values),
        minimum=minimum,
        maximum=maximum,
        default=_default(default, kind),
        required=required,
        guidance=guidance,
    )
    _said(ds, f"added column {made.name} ({made.type})", as_json, added=made)


@command("rename", examples=["loopline column rename masks wether weather"])
@dataset_argument
@click.argument("old", shell_complete=_complete.columns)
@click.argument("new")
def rename_column(name: str, old: str, new: str, as_json: bool) -> None:
    """Rename a sample column."""
    ds = ll.open(name)
    ds.columns.rename(old, new)
    _said(ds, f"renamed column {old} to {new}", as_json, renamed=old, to=new)


@command("retype", examples=["loopline column retype masks year int"])
@dataset_argument
@click.argument("column", shell_complete=_complete.columns)
@click.argument("kind", metavar="TYPE", type=_TYPES)
def retype_column(name: str, column: str, kind: ScalarType, as_json: bool) -> None:
    """Give a sample column another type; its values are converted."""
    ds = ll.open(name)
    ds.columns.retype(column, kind)
    _said(ds, f"column {column} is of type {kind}", as_json, column=column, type=kind)


@command("drop", examples=["loopline column drop masks weather"])
@dataset_argument
@click.argument("column", shell_complete=_complete.columns)
def drop_column(name: str, column: str, as_json: bool) -> None:
    """Drop a sample column. Earlier versions still have it."""
    ds = ll.open(name)
    ds.columns.drop(column)
    _said(ds, f"dropped column {column}", as_json, dropped=column)


for _command in (add_column, rename_column, retype_column, drop_column):
    column.add_command(_command)


@click.group(
    epilog=epilog(
        [
            "loopline field add masks review box --class mask --class no_mask",
            "loopline field classes masks ground_truth --rename without_mask=no_mask",
            "loopline field attribute add masks ground_truth blurred bool",
        ]
    )
)
def field() -> None:
    """Label fields, their classes and attributes.

    loopline info lists them.
    """


field_argument = click.argument("field", shell_complete=_complete.fields)


@command(
    "add",
    examples=[
        "loopline field add masks review box --class mask --class no_mask",
        "loopline field add masks weather class",
    ],
)
@dataset_argument
@click.argument("field")
@click.argument("kind", metavar="KIND", type=_KINDS)
@click.option("--class", "classes", multiple=True, metavar="CLASS", help="A class; may be repeated, in their order.")
@click.option("--description", default="", help="One line about the field.")
def add_field(
    name: str, field: str, kind: FieldKind, classes: tuple[str, ...], description: str, as_json: bool
) -> None:
    """Add a label field.

    KIND is box, polygon, polyline, keypoint, class, value or mask.
    """
    ds = ll.open(name)
    made = ds.fields.add(field, kind, classes=classes, description=description)
    _said(ds, f"added field {made.name} ({made.kind})", as_json, added=made)


@command("rename", examples=["loopline field rename masks predictions yunet"])
@dataset_argument
@click.argument("old", shell_complete=_complete.fields)
@click.argument("new")
def rename_field(name: str, old: str, new: str, as_json: bool) -> None:
    """Rename a label field."""
    ds = ll.open(name)
    ds.fields.rename(old, new)
    _said(ds, f"renamed field {old} to {new}", as_json, renamed=old, to=new)


@command("drop", examples=["loopline field drop masks predictions"])
@dataset_argument
@field_argument
def drop_field(name: str, field: str, as_json: bool) -> None:
    """Drop a label field with its objects. Earlier versions still have it."""
    ds = ll.open(name)
    ds.fields.drop(field)
    _said(ds, f"dropped field {field}", as_json, dropped=field)


@command(
    "classes",
    examples=[
        "loopline field classes masks ground_truth",
        "loopline field classes masks ground_truth --add visor",
        "loopline field classes masks ground_truth --rename without_mask=no_mask",
    ],
)
@dataset_argument
@field_argument
@click.option("--add", multiple=True, metavar="CLASS", help="A new class, at the end; may be repeated.")
@click.option(
    "--rename",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename a class; two that get one name are merged. May be repeated.",
)
def classes(name: str, field: str, add: tuple[str, ...], rename: tuple[str, ...], as_json: bool) -> None:
    """Show the classes of a field, add some, rename or merge some."""
    key_values(rename, "--rename")  # says what is wrong with a pair that is none, before anything is changed
    ds = ll.open(name)
    changed = 0
    if add:
        ds.fields.change(field, classes=[*ds.fields[field].classes, *add])
    if rename:
        pairs = (pair.partition("=") for pair in rename)
        changed = ds.fields.rename_classes(field, {old: new for old, _, new in pairs})
    found = ds.fields[field].classes
    if as_json:
        _render.document({"field": field, "classes": found, "objects_changed": changed, "snapshot": ds.snapshot})
        return
    if rename:
        _render.line(f"{_render.counted(changed, 'object')} got another class")
    for one in found:
        _render.line(one)


@click.group(epilog=epilog(["loopline field attribute add masks ground_truth pose text --values front,side,back"]))
def attribute() -> None:
    """Add, rename, retype or drop an attribute of the objects of a field."""


attribute_argument = click.argument("attribute")


@command("add", examples=["loopline field attribute add masks ground_truth pose text --values front,side,back"])
@dataset_argument
@field_argument
@attribute_argument
@click.argument("kind", metavar="TYPE", type=_TYPES)
@_column_options
def add_attribute(
    name: str,
    field: str,
    attribute: str,
    kind: ScalarType,
    values: tuple[str, ...],
    minimum: float | None,
    maximum: float | None,
    default: str | None,
    required: bool,
    guidance: str,
    as_json: bool,
) -> None:
    """Add an attribute.

    TYPE is text, int, float, bool, time (UTC) or json.
    """
    ds = ll.open(name)
    made = ll.Column(
        attribute, kind, tuple(listed(values)), minimum, maximum, _default(default, kind), required, guidance
    )
    ds.fields.add_attribute(field, made)
    _said(ds, f"added attribute {field}.{attribute} ({kind})", as_json, field=field, added=made)


@command("rename", examples=["loopline field attribute rename masks ground_truth pose view"])
@dataset_argument
@field_argument
@click.argument("old")
@click.argument("new")
def rename_attribute(name: str, field: str, old: str, new: str, as_json: bool) -> None:
    """Rename an attribute."""
    ds = ll.open(name)
    ds.fields.rename_attribute(field, old, new)
    _said(ds, f"renamed attribute {field}.{old} to {new}", as_json, field=field, renamed=old, to=new)


@command("retype", examples=["loopline field attribute retype masks ground_truth occluded bool"])
@dataset_argument
@field_argument
@attribute_argument
@click.argument("kind", metavar="TYPE", type=_TYPES)
def retype_attribute(name: str, field: str, attribute: str, kind: ScalarType, as_json: bool) -> None:
    """Give an attribute another type; its values are converted."""
    ds = ll.open(name)
    ds.fields.retype_attribute(field, attribute, kind)
    _said(ds, f"attribute {field}.{attribute} is of type {kind}", as_json, field=field, attribute=attribute, type=kind)


@command("drop", examples=["loopline field attribute drop masks ground_truth pose"])
@dataset_argument
@field_argument
@attribute_argument
def drop_attribute(name: str, field: str, attribute: str, as_json: bool) -> None:
    """Drop an attribute. Earlier versions still have it."""
    ds = ll.open(name)
    ds.fields.drop_attribute(field, attribute)
    _said(ds, f"dropped attribute {field}.{attribute}", as_json, field=field, dropped=attribute)


for _command in (add_attribute, rename_attribute, retype_attribute, drop_attribute):
    attribute.add_command(_command)
for _command in (add_field, rename_field, drop_field, classes, attribute):
    field.add_command(_command)
