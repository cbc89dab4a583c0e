"""Edits of one object and of many, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, UnknownField
from loopline.kernel.schema import Column
from loopline.store import edits, reshape, tags
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from tests.store import worlds
from tests.store.worlds import state


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "d") as lake:
        ingest(lake, worlds.events(worlds.paths(4)))
        yield lake


def test_an_edit_changes_what_it_names_and_nothing_else(lake: Lake) -> None:
    before = state(lake)["fields"]["truth"]
    assert edits.edit_objects(lake, "truth", pa.table({"id": [3], "x": [0.1 + 0.2], "label": ["cow"]})) == 1
    after = state(lake)["fields"]["truth"]
    assert after.pop(3) == before.pop(3) | {"x": 0.1 + 0.2, "label": "cow"}
    assert after == before
    assert lake.schema().field("truth").classes == ("cat", "dog", "cow")


def test_a_null_clears(lake: Lake) -> None:
    edits.edit_objects(lake, "truth", pa.table({"id": [0], "label": pa.nulls(1)}))
    assert "label" not in state(lake)["fields"]["truth"][0]


def test_an_edit_of_something_that_is_gone_changes_nothing(lake: Lake) -> None:
    before = state(lake)
    with pytest.raises(BadValue, match='1 of the 2 objects are not in "truth"'):
        edits.edit_objects(lake, "truth", pa.table({"id": [0, 999], "x": [9.0, 9.0]}))
    assert state(lake) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": [0]}, "at least one column"),
        ({"x": [1.0]}, "need the column id"),
        ({"id": [0], "sample_id": [1]}, "stays with its sample"),
        ({"id": [0, 0], "x": [1.0, 2.0]}, "stands twice"),
        ({"id": [0], "w": [-1.0]}, '"w" are below 0: -1.0'),
        ({"id": [0], "x": ["wide"]}, '"x" is of type float'),
        ({"id": [0], "label": [5]}, '"label" is of type text'),
        ({"id": [0], "iscrowd": [2.5]}, '"iscrowd" is of type bool'),
    ],
)
def test_edits_that_make_no_sense_are_refused(lake: Lake, changes: dict[str, list[object]], words: str) -> None:
    with pytest.raises(BadValue, match=words):
        edits.edit_objects(lake, "truth", pa.table(changes))


def test_unknown_names_offer_near_ones(lake: Lake) -> None:
    with pytest.raises(UnknownField, match='did you mean "truth"'):
        edits.edit_objects(lake, "thruth", pa.table({"id": [0], "x": [1.0]}))
    with pytest.raises(UnknownField, match='did you mean "label"'):
        edits.edit_objects(lake, "truth", pa.table({"id": [0], "lable": ["cat"]}))
    with pytest.raises(UnknownField, match='no sample column "wether"'):
        edits.set_column(lake, "wether", np.array([0]), 1)


def test_new_objects_need_a_sample_a_place_and_no_key(lake: Lake) -> None:
    box = worlds.one_box(0)
    for table, words in (
        (box.drop_columns(["sample_id"]), "need the column sample_id"),
        (box.append_column("id", [[5]]), "get their ids from the data set"),
        (box.drop_columns(["w"]), "need x, y, w, h"),
        (worlds.one_box(77), "no sample 77"),
        (worlds.one_box(0).set_column(0, "sample_id", pa.nulls(1, pa.int64())), "no sample None"),
    ):
        with pytest.raises(BadValue, match=words):
            edits.add_objects(lake, "truth", table)
    assert len(edits.add_objects(lake, "truth", box.slice(0, 0))) == 0


def test_attributes_have_defaults_lists_limits_and_may_be_required(lake: Lake) -> None:
    reshape.add_attribute(lake, "truth", Column("hue", "text", values=("red", "blue"), default="red"))
    reshape.add_attribute(lake, "truth", Column("size", "int", minimum=1, maximum=9, required=True))
    assert {row["hue"] for row in state(lake)["fields"]["truth"].values()} == {"red"}
    with pytest.raises(BadValue, match="need size"):
        edits.add_objects(lake, "truth", worlds.one_box(0))
    with pytest.raises(BadValue, match=r'"size" are above 9: 10'):
        edits.add_objects(lake, "truth", worlds.one_box(0, size=10))
    with pytest.raises(BadValue, match=r'"hue" are not in its list \(red, blue\): \'green\''):
        edits.add_objects(lake, "truth", worlds.one_box(0, size=1, hue="green"))
    (new,) = edits.add_objects(lake, "truth", worlds.one_box(0, size=9))
    assert state(lake)["fields"]["truth"][new]["hue"] == "red"
    with pytest.raises(BadValue, match='"size" is required, and 1 values are missing'):
        edits.edit_objects(lake, "truth", pa.table({"id": [new], "size": pa.nulls(1)}))


def test_deleting_samples_takes_their_labels_and_tags(lake: Lake) -> None:
    tags.add_tags(lake, "sample", np.array([0, 1]), ["todo"])
    tags.add_tags(lake, "truth", np.array([0, 2]), ["hard"])
    assert edits.delete_samples(lake, np.array([0])) == 1
    after = state(lake)
    assert set(after["samples"]) == {1, 2, 3}
    assert {row["sample_id"] for row in after["fields"]["truth"].values()} == {1, 2, 3}
    assert after["tags"] == {("sample", 1, "todo"), ("truth", 2, "hard")}


@pytest.mark.parametrize("n", [3, 300])
def test_columns_are_set_from_one_value_or_many(tmp_path: Path, n: int) -> None:
    with worlds.make(tmp_path / "e") as lake:
        ingest(lake, worlds.events(worlds.paths(n), 0))
        reshape.add_column(lake, Column("level", "float", minimum=0))
        ids = np.arange(n)
        assert edits.set_column(lake, "level", ids, np.arange(n) / 2) == n
        assert edits.set_column(lake, "split", ids[:2], "val") == 2
        assert edits.set_column(lake, "level", ids[:1], None) == 1
        found = state(lake)["samples"]
        assert [found[i].get("level") for i in range(n)] == [None, *(np.arange(1, n) / 2)]
        assert [found[i].get("split") for i in range(3)] == ["val", "val", None]
        for values, words in (([1.0], "1 values for"), (-1.0, "below 0"), ("x", "of type float")):
            with pytest.raises(BadValue, match=words):
                edits.set_column(lake, "level", ids, values)
        with pytest.raises(BadValue, match="cannot be set"):
            edits.set_column(lake, "width", ids, 3)
        with pytest.raises(BadValue, match="stands twice"):
            edits.set_column(lake, "level", np.array([0, 0]), 1.0)


def test_many_at_once_do_as_one_does(lake: Lake) -> None:
    ingest(lake, worlds.events(worlds.paths(400, 100), 1))
    ids = np.array(worlds.object_ids(lake))
    assert edits.edit_objects(lake, "truth", pa.table({"id": ids, "x": ids * 2.0})) == len(ids)
    assert all(row["x"] == key * 2.0 for key, row in state(lake)["fields"]["truth"].items())
    assert tags.add_tags(lake, "truth", ids, ["t", "u"]) == 2 * len(ids)
    assert tags.add_tags(lake, "truth", ids, ["t"]) == 0
    assert tags.remove_tags(lake, "truth", ids[1:], ["t"]) == len(ids) - 1
    assert edits.delete_objects(lake, "truth", ids[:300]) == 300
    assert len(state(lake)["tags"]) == len(ids) - 300


def test_tags_are_words_on_things_that_are_there(lake: Lake) -> None:
    assert tags.add_tags(lake, "sample", np.array([0, 999]), ["a"]) == 1
    with pytest.raises(UnknownField):
        tags.add_tags(lake, "nothing", np.array([0]), ["a"])
    for names in ("todo", [], [""], ["a\nb"], ["x" * 201]):
        with pytest.raises(BadValue):
            tags.add_tags(lake, "sample", np.array([0]), names)
