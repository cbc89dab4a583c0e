"""What holds for every format that writes: the same bytes each time, and classes as the export asks for them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from loopline.formats import _masks, registry
from loopline.formats._format import FileFormat
from loopline.formats._remap import left_out, remapped
from tests.formats.memory_store import MemoryStore
from tests.formats.test_support import VIDEO, WRITERS, add, back, base, kind_of, out, target_of
from tests.formats.worlds import files_in


def made(name: str) -> FileFormat:
    one = registry.get(name)
    assert isinstance(one, FileFormat)
    return one


def full(folder: Path, name: str) -> MemoryStore:
    """A store with all that a box can have."""
    store = base(folder, name, video=name in VIDEO)
    if kind_of(name) == "box" and name not in VIDEO:
        for thing in ("attributes", "scores", "tags", "splits", "picture_fields"):
            add(store, thing)
    return store


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_view_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    store = full(tmp_path / "media", name)
    for again in ("first", "second"):
        (tmp_path / again).mkdir()
        out(made(name), store, target_of(tmp_path / again, name))
        time.sleep(0.01)
    first, second = files_in(tmp_path / "first"), files_in(tmp_path / "second")
    assert first
    assert first == second


@pytest.mark.parametrize("name", [n for n in WRITERS if kind_of(n) != "mask" and n != "mot"])
def test_classes_are_joined_and_left_out_in_every_format(tmp_path: Path, name: str) -> None:
    store = base(tmp_path / "media", name, video=name in VIDEO)
    number = sum(row["label"] == "dog" for row in store.objects["ground_truth"])
    what = remapped(store, {"car": "vehicle", "dog": None}, ["plane", "vehicle"])
    target = target_of(tmp_path, name)
    out(made(name), what, target)  # type: ignore[arg-type]  # it asks no more of the store
    found = back(made(name), target, store)
    labels = {row.get("label") for rows in found.objects.values() for row in rows}
    assert labels - {None} == {"vehicle"}
    assert dict(left_out(what)) == ({"objects of class dog, as asked": number} if number else {})


def test_the_numbers_of_a_class_map_are_repainted(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "semantic_masks", video=False)
    before = _masks.decode(store.objects["ground_truth"][0]["mask"]).ids
    what = remapped(store, {"car": "vehicle", "dog": None}, ["background", "plane", "vehicle"])
    assert what.schema.fields[0].meta["mask"]["ids"] == {"0": "background", "1": "plane", "2": "vehicle"}
    (table,) = what.labels("ground_truth")
    after = _masks.decode(table["mask"][0].as_py()).ids
    assert np.array_equal(after == 2, before == 1)
    assert np.array_equal(after == 0, before != 1)
    assert left_out(what) == {"pixels of class dog, as asked": 2 * int((before == 2).sum())}


def test_two_classes_of_a_class_map_become_one(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "semantic_masks", video=False)
    before = _masks.decode(store.objects["ground_truth"][0]["mask"]).ids
    what = remapped(store, {"car": "thing", "dog": "thing"}, None)
    (table,) = what.labels("ground_truth")
    after = _masks.decode(table["mask"][0].as_py()).ids
    assert what.schema.fields[0].classes == ("background", "thing")
    assert np.array_equal(after, np.minimum(before, 1))
