"""Each kind of sample is taken first, and clearly, by its own format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from loopline.formats import registry
from tests.formats import (
    test_bdd100k,
    test_coco,
    test_coco_panoptic,
    test_cvat,
    test_datumaro,
    test_dota,
    test_fiftyone,
    test_huggingface,
    test_imagefolder,
    test_kitti,
    test_label_studio,
    test_labelme,
    test_lvis,
    test_mot,
    test_open_images,
    test_semantic_masks,
    test_supervisely,
    test_table,
    test_tfrecord,
    test_voc,
    test_voc_masks,
    test_webdataset,
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


def _coco(path: Path) -> Path:
    return test_coco.saved(path, test_coco.SMALL)


def _voc(path: Path) -> Path:
    return test_voc.put(path, {"a.xml": test_voc.xml(test_voc.BOX)})


def _csv(path: Path) -> Path:
    return test_table.csv(path, "path,label,x,y,w,h\na.jpg,cat,1,2,3,4\n")


def _parquet(path: Path) -> Path:
    pq.write_table(
        pa.table({"path": ["a.jpg"], "label": ["cat"], "x": [1.0], "y": [1.0], "w": [1.0], "h": [1.0]}),
        path / "a.parquet",
    )
    return path / "a.parquet"


def _cvat(path: Path) -> Path:
    return test_cvat.put(path, test_cvat.IMAGES)


def _cvat_video(path: Path) -> Path:
    return test_cvat.put(path, test_cvat.VIDEO)


def _kitti(path: Path) -> Path:
    return test_kitti.folder(path, _000001=test_kitti.ROWS)


def _bdd100k(path: Path) -> Path:
    return test_bdd100k.put(path / "det_train.json", [test_bdd100k.FRAME])


def _mot(path: Path) -> Path:
    test_mot.sequence(path, frames=2)
    return path


def _labelme(path: Path) -> Path:
    test_labelme.put(path, "one", test_labelme.SHAPES)
    return path


def _label_studio(path: Path) -> Path:
    return test_label_studio.put(path, [test_label_studio.TASK])


def _datumaro(path: Path) -> Path:
    test_datumaro.put(path)
    return path


def _supervisely(path: Path) -> Path:
    return test_supervisely.project(path, test_supervisely.OBJECTS)


def _dota(path: Path) -> Path:
    return test_dota.folder(path, P0001=test_dota.TEXT)


def _createml(path: Path) -> Path:
    sides = '{"x": 8, "y": 6, "width": 4, "height": 2}'
    file = path / "boxes.json"
    file.write_text('[{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": ' + sides + "}]}]")
    return file


def _onehot(path: Path) -> Path:
    (path / "_classes.csv").write_text("filename, cat, dog\na.jpg, 1, 0\n")
    return path / "_classes.csv"


def _pictures(path: Path) -> Path:
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (2, 2)).save(path / name)
    return path


SAMPLES: tuple[tuple[str, Callable[[Path], Path]], ...] = (
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
    ("coco", _coco),
    ("voc", _voc),
    ("csv", _csv),
    ("parquet", _parquet),
    ("cvat", _cvat),
    ("cvat_video", _cvat_video),
    ("kitti", _kitti),
    ("bdd100k", _bdd100k),
    ("mot", _mot),
    ("labelme", _labelme),
    ("label_studio", _label_studio),
    ("datumaro", _datumaro),
    ("supervisely", _supervisely),
    ("dota", _dota),
    ("open_images", test_open_images.plant),
    ("fiftyone", test_fiftyone.put),
    ("webdataset", test_webdataset.plant),
    ("huggingface", test_huggingface.plant),
    ("createml", _createml),
    ("onehot", _onehot),
    ("tfrecord", test_tfrecord.put),
    ("folder", _pictures),
)
"""Each registered format has an entry; test_support.py sees to it."""


@pytest.mark.parametrize(("name", "make"), SAMPLES)
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
        ("open_images_style", "open_images"),
        ("coco128/reference/ground_truth_coco.json", "coco"),
    ],
)
def test_a_real_set_is_taken_by_its_own_format(shared_data: Path, path: str, name: str) -> None:
    found, _ = registry.detect(shared_data / path)
    assert found.name == name
