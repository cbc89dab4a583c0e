"""Each kind of sample is taken first, and clearly, by its own format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from loopline.formats import registry
from tests.formats import (
    test_coco_panoptic,
    test_imagefolder,
    test_lvis,
    test_semantic_masks,
    test_voc_masks,
    test_yolo,
)


def _yolo_yaml(path: Path) -> Path:
    return test_yolo.plant(
        path, data_dot_yaml="train: images\nnames: [a]", images__a_dot_jpg=None, labels__a_dot_txt=test_yolo.ROW
    )


def _yolo_folder(path: Path) -> Path:
    return test_yolo.plant(path, train__images__a_dot_jpg=None, train__labels__a_dot_txt=test_yolo.ROW)


def _yolo_beside(path: Path) -> Path:
    return test_yolo.plant(path, a_dot_jpg=None, a_dot_txt=test_yolo.ROW, classes_dot_txt="cat")


def _imagefolder(path: Path) -> Path:
    return test_imagefolder.plant(path, "train/cat/a.jpg", "train/dog/b.jpg")


def _masks(path: Path) -> Path:
    test_semantic_masks.picture(path / "images" / "a.jpg")
    test_semantic_masks.save(path / "masks" / "a.png", test_semantic_masks.IDS)
    return path


def _cityscapes(path: Path) -> Path:
    return test_semantic_masks.cityscapes(path, instances=True)


def _lvis(path: Path) -> Path:
    test_lvis.load(path / "lvis.json", test_lvis.document())
    return path / "lvis.json"


def _panoptic_folder(path: Path) -> Path:
    return test_coco_panoptic.plant(path).parent


def _pictures(path: Path) -> Path:
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (2, 2)).save(path / name)
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("yolo", _yolo_yaml),
        ("yolo", _yolo_folder),
        ("yolo", _yolo_beside),
        ("imagefolder", _imagefolder),
        ("semantic_masks", _masks),
        ("semantic_masks", _cityscapes),
        ("voc_masks", test_voc_masks.voc),
        ("coco_panoptic", test_coco_panoptic.plant),
        ("coco_panoptic", _panoptic_folder),
        ("lvis", _lvis),
        ("folder", _pictures),
    ],
)
def test_a_sample_is_taken_by_its_own_format(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    found, _ = registry.detect(make(tmp_path))
    assert found.name == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("coco128/labels_yolo_boxes", "yolo"),
        ("coco128/labels_yolo_polygons", "yolo"),
        ("coco128/panoptic.json", "coco_panoptic"),
        ("coco128/semantic_masks", "semantic_masks"),
        ("face_mask/labels_yolo", "yolo"),
        ("face_mask", "voc"),
        ("bccd", "voc"),
        ("coco128/images", "folder"),
        ("coco128/reference/ground_truth_coco.json", "coco"),
    ],
)
def test_a_real_set_is_taken_by_its_own_format(shared_data: Path, path: str, name: str) -> None:
    found, _ = registry.detect(shared_data / path)
    assert found.name == name
