"""Create ML's JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loopline.errors import FormatError
from loopline.formats.createml import FILE, FORMAT
from tests.formats.memory_store import MemoryStore
from tests.formats.test_support import add, base
from tests.formats.worlds import files_in, plain, read, told, written

ITEM = {
    "image": "a.jpg",
    "annotations": [{"label": "cat", "coordinates": {"x": 8, "y": 6, "width": 4, "height": 2}}],
}


def put(folder: Path, items: object = None) -> Path:
    file = folder / FILE
    file.write_text(json.dumps([ITEM] if items is None else items))
    return file


def test_a_box_is_told_by_its_centre(tmp_path: Path) -> None:
    _, objects = plain(read(FORMAT, put(tmp_path)))
    assert objects["ground_truth"] == {"a.jpg": [{"label": "cat", "x": 6.0, "y": 5.0, "w": 4.0, "h": 2.0}]}


def test_bad_rows_are_named_and_good_ones_arrive(tmp_path: Path) -> None:
    good = ITEM["annotations"][0]  # type: ignore[index]
    items = [
        {"annotations": []},
        {"image": "../up.jpg", "annotations": []},
        {"image": "b.jpg", "annotations": [{"label": "cat"}, good, 7]},
        {
            "imagefilename": "c.jpg",
            "annotation": [good, {"label": "x", "coordinates": {**good["coordinates"], "x": "?"}}],
        },
    ]
    store = read(FORMAT, put(tmp_path, items))
    assert [row["path"] for row in store.rows] == ["b.jpg", "c.jpg"]
    assert len(store.objects["ground_truth"]) == 2
    assert told(store.problems) == [
        ("skipped", "a picture without a name"),
        ("skipped", "a picture's name is empty or leads out of its folder"),
        ("skipped", "an annotation without coordinates x, y, width and height"),
        ("skipped", "an annotation without coordinates x, y, width and height"),
        ("skipped", "a coordinate is missing or not a number"),
    ]
    assert store.problems[-1].where == f"{FILE}: [3].annotations[1]"


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "createml", video=False)
    add(store, "splits")
    store.rows[1]["split"] = None
    done = written(FORMAT, store, tmp_path / "out", media="copy")
    assert sorted(files_in(tmp_path / "out")) == [f"train/{FILE}", "train/a.png", f"unsplit/{FILE}", "unsplit/b.png"]
    assert (done.samples, done.objects, done.lost) == (2, 4, {})
    found = read(FORMAT, tmp_path / "out" / "train")
    assert plain(found)[1] == {"ground_truth": {"a.png": plain(store)[1]["ground_truth"]["a.png"]}}


def test_one_file_holds_all_and_counts_the_splits(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "createml", video=False)
    add(store, "splits")
    done = written(FORMAT, store, tmp_path / "all.json")
    assert done.lost == {"split of samples": 2}
    assert plain(read(FORMAT, tmp_path / "all.json", media=tmp_path / "media"))[1] == plain(store)[1]


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no Create ML file"):
        read(FORMAT, tmp_path)
    assert FORMAT.sniff(tmp_path) is None


def test_nothing_at_all_is_a_list(tmp_path: Path) -> None:
    written(FORMAT, MemoryStore(base(tmp_path / "media", "createml", video=False).schema), tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text()) == []
