"""Hugging Face data sets, written: what comes back, and what the package `datasets` makes of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loopline.formats import huggingface, registry
from tests.formats.test_support import add, base, class_map, part
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


@pytest.mark.parametrize("layout", ["parquet", "disk"])
def test_class_maps_are_a_second_column_of_pictures_and_come_back(tmp_path: Path, layout: str) -> None:
    store = base(tmp_path / "media", "semantic_masks", video=False)
    (one,) = store.schema.fields
    meta = {"ids": {"0": "background", "1": "car", "2": "dog"}, "colours": {"1": [9, 8, 7]}, "void": 255}
    store.schema = replace(store.schema, fields=(replace(one, meta={"mask": meta}),))
    store.objects["ground_truth"].pop()  # the second picture has none
    done = written(huggingface.FORMAT, store, tmp_path / "out", layout=layout)
    assert (done.objects, done.lost) == (1, {})
    assert json.loads((tmp_path / "out" / "id2label.json").read_text()) == meta["ids"]
    found = read(huggingface.FORMAT, tmp_path / "out", extract_to=tmp_path / "pictures")
    assert found.problems == []
    assert found.schema.fields == store.schema.fields
    assert [row["mask"] for row in found.objects["ground_truth"]] == [store.objects["ground_truth"][0]["mask"]]


def test_class_maps_of_others_get_their_names_from_id2label(tmp_path: Path) -> None:
    """A data set of the hub: no metadata of ours, a number that nothing names, and a mask that is none."""
    features = {"pixel_values": {"_type": "Image"}, "label": {"_type": "Image"}}
    head = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    masks = [class_map(), b"\xff\xd8 no mask"]
    rows = [{"pixel_values": {"bytes": class_map(), "path": None}, "label": {"bytes": m, "path": None}} for m in masks]
    table = pa.Table.from_pylist(rows, schema=pa.schema([("pixel_values", kind), ("label", kind)], metadata=head))
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    (tmp_path / "id2label.json").write_text('{"0": "road", "1": "road", "-1": "x", "many": "y"}')
    found = read(huggingface.FORMAT, tmp_path, extract_to=tmp_path / "pictures")
    assert found.schema.fields[0].classes == ("road", "road (1)", "2")
    assert len(found.objects["ground_truth"]) == 1
    assert [p.kind for p in found.problems] == ["skipped", "warning"]


def test_masks_of_objects_are_counted(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "huggingface", video=False)
    number = add(store, "masks")
    assert written(huggingface.FORMAT, store, tmp_path / "out").lost == {"masks": number}


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
