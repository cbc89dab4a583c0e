"""Datumaro's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import bdd100k, coco, datumaro, labelme
from loopline.kernel import rle
from tests.formats.worlds import files_in, plain, read, told, worlds, written

MASK = np.zeros((30, 40), bool)
MASK[3:7, 4:9] = True
COUNTS = rle.compress(rle.counts_of(MASK)).decode()
CATEGORIES = {
    "label": {
        "labels": [
            {"name": "cat", "parent": "animal", "attributes": ["old"]},
            {"name": "edge", "parent": "", "attributes": []},
            {"name": "sunny", "parent": "", "attributes": []},
        ],
        "label_groups": [],
        "attributes": ["occluded"],
    },
    "points": {"items": [{"label_id": 0, "labels": ["nose", "tail"], "joints": [[1, 2]], "positions": []}]},
}


def note(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": 0, **more}


NOTES = [
    note(
        "bbox",
        bbox=[1.5, 2.0, 10.0, 4.25],
        z_order=2,
        id=7,
        group=3,
        object_id=5,
        attributes={"occluded": True, "track_id": 4, "is_crowd": False},
    ),
    note("bbox", bbox=[5.0, 5.0, 10.0, 4.0], z_order=0, attributes={"rotation": 30.5, "score": 0.5}),
    note("polygon", points=[1.0, 2.0, 9.0, 2.0, 9.0, 8.0], z_order=0),
    note("mask", rle={"counts": COUNTS, "size": [30, 40]}, z_order=0),
    note("ellipse", points=[1, 2, 9, 8], z_order=0),
    note("polyline", points=[0.0, 0.0, 4.0, 4.5], z_order=1, label_id=1),
    note("points", points=[3.0, 4.0, 5.0, 6.0], visibility=[2, 1], z_order=0),
    note("label", label_id=2),
    {"id": 0, "type": "caption", "attributes": {}, "group": 0, "caption": "a cat in the sun"},
]
DOCUMENT = {
    "dm_format_version": "1.0",
    "media_type": 2,
    "infos": {"by": "ann"},
    "categories": CATEGORIES,
    "items": [
        {"id": "a", "annotations": NOTES, "attr": {"frame": 3}, "image": {"path": "a.jpg", "size": [30, 40]}},
        {"id": "sub/b", "annotations": [], "image": {"path": "sub/b.png", "size": [30, 40]}},
    ],
}


def put(folder: Path, document: Any = DOCUMENT, name: str = "train.json") -> Path:
    file = folder / "annotations" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return file


def test_each_annotation_arrives_in_the_field_of_its_kind(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "images" / "train" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/b.png"):
        (tmp_path / "images" / "train" / name).touch()
    store = read(datumaro.FORMAT, tmp_path)
    assert store.problems == []
    assert store.rows[0]["root"] == str(tmp_path / "images" / "train")
    rows, objects = plain(store)
    assert rows == {
        "a.jpg": {"width": 40, "height": 30, "split": "train", "frame": 3},
        "sub/b.png": {"width": 40, "height": 30, "split": "train"},
    }
    box, turned, polygon, mask, ellipse = objects["ground_truth"]["a.jpg"]
    assert box == {
        "label": "cat",
        "x": 1.5,
        "y": 2,
        "w": 10,
        "h": 4.25,
        "z_order": 2,
        "datumaro_id": 7,
        "group_id": 3,
        "object_id": 5,
        "occluded": True,
        "track_id": 4,
        "iscrowd": False,
    }
    assert (turned["rotation"], turned["score"]) == (30.5, 0.5)
    assert polygon["polygons"] == [[1, 2, 9, 2, 9, 8]]
    assert rle.decode(mask["mask"]).tolist() == MASK.tolist()
    assert (ellipse["shape"], ellipse["w"]) == ("ellipse", 8.0)
    assert objects["ground_truth_polyline"]["a.jpg"][0]["label"] == "edge"
    assert objects["ground_truth_keypoint"]["a.jpg"][0]["keypoints"] == [3, 4, 2, 5, 6, 1]
    assert [o.get("caption", o.get("label")) for o in objects["ground_truth_class"]["a.jpg"]] == [
        "sunny",
        "a cat in the sun",
    ]
    assert store.schema.field("ground_truth").keypoint_names == ("nose", "tail")


def test_the_document_written_is_the_one_that_was_read(tmp_path: Path) -> None:
    store = read(datumaro.FORMAT, put(tmp_path / "in"))
    assert written(datumaro.FORMAT, store, tmp_path / "out").lost == {}
    before = files_in(tmp_path / "out")
    assert list(before) == ["annotations/train.json"]
    assert json.loads(before["annotations/train.json"]) == DOCUMENT
    written(datumaro.FORMAT, store, tmp_path / "out")
    assert files_in(tmp_path / "out") == before


def test_items_may_come_before_the_categories_and_have_paths_of_another_machine(tmp_path: Path) -> None:
    items = [{"id": "a", "annotations": NOTES[:1], "image": {"path": "/home/ann/set/a.jpeg"}}]
    store = read(datumaro.FORMAT, put(tmp_path, {"items": items, "categories": CATEGORIES}))
    assert [row["path"] for row in store.rows] == ["a.jpeg"]
    assert [row["label"] for row in store.objects["ground_truth"]] == ["cat"]


def test_frames_of_a_video_are_rows_of_the_videos_sample(tmp_path: Path) -> None:
    items = [
        {"id": f"v/{frame:06d}", "annotations": NOTES[:2], "video_frame": {"video_path": "v.mp4", "frame_index": frame}}
        for frame in (3, 4)
    ]
    document = {**DOCUMENT, "items": items}
    store = read(datumaro.FORMAT, put(tmp_path / "in", document))
    assert store.problems == []
    assert [(row["path"], row["media"]) for row in store.rows] == [("v.mp4", "video")]
    assert [row["frame"] for row in store.objects["ground_truth"]] == [3, 3, 4, 4]
    written(datumaro.FORMAT, store, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "annotations" / "train.json").read_text()) == document


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "turned", "polygon", "mask", "polyline", "points", "class"),
        attributes={"b": "bool", "t": "text", "n": "int", "f": "float"},
        always={"z_order": st.integers(1, 9), "group_id": st.integers(1, 9), "datumaro_id": st.integers(1, 9)},
        columns={"weather": "text", "seconds": "float"},
        splits=(None, "train", "my split"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store) -> None:
    target = tmp_path_factory.mktemp("datumaro") / "out"
    assert written(datumaro.FORMAT, store, target).lost == {}
    again = read(datumaro.FORMAT, target, schema=store.schema)
    assert [p for p in again.problems if p.kind == "skipped"] == []
    assert plain(again) == plain(store)


def test_bad_rows_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    notes = [
        *(
            3,
            note("bbox", bbox=[1, 2, 3]),
            note("bbox", bbox=[1, 2, float("nan"), 3]),
            note("bbox", bbox=[1, 2, 1e99, 3]),
        ),
        *(
            note("bbox", bbox=[1, 2, -3, 3]),
            note("bbox", bbox=[1, 2, 3, 4], label_id=9),
            note("bbox", bbox=[-9, 2, 300, 4]),
        ),
        *(
            note("polygon", points=[1, 2, 3]),
            note("mask", rle={"counts": "é", "size": [2, 2]}),
            note("mask", rle={"counts": COUNTS, "size": [3, 3]}),
        ),
        *(
            note("cuboid_3d", position=[1]),
            note("bbox", bbox=[1, 2, 0, 4]),
            note("bbox", bbox=[1, 2, 3, 4], label_id=None),
        ),
    ]
    items = [
        {"id": "a", "annotations": notes, "image": {"path": "a.jpg", "size": [30, 40]}},
        *(
            5,
            {"annotations": []},
            {"id": "../../x"},
            {"id": "c", "point_cloud": {"path": "c.pcd"}},
            {"id": "a", "image": {"path": "a.jpg"}},
        ),
    ]
    file = put(tmp_path, {"categories": CATEGORIES, "items": items})
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b", ", b",\r\n"))
    store = read(datumaro.FORMAT, file)
    assert sorted(told(store.problems)) == sorted(
        [
            ("warning", "not a number (NaN or infinite); left out"),
            ("skipped", "an annotation that is not an object"),
            ("skipped", "a bbox that is not x, y, width, height"),
            ("skipped", "a coordinate is missing or not a number"),
            ("skipped", "a coordinate is larger than any picture"),
            ("skipped", "a box of negative size"),
            ("skipped", "a label_id that is not among the categories"),
            ("warning", "a shape that reaches outside the picture"),
            ("skipped", "a polygon of fewer than 3 points, or an odd number of coordinates"),
            ("skipped", "the mask's counts are not COCO's"),
            ("skipped", "the mask's runs do not add up to its size"),
            ("skipped", "an annotation of a type that is not kept"),
            ("warning", "a box without area"),
            ("warning", "no class; kept without one"),
            ("skipped", "not an object"),
            ("skipped", "an item without an id or a path"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a point cloud"),
            ("warning", "a picture is there twice; its labels are put together"),
        ]
    )
    assert len(store.objects["ground_truth"]) == 3
    file.write_text(json.dumps(DOCUMENT)[:-100])
    broken = read(datumaro.FORMAT, file)
    assert [p.what for p in broken.problems if p.kind == "skipped"][-1].endswith("the rest of the file is missing")
    file.write_text("")
    with pytest.raises(FormatError, match="the file is empty"):
        read(datumaro.FORMAT, file)


def test_losses_are_counted(tmp_path: Path) -> None:
    store = read(datumaro.FORMAT, put(tmp_path / "in"))
    store.rows[0]["tags"] = ["x"]
    store.objects["ground_truth"][2] |= {"polygons": [[1.0, 2, 3, 4, 5, 6]] * 2, "area": 3.0}
    done = written(datumaro.FORMAT, store, tmp_path / "b.json")
    assert done.lost == {
        "outlines of several parts, written as several shapes": 1,
        "split of samples": 2,
        "stated areas": 1,
        "tags of samples": 1,
    }


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    file = put(tmp_path)
    assert datumaro.FORMAT.sniff(file) is not None
    assert datumaro.FORMAT.sniff(tmp_path) is not None
    assert [one.FORMAT.sniff(file) for one in (coco, bdd100k, labelme)] == [None] * 3
    other = tmp_path / "b.json"
    other.write_text('{"info": {}, "images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}')
    assert datumaro.FORMAT.sniff(other) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datumaro_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    pytest.importorskip("datumaro")
    from datumaro.components.dataset import Dataset

    document = {**DOCUMENT, "items": [{**DOCUMENT["items"][0], "annotations": NOTES[:4] + NOTES[5:8]}]}
    store = read(datumaro.FORMAT, put(tmp_path / "in", document))
    written(datumaro.FORMAT, store, tmp_path / "out")
    image = tmp_path / "out" / "images" / "train" / "a.jpg"
    image.parent.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(image)
    theirs = Dataset.import_from(str(tmp_path / "out"), "datumaro")
    (item,) = list(theirs)
    assert [a.type.name for a in item.annotations] == ["bbox", "bbox", "polygon", "mask", "polyline", "points", "label"]
    assert list(item.annotations[0].get_bbox()) == [1.5, 2.0, 10.0, 4.25]
    assert np.array_equal(item.annotations[3].image.astype(bool), MASK)
    theirs.export(str(tmp_path / "again"), "datumaro", save_media=True)
    again = read(datumaro.FORMAT, tmp_path / "again")
    assert plain(again)[1] == plain(store)[1]
