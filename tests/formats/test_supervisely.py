"""Supervisely projects."""

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
from loopline.formats import coco, labelme, supervisely
from loopline.formats._png import png_of_mask
from loopline.kernel import rle
from tests.formats.worlds import files_in, plain, read, told, worlds, written

MASK = np.array([[0, 1, 1], [1, 0, 1]], bool)
META = {
    "classes": [
        {"title": "cat", "shape": "any", "color": "#FF0000", "id": 5, "geometry_config": {}},
        {
            "title": "man",
            "shape": "graph",
            "color": "#00FF00",
            "geometry_config": {
                "nodes": {"aa": {"label": "nose", "loc": [0, 0]}, "bb": {"label": "foot", "loc": [1, 1]}},
                "edges": [],
            },
        },
    ],
    "tags": [
        {"name": "cute", "value_type": "none", "color": "#0000FF"},
        {"name": "age", "value_type": "any_number", "color": "#0000FF"},
        {"name": "fur", "value_type": "oneof_string", "values": ["long", "short"], "color": "#0000FF"},
    ],
    "projectType": "images",
}


def figure(kind: str, exterior: Any, interior: Any = (), **more: Any) -> dict[str, Any]:
    points = {"exterior": exterior, "interior": list(interior)}
    return {"classTitle": "cat", "description": "", "tags": [], "geometryType": kind, "points": points, **more}


def bitmap(data: Any, origin: Any) -> dict[str, Any]:
    return {
        "classTitle": "cat",
        "description": "",
        "tags": [],
        "geometryType": "bitmap",
        "bitmap": {"data": data, "origin": origin},
    }


DATA = base64.b64encode(zlib.compress(png_of_mask(MASK, clear=True))).decode()
OBJECTS = [
    figure(
        "rectangle",
        [[20, 3], [4.5, 9]],
        id=77,
        labelerLogin="ann",
        tags=[{"name": "cute", "value": None}, {"name": "age", "value": 3}],
    ),
    figure("polygon", [[1, 2], [30, 4], [5, 11]], [[[4, 4], [6, 4], [5, 6]]], tags=[{"name": "fur", "value": "long"}]),
    bitmap(DATA, [5, 7]),
    figure("line", [[0, 0], [4, 4], [8, 1]]),
    figure("point", [[3, 4]]),
    {
        "classTitle": "man",
        "geometryType": "graph",
        "tags": [],
        "nodes": {"bb": {"loc": [3, 4]}, "aa": {"loc": [1, 2], "disabled": True}},
    },
]


def project(base: Path, objects: list[Any], meta: Any = META, **more: Any) -> Path:
    (base / "train" / "ann").mkdir(parents=True)
    (base / "train" / "img").mkdir()
    (base / "meta.json").write_text(json.dumps(meta))
    value = {"description": "", "tags": [], "size": {"height": 30, "width": 40}, "objects": objects, **more}
    (base / "train" / "ann" / "a.jpg.json").write_text(json.dumps(value))
    return base


def test_each_shape_arrives_in_the_field_of_its_kind(tmp_path: Path) -> None:
    base = project(
        tmp_path, OBJECTS, description="a hill", tags=[{"name": "cute", "value": None}, {"name": "age", "value": 9}]
    )
    (base / "train" / "img" / "b.jpg").touch()
    store = read(supervisely.FORMAT, base)
    assert told(store.problems) == [("warning", "a picture without a label file; added without labels")]
    rows, objects = plain(store)
    assert rows == {
        "train/img/a.jpg": {
            "width": 40,
            "height": 30,
            "split": "train",
            "tags": ["cute"],
            "age": 9.0,
            "description": "a hill",
        },
        "train/img/b.jpg": {"split": "train"},
    }
    box, polygon, mask, man = objects["ground_truth"]["train/img/a.jpg"]
    assert box == {
        "label": "cat",
        "x": 4.5,
        "y": 3,
        "w": 15.5,
        "h": 6,
        "supervisely_id": 77,
        "labelerLogin": "ann",
        "cute": True,
        "age": 3.0,
    }
    assert polygon["holes"] == "[[4.0,4.0,6.0,4.0,5.0,6.0]]"
    assert polygon["fur"] == "long"
    assert rle.decode(mask["mask"])[7:9, 5:8].tolist() == MASK.tolist()
    assert man["keypoints"] == [1, 2, 1, 3, 4, 2]
    assert store.schema.field("ground_truth").keypoint_names == ("nose", "foot")
    assert store.schema.field("ground_truth").attribute("fur").values == ("long", "short")
    assert objects["ground_truth_polyline"]["train/img/a.jpg"][0]["points"] == [[0, 0, 4, 4, 8, 1]]
    assert objects["ground_truth_keypoint"]["train/img/a.jpg"][0]["keypoints"] == [3, 4, 2]


def test_a_project_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    base = project(
        tmp_path / "in",
        OBJECTS,
        description="a hill",
        tags=[{"name": "cute", "value": None}, {"name": "age", "value": 9}],
    )
    store = read(supervisely.FORMAT, base)
    assert written(supervisely.FORMAT, store, tmp_path / "out").lost == {}
    again = read(supervisely.FORMAT, tmp_path / "out")
    assert plain(again) == plain(store)
    assert again.schema == store.schema
    before = files_in(tmp_path / "out")
    assert sorted(before) == ["meta.json", "train/ann/a.jpg.json"]
    assert json.loads(before["meta.json"]) == META
    written(supervisely.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == before


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "polygon", "mask", "polyline", "point"),
        attributes={"t": "text", "f": "float", "supervisely_id": "int", "description": "text"},
        columns={"place": "text", "seconds": "float"},
        paths=("train/img/a.jpg", "val/img/a.jpg", "x/img/ü b.png"),
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("supervisely") / "out"
    for row in store.rows:
        row["split"] = {"t": "train", "v": "val"}.get(row["path"][0])
    assert written(supervisely.FORMAT, store, target).lost == {}
    again = read(supervisely.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    assert plain(again) == plain(store)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    objects = [
        *(
            None,
            figure("rectangle", [[1, 2]]),
            figure("rectangle", "x"),
            figure("cuboid", [[1, 2]]),
            figure("polygon", [[1, 2], [3, 4]]),
        ),
        *(figure("rectangle", [[1, 2], [float("nan"), 3]]), figure("rectangle", [[1, 2], [1e99, 3]])),
        *(
            bitmap("%", [1, 1]),
            bitmap(base64.b64encode(b"x").decode(), [1, 1]),
            bitmap(DATA, [39, 1]),
            bitmap(DATA, [1]),
        ),
        {"classTitle": "man", "geometryType": "graph", "nodes": {"zz": {"loc": [3, 4]}}},
        *(
            figure("rectangle", [[1, 2], [300, 4]]),
            figure("rectangle", [[1, 2], [1, 4]]),
            figure("rectangle", [[1, 1], [2, 2]], classTitle=""),
        ),
    ]
    base = project(tmp_path, objects)
    (base / "train" / "ann" / "b.jpg.json").write_bytes(b'\xef\xbb\xbf{"objects": [],\r\n "description": "\xe9"}')
    (base / "train" / "ann" / "c.jpg.json").write_text('{"images": []}')
    (base / "train" / "ann" / "d.jpg.json").write_text("")
    (base / "train" / "ann" / "e.jpg.json").symlink_to("/etc/hostname")
    store = read(supervisely.FORMAT, base)
    assert sorted(told(store.problems)) == sorted(
        [
            ("warning", "not quite JSON (NaN, or text that is not UTF-8); such numbers are left out"),
            ("skipped", "an object that is not one"),
            ("skipped", "a rectangle of fewer than 2 points"),
            ("skipped", "the points are not a list"),
            ("skipped", "a shape of an unknown geometryType"),
            ("skipped", "a polygon of fewer than 3 points"),
            ("skipped", "a coordinate is missing or not a number"),
            ("skipped", "a coordinate is larger than any picture"),
            ("skipped", "the mask's picture is not base64"),
            ("skipped", "the mask's picture is not packed with zlib"),
            ("skipped", "the mask reaches outside the picture"),
            ("skipped", "a bitmap without its origin"),
            ("skipped", "a graph with points that meta.json does not list"),
            ("warning", "a shape that reaches outside the picture"),
            ("warning", "a box without area"),
            ("warning", "no class; kept without one"),
            ("warning", "not quite JSON (NaN, or text that is not UTF-8); such numbers are left out"),
            ("skipped", 'not a Supervisely file: no list "objects"'),
            ("skipped", "the file is empty"),
            ("skipped", "a link that leads out of the folder"),
        ]
    )
    rows, objects_found = plain(store)
    assert set(rows) == {"train/img/a.jpg", "train/img/b.jpg"}
    assert len(objects_found["ground_truth"]["train/img/a.jpg"]) == 3


def test_losses_are_counted_and_names_stay_apart(tmp_path: Path) -> None:
    store = read(supervisely.FORMAT, project(tmp_path / "in", OBJECTS[:2]))
    first, second = store.objects["ground_truth"]
    first |= {"rotation": 30.0, "cute": False, "score": 0.5}
    second["label"] = None
    store.rows[0]["path"] = "deep/a.jpg"
    store.rows[0]["split"] = None
    store.rows.append({**store.rows[0], "id": 2, "path": "deep_a.jpg"})
    done = written(supervisely.FORMAT, store, tmp_path / "out")
    assert done.lost == {
        'folders in names of pictures, written as "_"': 1,
        'labels without a class, written as "unknown"': 1,
        "attribute cute that is false": 1,
        "scores": 1,
        "turned boxes, written as polygons": 1,
    }
    assert sorted(files_in(tmp_path / "out")) == ["ds/ann/2_deep_a.jpg.json", "ds/ann/deep_a.jpg.json", "meta.json"]


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = project(tmp_path / "a", OBJECTS)
    assert supervisely.FORMAT.sniff(base) is not None
    assert coco.FORMAT.sniff(base) is None
    assert labelme.FORMAT.sniff(base) is None
    assert supervisely.FORMAT.sniff(base / "train") is None
    with pytest.raises(FormatError, match=r"no meta\.json"):
        read(supervisely.FORMAT, base / "train")
