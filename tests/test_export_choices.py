"""What goes out: which splits, which classes under which names, and with which numbers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from PIL import Image

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue

CLASSES = ("car", "van", "dog")


@pytest.fixture
def ds(tmp_path: Path) -> ll.Dataset:
    """Six pictures, 0 and 1 the same, with a car, a van and a dog each; ids of categories 7, 3, 9."""
    for n in range(6):
        Image.new("RGB", (20, 10), (max(n, 1), 0, 0)).save(tmp_path / f"{n}.png")
    boxes = [(n, c) for n in range(6) for c in (7, 3, 9)]
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 20, "height": 10} for n in range(6)],
        "annotations": [
            {"id": i, "image_id": n, "category_id": c, "bbox": [c, 1, 2, 2]} for i, (n, c) in enumerate(boxes)
        ],
        "categories": [{"id": i, "name": n, "supercategory": "thing"} for i, n in zip((7, 3, 9), CLASSES, strict=True)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    made = ll.create(tmp_path / "set")
    made.add(tmp_path / "labels.json")
    return made


def names(path: Path) -> Counter[str]:
    document = json.loads(path.read_text())
    known = {c["id"]: c["name"] for c in document["categories"]}
    return Counter(known[a["category_id"]] for a in document["annotations"])


def test_classes_are_joined_renamed_and_left_out(ds: ll.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    written = ds.export(out, classes={"car": "vehicle", "van": "vehicle", "dog": None})
    assert names(out) == {"vehicle": 12}
    assert (written.objects, written.lost["objects of class dog, as asked"]) == (12, 6)
    document = json.loads(out.read_text())
    assert [(c["id"], c["name"]) for c in document["categories"]] == [(1, "vehicle")]
    assert len(document["images"]) == 6
    assert ds.schema.field("ground_truth").classes == CLASSES


def test_without_a_map_ids_are_those_that_came_in(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.export(tmp_path / "out.json")
    assert {c["id"] for c in json.loads((tmp_path / "out.json").read_text())["categories"]} == {7, 3, 9}


def test_an_order_states_the_numbers(ds: ll.Dataset, tmp_path: Path) -> None:
    order = ["dog", "plane", "car"]
    ds.export(tmp_path / "out.json", class_order=order)
    categories = json.loads((tmp_path / "out.json").read_text())["categories"]
    assert [(c["id"], c["name"]) for c in categories] == [(1, "dog"), (2, "plane"), (3, "car"), (4, "van")]
    assert categories[0]["supercategory"] == "thing"
    ds.export(tmp_path / "yolo", format="yolo", class_order=order)
    assert yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())["names"] == dict(enumerate([*order, "van"]))
    lines = next((tmp_path / "yolo" / "labels").rglob("0.txt")).read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["2", "3", "0"]


def test_a_star_stands_for_all_others(ds: ll.Dataset, tmp_path: Path) -> None:
    written = ds.export(tmp_path / "out.json", classes={"car": "car", "*": None})
    assert names(tmp_path / "out.json") == {"car": 6}
    assert sum(n for name, n in written.lost.items() if "as asked" in name) == 12


def test_a_class_that_is_not_there_is_refused_with_near_ones(ds: ll.Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match='no class "carr"') as caught:
        ds.export(tmp_path / "out.json", classes={"carr": "vehicle"})
    assert '"car"' in caught.value.hint
    with pytest.raises(BadValue, match="twice: car"):
        ds.export(tmp_path / "out.json", class_order=["car", "car"])


def test_random_splits_keep_copies_together(ds: ll.Dataset, tmp_path: Path) -> None:
    assert ds.split({"train": 0.5, "val": 0.5}, seed=4) == {"train": 3, "val": 3}
    split_of = dict(zip(*(ds.view().values(c).to_pylist() for c in ("path", "split")), strict=True))
    assert split_of["0.png"] == split_of["1.png"]
    ds.split({"train": 0.5, "val": 0.5}, by="path in ('0.png', '5.png')")
    split_of = dict(zip(*(ds.view().values(c).to_pylist() for c in ("path", "split")), strict=True))
    assert split_of["0.png"] == split_of["5.png"]


def test_an_export_may_draw_splits_of_its_own(ds: ll.Dataset, tmp_path: Path) -> None:
    before = ds.snapshot
    shares = {"train": 0.5, "val": 0.5}
    written = ds.export(tmp_path / "out", format="coco", splits=shares, by="path", seed=4)
    assert sorted(file.stem for file in written.files) == ["instances_train", "instances_val"]
    assert ds.snapshot == before
    other = ll.create(tmp_path / "other")
    other.add(tmp_path / "out")
    ds.split(shares, by="path", seed=4)
    drawn, kept = (
        dict(zip(*(d.view().values(c).to_pylist() for c in ("path", "split")), strict=True)) for d in (other, ds)
    )
    assert drawn == kept


def test_only_the_splits_that_are_named_go_out(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.set("split", {1: "train", 2: "train", 3: "val", 4: "test"})
    assert ds.export(tmp_path / "out.json", splits=["train", "val"]).samples == 3
    with pytest.raises(BadValue, match='no sample is in the split "tran"') as caught:
        ds.export(tmp_path / "other.json", splits=["tran"])
    assert '"train"' in caught.value.hint


def test_coco_in_a_folder_has_a_file_for_each_split_and_comes_back_with_its_pictures(
    ds: ll.Dataset, tmp_path: Path
) -> None:
    ds.set("split", {1: "train", 2: "train", 3: "val"})
    written = ds.export(tmp_path / "out", format="coco", media="copy")
    stems = [file.stem for file in written.files if file.suffix]
    assert stems == ["instances_train", "instances_val", "instances_unsplit"]
    other = ll.create(tmp_path / "other")
    report = other.add(tmp_path / "out")
    assert (report.samples_added, report.unreadable, report.objects_added) == (6, 0, {"ground_truth": 18})
    assert other.facets("split").to_pylist() == ds.facets("split").to_pylist()


def test_the_command_line_says_the_same(ds: ll.Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    here, out = str(tmp_path / "set"), tmp_path / "out.json"
    ds.close()
    assert run(["split", here, "train=0.5,val=0.5", "--seed", "1"]) == 0
    assert "train        3" in capfd.readouterr().out
    choices = ["--split", "val", "--class", "car=vehicle", "--class", "dog=", "--class-order", "van"]
    assert run(["export", here, str(out), *choices]) == 0
    assert "objects of class dog, as asked" in capfd.readouterr().out
    assert names(out) == {"van": 3, "vehicle": 3}
    assert run(["export", here, str(out), "--overwrite", "--class", "car"]) == 2
    drawn = ["--format", "yolo", "--assign-split", "train=0.5,val=0.5", "--by", "path", "--seed", "2"]
    assert run(["export", here, str(tmp_path / "yolo"), *drawn]) == 0
    assert len(list((tmp_path / "yolo" / "labels" / "val").iterdir())) == 3
    assert run(["export", here, str(tmp_path / "more"), *drawn, "--split", "val"]) == 2
    assert run(["split", here, "train=much"]) == 2
