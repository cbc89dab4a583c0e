"""LabelMe's JSON files."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from loopline.errors import FormatError
from loopline.formats import coco, labelme
from loopline.formats._png import mask_of_png, png_of_mask, unzipped
from loopline.formats._shapes import Fault
from loopline.kernel import rle
from tests.formats.worlds import files_in, plain, read, told, worlds, written


def shape(kind: str, points: Any, label: str = "cat", **more: Any) -> dict[str, Any]:
    base = {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }
    return {**base, **more}


def put(folder: Path, name: str, shapes: list[Any], **more: Any) -> Path:
    head = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg", "imageData": None}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({**head, "imageHeight": 30, "imageWidth": 40, **more}))
    return file


MASK = np.array([[0, 1, 1], [1, 0, 1]], bool)
SHAPES = [
    shape(
        "rectangle", [[20.5, 3], [4, 9.25]], group_id=2, description="the big one", flags={"hidden": True, "cut": False}
    ),
    shape("polygon", [[1, 2], [30.5, 4], [5, 11]], label="dog", score=0.5),
    shape("circle", [[10, 10], [13, 14]]),
    shape("line", [[0, 0], [4, 4]], label="edge"),
    shape("linestrip", [[0, 0], [4, 4], [9, 1]], label="edge"),
    shape("point", [[3, 4]], label="nose"),
    shape("points", [[3, 4], [5, 6]], label="nose"),
    shape("mask", [[5, 7], [7, 8]], mask=base64.b64encode(png_of_mask(MASK)).decode(), other_key={"a": [1]}),
    shape("oriented_rectangle", [[10, 10], [20, 20], [15, 25], [5, 15]]),
]


def test_each_shape_arrives_in_the_field_of_its_kind(tmp_path: Path) -> None:
    put(tmp_path, "one", SHAPES, flags={"night": True, "blurred": False}, operator="ann")
    (tmp_path / "one.jpg").touch()
    store = read(labelme.FORMAT, tmp_path)
    assert store.problems == []
    rows, objects = plain(store)
    assert rows["one.jpg"] == {
        "width": 40,
        "height": 30,
        "tags": ["night"],
        "operator": "ann",
        "labelme_flags": '{"blurred":false,"night":true}',
    }
    box, polygon, circle, mask, turned = objects["ground_truth"]["one.jpg"]
    assert box == {
        "label": "cat",
        "x": 4,
        "y": 3,
        "w": 16.5,
        "h": 6.25,
        "group_id": 2,
        "description": "the big one",
        "hidden": True,
        "cut": False,
    }
    assert (polygon["polygons"], polygon["score"]) == ([[1, 2, 30.5, 4, 5, 11]], 0.5)
    assert (circle["x"], circle["w"], circle["shape"]) == (5.0, 10.0, "circle")
    assert rle.decode(mask["mask"])[7:9, 5:8].tolist() == MASK.tolist()
    assert rle.decode(mask["mask"]).sum() == MASK.sum()
    assert turned["rotation"] == pytest.approx(45)
    assert [o["points"] for o in objects["ground_truth_polyline"]["one.jpg"]] == [[[0, 0, 4, 4]], [[0, 0, 4, 4, 9, 1]]]
    assert [o["keypoints"] for o in objects["ground_truth_keypoint"]["one.jpg"]] == [[3, 4, 2], [3, 4, 2, 5, 6, 2]]


def test_a_folder_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    put(
        tmp_path / "in" / "train",
        "one",
        SHAPES[:7] + SHAPES[8:],
        flags={"night": True, "blurred": False},
        operator="ann",
    )
    put(tmp_path / "in" / "val", "two", SHAPES[7:8])
    store = read(labelme.FORMAT, tmp_path / "in")
    done = written(labelme.FORMAT, store, tmp_path / "out")
    assert done.lost == {}
    again = read(labelme.FORMAT, tmp_path / "out")
    assert plain(again) == plain(store)
    assert again.schema == store.schema
    before = files_in(tmp_path / "out")
    assert sorted(before) == ["train/one.json", "val/two.json"]
    written(labelme.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == before
    first = json.loads(before["train/one.json"])
    assert first["flags"] == {"night": True, "blurred": False}
    assert first["shapes"][0] == {**SHAPES[0], "points": [[4, 3], [20.5, 9.25]]}


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "polygon", "mask", "polyline", "points"),
        attributes={"b": "bool", "t": "text", "n": "int", "group_id": "int", "f": "float"},
        columns={"operator": "text", "seconds": "float"},
        paths=("a.jpg", "sub/b c.png", "ü.jpg", "d.e.jpg"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("labelme") / "out"
    assert written(labelme.FORMAT, store, target).lost == {}
    again = read(labelme.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    assert plain(again) == plain(store)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    shapes = [
        *(
            None,
            shape("rectangle", [[1, 2]]),
            shape("polygon", [[1, 2], [3, 4]]),
            shape("rectangle", "x"),
            shape("cone", [[1, 2]]),
        ),
        *(shape("rectangle", [[1, 2], [float("nan"), 4]]), shape("rectangle", [[1, 2], [1e300, 4]])),
        *(
            shape("mask", [[0, 0], [1, 1]], mask="%%%"),
            shape("mask", [[0, 0], [1, 1]], mask=base64.b64encode(b"GIF").decode()),
        ),
        shape("mask", [[39, 0], [40, 1]], mask=base64.b64encode(png_of_mask(MASK)).decode()),
        *(
            shape("rectangle", [[1, 2], [300, 4]]),
            shape("rectangle", [[1, 2], [1, 4]]),
            shape("rectangle", [[1, 1], [2, 2]], label=""),
        ),
    ]
    put(tmp_path, "a", shapes, imageData="aGVsbG8=")
    (tmp_path / "b.json").write_bytes(b'\xef\xbb\xbf{"shapes": [],\r\n "imagePath": "C:\\\\photos\\\\b\xe9.png"}')
    (tmp_path / "c.json").write_text('{"images": []}')
    (tmp_path / "d.json").write_text('{"shapes": [')
    (tmp_path / "e.json").write_text("")
    (tmp_path / "f.json").symlink_to("/etc/hostname")
    (tmp_path / "g.json").write_text("[" * 100_000)
    put(tmp_path, "h", [], imagePath="../../../etc/passwd")
    store = read(labelme.FORMAT, tmp_path)
    assert sorted(told(store.problems)) == sorted(
        [
            ("warning", "not quite JSON (NaN, or text that is not UTF-8); such numbers are left out"),
            ("warning", "imageData is left out; the picture file counts"),
            ("skipped", "a shape that is not an object"),
            ("skipped", "a rectangle of fewer than 2 points"),
            ("skipped", "a polygon of fewer than 3 points"),
            ("skipped", "the points are not a list"),
            ("skipped", "a shape of an unknown shape_type"),
            ("skipped", "a coordinate is missing or not a number"),
            ("skipped", "a coordinate is larger than any picture"),
            ("skipped", "the mask's picture is not base64"),
            ("skipped", "the mask's picture is not a PNG"),
            ("skipped", "the mask reaches outside the picture"),
            ("warning", "a shape that reaches outside the picture"),
            ("warning", "a box without area"),
            ("warning", "no class; kept without one"),
            ("warning", "not quite JSON (NaN, or text that is not UTF-8); such numbers are left out"),
            ("skipped", 'not a LabelMe file: no list "shapes"'),
            ("skipped", "not JSON: Expecting value"),
            ("skipped", "the file is empty"),
            ("skipped", "a link that leads out of the folder"),
            ("skipped", "not JSON: it cannot be read"),
        ]
    )
    rows, objects = plain(store)
    assert set(rows) == {"a.jpg", "bé.png", "passwd"}
    assert len(objects["ground_truth"]["a.jpg"]) == 3


def test_masks_that_unpack_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loopline.formats._png.MOST_BYTES", 1 << 20)
    with pytest.raises(Fault, match="too large"):
        unzipped(zlib.compress(b"\0" * (2 << 20)))
    with pytest.raises(Fault):
        mask_of_png(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4) * 2 + b"\x08\0\0\0\0" + b"\0\0\0\0")
    assert mask_of_png(png_of_mask(MASK, clear=True)).tolist() == MASK.tolist()


def test_losses_are_counted(tmp_path: Path) -> None:
    put(tmp_path / "in", "one", SHAPES[:2])
    store = read(labelme.FORMAT, tmp_path / "in")
    first, second = store.objects["ground_truth"]
    first |= {"iscrowd": True, "track_id": 3}
    second["polygons"] = [second["polygons"][0]] * 2
    done = written(labelme.FORMAT, store, tmp_path / "out")
    assert done.lost == {"crowd flags": 1, "track_id": 1, "outlines of several parts, written as several shapes": 1}


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    file = put(tmp_path / "a", "one", SHAPES)
    assert labelme.FORMAT.sniff(file) is not None
    assert labelme.FORMAT.sniff(tmp_path / "a") is not None
    assert coco.FORMAT.sniff(file) is None
    other = tmp_path / "coco.json"
    other.write_text('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}')
    assert labelme.FORMAT.sniff(other) is None
    (tmp_path / "b").mkdir()
    with pytest.raises(FormatError, match="no JSON files"):
        read(labelme.FORMAT, tmp_path / "b")
