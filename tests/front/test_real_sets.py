"""Every labelled set of the real data comes in with one command and no options; the counts are those of its README."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import loopline as ll
from loopline.errors import FormatError


@dataclass(frozen=True)
class Expected:
    format: str
    samples: int
    objects: dict[str, int]
    problems: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    splits: dict[str, int] = field(default_factory=dict)


TRUTH = "ground_truth"
OTHER = "other labels in a folder; not added"
SETS = {
    "face_mask": Expected(
        "Pascal VOC",
        597,
        {TRUTH: 2976},
        {"a box that reaches outside the picture": 11, f"{OTHER}: YOLO": 1, f"{OTHER}: COCO JSON": 1},
    ),
    "face_mask/labels_yolo": Expected("YOLO", 597, {TRUTH: 2976}, {"no file names the classes": 1}),
    "bccd": Expected(
        "Pascal VOC",
        292,
        {TRUTH: 3943},
        {"a box without area": 2, f"{OTHER}: COCO JSON": 1},
        splits={"train": 205, "val": 87},
    ),
    "coco128": Expected(
        "COCO panoptic",
        100,
        {TRUTH: 1111},
        {f"{OTHER}: YOLO": 2, f"{OTHER}: Folder of semantic masks": 1, f"{OTHER}: COCO JSON": 1},
    ),
    "coco128/labels_yolo_boxes": Expected(
        "YOLO",
        128,
        {TRUTH: 929},
        {
            "a label file without a picture": 2,
            "a picture without a label file": 2,
            "no file names the classes": 1,
        },
    ),
    "coco128/labels_yolo_polygons": Expected(
        "YOLO", 128, {TRUTH: 746}, {"a picture without a label file": 28, "no file names the classes": 1}
    ),
    "coco128/semantic_masks": Expected(
        "Folder of semantic masks",
        128,
        {TRUTH: 100},
        {"a picture without a mask": 28, "nothing names the classes": 1},
    ),
    "coco_keypoints/test_coco.json": Expected("COCO JSON", 4, {TRUTH: 14}),
    "coco_keypoints/test_coco_wholebody.json": Expected("COCO JSON", 4, {TRUTH: 14}),
    "cifar10_label_errors": Expected("CSV table", 5000, {TRUTH: 5000}),
    "mot": Expected("MOT challenge", 1, {TRUTH: 359}, {"other rows of a sequence": 1}, 1),
    "mot/TUD-Campus/test.txt": Expected("MOT challenge", 1, {TRUTH: 222}, {}, 1),
    "coco_eval_reference": Expected(
        "COCO JSON", 100, {TRUTH: 839}, {"another COCO file in the folder": 2}, 100, {"val": 100}
    ),
    "open_images_style": Expected("Open Images", 100, {TRUTH: 746, f"{TRUTH}_class": 374, "predictions": 1020}),
}


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ll.Dataset]:
    """A data set that stays empty: a preview reads all that an import reads, and writes nothing."""
    with ll.create(tmp_path_factory.mktemp("real") / "set") as made:
        yield made


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_is_found_and_counted(ds: ll.Dataset, shared_data: Path, name: str) -> None:
    wanted = SETS[name]
    found = ds.preview(shared_data / name)
    assert (found.format, found.samples, dict(found.objects)) == (wanted.format, wanted.samples, wanted.objects)
    assert (found.missing, dict(found.splits)) == (wanted.missing, wanted.splits)
    assert sum(found.counts.values()) == sum(wanted.problems.values())
    for what, number in wanted.problems.items():
        assert sum(n for (_, said), n in found.counts.items() if said.startswith(what)) == number, what


def test_of_several_truths_in_a_folder_one_must_be_named(ds: ll.Dataset, shared_data: Path) -> None:
    with pytest.raises(FormatError, match=r"4 COCO files in this folder: test_coco\.json") as caught:
        ds.preview(shared_data / "coco_keypoints")
    assert "name one file" in caught.value.hint
