"""Label Studio's JSON export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import FormatError
from loopline.formats import bdd100k, coco, datumaro, label_studio, labelme
from loopline.formats._label_studio import packed, unpacked
from loopline.formats._shapes import Fault, turned_corners
from loopline.kernel import rle
from tests.formats.worlds import NOTHING, plain, read, told, worlds, written

MASK = np.zeros((30, 40), bool)
MASK[3:7, 4:9] = True


def result(kind: str, value: dict[str, Any], id_: str, name: str = "label", **more: Any) -> dict[str, Any]:
    size = {"original_width": 40, "original_height": 30, "image_rotation": 0}
    return {"id": id_, "type": kind, "from_name": name, "to_name": "image", **size, "value": value, **more}


RECT = {"x": 25.0, "y": 10.0, "width": 50.0, "height": 20.0, "rotation": 0}
RESULTS = [
    result("rectanglelabels", {**RECT, "rectanglelabels": ["cat"]}, "a1"),
    result("choices", {**RECT, "choices": ["big"]}, "a1", "how_big"),
    result("textarea", {**RECT, "text": ["a note"]}, "a1", "note"),
    result("rectanglelabels", {**RECT, "rotation": 90, "rectanglelabels": ["cat", "pet"]}, "a2"),
    result("polygonlabels", {"points": [[10, 10], [50, 10], [50, 80]], "closed": True, "polygonlabels": ["dog"]}, "a3"),
    result(
        "ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["dog"]}, "a4"
    ),
    result("brushlabels", {"format": "rle", "rle": packed(MASK), "brushlabels": ["dog"]}, "a5"),
    result("keypointlabels", {"x": 50, "y": 50, "width": 0.5, "keypointlabels": ["nose"]}, "a6"),
    {"id": "a7", "type": "choices", "from_name": "weather", "to_name": "image", "value": {"choices": ["sun", "wind"]}},
    {"id": "a8", "type": "rating", "from_name": "quality", "to_name": "image", "value": {"rating": 4}},
]
TASK = {
    "id": 11,
    "data": {"image": "/data/upload/3/1a2b-one.jpg", "camera": "left", "speed": 3.5},
    "annotations": [{"id": 5, "completed_by": 2, "result": RESULTS, "was_cancelled": False, "lead_time": 3.5}],
    "predictions": [
        {
            "id": 9,
            "model_version": "v2",
            "score": 0.5,
            "result": [result("rectanglelabels", {**RECT, "rectanglelabels": ["cat"]}, "p1")],
        }
    ],
    "meta": {"source": "car 7"},
}


def put(folder: Path, tasks: Any, name: str = "export.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(json.dumps(tasks))
    return file


def test_each_region_arrives_in_the_field_of_its_kind_in_pixels(tmp_path: Path) -> None:
    store = read(label_studio.FORMAT, put(tmp_path, [TASK]))
    assert store.problems == []
    rows, objects = plain(store)
    assert rows == {
        "1a2b-one.jpg": {
            "width": 40,
            "height": 30,
            "camera": "left",
            "speed": 3.5,
            "label_studio_id": 11,
            "label_studio_path": "/data/upload/3/1a2b-one.jpg",
            "label_studio_task": '{"meta":{"source":"car 7"}}',
        }
    }
    box, turned, polygon, ellipse, brush = objects["ground_truth"]["1a2b-one.jpg"]
    own = {"annotation_id": 5, "completed_by": "2", "from_name": "label", "annotation_more": '{"lead_time":3.5}'}
    assert box == {
        "label": "cat",
        "x": 10,
        "y": 3,
        "w": 20,
        "h": 6,
        "region_id": "a1",
        **own,
        "how_big": "big",
        "note": "a note",
    }
    assert (turned["rotation"], turned["more_labels"]) == (90.0, '["pet"]')
    corners = turned_corners((turned["x"], turned["y"], turned["w"], turned["h"]), 90)
    assert corners[:2] == pytest.approx([10, 3])  # Label Studio turns about this corner
    assert polygon["polygons"] == [[4, 3, 20, 3, 20, 24]]
    assert (ellipse["x"], ellipse["y"], ellipse["w"], ellipse["h"], ellipse["shape"]) == (16, 9, 8, 12, "ellipse")
    assert rle.decode(brush["mask"]).tolist() == MASK.tolist()
    assert objects["ground_truth_keypoint"]["1a2b-one.jpg"][0]["keypoints"] == [20, 15, 2]
    assert [o["label"] for o in objects["ground_truth_class"]["1a2b-one.jpg"]] == ["sun", "wind"]
    assert objects["ground_truth_value"]["1a2b-one.jpg"][0]["value"] == 4
    (guess,) = objects["predictions"]["1a2b-one.jpg"]
    assert (guess["score"], guess["model_version"], guess["x"]) == (0.5, "v2", 10)


def test_the_tasks_written_are_those_that_were_read(tmp_path: Path) -> None:
    store = read(label_studio.FORMAT, put(tmp_path, [TASK]))
    done = written(label_studio.FORMAT, store, tmp_path / "out")
    assert done.lost == {}
    again = read(label_studio.FORMAT, tmp_path / "out")
    assert _close(plain(again), plain(store))
    assert {f.name: f.kind for f in again.schema.fields} == {f.name: f.kind for f in store.schema.fields}
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert (task["id"], task["data"], task["meta"]) == (11, TASK["data"], TASK["meta"])
    assert task["annotations"][0]["completed_by"] == 2
    assert task["annotations"][0]["result"][:3] == RESULTS[:3]
    before = (tmp_path / "out" / "tasks.json").read_bytes()
    written(label_studio.FORMAT, store, tmp_path / "out")
    assert (tmp_path / "out" / "tasks.json").read_bytes() == before


def _close(a: Any, b: Any) -> bool:
    """Equal, numbers to 1e-9."""
    if isinstance(a, float) and isinstance(b, int | float):
        return a == pytest.approx(b, abs=1e-9)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_close(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "turned", "polygon", "mask", "polyline", "point", "class"),
        attributes={"t": "text", "n": "int", "f": "float"},
        always={"region_id": st.integers(0, 10**6).map(str), "completed_by": st.sampled_from(["1", "ann@x.org"])},
        columns={"weather": "text", "seconds": "float"},
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("ls") / "out.json"
    boxes = store.objects.get("ground_truth", [])
    for number, row in enumerate(boxes):
        row["region_id"] = f"b{number}"
    boxes.sort(key=lambda row: (row["sample_id"], row["completed_by"] == "ann@x.org"))
    assert written(label_studio.FORMAT, store, target).lost == {}
    again = read(label_studio.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    ours, theirs = _without_ids(plain(store)), _without_ids(plain(again))
    for name in ("a@", "1"):
        assert _close(_by(theirs, name), _by(ours, name))


def _without_ids(found: Any) -> Any:
    rows, objects = found
    added = ("label_studio_id", "label_studio_path", "from_name", "annotation_id")
    bare = {
        name: {
            p: [{k: v for k, v in o.items() if k not in added and (k != "region_id" or v[0] == "b")} for o in os]
            for p, os in mine.items()
        }
        for name, mine in objects.items()
    }
    # A picture without regions has no size in Label Studio.
    sides = ("width", "height", *added)
    return {p: {k: v for k, v in r.items() if k not in sides} for p, r in rows.items()}, bare


def _by(found: Any, who: str) -> Any:
    rows, objects = found
    return rows, {
        n: {p: [o for o in os if o.get("completed_by", who).startswith(who[:1])] for p, os in m.items()}
        for n, m in objects.items()
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(1, 7))
def test_brush_masks_unpack_to_what_was_packed(bits: list[bool], width: int) -> None:
    mask = np.array(
        bits[: max(1, len(bits) // width) * width] + [False] * (-len(bits) % width if len(bits) < width else 0)
    )
    mask = mask[: mask.size // width * width].reshape(-1, width)
    assert unpacked(packed(mask), width, mask.shape[0]).tolist() == mask.tolist()


def test_brush_masks_as_label_studio_packs_them_unpack_too() -> None:
    # 6 rows of 7 pixels, rows 2 and 3 set from 3 to 5; packed by Label Studio's converter.
    given_bytes = [0, 0, 0, 168, 57, 27, 254, 67, 0, 183, 255, 124, 2, 223, 254, 59, 0, 0]
    mask = np.zeros((6, 7), bool)
    mask[2:4, 3:6] = True
    assert unpacked(given_bytes, 7, 6).tolist() == mask.tolist()
    # One pixel, its four channels one by one: 4 values, words of 8 bits, then a run of single values.
    bits = f"{4:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16)) + "000" + f"{3:03b}"
    bits += "".join(f"{n:08b}" for n in (1, 2, 3, 4))
    bits += "0" * (-len(bits) % 8)
    literal = list(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    assert unpacked(literal, 1, 1).tolist() == [[True]]
    for bad in ([0, 0], [255, 255, 255, 255, 57], given_bytes[:-6], [1, 2, 999], "text"):
        with pytest.raises(Fault):
            unpacked(bad, 7, 6)


def test_label_studios_converter_unpacks_what_we_pack() -> None:
    brush = pytest.importorskip("label_studio_converter.brush")
    assert brush.decode_rle(packed(MASK))[3::4].reshape(MASK.shape).astype(bool).tolist() == MASK.tolist()
    theirs = brush.mask2rle(MASK.astype(np.uint8) * 255)
    assert unpacked(theirs, 40, 30).tolist() == MASK.tolist()


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    def rect(**more: Any) -> dict[str, Any]:
        return result(
            "rectanglelabels",
            {**RECT, "rectanglelabels": ["cat"], **more},
            str(len(str(more)) + hash(str(more)) % 10**6),
        )

    results = [
        *(
            3,
            {"id": "x", "type": "rectanglelabels"},
            rect(x=float("nan")),
            rect(x=1e99),
            rect(width=-3),
            rect(x=90),
            rect(width=0),
        ),
        *(rect(), {**rect(y=11), "original_width": None}, rect(rectanglelabels=[])),
        result("polygonlabels", {"points": [[1, 2]], "polygonlabels": ["x"]}, "p"),
        result("brushlabels", {"format": "rle", "rle": [0, 0, 0, 1], "brushlabels": ["x"]}, "b"),
        result("videorectangle", {"sequence": [], "x": 1}, "v"),
        {"id": "t", "type": "textarea", "from_name": "t", "to_name": "image", "value": {"text": ["x"]}},
    ]
    tasks = [
        {
            "id": 1,
            "data": {"image": "a.jpg"},
            "annotations": [{"id": 1, "result": results}, {"id": 2}, {"id": 3, "result": [], "was_cancelled": True}],
        },
        *(7, {"id": 2, "data": {}}, {"id": 3, "data": {"image": "../../etc/passwd"}, "annotations": []}),
        {"id": 4, "data": {"photo": "http://host/dir/b.png?x=1", "text": "hello"}, "annotations": []},
    ]
    file = put(tmp_path, tasks)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b", ", b",\r\n"))
    store = read(label_studio.FORMAT, file)
    assert sorted(told(store.problems)) == sorted(
        [
            ("warning", "not a number (NaN or infinite); left out"),
            ("skipped", "a result without a value"),
            ("skipped", "a result without a value"),
            ("skipped", "x is missing or not a number"),
            ("skipped", "x is larger than any picture"),
            ("skipped", "a box of negative size"),
            ("warning", "a shape that reaches outside the picture"),
            ("warning", "a box without area"),
            ("skipped", "a region without original_width and original_height"),
            ("warning", "no class; kept without one"),
            ("skipped", "a polygon of fewer than 3 points, or a line of fewer than 2"),
            ("skipped", "the brush's rle is not of the picture's size"),
            ("skipped", "a region of a video"),
            ("skipped", "a result of a type that is not kept"),
            ("skipped", "an annotation without a list of results"),
            ("skipped", "an annotation that was cancelled"),
            ("skipped", "not an object"),
            ("skipped", "a task without a picture"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
        ]
    )
    assert [(row["path"], row["root"]) for row in store.rows] == [
        ("a.jpg", str(tmp_path)),
        ("b.png", "http://host/dir"),
    ]
    assert len(store.objects["ground_truth"]) == 4
    file.write_text(json.dumps([TASK])[:-50])
    assert told(read(label_studio.FORMAT, file).problems)[0][0] == "skipped"
    for text in ("", "{}", "nothing"):
        file.write_text(text)
        with pytest.raises(FormatError):
            read(label_studio.FORMAT, file)


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(label_studio.FORMAT, put(tmp_path, [{**TASK, "predictions": []}]))
    store.objects["ground_truth"][0] |= {"iscrowd": True}
    store.objects["ground_truth"][2]["polygons"] *= 2
    store.rows.append({"id": 2, "path": "b.jpg", "tags": ["x"], "split": "train"})
    store.objects["ground_truth"].append(
        {**store.objects["ground_truth"][0], "id": 99, "sample_id": 2, "iscrowd": None}
    )
    done = written(label_studio.FORMAT, store, tmp_path / "out.json")
    assert done.lost == {
        "crowd flags": 1,
        "objects left out: a region on a picture of unknown size": 1,
        "split of samples": 1,
        "outlines of several parts, written as several regions": 1,
        "tags of samples": 1,
    }
    assert done.objects == 9


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    file = put(tmp_path / "a", [TASK])
    assert label_studio.FORMAT.sniff(file) is not None
    assert label_studio.FORMAT.sniff(tmp_path / "a") is not None
    assert [one.FORMAT.sniff(file) for one in (coco, bdd100k, labelme, datumaro)] == [None] * 4
    other = put(tmp_path, [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}], "results.json")
    assert label_studio.FORMAT.sniff(other) is None
    assert read(label_studio.FORMAT, file, schema=NOTHING, predictions="model").schema.has_field("model")
