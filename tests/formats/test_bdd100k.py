"""BDD100K's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import bdd100k, coco, labelme
from tests.formats.worlds import files_in, plain, read, told, worlds, written

FRAME = {
    "name": "b1.jpg",
    "attributes": {"weather": "rainy", "scene": "city street", "timeofday": "daytime"},
    "timestamp": 10000,
    "labels": [
        {
            "id": "4",
            "category": "car",
            "manualShape": True,
            "manualAttributes": False,
            "attributes": {"occluded": True, "truncated": False, "trafficLightColor": "none"},
            "box2d": {"x1": 10.5, "y1": 20, "x2": 30, "y2": 44.25},
        },
        {
            "id": "5",
            "category": "drivable area",
            "attributes": {"areaType": "direct"},
            "poly2d": [{"vertices": [[1, 2], [9, 2], [9, 8]], "types": "LLC", "closed": True}],
        },
        {
            "id": "6",
            "category": "lane",
            "attributes": {"laneStyle": "solid"},
            "poly2d": [{"vertices": [[1, 2], [9, 2.5]], "types": "LL", "closed": False}],
        },
    ],
}
OLD = {
    "name": "b2",
    "attributes": {"weather": "clear"},
    "frames": [
        {
            "timestamp": 10000,
            "objects": [
                {
                    "category": "car",
                    "id": 1,
                    "attributes": {"occluded": False},
                    "box2d": {"x1": 1, "y1": 2, "x2": 3, "y2": 4},
                },
                {
                    "category": "area/drivable",
                    "id": 2,
                    "attributes": {},
                    "poly2d": [[1, 2, "L"], [5, 2, "C"], [5, 6, "L"]],
                },
                {"category": "lane/road curb", "id": 3, "attributes": {}, "poly2d": [[1, 2, "L"], [5, 2, "L"]]},
            ],
        }
    ],
}


def put(file: Path, value: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))
    return file


def test_a_list_of_frames_arrives_with_what_it_says_of_pictures_and_objects(tmp_path: Path) -> None:
    file = put(tmp_path / "labels" / "det_20" / "det_train.json", [FRAME, {"name": "b3.jpg", "labels": None}])
    (tmp_path / "images" / "100k" / "train").mkdir(parents=True)
    store = read(bdd100k.FORMAT, file)
    assert store.problems == []
    assert store.rows[0]["root"] == str(tmp_path / "images" / "100k" / "train")
    rows, objects = plain(store)
    assert rows == {
        "b1.jpg": {
            "weather": "rainy",
            "scene": "city street",
            "timeofday": "daytime",
            "timestamp": 10000,
            "split": "train",
        },
        "b3.jpg": {"split": "train"},
    }
    car, area = objects["ground_truth"]["b1.jpg"]
    assert car == {
        "label": "car",
        "x": 10.5,
        "y": 20,
        "w": 19.5,
        "h": 24.25,
        "bdd_id": "4",
        "occluded": True,
        "truncated": False,
        "trafficLightColor": "none",
        "bdd_more": '{"manualAttributes":false,"manualShape":true}',
    }
    assert (area["polygons"], area["poly2d_types"], area["areaType"]) == ([[1, 2, 9, 2, 9, 8]], '["LLC"]', "direct")
    (lane,) = objects["ground_truth_polyline"]["b1.jpg"]
    assert (lane["points"], lane["laneStyle"]) == ([[1, 2, 9, 2.5]], "solid")


def test_the_document_written_is_the_one_that_was_read(tmp_path: Path) -> None:
    store = read(bdd100k.FORMAT, put(tmp_path / "a.json", [FRAME]))
    done = written(bdd100k.FORMAT, store, tmp_path / "b.json")
    assert done.lost == {}
    assert json.loads((tmp_path / "b.json").read_text()) == [FRAME]
    before = (tmp_path / "b.json").read_bytes()
    written(bdd100k.FORMAT, store, tmp_path / "b.json")
    assert (tmp_path / "b.json").read_bytes() == before


def test_the_first_release_has_one_file_a_picture(tmp_path: Path) -> None:
    put(tmp_path / "labels" / "100k" / "val" / "b2.json", OLD)
    (tmp_path / "images" / "100k" / "val").mkdir(parents=True)
    assert bdd100k.FORMAT.sniff(tmp_path) is not None
    store = read(bdd100k.FORMAT, tmp_path)
    assert store.problems == []
    assert store.rows[0]["root"] == str(tmp_path / "images" / "100k" / "val")
    rows, objects = plain(store)
    assert rows == {"b2.jpg": {"weather": "clear", "timestamp": 10000, "split": "val"}}
    assert [o["label"] for o in objects["ground_truth"]["b2.jpg"]] == ["car", "area/drivable"]
    assert objects["ground_truth"]["b2.jpg"][1]["poly2d_types"] == '["LCL"]'
    assert objects["ground_truth_polyline"]["b2.jpg"][0]["points"] == [[1, 2, 5, 2]]


def test_ids_in_frames_of_a_video_are_tracks(tmp_path: Path) -> None:
    frame = {**FRAME, "videoName": "b1", "frameIndex": 3}
    store = read(bdd100k.FORMAT, put(tmp_path / "a.json", {"frames": [frame], "config": None}))
    assert [row["track_id"] for row in store.objects["ground_truth"]] == [4, 5]
    assert (store.rows[0]["videoName"], store.rows[0]["frameIndex"]) == ("b1", 3)


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "polygon", "mask", "polyline"),
        attributes={"b": "bool", "t": "text", "n": "int", "f": "float"},
        always={"bdd_id": st.integers(0, 99).map(str)},
        columns={"weather": "text", "timestamp": "int"},
        splits=("train", "val", "test"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("bdd") / "out"
    for row in store.objects.get("ground_truth_polyline", []):
        row["bdd_id"] = "1"
    store.schema = _with_id(store.schema)
    assert written(bdd100k.FORMAT, store, target).lost == {}
    again = read(bdd100k.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    assert plain(again) == plain(store)


def _with_id(schema):
    from dataclasses import replace

    from loopline.kernel.schema import Column

    own = (Column("bdd_id", "text"),)
    return replace(
        schema, fields=tuple(replace(f, attributes=own) if f.kind == "polyline" else f for f in schema.fields)
    )


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    def box(*numbers: float) -> dict[str, Any]:
        return {"category": "car", "box2d": dict(zip(("x1", "y1", "x2", "y2"), numbers, strict=False))}

    good = {"id": 1, **box(1, 2, 3, 4)}
    labels = [
        *(
            3,
            {"category": "car"},
            box(1, 2, 3),
            box(1, 2, float("nan"), 4),
            box(1, 2, 1e99, 4),
            box(3, 2, 1, 4),
            box(1, 1, 1, 2),
        ),
        *(
            {"category": "x", "poly2d": [{"vertices": [[1, 2]], "closed": False}]},
            {"category": "x", "poly2d": [{"vertices": 3}]},
        ),
        *({"category": "x", "rle": {"counts": "é", "size": [2, 2]}}, {"box2d": good["box2d"]}, good),
        {"category": "x", "box2d": good["box2d"], "poly2d": [{"vertices": [[1, 2], [3, 4]], "closed": False}]},
    ]
    frames = [
        {"name": "a.jpg", "labels": labels},
        7,
        {"labels": []},
        {"name": "../../x.jpg"},
        {"name": "a.jpg", "labels": [good]},
    ]
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(frames).replace(", ", ",\r\n").encode())
    store = read(bdd100k.FORMAT, file)
    assert sorted(told(store.problems)) == sorted(
        [
            ("warning", "not a number (NaN or infinite); left out"),
            ("skipped", "a label that is not an object"),
            ("skipped", "a label without box2d, poly2d or rle"),
            ("skipped", "box2d.y2 is missing or not a number"),
            ("skipped", "box2d.x2 is missing or not a number"),
            ("skipped", "box2d.x2 is larger than any picture"),
            ("skipped", "corners in the wrong order"),
            ("warning", "a box without area"),
            ("skipped", "an outline of too few points"),
            ("skipped", "the points are not a list"),
            ("skipped", "the mask's counts are not COCO's"),
            ("warning", "no class; kept without one"),
            ("warning", "a label of open and closed shapes; made two"),
            ("skipped", "not an object"),
            ("skipped", "a frame without a name"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("warning", "a picture is there twice; its labels are put together"),
        ]
    )
    assert len(store.objects["ground_truth"]) == 5
    file.write_text(json.dumps([FRAME])[:-30])
    assert told(read(bdd100k.FORMAT, file).problems)[0][0] == "skipped"
    file.write_text("")
    with pytest.raises(FormatError, match="the file is empty"):
        read(bdd100k.FORMAT, file)


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(bdd100k.FORMAT, put(tmp_path / "a.json", [FRAME]))
    store.objects["ground_truth"][0] |= {"rotation": 5.0, "track_id": 9}
    store.rows[0]["split"] = "train"
    done = written(bdd100k.FORMAT, store, tmp_path / "b.json")
    assert done.lost == {"rotation": 1, "split of samples": 1, "track_id beside another id": 1}
    assert sorted(files_in(tmp_path)) == ["a.json", "b.json"]


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", [FRAME])
    assert bdd100k.FORMAT.sniff(file) is not None
    assert coco.FORMAT.sniff(file) is None
    assert labelme.FORMAT.sniff(file) is None
    other = put(tmp_path / "b.json", {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []})
    assert bdd100k.FORMAT.sniff(other) is None
