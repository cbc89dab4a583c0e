"""COCO with a file for each split: Roboflow's folders, the annotations folder, and what an export makes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from loopline.errors import FormatError
from loopline.formats import registry
from loopline.formats.coco import FORMAT
from tests.formats.test_support import add, base
from tests.formats.worlds import files_in, plain, read, told, written


def put(file: Path, boxes: Sequence[tuple[str, int]], categories: Sequence[str], **more: object) -> Path:
    """A COCO file as Roboflow writes it; ids of images and annotations start at 0 in each file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [
        {"id": n, "license": 1, "file_name": name, "height": 10, "width": 20, "date_captured": "2024-01-01"}
        for n, name in enumerate(dict.fromkeys(name for name, _ in boxes))
    ]
    ids = {image["file_name"]: image["id"] for image in images}
    rows = [
        {"id": i, "image_id": ids[name], "category_id": c, "bbox": [1, 2, 3, 4], "area": 12, "segmentation": []}
        | {"iscrowd": 0, **more}
        for i, (name, c) in enumerate(boxes)
    ]
    names = [{"id": i, "name": n, "supercategory": "none"} for i, n in enumerate(categories)]
    file.write_text(json.dumps({"info": {"year": "2024"}, "images": images, "annotations": rows, "categories": names}))
    return file


def roboflow(folder: Path) -> Path:
    """Two splits with a picture of one name, each with its own list of categories."""
    put(folder / "train" / "_annotations.coco.json", [("a.jpg", 1), ("a.jpg", 2), ("b.jpg", 1)], ["all", "cat", "dog"])
    put(folder / "valid" / "_annotations.coco.json", [("a.jpg", 1)], ["all", "dog"])
    for name in ("train/a.jpg", "train/b.jpg", "valid/a.jpg"):
        (folder / name).touch()
    return folder


def test_roboflows_folders_are_one_data_set(tmp_path: Path) -> None:
    one, sniffed = registry.detect(roboflow(tmp_path))
    assert (one.name, sniffed.saw) == ("coco", "COCO JSON: train, val")
    store = read(FORMAT, tmp_path)
    rows, objects = plain(store)
    assert {path: row["split"] for path, row in rows.items()} == {
        "train/a.jpg": "train",
        "train/b.jpg": "train",
        "valid/a.jpg": "val",
    }
    labels = {path: [row["label"] for row in mine] for path, mine in objects["ground_truth"].items()}
    assert labels == {"train/a.jpg": ["cat", "dog"], "train/b.jpg": ["cat"], "valid/a.jpg": ["dog"]}
    assert {row["root"] for row in store.rows} == {str(tmp_path)}
    assert store.problems == []


def test_a_folder_of_one_split_is_read_alone(tmp_path: Path) -> None:
    store = read(FORMAT, roboflow(tmp_path) / "train")
    assert {row["path"] for row in store.rows} == {"a.jpg", "b.jpg"}


def test_of_the_annotations_folder_the_instances_of_all_splits_are_read(tmp_path: Path) -> None:
    put(tmp_path / "annotations" / "instances_train2017.json", [("a.jpg", 0)], ["cat"])
    put(tmp_path / "annotations" / "instances_val2017.json", [("b.jpg", 0)], ["cat"])
    wanted = {"a.jpg": "train", "b.jpg": "val"}
    store = read(FORMAT, tmp_path)
    assert {row["path"]: row["split"] for row in store.rows} == wanted
    assert store.problems == []
    other = put(tmp_path / "annotations" / "person_keypoints_val2017.json", [("b.jpg", 0)], ["cat"])
    store = read(FORMAT, tmp_path)
    assert {row["path"]: row["split"] for row in store.rows} == wanted
    assert [(p.what, p.where) for p in store.problems] == [("another COCO file in the folder; not added", str(other))]


def test_results_beside_the_truth_are_left_for_a_field_of_their_own(tmp_path: Path) -> None:
    put(tmp_path / "truth.json", [("a.jpg", 0)], ["cat"])
    (tmp_path / "boxes.json").write_text('[{"image_id": 0, "category_id": 0, "bbox": [1, 1, 2, 2], "score": 0.5}]')
    store = read(FORMAT, tmp_path)
    assert (len(store.rows), len(store.objects["ground_truth"])) == (1, 1)
    assert told(store.problems) == [("warning", "another COCO file in the folder; not added")]


def test_of_two_truths_one_must_be_named(tmp_path: Path) -> None:
    put(tmp_path / "old.json", [("a.jpg", 0)], ["cat"])
    put(tmp_path / "new.json", [("a.jpg", 0)], ["cat"])
    with pytest.raises(FormatError, match="2 COCO files in this folder"):
        read(FORMAT, tmp_path)


def test_an_attribute_has_one_type_in_all_files(tmp_path: Path) -> None:
    put(tmp_path / "train" / "_annotations.coco.json", [("a.jpg", 0)], ["cat"], depth=1.5)
    put(tmp_path / "valid" / "_annotations.coco.json", [("b.jpg", 0)], ["cat"], depth=2, colour="red")
    store = read(FORMAT, tmp_path)
    assert [(a.name, a.type) for a in store.schema.fields[0].attributes if a.name in ("depth", "colour")] == [
        ("depth", "float"),
        ("colour", "text"),
    ]
    assert [row["depth"] for row in store.objects["ground_truth"]] == [1.5, 2.0]


def test_a_bad_row_is_named_with_its_file(tmp_path: Path) -> None:
    roboflow(tmp_path)
    file = tmp_path / "valid" / "_annotations.coco.json"
    document = json.loads(file.read_text())
    document["annotations"][0]["bbox"] = [1, 2, -3, 4]
    file.write_text(json.dumps(document))
    store = read(FORMAT, tmp_path)
    assert told(store.problems) == [("skipped", "a bbox of negative size")]
    assert store.problems[0].where == "valid/_annotations.coco.json: annotations[0] (id 0)"


def test_an_export_of_splits_has_a_file_for_each_and_comes_back(tmp_path: Path) -> None:
    store = base(tmp_path / "media", "coco", video=False)
    add(store, "splits")
    store.rows[0]["split"] = "fold 1"
    done = written(FORMAT, store, tmp_path / "out")
    assert sorted(files_in(tmp_path / "out")) == [
        "annotations/instances_fold_1.json",
        "annotations/instances_val.json",
    ]
    assert (done.samples, done.objects, done.lost) == (2, 4, {})
    found = read(FORMAT, tmp_path / "out", media=tmp_path / "media")
    assert {row["path"]: row["split"] for row in found.rows} == {"a.png": "fold_1", "b.png": "val"}
