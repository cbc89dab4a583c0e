"""What a name in an expression stands for: the columns of samples and of objects, and their types."""

from __future__ import annotations

from typing import Final

from loopline.kernel.schema import (
    GEOMETRIC,
    Column,
    DatasetSchema,
    FieldKind,
    LabelField,
    PhysicalType,
    ScalarType,
    match_columns,
)
from loopline.query.bound import Arithmetic, Bound, MatchColumn, ObjectColumn, SampleColumn, Type, Value

SHORTHAND_KINDS: Final[tuple[FieldKind, ...]] = ("class", "value")
"""Kinds with, as a rule, one row a sample: `weather.label` may stand for `weather.any(label …)`."""

BOX_NAMES: Final = ("x", "y", "w", "h", "cx", "cy", "area", "rel_area", "aspect")

OUTCOMES: Final = ("tp", "fp", "fn", "ignored")
"""What `<key>.outcome` may be."""

_OPAQUE: Final[tuple[PhysicalType, ...]] = ("bytes", "floats", "parts")
_HIDDEN: Final = ("sample_id", "x", "y", "w", "h")


def object_columns(field: LabelField) -> dict[str, Type]:
    """The columns of an object that a query names directly. Masks and point lists are `opaque`."""
    return {
        name: "opaque" if kind in _OPAQUE else _scalar(kind)
        for name, kind in field.columns().items()
        if name not in _HIDDEN or any(a.name == name for a in field.attributes)
    }


def _scalar(kind: PhysicalType) -> ScalarType:
    assert kind not in _OPAQUE
    return kind  # type: ignore[return-value]  # the rest of PhysicalType is ScalarType


def object_names(field: LabelField, schema: DatasetSchema | None = None) -> list[str]:
    """Every name that an object of the field has, as it is written; those of evaluations where the schema is given."""
    box = [f"box.{name}" for name in BOX_NAMES] if field.kind in GEOMETRIC else []
    keys = schema.evaluations_of(field.name) if schema else ()
    judged = [f"{key}.{name}" for key in keys for name in match_columns(field.kind)]
    return [*object_columns(field), *box, "tags", *judged]


def sample_names(schema: DatasetSchema) -> list[str]:
    return [*schema.sample_columns(), *(f.name for f in schema.fields), "tags"]


def fields_with(schema: DatasetSchema, name: str) -> list[str]:
    """The label fields whose objects have `name`."""
    return [f.name for f in schema.fields if name in object_columns(f) or (name == "box" and f.kind in GEOMETRIC)]


def box_value(field: LabelField, name: str) -> Bound:
    """`box.<name>` of an object, from the columns x, y, w and h. `name` is one of BOX_NAMES."""
    match name:
        case "cx":
            return _number("+", _of(field, "x"), _number("/", _of(field, "w"), Value("int", 2)))
        case "cy":
            return _number("+", _of(field, "y"), _number("/", _of(field, "h"), Value("int", 2)))
        case "area":
            return _number("*", _of(field, "w"), _of(field, "h"))
        case "rel_area":
            picture = Arithmetic("int", "*", (SampleColumn("int", "width"), SampleColumn("int", "height")))
            return _number("/", box_value(field, "area"), picture)
        case "aspect":
            return _number("/", _of(field, "w"), _of(field, "h"))
        case _:
            return _of(field, name)


def _of(field: LabelField, name: str) -> Bound:
    return ObjectColumn("float", field.name, name)


def _number(op: str, left: Bound, right: Bound) -> Bound:
    return Arithmetic("float", op, (left, right))


def choices(schema: DatasetSchema, of: Bound) -> tuple[str, tuple[str, ...]] | None:
    """What the values of a column are called and which there are, where the schema has a closed list of them."""
    match of:
        case ObjectColumn(field=name, name="label"):
            classes = schema.field(name).classes
            return (f"class in {name}", classes) if classes else None
        case ObjectColumn(field=field, name=name):
            return _listed(f"{name} in {field}", schema.field(field).attributes, name)
        case MatchColumn(name="outcome"):
            return "outcome", OUTCOMES
        case SampleColumn(name=name):
            return _listed(f"{name} in the samples", schema.columns, name)
    return None


def _listed(what: str, columns: tuple[Column, ...], name: str) -> tuple[str, tuple[str, ...]] | None:
    values = next((c.values for c in columns if c.name == name), ())
    return (f"value of {what}", values) if values else None
