"""Each way that Roboflow writes a data set comes in with one command: found by itself, with splits and classes.

The files are as the exporter makes them: pictures beside the labels, `train`, `valid` and `test`, a README in plain text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import loopline as ll
from loopline.formats import registry
from loopline.formats._format import FileFormat
from tests.formats.worlds import plain, read, told

SPLITS = ("train", "valid", "test")
CLASSES = ("cat", "dog")
STEMS = {"train": ("a_jpg.rf.0f", "b_jpg.rf.1e"), "valid": ("c_jpg.rf.2d",), "test": ("d_jpg.rf.3c",)}
NAMES = {split: [f"{stem}.jpg" for stem in stems] for split, stems in STEMS.items()}
BOX = (2.0, 1.0, 6.0, 5.0)  # corners, in pictures of 20 x 10


def pictures(folder: Path, inner: str = "") -> Path:
    for split, names in NAMES.items():
        (folder / split / inner).mkdir(parents=True)
        for number, name in enumerate(names):
            Image.new("RGB", (20, 10), (number, len(split), 7)).save(folder / split / inner / name)
    (folder / "README.dataset.txt").write_text("# pets > 2024-01-01\nhttps://universe.roboflow.com/x/pets\n")
    (folder / "README.roboflow.txt").write_text("pets - v1\n\nThis dataset was exported via roboflow.com\n")
    return folder


def coco(folder: Path) -> Path:
    categories = [{"id": i, "name": n, "supercategory": "none"} for i, n in enumerate(("pets", *CLASSES))]
    for split, names in NAMES.items():
        images = [
            {"id": i, "license": 1, "file_name": n, "height": 10, "width": 20, "extra": {"name": "a.jpg"}}
            for i, n in enumerate(names)
        ]
        x, y, right, bottom = BOX
        boxes = [
            {"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [x, y, right - x, bottom - y]}
            | {"area": 16, "segmentation": [], "iscrowd": 0}
            for i in range(len(names))
        ]
        document = {"info": {}, "licenses": [], "categories": categories, "images": images, "annotations": boxes}
        (folder / split / "_annotations.coco.json").write_text(json.dumps(document))
    return folder


def yolo(folder: Path) -> Path:
    x, y, right, bottom = BOX
    numbers = ((x + right) / 40, (y + bottom) / 20, (right - x) / 20, (bottom - y) / 10)
    for split, stems in STEMS.items():
        (folder / split / "labels").mkdir()
        for i, stem in enumerate(stems):
            row = f"{i % 2} {' '.join(map(str, numbers))}"
            (folder / split / "labels" / f"{stem}.txt").write_text(row)
    (folder / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'dog']\n\n"
        "roboflow:\n  workspace: x\n  project: pets\n  version: 1\n  license: CC BY 4.0\n"
    )
    return folder


def voc(folder: Path) -> Path:
    x, y, right, bottom = map(int, BOX)
    for split, stems in STEMS.items():
        for i, stem in enumerate(stems):
            (folder / split / f"{stem}.xml").write_text(
                f"<annotation>\n\t<folder></folder>\n\t<filename>{stem}.jpg</filename>\n\t<path>{stem}.jpg</path>\n"
                "\t<source><database>roboflow.com</database></source>\n"
                "\t<size><width>20</width><height>10</height><depth>3</depth></size>\n\t<segmented>0</segmented>\n"
                f"\t<object><name>{CLASSES[i % 2]}</name><pose>Unspecified</pose><truncated>0</truncated>"
                "<difficult>0</difficult><occluded>0</occluded>"
                f"<bndbox><xmin>{x}</xmin><xmax>{right}</xmax><ymin>{y}</ymin><ymax>{bottom}</ymax></bndbox>"
                "</object>\n</annotation>\n"
            )
    return folder


def tensorflow_csv(folder: Path) -> Path:
    x, y, right, bottom = map(int, BOX)
    for split, names in NAMES.items():
        rows = [f"{n},20,10,{CLASSES[i % 2]},{x},{y},{right},{bottom}" for i, n in enumerate(names)]
        text = "\n".join(["filename,width,height,class,xmin,ymin,xmax,ymax", *rows])
        (folder / split / "_annotations.csv").write_text(text + "\n")
    return folder


def createml(folder: Path) -> Path:
    x, y, right, bottom = BOX
    sides = {"x": (x + right) / 2, "y": (y + bottom) / 2, "width": right - x, "height": bottom - y}
    for split, names in NAMES.items():
        items = [
            {"image": n, "annotations": [{"label": CLASSES[i % 2], "coordinates": sides}]} for i, n in enumerate(names)
        ]
        (folder / split / "_annotations.createml.json").write_text(json.dumps(items))
    return folder


BOXES: tuple[tuple[str, str, Callable[[Path], Path]], ...] = (
    ("coco", "", coco),
    ("yolo", "images", yolo),
    ("voc", "", voc),
    ("csv", "", tensorflow_csv),
    ("createml", "", createml),
)


def short(path: str) -> str:
    return path.rsplit("/", 1)[-1]


@pytest.mark.parametrize(("name", "inner", "make"), BOXES)
def test_boxes_come_in_with_one_command(tmp_path: Path, name: str, inner: str, make: Callable[[Path], Path]) -> None:
    folder = make(pictures(tmp_path / "in", inner))
    assert registry.detect(folder)[0].name == name
    ds = ll.create(tmp_path / "set")
    report = ds.add(folder)
    assert (report.samples_added, report.unreadable, report.skipped) == (4, 0, 0)
    splits = dict(zip(*(ds.view().values(c).to_pylist() for c in ("path", "split")), strict=True))
    assert {short(path): split for path, split in splits.items()} == {
        "a_jpg.rf.0f.jpg": "train",
        "b_jpg.rf.1e.jpg": "train",
        "c_jpg.rf.2d.jpg": "val",
        "d_jpg.rf.3c.jpg": "test",
    }
    rows = ds.objects("ground_truth").rows(columns=["label", "box.x", "box.y", "box.w", "box.h", "sample.path"])
    found = {short(row["sample.path"]): (row["label"], *list(row.values())[1:5]) for row in rows}
    assert {path: one[0] for path, one in found.items()} == {
        "a_jpg.rf.0f.jpg": "cat",
        "b_jpg.rf.1e.jpg": "dog",
        "c_jpg.rf.2d.jpg": "cat",
        "d_jpg.rf.3c.jpg": "cat",
    }
    assert all(np.allclose(one[1:], (2, 1, 4, 4)) for one in found.values())
    assert ds.add(folder).samples_added == 0


def made(folder: Path) -> tuple[FileFormat, Path]:
    one, _ = registry.detect(folder)
    assert isinstance(one, FileFormat)
    return one, folder


def test_a_table_of_several_classes_a_picture_is_a_class_field(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    for split, names in NAMES.items():
        rows = [f"{name}, 1, {i % 2}" for i, name in enumerate(names)]
        (folder / split / "_classes.csv").write_text("\n".join(["filename, cat, dog", *rows]) + "\n")
    one, _ = made(folder)
    assert one.name == "onehot"
    store = read(one, folder)
    rows, objects = plain(store)
    assert {short(path): row["split"] for path, row in rows.items()} == {
        name: {"valid": "val"}.get(split, split) for split, names in NAMES.items() for name in names
    }
    found = {short(path): [row["label"] for row in mine] for path, mine in objects["ground_truth"].items()}
    assert found["b_jpg.rf.1e.jpg"] == ["cat", "dog"]
    assert found["c_jpg.rf.2d.jpg"] == ["cat"]
    assert store.schema.fields[0].kind == "class"


def test_a_cell_that_is_no_truth_is_named(tmp_path: Path) -> None:
    file = tmp_path / "_classes.csv"
    file.write_text("filename, cat, dog\na.jpg, 1, 0\nb.jpg, 2, 0\n")
    store = read(registry.get("onehot"), file)  # type: ignore[arg-type]
    assert told(store.problems) == [("skipped", "a cell that is neither 0 nor 1")]
    assert (store.problems[0].where, store.problems[0].hint) == ("_classes.csv:3", 'column "cat"')
    assert [row["path"] for row in store.rows] == ["a.jpg"]


def test_masks_beside_their_pictures_are_class_maps(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    for split, stems in STEMS.items():
        for stem in stems:
            mask = np.zeros((10, 20), np.uint8)
            mask[2:4] = 2
            Image.fromarray(mask).save(folder / split / f"{stem}_mask.png")
        (folder / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    one, _ = made(folder)
    assert one.name == "semantic_masks"
    store = read(one, folder)
    assert len(store.rows) == len(store.objects["ground_truth"]) == 4
    assert store.schema.fields[0].classes == ("background", "cat", "dog")
    assert {row["split"] for row in store.rows} == {"train", "val", "test"}


def test_folders_of_classes(tmp_path: Path) -> None:
    for split, names in NAMES.items():
        for number, name in enumerate(names):
            for label in CLASSES:
                (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / split / label / name)
    (tmp_path / "README.dataset.txt").write_text("# pets")
    one, _ = made(tmp_path)
    assert one.name == "imagefolder"
    assert len(read(one, tmp_path).rows) == 8
