"""LVIS goes through COCO's reader and comes out as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import coco, lvis
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

CATEGORY = {
    "id": 3, "name": "aerosol_can", "frequency": "c", "synset": "aerosol.n.02", "synonyms": ["aerosol_can"],
    "def": "a dispenser", "image_count": 64, "instance_count": 109,
}  # fmt: skip


def document() -> dict[str, Any]:
    image = {
        "id": 7,
        "width": 20,
        "height": 10,
        "coco_url": "http://images.example.org/val2017/000007.jpg",
        "license": 2,
    }
    return {
        "info": {"version": "1.0"},
        "licenses": [],
        "images": [
            {**image, "neg_category_ids": [5, 3], "not_exhaustive_category_ids": []},
            {**image, "id": 8, "coco_url": "http://images.example.org/train2017/8.jpg", "neg_category_ids": [], "not_exhaustive_category_ids": [3]},
        ],
        "categories": [CATEGORY, {**CATEGORY, "id": 5, "name": "eye", "frequency": "r"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1.5, 2, 3, 4], "area": 11.25, "segmentation": [[1.5, 2, 4.5, 2, 4.5, 6]]}
        ],
    }  # fmt: skip


def load(path: Path, found: Any) -> MemoryStore:
    path.write_text(json.dumps(found), encoding="utf-8")
    return MemoryStore.of(lvis.read(Source(path)))


def written(store: MemoryStore, path: Path) -> Any:
    assert lvis.write(store, path, fields=["ground_truth"]).lost == {}
    return json.loads(path.read_text())


def test_lvis_is_known_before_coco_and_comes_out_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lvis.json"
    store = load(path, document())
    mine, theirs = lvis.sniff(path), coco.sniff(path)
    assert mine is not None
    assert theirs is not None
    assert mine.confidence - theirs.confidence >= 0.1
    assert [r["path"] for r in store.rows] == ["val2017/000007.jpg", "train2017/8.jpg"]
    assert [json.loads(r["neg_category_ids"]) for r in store.rows] == [[5, 3], []]
    assert written(store, tmp_path / "out.json") == document()
    assert not store.problems


def test_plain_coco_is_not_lvis(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text(
        json.dumps(
            {"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": [{"id": 1, "name": "frequency"}]}
        )
    )
    assert lvis.sniff(path) is None
    assert lvis.sniff(tmp_path) is None
    with pytest.raises(FormatError, match="no such file"):
        lvis.read(Source(tmp_path / "absent.json"))


def test_labels_from_elsewhere_get_what_lvis_asks_for(tmp_path: Path) -> None:
    found = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 4, "height": 4} for i in range(12)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": i % 11, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1} for i in range(15)
        ],
    }
    out = written(load(tmp_path / "a.json", found), tmp_path / "out.json")
    assert [(c["frequency"], c["image_count"], c["instance_count"]) for c in out["categories"]] == [
        ("c", 11, 15),
        ("r", 0, 0),
    ]
    assert all(i["neg_category_ids"] == [] and i["not_exhaustive_category_ids"] == [] for i in out["images"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 9), max_size=3), st.lists(st.integers(1, 9), max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_image_lists_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, lists: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("lvis")
    found = document()
    found["images"] = [
        {"id": 7 + i, "coco_url": f"http://x/val2017/{i}.jpg", "neg_category_ids": a, "not_exhaustive_category_ids": b}
        for i, (a, b) in enumerate(lists)
    ]
    assert written(load(folder / "a.json", found), folder / "out.json") == found
