"""The schema changes, and the values go along or the change is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from loopline.errors import BadValue, SchemaError, UnknownField
from loopline.kernel.schema import Column, LabelField, ScalarType
from loopline.store import edits, reshape, tags
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from tests.store import worlds
from tests.store.worlds import state


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """One lake for all tests here: each works on a column or field of its own."""
    with worlds.make(tmp_path_factory.mktemp("reshape") / "d") as lake:
        ingest(lake, worlds.events(worlds.paths(3)))
        yield lake


def column(lake: Lake, name: str) -> list[Any]:
    found = state(lake)["samples"]
    return [found[i].get(name) for i in range(3)]


def fill(lake: Lake, spec: Column, values: list[Any]) -> None:
    reshape.add_column(lake, spec)
    edits.set_column(lake, spec.name, np.arange(3), values)


@pytest.mark.parametrize(
    ("before", "after", "values", "wanted"),
    [
        ("int", "text", [1, -(2**63), None], ["1", "-9223372036854775808", None]),
        ("text", "int", ["1", " -2.0 ", None], [1, -2, None]),
        ("text", "int", ["1", "1.5", "x"], "2 values .* cannot become int, the first is '1.5'"),
        ("text", "float", ["1", "-inf", "1e3"], [1.0, float("-inf"), 1000.0]),
        ("float", "text", [0.1, 1e300, None], ["0.1", "1e+300", None]),
        ("float", "int", [1.0, -2.0, None], [1, -2, None]),
        ("float", "int", [1.0, 1.5, float("nan")], "2 values .* cannot become int, the first is '1.5'"),
        ("int", "float", [1, 2**53, None], [1.0, 2.0**53, None]),
        ("int", "float", [2**53 + 1, 1, None], "1 values .* the first is '9007199254740993'"),
        ("bool", "int", [True, False, None], [1, 0, None]),
        ("int", "bool", [1, 5, 0], "1 values .* the first is '5'"),
        ("text", "bool", ["true", "no", None], [True, False, None]),
        ("text", "time", ["2026-01-02 03:04:05", "yesterday", None], "the first is 'yesterday'"),
        ("text", "json", ["rain", '{"a": 1}', None], ['"rain"', '{"a": 1}', None]),
        ("int", "json", [1, 2, None], ["1", "2", None]),
    ],
)
def test_a_column_is_retyped_without_loss_or_not_at_all(
    lake: Lake, before: ScalarType, after: ScalarType, values: list[Any], wanted: Any
) -> None:
    name = f"c{len(lake.schema().columns)}_{before}_{after}"
    fill(lake, Column(name, before), values)
    changed = reshape.retyped(lake.schema().column(name), after)
    if isinstance(wanted, str):
        with pytest.raises(BadValue, match=wanted):
            reshape.change_column(lake, changed)
        assert lake.schema().column(name).type == before
    else:
        reshape.change_column(lake, changed)
        assert column(lake, name) == wanted
        assert lake.schema().column(name).type == after
        edits.set_column(lake, name, np.array([0]), wanted[0])
    reshape.drop_column(lake, name)


def test_a_list_or_limit_that_values_break_is_refused(lake: Lake) -> None:
    fill(lake, Column("sky", "text"), ["rain", "sun", None])
    with pytest.raises(BadValue, match=r"1 values .* not in its list \(rain\): 'sun'"):
        reshape.change_column(lake, Column("sky", "text", values=("rain",)))
    with pytest.raises(BadValue, match="is required"):
        reshape.change_column(lake, Column("sky", "text", required=True))
    reshape.change_column(lake, Column("sky", "text", values=("rain", "sun"), guidance="look up"))
    assert lake.schema().column("sky").guidance == "look up"
    with pytest.raises(BadValue, match="not in its list"):
        reshape.change_column(lake, Column("sky", "text", values=("rain", "sun"), default="hail"))


def test_defaults_fill_a_new_column_and_are_checked(lake: Lake) -> None:
    reshape.add_column(lake, Column("grade", "int", default=3))
    assert column(lake, "grade") == [3, 3, 3]
    for bad in (Column("g2", "int", default=3, maximum=2), Column("g2", "int", default="x")):
        with pytest.raises(BadValue):
            reshape.add_column(lake, bad)
    with pytest.raises(SchemaError, match="is taken"):
        reshape.add_column(lake, Column("Grade", "int"))
    with pytest.raises(SchemaError, match="is taken"):
        reshape.add_column(lake, Column("width", "int"))


def test_columns_are_renamed_and_dropped(lake: Lake) -> None:
    fill(lake, Column("old", "text"), ["a", "b", "c"])
    reshape.rename_column(lake, "old", "new")
    assert column(lake, "new") == ["a", "b", "c"]
    reshape.drop_column(lake, "new")
    reshape.add_column(lake, Column("new", "text"))
    assert column(lake, "new") == [None] * 3
    with pytest.raises(UnknownField, match='no sample column "old"'):
        reshape.drop_column(lake, "old")
    with pytest.raises(SchemaError, match="cannot name"):
        reshape.rename_column(lake, "new", "not a name")


def test_a_renamed_field_keeps_its_labels_and_tags(lake: Lake) -> None:
    reshape.add_field(lake, LabelField("one", "box"))
    (key,) = edits.add_objects(lake, "one", worlds.one_box(0))
    tags.add_tags(lake, "one", np.array([key]), ["t"])
    reshape.rename_field(lake, "one", "two")
    assert set(state(lake)["fields"]["two"]) == {key}
    assert ("two", key, "t") in state(lake)["tags"]
    reshape.add_field(lake, LabelField("one", "class"))  # the name is free again
    edits.add_objects(lake, "one", worlds.pa.table({"sample_id": [0], "label": ["x"]}))
    reshape.drop_field(lake, "two")
    assert set(state(lake)["fields"]) == {"truth", "one"}
    assert not [t for t in state(lake)["tags"] if t[0] == "two"]
    reshape.drop_field(lake, "one")


def test_classes_are_renamed_swapped_and_merged_in_list_and_objects(lake: Lake) -> None:
    reshape.add_field(lake, LabelField("kinds", "class", ("cat", "dog", "cow")))
    edits.add_objects(lake, "kinds", worlds.pa.table({"sample_id": [0, 1, 2], "label": ["cat", "dog", "cow"]}))

    def labels() -> list[str]:
        found = state(lake)["fields"]["kinds"]
        return [found[i]["label"] for i in sorted(found)]

    assert reshape.rename_classes(lake, "kinds", {"cat": "dog", "dog": "cat"}) == 2
    assert labels() == ["dog", "cat", "cow"]
    assert reshape.rename_classes(lake, "kinds", {"dog": "animal", "cow": "animal"}) == 2
    assert labels() == ["animal", "cat", "animal"]
    assert lake.schema().field("kinds").classes == ("animal", "cat")
    with pytest.raises(UnknownField, match='no class "cta"'):
        reshape.rename_classes(lake, "kinds", {"cta": "x"})
    with pytest.raises(BadValue, match=r"objects of .* have the classes cat"):
        reshape.change_field(lake, "kinds", classes=["animal"])
    reshape.change_field(lake, "kinds", classes=["cat", "animal", "bird"], description="all of them")
    assert lake.schema().field("kinds").classes == ("cat", "animal", "bird")


def test_attributes_are_added_renamed_retyped_and_dropped(lake: Lake) -> None:
    reshape.add_attribute(lake, "truth", Column("size", "text", default="5"))
    reshape.change_attribute(lake, "truth", Column("size", "int", maximum=9))
    reshape.rename_attribute(lake, "truth", "size", "extent")
    assert {row["extent"] for row in state(lake)["fields"]["truth"].values()} == {5}
    with pytest.raises(SchemaError, match="is there twice or is built in"):
        reshape.rename_attribute(lake, "truth", "extent", "score")
    with pytest.raises(SchemaError, match="is there twice or is built in"):
        reshape.add_attribute(lake, "truth", Column("extent", "int"))
    reshape.drop_attribute(lake, "truth", "extent")
    assert lake.schema().field("truth").attributes == ()
    with pytest.raises(UnknownField):
        reshape.drop_attribute(lake, "truth", "extent")
