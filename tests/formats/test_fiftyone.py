"""FiftyOne's own export."""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from loopline.errors import FormatError
from loopline.formats import coco, datumaro, fiftyone, registry
from loopline.formats._fiftyone import npy_array, npy_packed, packed_array
from loopline.formats._masks import decode
from loopline.formats._shapes import Fault
from loopline.kernel import rle
from loopline.kernel.schema import Column, DatasetSchema, LabelField
from tests.formats.memory_store import MemoryStore
from tests.formats.worlds import files_in, plain, read, told, worlds, written

OID = "64b0c0ffee64b0c0ffee64"


def packed(array: Any) -> dict[str, Any]:
    out = BytesIO()
    np.save(out, array, allow_pickle=False)
    return {"$binary": {"base64": base64.b64encode(zlib.compress(out.getvalue())).decode(), "subType": "00"}}


def label(form: str, number: int, **more: Any) -> dict[str, Any]:
    return {"_id": {"$oid": f"{OID}{number:02d}"}, "_cls": form, "tags": [], **more}


CROP = np.array([[True, False], [True, True], [False, True]])
SAMPLE = {
    "_id": {"$oid": f"{OID}00"},
    "filepath": "data/a.jpg",
    "tags": ["night"],
    "metadata": {"_cls": "ImageMetadata", "width": 40, "height": 20, "size_bytes": 5, "mime_type": "image/jpeg"},
    "_media_type": "image",
    "_rand": 0.5,
    "_dataset_id": {"$oid": f"{OID}99"},
    "created_at": {"$date": "2024-01-01T00:00:00Z"},
    "weather": "rain",
    "speed": 2.5,
    "seen": {"$date": 1704067200000},
    "place": {"_cls": "GeoLocation", "point": [1.0, 2.0]},
    "truth": {
        "_cls": "Detections",
        "detections": [
            label(
                "Detection", 1, label="cat", bounding_box=[0.25, 0.5, 0.5, 0.25], attributes={}, index=7, sleepy=True
            ),
            {
                **label("Detection", 2, label="dog", bounding_box=[0.1, 0.1, 0.05, 0.15], iscrowd=0, tags=["hard"]),
                "mask": packed(CROP),
            },
        ],
    },
    "guess": {
        "_cls": "Detections",
        "detections": [label("Detection", 3, label="cat", bounding_box=[0, 0, 0.5, 0.5], confidence=0.75)],
    },
    "scene": label("Classification", 4, label="street", confidence=0.5, logits=[0.5, 1.5]),
    "themes": {"_cls": "Classifications", "classifications": [label("Classification", 5, label="dusk")]},
    "lines": {
        "_cls": "Polylines",
        "polylines": [
            label(
                "Polyline", 6, label="lane", points=[[[0, 0], [0.5, 0.5]], [[1, 1], [0, 1]]], closed=False, filled=False
            )
        ],
    },
    "parts": {
        "_cls": "Keypoints",
        "keypoints": [label("Keypoint", 7, label="cat", points=[[0.25, 0.5], [{"$numberDouble": "NaN"}, None]])],
    },
    "age": label("Regression", 8, value=3.5),
    "map": label("Segmentation", 9, mask=packed(np.full((20, 40), 2, np.uint8))),
}
HEAD = {
    "name": "mine",
    "version": "1.3.0",
    "media_type": "image",
    "classes": {"truth": ["dog", "cat"]},
    "mask_targets": {"map": {"1": "road", "2": "sky"}},
    "skeletons": {"parts": {"labels": ["nose", "tail"], "edges": [[0, 1]]}},
    "sample_fields": [
        {
            "name": "truth",
            "ftype": "fiftyone.core.fields.EmbeddedDocumentField",
            "embedded_doc_type": "fiftyone.core.labels.Detections",
        },
        {"name": "seen", "ftype": "fiftyone.core.fields.DateTimeField"},
    ],
}


def put(base: Path, *samples: Any, head: Any = HEAD, frames: Any = None) -> Path:
    base.mkdir(parents=True, exist_ok=True)
    (base / "samples.json").write_text(json.dumps({"samples": list(samples) or [SAMPLE]}))
    (base / "metadata.json").write_text(json.dumps(head))
    if frames is not None:
        (base / "frames.json").write_text(json.dumps({"frames": frames}))
    return base


def test_every_kind_of_label_arrives_in_a_field_of_its_own_name(tmp_path: Path) -> None:
    store = read(fiftyone.FORMAT, put(tmp_path))
    assert told(store.problems) == [("warning", "labels of a kind that is kept as JSON only: GeoLocation")]
    row = store.rows[0]
    assert (row["path"], row["root"], row["width"], row["tags"]) == ("a.jpg", str(tmp_path / "data"), 40, ["night"])
    assert (row["weather"], row["speed"], row["seen"]) == ("rain", 2.5, "2024-01-01T00:00:00.000000Z")
    assert json.loads(row["place"])["point"] == [1.0, 2.0]
    kinds = {f.name: f.kind for f in store.schema.fields}
    assert kinds == {
        "truth": "box",
        "guess": "box",
        "scene": "class",
        "themes": "class",
        "lines": "polyline",
        "parts": "keypoint",
        "age": "value",
        "map": "mask",
    }
    cat, dog = store.objects["truth"]
    assert (cat["x"], cat["y"], cat["w"], cat["h"], cat["track_id"], cat["sleepy"]) == (10, 10, 20, 5, 7, True)
    assert (dog["iscrowd"], dog["tags"]) == (False, ["hard"])
    mask = rle.decode(dog["mask"])
    assert mask.shape == (20, 40)
    assert np.array_equal(mask[2:5, 4:6], CROP)
    assert store.objects["guess"][0]["score"] == 0.75
    assert json.loads(store.objects["scene"][0]["logits"]) == [0.5, 1.5]
    assert store.objects["lines"][0]["points"] == [[0, 0, 20, 10], [40, 20, 0, 20]]
    assert store.objects["parts"][0]["keypoints"] == [10, 10, 2, 0, 0, 0]
    assert store.objects["age"][0]["value"] == 3.5
    assert (decode(store.objects["map"][0]["mask"]).ids == 2).all()
    assert store.schema.field("truth").classes == ("dog", "cat")
    assert store.schema.field("map").classes == ("road", "sky")
    assert store.schema.field("parts").skeleton == ((0, 1),)


def test_the_documents_written_are_those_that_were_read(tmp_path: Path) -> None:
    store = read(fiftyone.FORMAT, put(tmp_path / "in"))
    assert written(fiftyone.FORMAT, store, tmp_path / "out", media="none").lost == {}
    again = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"][0]
    for name in ("_id", "filepath", "tags", "weather", "speed", "place", "guess", "scene", "themes", "lines", "age"):
        assert again[name] == SAMPLE[name], name
    theirs, ours = SAMPLE["truth"]["detections"], again["truth"]["detections"]
    assert [{k: v for k, v in d.items() if k not in ("mask", "bounding_box", "attributes")} for d in ours] == [
        {**{k: v for k, v in d.items() if k not in ("mask", "bounding_box", "attributes")}} for d in theirs
    ]
    assert np.array_equal(packed_array(ours[1]["mask"]), CROP)
    assert again["parts"]["keypoints"][0]["points"][0] == [0.25, 0.5]
    assert packed_array(again["map"]["mask"]).tolist() == np.full((20, 40), 2).tolist()
    head = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert (head["version"], head["mask_targets"], head["skeletons"]) == (
        "1.3.0",
        HEAD["mask_targets"],
        HEAD["skeletons"],
    )
    types = {f["name"]: f["embedded_doc_type"] or f["ftype"] for f in head["sample_fields"][1:] if "db_field" in f}
    assert types["scene"] == "fiftyone.core.labels.Classification"
    assert types["speed"] == "fiftyone.core.fields.FloatField"
    assert plain(read(fiftyone.FORMAT, tmp_path / "out")) == plain(store)
    before = files_in(tmp_path / "out")
    written(fiftyone.FORMAT, store, tmp_path / "out", media="none")
    assert files_in(tmp_path / "out") == before


def test_frames_of_videos_are_rows_with_a_frame(tmp_path: Path) -> None:
    clip = {
        "_id": {"$oid": f"{OID}00"},
        "filepath": "data/v.mp4",
        "tags": [],
        "_media_type": "video",
        "metadata": {"_cls": "VideoMetadata", "frame_width": 40, "frame_height": 20, "frame_rate": 5, "duration": 2.0},
    }
    frames = [
        {
            "_id": {"$oid": f"{OID}1{n}"},
            "_sample_id": {"$oid": f"{OID}00"},
            "frame_number": n,
            "objects": {
                "_cls": "Detections",
                "detections": [label("Detection", 20 + n, label="cat", bounding_box=[0, 0, 0.5, 0.5], index=1)],
            },
        }
        for n in (1, 3)
    ]
    bad = [{"_sample_id": {"$oid": "x"}, "frame_number": 1}, {**frames[0], "frame_number": 0}]
    store = read(fiftyone.FORMAT, put(tmp_path / "in", clip, head={}, frames=[*frames, *bad]))
    assert told(store.problems) == [
        ("skipped", "a frame of a sample that is not there"),
        ("skipped", "a frame without a frame_number from 1 on"),
    ]
    assert (store.rows[0]["media"], store.rows[0]["fps"]) == ("video", 5.0)
    assert [(o["frame"], o["track_id"]) for o in store.objects["objects"]] == [(0, 1), (2, 1)]
    written(fiftyone.FORMAT, store, tmp_path / "out", media="none")
    again = json.loads((tmp_path / "out" / "frames.json").read_text())["frames"]
    assert [f["objects"]["detections"][0]["_id"] for f in again] == [
        f["objects"]["detections"][0]["_id"] for f in frames
    ]
    assert [f["frame_number"] for f in again] == [1, 3]


def test_what_a_list_of_labels_says_of_itself_is_kept(tmp_path: Path) -> None:
    themes = {**SAMPLE["themes"], "logits": [0.5, 1.5], "threshold": 0.25}
    empty = {"_cls": "Detections", "detections": [], "ran": True}
    sample = {**SAMPLE, "themes": themes, "guess": empty}
    store = read(fiftyone.FORMAT, put(tmp_path / "in", sample))
    row = store.rows[0]
    assert (json.loads(row["themes_logits"]), row["themes_threshold"], row["guess_ran"]) == ([0.5, 1.5], 0.25, True)
    assert written(fiftyone.FORMAT, store, tmp_path / "out", media="none").lost == {}
    again = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"][0]
    assert (again["themes"], again["guess"]) == (themes, empty)
    head = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert "themes.logits" not in {f["name"] for f in head["sample_fields"]}


def test_values_of_frames_that_are_no_labels_are_kept_with_the_video(tmp_path: Path) -> None:
    clip = {"_id": {"$oid": f"{OID}00"}, "filepath": "data/v.mp4", "tags": [], "_media_type": "video"}
    clip["metadata"] = {"_cls": "VideoMetadata", "frame_width": 40, "frame_height": 20}
    cats = [label("Detection", 21, label="cat", bounding_box=[0, 0, 0.5, 0.5])]
    frames = [
        {
            "_id": {"$oid": f"{OID}1{n}"},
            "_sample_id": {"$oid": f"{OID}00"},
            "frame_number": n,
            "speed": 2.5 * n,
            "objects": {"_cls": "Detections", "detections": cats if n == 1 else [], "model": "m"},
        }
        for n in (1, 3)
    ]
    store = read(fiftyone.FORMAT, put(tmp_path / "in", clip, head={}, frames=frames))
    assert store.problems == []
    assert json.loads(store.rows[0]["fiftyone_frames"]) == {
        "1": {"speed": 2.5, "objects.model": "m"},
        "3": {"speed": 7.5, "objects.model": "m"},
    }
    assert written(fiftyone.FORMAT, store, tmp_path / "out", media="none").lost == {}
    again = json.loads((tmp_path / "out" / "frames.json").read_text())["frames"]
    assert [f["speed"] for f in again] == [2.5, 7.5]
    assert [f["objects"] for f in again] == [f["objects"] for f in frames]


def test_an_export_in_folders_of_documents_is_read_the_same(tmp_path: Path) -> None:
    """`use_dirs=True` of FiftyOne's exporter: samples/ and frames/ with a document a file."""
    clip = {"_id": {"$oid": f"{OID}00"}, "filepath": "data/v.mp4", "tags": [], "_media_type": "video"}
    clip["metadata"] = {"_cls": "VideoMetadata", "frame_width": 40, "frame_height": 20}
    cats = [label("Detection", 21, label="cat", bounding_box=[0, 0, 0.5, 0.5])]
    frame = {"_sample_id": {"$oid": f"{OID}00"}, "frame_number": 2, "speed": 2.5}
    frame["objects"] = {"_cls": "Detections", "detections": cats}
    whole = read(fiftyone.FORMAT, put(tmp_path / "whole", clip, head={}, frames=[frame]))
    for name, one in {"samples/00-a.json": clip, "frames/00-b.json": frame, "metadata.json": {}}.items():
        file = tmp_path / "parts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(one))
    assert registry.detect(tmp_path / "parts")[0].name == "fiftyone"
    parts = read(fiftyone.FORMAT, tmp_path / "parts")
    assert plain(parts) == plain(whole)
    (tmp_path / "parts" / "frames" / "01-c.json").write_text("{")
    problems = read(fiftyone.FORMAT, tmp_path / "parts").problems
    assert [p.where for p in problems] == ["frames/01-c.json"]


def test_values_of_frames_that_no_head_lists_are_counted(tmp_path: Path) -> None:
    clip = {"_id": {"$oid": f"{OID}00"}, "filepath": "data/v.mp4", "_media_type": "video"}
    frame = {"_sample_id": {"$oid": f"{OID}00"}, "frame_number": 1, "speed": 2.5}
    head = {"frame_fields": [{"name": "frame_number", "embedded_doc_type": None}]}
    store = read(fiftyone.FORMAT, put(tmp_path, clip, head=head, frames=[frame]))
    what = 'values of single frames that metadata.json does not list are left out: "speed"'
    assert told(store.problems) == [("warning", what)]


def test_documents_inside_labels_and_metadata_are_kept(tmp_path: Path) -> None:
    colour = {"_cls": "CategoricalAttribute", "value": "red", "confidence": 0.5}
    cat = label("Detection", 1, label="cat", bounding_box=[0, 0, 0.5, 0.5], sleepy=True)
    cat["attributes"] = {"colour": colour, "sleepy": {"_cls": "BooleanAttribute", "value": False}}
    cat["by"] = {"_cls": "DynamicEmbeddedDocument", "name": "ann"}
    metadata = {**SAMPLE["metadata"], "lens": "wide"}
    sample = {**SAMPLE, "metadata": metadata, "truth": {"_cls": "Detections", "detections": [cat]}, "split": ["a", "b"]}
    head = {**HEAD, "evaluations": {"eval": {"$oid": "1"}}, "saved_views": [{"$oid": "2"}]}
    store = read(fiftyone.FORMAT, put(tmp_path / "in", sample, head=head))
    row, (one,) = store.rows[0], store.objects["truth"]
    assert (one["colour"], one["colour_confidence"], one["sleepy"], one["attributes_sleepy"]) == (
        "red",
        0.5,
        True,
        False,
    )
    assert json.loads(one["by"]) == cat["by"]
    assert (row["metadata_lens"], json.loads(row["split_value"])) == ("wide", ["a", "b"])
    assert ("warning", "evaluations are kept as JSON only") in told(store.problems)
    assert ("warning", "saved views are kept as JSON only") in told(store.problems)
    written(fiftyone.FORMAT, store, tmp_path / "out", media="none")
    again = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"][0]
    assert again["metadata"]["lens"] == "wide"


@settings(max_examples=25, deadline=None)
@given(
    worlds(
        ("box", "mask", "polyline", "points", "class"),
        attributes={"b": "bool", "t": "text", "n": "int", "f": "float"},
        columns={"weather": "text", "seconds": "float"},
        splits=(None, "train", "my split"),
        score=True,
    )
)
def test_what_was_written_is_read_the_same(tmp_path_factory: pytest.TempPathFactory, store: MemoryStore) -> None:
    target = tmp_path_factory.mktemp("fiftyone") / "out"
    for row in store.rows:
        row["tags"] = ["a", "ü"]
    assert written(fiftyone.FORMAT, store, target, media="none").lost == {}
    again = read(fiftyone.FORMAT, target, schema=store.schema)
    assert again.problems == []
    assert _rounded(again) == _rounded(store)


def _rounded(store: MemoryStore) -> Any:
    rows, objects = plain(store)
    for row in rows.values():
        row.pop("fiftyone_id", None)
    for mine in objects.values():
        for labels in mine.values():
            for one in labels:
                one.pop("fiftyone_id", None)
                one.pop("filled", None)
                for key, value in one.items():
                    if isinstance(value, float | list) and key != "tags":
                        one[key] = np.round(np.array(value, float), 6).tolist()
    return rows, objects


def test_bad_labels_are_named_and_the_good_ones_arrive(tmp_path: Path) -> None:
    def box(**more: Any) -> dict[str, Any]:
        return label("Detection", 1, **{"label": "cat", "bounding_box": [0, 0, 0.5, 0.5], **more})

    pickled = BytesIO()
    np.save(pickled, np.array([[{}]]), allow_pickle=True)
    zipped = base64.b64encode(zlib.compress(pickled.getvalue())).decode()
    notes = [
        box(),
        box(bounding_box=[0, 0, 1]),
        box(bounding_box=[0, 0, "NaN", 1]),
        box(bounding_box=[0, 0, 1e99, 1]),
        box(bounding_box=[0, 0, -0.5, 1]),
        box(mask=zipped),
        box(mask="é"),
        box(mask_path="../../x.png"),
        box(label=None),
        5,
        box(bounding_box=[0, 0, 0, 0.5]),
    ]
    base = {"tags": [], "metadata": {"width": 40, "height": 20}}
    samples = [
        {**base, "filepath": "/home/ann/set/a.jpg", "truth": {"_cls": "Detections", "detections": notes}},
        {**base, "filepath": "data/../../x.jpg"},
        {**base},
        {"filepath": "b.jpg", "truth": {"_cls": "Detections", "detections": [box()]}},
        {**base, "filepath": "c.jpg", "truth": label("Classification", 1, label="x")},
        {**base, "filepath": "d.jpg", "event": {"_cls": "TemporalDetection", "support": [1, 2]}},
        7,
    ]
    put(tmp_path, *samples)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").touch()
    store = read(fiftyone.FORMAT, tmp_path)
    assert store.rows[0]["path"] == "a.jpg"
    assert sorted(told(store.problems)) == sorted(
        [
            ("skipped", "a detection without a bounding_box of four numbers"),
            ("skipped", "a coordinate is not finite"),
            ("skipped", "a coordinate is larger than any picture"),
            ("skipped", "a box of negative size"),
            ("skipped", "the mask's array is not of numbers"),
            ("skipped", "the mask's picture is not base64"),
            ("skipped", "the mask's file: the file cannot be read: No such file or directory"),
            ("warning", "no class; kept without one"),
            ("warning", "a box without area"),
            ("skipped", "a label that is not an object"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a picture's name is empty or leads out of its folder"),
            ("skipped", "a shape of a picture whose size is not known"),
            ("skipped", "labels of another kind than their field"),
            ("warning", "labels of a kind that is kept as JSON only: TemporalDetection"),
            ("skipped", "not an object"),
        ]
    )
    assert [o["label"] for o in store.objects["ground_truth" if "truth" not in store.objects else "truth"]] == [
        "cat",
        None,
        "cat",
    ]


@pytest.mark.parametrize("kind", ["?", "u1", "<u2", ">i4", "<i8", "<f4", "<f8"])
def test_arrays_are_read_as_numpy_reads_them(kind: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(kind)
    for one in (array, np.asfortranarray(array)):
        out = BytesIO()
        np.save(out, one, allow_pickle=False)
        assert npy_array(out.getvalue()).tolist() == array.tolist()
        with pytest.raises(Fault):
            npy_array(out.getvalue()[:-1])
    if array.dtype.kind in "bu" and array.dtype.byteorder != ">":
        raw = zlib.decompress(base64.b64decode(npy_packed(array)["$binary"]["base64"]))
        assert np.load(BytesIO(raw), allow_pickle=False).tolist() == array.tolist()


def test_a_mask_file_in_the_export_is_read(tmp_path: Path) -> None:
    (tmp_path / "fields" / "map").mkdir(parents=True)
    Image.fromarray(np.full((20, 40), 3, np.uint8)).save(tmp_path / "fields" / "map" / "a.png")
    sample = {**SAMPLE, "map": label("Segmentation", 9, mask_path="fields/map/a.png")}
    store = read(fiftyone.FORMAT, put(tmp_path, sample))
    assert (decode(store.objects["map"][0]["mask"]).ids == 3).all()


def test_a_single_field_takes_the_name_that_the_user_gave_and_nothing_else_does(tmp_path: Path) -> None:
    one = {k: v for k, v in SAMPLE.items() if k not in ("guess", "scene", "themes", "lines", "parts", "age", "map")}
    assert set(read(fiftyone.FORMAT, put(tmp_path, one), name="people").objects) == {"people"}
    assert set(read(fiftyone.FORMAT, put(tmp_path, one)).objects) == {"truth"}


def test_losses_are_counted(tmp_path: Path) -> None:
    rows = [{"id": 1, "path": "a.jpg", "root": str(tmp_path), "width": 10, "height": 10, "tags": []}]
    box = {"id": 1, "sample_id": 1, "x": 0.0, "y": 0.0, "w": 2.0, "h": 2.0, "tags": [], "label": "cat"}
    mask = rle.encode(np.ones((10, 10), bool))
    objects = {"t": [{**box, "polygons": [[0.0, 0, 1, 1, 1, 0]], "mask": mask, "area": 3.0, "rotation": 3.0}]}
    field = LabelField("t", "box", ("cat",), (Column("fine", "bool"),))
    done = written(fiftyone.FORMAT, MemoryStore(DatasetSchema((), (field,)), rows, objects), tmp_path / "out")
    assert done.lost == {
        "missing pictures": 1,
        "outlines": 1,
        "parts of masks outside their box": 1,
        "stated areas": 1,
        "turns of boxes": 1,
    }


def test_names_that_fiftyone_has_itself_are_given_up(tmp_path: Path) -> None:
    """COCO's ids are called `id` in its files; FiftyOne does not load a sample that has a field of that name."""
    columns = (Column("coco_id", "int", source_name="id"), Column("tags_2", "text", source_name="tags"))
    attributes = (Column("coco_id", "int", source_name="id"), Column("label_2", "text", source_name="label"))
    box = {"x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0, "label": "cat", "tags": [], "coco_id": 9, "label_2": "old"}
    store = MemoryStore(
        DatasetSchema(columns, (LabelField("truth", "box", ("cat",), attributes),)),
        [{"id": 1, "path": "a.jpg", "width": 9, "height": 9, "root": "", "tags": ["x"], "coco_id": 7, "tags_2": "y"}],
        {"truth": [{"id": 1, "sample_id": 1, **box}]},
    )
    written(fiftyone.FORMAT, store, tmp_path / "out")
    (sample,) = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"]
    assert (sample["coco_id"], sample["tags"], sample["tags_2"], "id" in sample) == (7, ["x"], "y", False)
    (label,) = sample["truth"]["detections"]
    assert (label["coco_id"], label["label"], label["label_2"], "id" in label) == (9, "cat", "old", False)
    fields = [f["name"] for f in json.loads((tmp_path / "out" / "metadata.json").read_text())["sample_fields"]]
    assert fields.count("id") == fields.count("tags") == 1
    assert "coco_id" in fields


def test_dates_are_dates_again_when_they_are_written(tmp_path: Path) -> None:
    """FiftyOne refuses a text in a field of dates."""
    written(fiftyone.FORMAT, read(fiftyone.FORMAT, put(tmp_path / "in")), tmp_path / "out", media="none")
    (sample,) = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"]
    assert sample["seen"] == {"$date": "2024-01-01T00:00:00.000000Z"}
    kept = [f["ftype"] for f in json.loads((tmp_path / "out" / "metadata.json").read_text())["sample_fields"]]
    assert kept.count("fiftyone.core.fields.DateTimeField") == 3


def test_sniffing_takes_only_its_own(tmp_path: Path) -> None:
    base = put(tmp_path / "a")
    assert fiftyone.FORMAT.sniff(base) is not None
    assert fiftyone.FORMAT.sniff(base / "samples.json") is not None
    assert [one.FORMAT.sniff(base / "samples.json") for one in (coco, datumaro)] == [None, None]
    assert fiftyone.FORMAT.sniff(tmp_path) is None
    with pytest.raises(FormatError, match=r"no samples\.json"):
        read(fiftyone.FORMAT, tmp_path)
