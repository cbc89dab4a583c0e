"""VOC's segmentation pictures: classes, objects, void, lists."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import _masks, semantic_masks, voc_masks
from loopline.kernel import rle
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

CLASSES = [[0, 15, 15], [255, 15, 7]]
OBJECTS = [[0, 1, 2], [255, 1, 3]]


def save(file: Path, ids: Any, colours: bytes | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(ids, np.uint8))
    image.putpalette(colours or _masks.voc_palette())
    image.save(file)


def voc(folder: Path, *, objects: bool = True, classes: Any = CLASSES) -> Path:
    for name in ("a", "b"):
        (folder / "JPEGImages").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 2)).save(folder / "JPEGImages" / f"{name}.jpg")
    save(folder / "SegmentationClass" / "a.png", classes)
    if objects:
        save(folder / "SegmentationObject" / "a.png", OBJECTS)
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\r\n")
    (lists / "trainval.txt").write_text("a\n")
    return folder


def load(path: Path) -> MemoryStore:
    return MemoryStore.of(voc_masks.read(Source(path)))


def pixels(blob: bytes) -> list[list[int]]:
    return np.asarray(Image.open(BytesIO(blob))).tolist()


def kinds(store: MemoryStore) -> Counter[str]:
    return Counter(p.what for p in store.problems)


def test_classes_objects_and_void_come_in(tmp_path: Path) -> None:
    path = voc(tmp_path)
    assert voc_masks.sniff(path) is not None
    assert semantic_masks.sniff(path) is None
    store = load(path)
    assert [(r["path"], r["split"]) for r in store.rows] == [("a.jpg", "train")]
    (row,) = store.objects["ground_truth_mask"]
    assert pixels(row["mask"]) == CLASSES
    assert store.schema.field("ground_truth_mask").meta["mask"]["void"] == 255
    found = store.objects["ground_truth"]
    assert [(r["label"], r["instance"], r["x"], r["y"], r["w"], r["h"], r["area"]) for r in found] == [
        ("person", 1, 1, 0, 1, 2, 2), ("person", 2, 2, 0, 1, 1, 1), ("car", 3, 2, 1, 1, 1, 1),
    ]  # fmt: skip
    assert rle.decode(found[0]["mask"]).tolist() == [[False, True, False], [False, True, False]]
    assert not store.problems


def test_without_objects_the_class_map_has_the_name_itself(tmp_path: Path) -> None:
    store = load(voc(tmp_path, objects=False))
    assert store.schema.field("ground_truth").kind == "mask"
    assert "person" in store.schema.field("ground_truth").classes


def test_classes_are_not_guessed_for_another_palette_or_higher_numbers(tmp_path: Path) -> None:
    store = load(voc(tmp_path / "high", objects=False, classes=[[0, 44, 1]]))
    assert store.schema.field("ground_truth").classes == ("0", "1", "44")
    voc(tmp_path / "other", objects=False)
    save(tmp_path / "other" / "SegmentationClass" / "a.png", CLASSES, bytes(range(256)) * 3)
    assert load(tmp_path / "other").schema.field("ground_truth").classes == ("0", "7", "15")


def test_a_labelmap_names_classes_and_colours(tmp_path: Path) -> None:
    path = voc(tmp_path, objects=False)
    (path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nhat:128,0,0::\n")
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[0, 1] = (128, 0, 0)
    Image.fromarray(colours).save(path / "SegmentationClass" / "a.png")
    store = load(path)
    assert pixels(store.objects["ground_truth"][0]["mask"]) == [[0, 1, 0], [0, 0, 0]]
    assert store.schema.field("ground_truth").classes == ("background", "hat")


def test_faults_are_named(tmp_path: Path) -> None:
    path = voc(tmp_path)
    save(path / "SegmentationClass" / "b.png", CLASSES)
    save(path / "SegmentationClass" / "gone.png", CLASSES)
    save(path / "SegmentationObject" / "b.png", [[1]])
    save(path / "SegmentationObject" / "a.png", [[9, 1, 2], [255, 1, 3]])
    store = load(path)
    assert kinds(store) == {
        "a mask without a picture": 1,
        "an object map of another size than its class map": 1,
        "an object without a class in the class map": 1,
    }
    assert len(store.objects["ground_truth"]) == 4
    with pytest.raises(FormatError, match="SegmentationClass"):
        load(tmp_path / "ImageSets")
    (tmp_path / "x" / "SegmentationClass").mkdir(parents=True)
    with pytest.raises(FormatError, match="no masks"):
        load(tmp_path / "x")


grids = st.lists(st.lists(st.sampled_from([0, 1, 2, 3, 255]), min_size=3, max_size=3), min_size=2, max_size=2)


@settings(max_examples=25, deadline=None)
@given(grids, grids, st.booleans())
def test_writing_and_reading_gives_the_same_pictures(
    tmp_path_factory: pytest.TempPathFactory, classes: Any, objects: Any, with_objects: bool
) -> None:
    folder = tmp_path_factory.mktemp("voc")
    # VOC's rule: objects lie on classes, and void is void in both.
    objects = [[0 if c == 0 else 255 if c == 255 else o if o != 255 else 0 for c, o in zip(*rows, strict=True)] for rows in zip(classes, objects, strict=True)]  # fmt: skip
    voc(folder / "in", objects=with_objects, classes=classes)
    if with_objects:
        save(folder / "in" / "SegmentationObject" / "a.png", objects)
    first = load(folder / "in")
    names = [f.name for f in first.schema.fields]
    for name in ("out", "two"):
        written = voc_masks.write(first, folder / name, fields=names, media="copy")
        assert written.lost == {}
    got = np.asarray(Image.open(folder / "out" / "SegmentationClass" / "a.png")).tolist()
    assert got == classes
    if with_objects:
        assert np.asarray(Image.open(folder / "out" / "SegmentationObject" / "a.png")).tolist() == objects
    again = load(folder / "out")
    assert again.objects == first.objects
    assert [(r["path"], r["split"]) for r in again.rows] == [(r["path"], r["split"]) for r in first.rows]
    one, two = ({p.relative_to(folder / n): p.read_bytes() for p in (folder / n).rglob("*.*")} for n in ("out", "two"))
    assert one == two


def test_objects_that_overlap_are_counted(tmp_path: Path) -> None:
    store = load(voc(tmp_path / "in"))
    store.objects["ground_truth"][1]["mask"] = store.objects["ground_truth"][0]["mask"]
    store.objects["ground_truth"][2]["mask"] = None
    written = voc_masks.write(store, tmp_path / "out", fields=["ground_truth"])
    assert written.lost == {"objects without a mask or a class": 1, "pixels of objects under later ones": 2}
    assert (tmp_path / "out" / "labelmap.txt").read_text().splitlines()[1] == "background:0,0,0::"
