"""Files that are broken somewhere: whatever stands in them, a reader gives events or a FormatError."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import (
    bdd100k,
    coco,
    cvat,
    cvat_video,
    datumaro,
    dota,
    kitti,
    label_studio,
    labelme,
    mot,
    registry,
    supervisely,
)
from loopline.formats._format import FileFormat
from tests.formats import test_bdd100k as bdd_files
from tests.formats import test_cvat as cvat_files
from tests.formats import test_datumaro as datumaro_files
from tests.formats import test_dota as dota_files
from tests.formats import test_kitti as kitti_files
from tests.formats import test_label_studio as studio_files
from tests.formats import test_labelme as labelme_files
from tests.formats import test_mot as mot_files
from tests.formats import test_supervisely as supervisely_files
from tests.formats.worlds import read, written

ODD = [
    None,
    True,
    [],
    {},
    "",
    "x",
    "\ud800",
    "../..",
    -1,
    0,
    2**63,
    10**400,
    1e308,
    float("nan"),
    [[1]],
    [{}],
    {"a": 1},
    [None] * 4,
]
COCO = {
    "info": {"year": 2017},
    "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0, "score": 0.5,
         "segmentation": [[1, 2, 4, 2, 4, 6]], "keypoints": [1, 2, 2], "num_keypoints": 1, "mine": {"a": 1}},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 9, 9], "iscrowd": 1,
         "segmentation": {"size": [30, 40], "counts": [0, 3, 1197]}},
        {"id": 3, "image_id": 2, "category_id": 2, "bbox": [0.5, 0, 9, 9]},
    ],
    "categories": [{"id": 1, "name": "cat", "keypoints": ["nose"], "skeleton": []}, {"id": 2, "name": "dog"}],
}  # fmt: skip
JSON_FILES: dict[str, tuple[FileFormat, Any, str]] = {
    "coco": (coco.FORMAT, COCO, "a.json"),
    "bdd100k": (bdd100k.FORMAT, [bdd_files.FRAME], "a.json"),
    "bdd100k, first release": (bdd100k.FORMAT, bdd_files.OLD, "a.json"),
    "datumaro": (datumaro.FORMAT, datumaro_files.DOCUMENT, "annotations/train.json"),
    "label_studio": (label_studio.FORMAT, [studio_files.TASK], "a.json"),
    "labelme": (labelme.FORMAT, {"shapes": labelme_files.SHAPES, "imagePath": "a.jpg", "flags": {"f": True}, "imageWidth": 40, "imageHeight": 30}, "a.json"),
    "supervisely": (supervisely.FORMAT, {"objects": supervisely_files.OBJECTS, "tags": [{"name": "age", "value": 3}], "size": {"height": 30, "width": 40}}, "train/ann/a.jpg.json"),
    "supervisely, meta": (supervisely.FORMAT, supervisely_files.META, "meta.json"),
}  # fmt: skip
TEXT_FILES: dict[str, tuple[FileFormat, str, str]] = {
    "cvat": (cvat.FORMAT, cvat_files.IMAGES, "annotations.xml"),
    "cvat_video": (cvat_video.FORMAT, cvat_files.VIDEO, "annotations.xml"),
    "kitti": (kitti.FORMAT, kitti_files.ROWS, "label_2/a.txt"),
    "dota": (dota.FORMAT, dota_files.TEXT, "labelTxt/a.txt"),
    "mot": (mot.FORMAT, mot_files.GT, "s/gt/gt.txt"),
    "mot, seqinfo.ini": (mot.FORMAT, mot_files.INI, "s/seqinfo.ini"),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, child in inner for place in places(child, (*at, key)))]


def put(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    out = copy.deepcopy(value)
    inner = out
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    return out


def survives(one: FileFormat, folder: Path, file: Path) -> None:
    registry.sniff(file)
    registry.sniff(folder)
    try:
        store = read(one, folder)
    except FormatError:
        return
    for row in store.rows:
        assert ".." not in row["path"].split("/")
        assert not row["path"].startswith("/")
    written(one, store, folder.with_name("again"))


@pytest.mark.parametrize("name", JSON_FILES)
def test_any_value_may_be_odd(name: str, tmp_path: Path) -> None:
    one, document, path = JSON_FILES[name]
    tmp_path = tmp_path / "in"
    if one.name == "supervisely":
        supervisely_files.project(tmp_path, supervisely_files.OBJECTS[:2])
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    every = places(document)

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.sampled_from(every), st.sampled_from(ODD)), min_size=1, max_size=2))
    def run(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
        value = document
        for place, odd in changes:
            if place in places(value):
                value = put(value, place, odd)
        file.write_text(json.dumps(value))
        survives(one, tmp_path, file)

    run()


@pytest.mark.parametrize("name", [*TEXT_FILES, *JSON_FILES])
def test_any_bytes_may_be_odd(name: str, tmp_path: Path) -> None:
    one, document, path = {**TEXT_FILES, **JSON_FILES}[name]
    tmp_path = tmp_path / "in"
    if one.name == "supervisely":
        supervisely_files.project(tmp_path, supervisely_files.OBJECTS[:2])
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    raw = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    pieces = [
        b"",
        b"\0",
        b"\xff\xfe",
        b"\x80",
        b"nan",
        b"-",
        b"9" * 400,
        b"<",
        b"&lol;",
        b'"',
        b"}",
        b",",
        b"\r\n",
        b"1e999",
    ]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(st.integers(0, len(raw)), st.integers(0, 40), st.sampled_from(pieces)), min_size=1, max_size=3
        )
    )
    def run(cuts: list[tuple[int, int, bytes]]) -> None:
        out = raw
        for at, length, piece in cuts:
            out = out[:at] + piece + out[at + length :]
        file.write_bytes(out)
        survives(one, tmp_path, file)

    run()


def test_every_format_is_found_for_its_own_files_and_no_other(tmp_path: Path) -> None:
    for name, (one, document, path) in {**TEXT_FILES, **JSON_FILES}.items():
        folder = tmp_path / name
        if one.name == "supervisely":
            supervisely_files.project(folder, supervisely_files.OBJECTS)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        assert registry.detect(folder)[0].name == one.name, name
