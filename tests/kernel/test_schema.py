"""The schema as JSON and back, and two descriptions of one field made one."""

from __future__ import annotations

import pytest

from loopline.errors import SchemaError
from loopline.kernel.schema import Column, LabelField, as_json, column_from_json, field_from_json


@pytest.mark.parametrize(
    "column",
    [
        Column("a", "int", minimum=0, maximum=0),
        Column("a", "bool", default=False),
        Column("a", "text", default="", values=("", "x"), required=True),
        Column("a", "float", default=0.0),
    ],
)
def test_a_limit_of_zero_and_a_false_default_survive_json(column: Column) -> None:
    assert column_from_json(as_json(column)) == column


def test_a_field_survives_json_and_what_is_usual_is_left_out() -> None:
    field = LabelField("a", "box", ("x",), (Column("b", "int", minimum=0),), meta={"q": 1}, skeleton=((0, 1),))
    assert field_from_json(as_json(field)) == field
    assert as_json(LabelField("a", "box")) == {"name": "a", "kind": "box"}


def test_an_attribute_takes_what_it_can_hold() -> None:
    def field(kind: str) -> LabelField:
        return LabelField("a", "box", attributes=(Column("b", kind),))  # type: ignore[arg-type]

    assert field("float").merged(field("int")).attribute("b").type == "float"
    assert field("json").merged(field("text")).attribute("b").type == "json"
    with pytest.raises(SchemaError, match='attribute "b" of field "a" is int; the new labels have float'):
        field("int").merged(field("float"))
