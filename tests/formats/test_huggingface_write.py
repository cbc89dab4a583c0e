"""Hugging Face data sets, written: what comes back, and what the package `datasets` makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from loopline.formats import huggingface, registry
from tests.formats.test_support import add, base, part
from tests.formats.worlds import read, written


def full(folder: Path) -> Any:
    store = base(folder, "huggingface", video=False)
    for thing in ("attributes", "scores", "tags", "splits", "picture_fields", "polygons"):
        add(store, thing)
    return store


@pytest.mark.parametrize("layout", ["parquet", "disk"])
def test_what_is_written_comes_back(tmp_path: Path, layout: str) -> None:
    store = full(tmp_path / "media")
    done = written(huggingface.FORMAT, store, tmp_path / "out", layout=layout)
    assert (done.samples, done.objects, done.lost) == (2, 4, {})
    assert registry.detect(tmp_path / "out")[0].name == "huggingface"
    found = read(huggingface.FORMAT, tmp_path / "out", extract_to=tmp_path / "pictures")
    assert found.problems == []
    for thing in ("boxes", "attributes", "scores", "tags", "splits", "picture_fields", "polygons"):
        assert part(found, thing) == part(store, thing), thing
    for name in ("a.png", "b.png"):
        (copy,) = (tmp_path / "pictures").rglob(name)
        assert copy.read_bytes() == (tmp_path / "media" / name).read_bytes()


def test_several_classes_a_picture_are_a_list(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "imagefolder", video=False)
    store.objects["ground_truth"].append({**store.objects["ground_truth"][0], "id": 9, "label": "dog"})
    written(huggingface.FORMAT, store, tmp_path / "out")
    found = read(huggingface.FORMAT, tmp_path / "out", extract_to=tmp_path / "pictures")
    assert [row["label"] for row in found.objects["ground_truth"]] == ["car", "dog", "car"]
    assert {row["split"] for row in found.rows} == {"train"}


def test_a_missing_picture_is_counted_and_its_labels_stay(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "huggingface", video=False)
    (tmp_path / "media" / "a.png").unlink()
    done = written(huggingface.FORMAT, store, tmp_path / "out")
    assert done.lost == {"missing pictures": 1}
    assert pq.read_table(tmp_path / "out" / "data")["image"].to_pylist()[0] == {"bytes": None, "path": "a.png"}


@pytest.mark.parametrize("layout", ["parquet", "disk"])
def test_the_datasets_package_reads_what_is_written(tmp_path: Path, layout: str) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    written(huggingface.FORMAT, full(tmp_path / "media"), tmp_path / "out", layout=layout)
    if layout == "disk":
        found = datasets.load_from_disk(str(tmp_path / "out"))
    else:
        found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == {"train": 1, "validation": 1}
    row = found["train"][0]
    assert row["image"].size == (row["width"], row["height"])
    category = found["train"].features["objects"]["category"].feature
    assert [category.int2str(code) for code in row["objects"]["category"]] == ["car", "dog"]
    assert row["objects"]["bbox"] == [[2.0, 4.0, 5.0, 4.0], [10.0, 4.0, 5.0, 4.0]]
    assert row["weather"] == "rain"
