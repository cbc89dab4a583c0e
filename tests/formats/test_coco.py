"""COCO: the same document comes back, and broken rows are named while good ones arrive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from loopline.errors import FormatError
from loopline.formats import coco
from loopline.formats._media import all_tidy, tidy_name
from loopline.kernel import rle
from loopline.kernel.exchange import Source
from tests.formats.memory_store import MemoryStore

Json = dict[str, Any]

SMALL: Json = {
    "info": {"year": 2026, "description": "four things"},
    "licenses": [{"id": 1, "name": "CC0", "url": "http://x"}],
    "images": [
        {"id": 7, "file_name": "a/1.jpg", "width": 64, "height": 48, "license": 1, "date_captured": "2013-11-17"},
        {"id": 3, "file_name": "2.jpg", "width": 32, "height": 32},
    ],
    "annotations": [
        {"id": 11, "image_id": 7, "category_id": 18, "bbox": [1.5, 2, 10, 20.25], "area": 100.5, "iscrowd": 0,
         "segmentation": [[1.5, 2, 11.5, 2, 11.5, 22.25]]},
        {"id": 12, "image_id": 3, "category_id": 1, "bbox": [0, 0, 3, 2], "iscrowd": 1, "area": 6,
         "segmentation": {"size": [3, 4], "counts": [0, 2, 1, 2, 1, 2, 4]}},
        {"id": 5, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": [],
         "keypoints": [1, 2, 2, 0, 0, 0], "num_keypoints": 1, "attributes": {"occluded": True, "is late?": "no"}},
        {"id": 6, "image_id": 7, "category_id": 18, "bbox": [0, 0, 1, 1], "attributes": {}, "note": None},
    ],
    "categories": [
        {"id": 18, "name": "dog", "supercategory": "animal", "isthing": 1},
        {"id": 1, "name": "person", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]},
    ],
}  # fmt: skip


@pytest.fixture(params=["rows", "columns"])
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of nothing but numbers are read as columns where they are large; here once never, once always."""
    monkeypatch.setattr("loopline.formats._evenrows._FEWEST_BYTES", 0 if request.param == "columns" else 1 << 60)


def stored(path: Path, onto: MemoryStore | None = None, name: str = "ground_truth", **options: Any) -> MemoryStore:
    source = Source(path, name=name, schema=onto.schema if onto else MemoryStore().schema)
    return MemoryStore.of(coco.FORMAT.read(source, **options), onto)


def saved(tmp_path: Path, document: Any, name: str = "labels.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def written(store: MemoryStore, tmp_path: Path, name: str = "ground_truth", **options: Any) -> Any:
    target = tmp_path / "out.json"
    coco.FORMAT.write(store, target, fields=[name], **options)
    return json.loads(target.read_text(encoding="utf-8"))


def test_a_document_comes_back_the_same(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    assert not store.problems
    assert written(store, tmp_path) == SMALL


def test_what_is_in_the_columns(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    field = store.schema.field("ground_truth")
    assert field.classes == ("dog", "person")
    assert field.keypoint_names == ("nose", "tail")
    assert field.skeleton == ((0, 1),)
    assert {a.name: a.type for a in field.attributes} == {
        "coco_id": "int", "num_keypoints": "int", "occluded": "bool", "is_late": "text", "coco_rest": "json",
    }  # fmt: skip
    dog, crowd, person, last = store.objects["ground_truth"]
    assert (dog["label"], dog["x"], dog["h"], dog["area"], dog["iscrowd"]) == ("dog", 1.5, 20.25, 100.5, False)
    assert dog["polygons"] == [[1.5, 2.0, 11.5, 2.0, 11.5, 22.25]]
    assert crowd["iscrowd"] is True
    assert rle.decode(crowd["mask"]).sum() == 6
    assert (person["keypoints"], person["occluded"], person["is_late"]) == ([1, 2, 2, 0, 0, 0], True, "no")
    assert json.loads(last["coco_rest"]) == {"attributes": {}, "note": None}
    assert [r["coco_id"] for r in store.rows] == [7, 3]


def test_the_order_of_the_arrays_does_not_matter(tmp_path: Path) -> None:
    turned = {key: SMALL[key] for key in ("annotations", "categories", "images", "licenses", "info")}
    store = stored(saved(tmp_path, turned))
    assert not store.problems
    assert written(store, tmp_path) == SMALL


values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
anything = st.recursive(
    values | texts, lambda v: st.lists(v, max_size=2) | st.dictionaries(texts, v, max_size=2), max_leaves=4
)
keys = st.sampled_from(["note", "x y", "tags", "label", "frame", "segment", "id_2"])
numbers = st.integers(0, 500) | st.floats(0, 500).map(lambda v: round(v, 2))
polygon = st.lists(numbers, min_size=6, max_size=10).filter(lambda v: len(v) % 2 == 0)


@st.composite
def documents(draw: Any) -> Json:
    images = [
        {"id": i * 3 + 1, "file_name": f"{i}.jpg", "width": 500, "height": 400, **draw(extras())}
        for i in range(draw(st.integers(1, 4)))
    ]
    annotations = []
    for i in range(draw(st.integers(0, 8))):
        row: Json = {
            "id": 100 - i,
            "image_id": draw(st.sampled_from(images))["id"],
            "category_id": draw(st.integers(2, 4)),
        }
        row["bbox"] = draw(st.lists(numbers, min_size=4, max_size=4))
        optional: Json = {
            "area": numbers | st.none(),
            "iscrowd": st.sampled_from([0, 1, 2]) | st.none(),
            "segmentation": st.lists(polygon, max_size=2) | st.none() | st.just({"size": [2, 2], "counts": [1, 3]}),
            "keypoints": st.lists(numbers, min_size=3, max_size=3) | st.none(),
            "score": st.floats(0, 1) | st.none(),
            "track_id": st.integers(0, 9),
            "attributes": st.dictionaries(keys | st.just("rotation"), anything, max_size=2) | anything,
        }
        for key, value in optional.items():
            if draw(st.booleans()):
                row[key] = draw(value)
        annotations.append({**draw(extras()), **row})
    categories = [{"id": i, "name": f"c{i}", **draw(extras())} for i in (4, 2, 3)]
    return {"images": images, "annotations": annotations, "categories": categories, **draw(extras())}


def extras() -> Any:
    return st.dictionaries(keys, anything, max_size=2)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(documents(), st.sampled_from([64, 1 << 20]))
def test_any_document_comes_back_the_same(tmp_path: Path, document: Json, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loopline.formats._coco_read.WINDOW", window)
        store = stored(saved(tmp_path, document))
    assert not [p for p in store.problems if p.kind == "skipped"]
    assert written(store, tmp_path) == document


plain_rows = st.fixed_dictionaries(
    {
        "id": st.integers(0, 9),
        "image_id": st.integers(1, 4),
        "category_id": st.integers(2, 4),
        "bbox": st.lists(st.integers(-1, 9) | st.floats(0, 500), min_size=4, max_size=4),
        "area": numbers,
        "iscrowd": st.sampled_from([0, 0, 0, 1, 2]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(plain_rows, min_size=1, max_size=9), st.sampled_from([64, 1 << 20]))
def test_plain_boxes_are_the_same_read_as_columns_or_row_by_row(tmp_path: Path, rows: list[Json], window: int) -> None:
    rows = [{key: row[key] for key in sorted(row)} for row in rows]
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2, 3)]
    path = saved(tmp_path, {"images": images, "annotations": rows, "categories": [{"id": 2, "name": "a"}]})
    seen = []
    for fewest in (0, 1 << 60):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("loopline.formats._coco_read.WINDOW", window)
            patch.setattr("loopline.formats._evenrows._FEWEST_BYTES", fewest)
            store = stored(path)
            seen.append((store.rows, store.objects, store.problems, store.schema))
    assert seen[0] == seen[1]


def test_the_same_view_gives_the_same_bytes(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    for name in ("a.json", "b.json"):
        coco.FORMAT.write(store, tmp_path / name, fields=["ground_truth"])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools and NumPy 2
def test_pycocotools_reads_what_is_written_and_sees_the_same_masks(tmp_path: Path, capsys: Any) -> None:
    document = json.loads(json.dumps(SMALL))
    for row in document["annotations"]:
        row["area"] = row.get("area", 1)
        row["iscrowd"] = row.get("iscrowd", 0)
    store = stored(saved(tmp_path, document))
    coco.FORMAT.write(store, tmp_path / "out.json", fields=["ground_truth"])
    api = COCO(str(tmp_path / "out.json"))
    assert sorted(api.getImgIds()) == [3, 7]
    crowd = api.loadAnns([12])[0]
    expected = coco_mask.decode(coco_mask.frPyObjects(crowd["segmentation"], 3, 4))
    assert np.array_equal(rle.decode(store.objects["ground_truth"][1]["mask"]), expected.astype(bool))


def test_rows_that_did_not_come_from_coco_get_the_area_and_crowd_flag_that_its_tools_ask_for(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, {**SMALL, "annotations": SMALL["annotations"][:1]}))
    field = store.schema.fields[0]
    object.__setattr__(field, "meta", {})
    store.objects["ground_truth"] = [
        {"id": 1, "sample_id": 1, "label": "dog", "x": 1.0, "y": 1.0, "w": 4.0, "h": 2.0},
        {"id": 2, "sample_id": 1, "label": "person", "x": 0.0, "y": 0.0, "w": 4.0, "h": 4.0, "polygons": [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]},
    ]  # fmt: skip
    rows = written(store, tmp_path)["annotations"]
    assert [(r["id"], r["area"], r["iscrowd"], r["category_id"]) for r in rows] == [(1, 8.0, 0, 1), (2, 8.0, 0, 2)]


def test_new_objects_get_ids_after_the_old_ones_and_new_classes_new_category_ids(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    field = store.schema.fields[0]
    object.__setattr__(field, "classes", (*field.classes, "cat"))
    store.objects["ground_truth"].append(
        {"id": 9, "sample_id": 2, "label": "cat", "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0}
    )
    document = written(store, tmp_path)
    assert [r["id"] for r in document["annotations"]] == [11, 12, 5, 6, 13]
    assert document["categories"][2] == {"id": 19, "name": "cat", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}
    assert document["annotations"][-1]["category_id"] == 19


# Broken input ----------------------------------------------------------------------------------------------------


def row(**changes: Any) -> Json:
    base: Json = {"id": 1, "image_id": 7, "category_id": 18, "bbox": [0, 0, 5, 5]}
    return {k: v for k, v in {**base, **changes}.items() if v != "-"}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (row(bbox=[0, 0, -1, 5]), "a bbox of negative size"),
        (row(bbox=[0, 0, 5]), '"bbox" is not as COCO has it (a list of 3)'),
        (row(bbox=["0", 0, 5, 5]), '"bbox" is not as COCO has it (a list of 4)'),
        (row(bbox=None), "no bbox, and no outline, mask or points to take it from"),
        (row(bbox="-"), "no bbox, and no outline, mask or points to take it from"),
        (row(image_id=99), "its image_id is not among the images"),
        (row(image_id="7"), "its image_id is not among the images"),
        (row(image_id="-"), "no image_id"),
        (row(image_id=[7]), '"image_id" is not as COCO has it (a list of 1)'),
        (17, "not an object but a number"),
        (row(bbox=[0, 0, float("nan"), 5]), '"bbox" is not as COCO has it (a list of 4)'),
        (row(bbox=[0, 0, float("inf"), 5]), '"bbox" is not as COCO has it (a list of 4)'),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_bad_annotation_is_named_and_the_good_ones_arrive(tmp_path: Path, bad: Any, what: str, turned: bool) -> None:
    rows = [row(id=10), bad, row(id=12)]
    document: Json = {"images": SMALL["images"], "annotations": rows, "categories": SMALL["categories"]}
    if turned:
        document = dict(reversed(document.items()))
    store = stored(saved(tmp_path, document))
    assert [o["coco_id"] for o in store.objects["ground_truth"]] == [10, 12]
    (problem,) = [p for p in store.problems if p.kind == "skipped"]
    assert problem.what == what
    assert problem.where.startswith("labels.json: annotations[1]")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (row(category_id=99), 'category_id 99 is not among the categories; kept as class "category_99"'),
        (row(category_id="-"), "no category_id; kept without a class"),
        (row(id=10), "an annotation id is there twice; both are kept"),
        (row(area="big"), '"area" is not as COCO has it (text); kept as it is, out of use'),
        (row(bbox=[1, 1, 0, 4]), "a box without area"),
        (row(segmentation={"size": [2, 2], "counts": "zz"}), None),
        (row(segmentation={"size": [2, 2], "counts": [1, 1]}), "the mask's runs do not add up to its size; the mask is kept as it is, out of use"),
        (row(segmentation="here"), '"segmentation" is not as COCO has it (text); kept as it is, out of use'),
    ],
)  # fmt: skip
def test_an_odd_annotation_arrives_with_a_warning_and_goes_out_as_it_came(
    tmp_path: Path, odd: Json, what: str | None
) -> None:
    document = {"images": SMALL["images"], "annotations": [row(id=10), odd], "categories": SMALL["categories"]}
    store = stored(saved(tmp_path, document))
    assert len(store.objects["ground_truth"]) == 2
    assert {p.kind for p in store.problems} == {"warning"}
    assert what is None or what in [p.what for p in store.problems]
    out = written(store, tmp_path)
    if odd["id"] == 10:
        out["annotations"][1]["id"] = 10  # ids must be unique, so the second one gets a new number
    assert out == document


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("ids", [[5, 6, 5, "-", "-"], ["a", "b", "a", "-", "-"]])
def test_an_id_that_is_there_twice_is_named_by_its_later_place(tmp_path: Path, ids: list[Any]) -> None:
    rows = [row(bbox=None), *(row(id=i) for i in ids)]
    store = stored(saved(tmp_path, {**SMALL, "annotations": rows}))
    (problem,) = [p for p in store.problems if p.kind == "warning"]
    assert problem.where == f"labels.json: annotations[3] (id {ids[0]})"


@pytest.mark.usefixtures("quick")
def test_whole_numbers_written_as_floats_are_ids_all_the_same(tmp_path: Path) -> None:
    document = {**SMALL, "annotations": [row(image_id=7.0, category_id=18.0, id=1.0, iscrowd=0.0)]}
    store = stored(saved(tmp_path, document))
    assert not store.problems
    assert written(store, tmp_path) == document


@pytest.mark.parametrize(
    ("image", "what"),
    [
        ({"id": 7, "file_name": "b.jpg"}, "an image id is there twice, or is of another type than the first"),
        ({"id": "x", "file_name": "b.jpg"}, "an image id is there twice, or is of another type than the first"),
        ({"file_name": "b.jpg"}, "an image without an id"),
        ({"id": 9}, "an image without a file_name"),
        ({"id": 9, "file_name": "../../etc/passwd"}, "its file_name is empty or leads out of the picture folder"),
        ({"id": 9, "file_name": 3}, '"file_name" is not as COCO has it (a number)'),
    ],
)
def test_a_bad_image_is_named_and_the_good_ones_arrive(tmp_path: Path, image: Json, what: str) -> None:
    store = stored(saved(tmp_path, {**SMALL, "images": [SMALL["images"][0], image, SMALL["images"][1]]}))
    assert [r["coco_id"] for r in store.rows] == [7, 3]
    assert [(p.what, p.where.split(" (")[0]) for p in store.problems] == [(what, "labels.json: images[1]")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from("aé_-./\\ \n:1"), max_size=6), min_size=1, max_size=3))
def test_names_that_are_tidy_as_a_whole_are_tidy_one_by_one(names: list[str]) -> None:
    if all_tidy(pa.array(names)):
        assert [tidy_name(name) for name in names] == names


def test_names_with_backslashes_and_from_another_machine_become_relative_and_go_out_as_they_came(
    tmp_path: Path,
) -> None:
    images = [{"id": 7, "file_name": "C:\\data\\1.jpg"}, {"id": 3, "file_name": "/home/x/2.jpg"}]
    document = {**SMALL, "images": images}
    store = stored(saved(tmp_path, document))
    assert [r["path"] for r in store.rows] == ["data/1.jpg", "home/x/2.jpg"]
    assert written(store, tmp_path) == document


def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = saved(tmp_path, SMALL)
    text = path.read_text()
    path.write_text(text[: text.index('"id": 5')])
    store = stored(path)
    assert len(store.objects["ground_truth"]) == 2
    assert store.problems[0].what == "the file breaks off; the rest of the file is missing"
    assert "annotations[2] at byte" in store.problems[0].where


def test_panoptic_is_told_apart(tmp_path: Path) -> None:
    rows = [{"image_id": 7, "file_name": "x.png", "segments_info": []}]
    path = saved(tmp_path, {**SMALL, "annotations": rows})
    assert coco.sniff(path) is None
    with pytest.raises(FormatError, match="panoptic"):
        stored(path)


def test_captions_come_and_go(tmp_path: Path) -> None:
    document = {"images": SMALL["images"], "annotations": [{"id": 1, "image_id": 7, "caption": "two things"}]}
    store = stored(saved(tmp_path, document))
    assert store.schema.field("ground_truth").kind == "class"
    assert written(store, tmp_path) == document


# Results files ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_results_take_their_classes_and_pictures_from_the_truth_that_is_there(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    results = [
        {"image_id": 3, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 7, "category_id": 1, "segmentation": {"size": [48, 64], "counts": rle.compress(rle.counts_of(square())).decode()}, "score": 0.25},
    ]  # fmt: skip
    path = saved(tmp_path, results, "results.json")
    stored(path, store, "model")
    first, second = store.objects["model"]
    assert (first["sample_id"], first["label"], first["score"]) == (2, "dog", 0.5)
    assert [second[n] for n in "xywh"] == [10, 5, 20, 15]
    assert second["coco_box_derived"] is True
    assert written(store, tmp_path, "model") == results


def square() -> Any:
    mask = np.zeros((48, 64), bool)
    mask[5:20, 10:30] = True
    return mask


@pytest.mark.usefixtures("quick")
def test_results_for_pictures_that_came_another_way_are_matched_by_path(tmp_path: Path) -> None:
    truth = saved(tmp_path, SMALL, "truth.json")
    results = [{"image_id": 3, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5}, row(image_id=99, score=1)]
    store = MemoryStore(rows=[{"id": 1, "path": "a/1.jpg"}, {"id": 2, "path": "2.jpg"}])
    stored(saved(tmp_path, results), store, "model", truth=truth)
    assert [(o["sample_id"], o["label"]) for o in store.objects["model"]] == [(2, "dog")]
    assert [p.what for p in store.problems] == ["its image_id is not among the images"]


def test_results_without_a_truth_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="truth="):
        stored(saved(tmp_path, [row(score=1)]))


def test_a_detection_can_be_written_as_results_and_an_unknown_option_is_refused(tmp_path: Path) -> None:
    store = stored(saved(tmp_path, SMALL))
    rows = written(store, tmp_path, results=True)
    assert rows[0] == SMALL["annotations"][0]
    with pytest.raises(FormatError, match='no option "result"'):
        written(store, tmp_path, result=True)


# Real files ------------------------------------------------------------------------------------------------------

REAL = {
    "coco128/reference/ground_truth_coco.json": (128, 929),
    "coco128/reference/ground_truth_things_with_crowd_coco.json": (100, 746),
    "coco_keypoints/test_coco.json": (4, 14),
    "coco_keypoints/test_coco_wholebody.json": (4, 14),
    "coco_keypoints/test_keypoint_partition_metric.json": (4, 14),
    "coco_eval_reference/instances_val2014_100.json": (100, 839),
    "bccd/reference/ground_truth_coco.json": (292, 3943),
    "face_mask/reference/ground_truth_coco.json": (597, 2976),
}
RESULTS = {
    "coco128/reference/predictions_fastestdet.json": ("coco128/reference/ground_truth_coco.json", 9088),
    "coco_keypoints/test_coco_det_AP_H_56.json": ("coco_keypoints/test_coco.json", 118),
    "coco_eval_reference/instances_val2014_fakebbox100_results.json": ("coco_eval_reference/instances_val2014_100.json", 734),
    "coco_eval_reference/instances_val2014_fakesegm100_results.json": ("coco_eval_reference/instances_val2014_100.json", 734),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_files_come_back_the_same(shared_data: Path, tmp_path: Path, name: str) -> None:
    store = stored(shared_data / name)
    assert (store.count(), len(store.objects["ground_truth"])) == REAL[name]
    assert written(store, tmp_path) == json.loads((shared_data / name).read_text())
    if "coco_eval" not in name:
        assert all((Path(r["root"]) / r["path"]).is_file() for r in store.rows)


@pytest.mark.parametrize("name", RESULTS)
def test_real_results_come_back_the_same(shared_data: Path, tmp_path: Path, name: str) -> None:
    truth, count = RESULTS[name]
    store = stored(shared_data / truth)
    stored(shared_data / name, store, "model")
    assert (len(store.objects["model"]), store.unmatched) == (count, 0)
    assert written(store, tmp_path, "model") == json.loads((shared_data / name).read_text())


def test_masks_of_real_results_have_the_boxes_that_pycocotools_gives(shared_data: Path) -> None:
    folder = shared_data / "coco_eval_reference"
    store = stored(folder / "instances_val2014_100.json")
    results = folder / "instances_val2014_fakesegm100_results.json"
    stored(results, store, "model")
    expected = [coco_mask.toBbox(r["segmentation"]).tolist() for r in json.loads(results.read_text())]
    assert [[o[n] for n in "xywh"] for o in store.objects["model"]] == expected


def test_numbers_of_more_than_64_bits_are_kept_where_there_is_room_and_told_where_there_is_none(tmp_path: Path) -> None:
    huge = 10**30
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": huge, "height": 9}],
        "annotations": [
            {"id": huge, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"id": huge, "image_id": 1, "category_id": huge, "bbox": [1, 2, 3, 4]},
            {"id": 2, "image_id": huge, "category_id": 1, "bbox": [1, 2, 3, 4]},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": huge, "name": "dog"}],
    }
    store = stored(saved(tmp_path, document))
    assert sorted(p.what for p in store.problems) == [
        "a category without a number of at most 64 bits as its id",
        "a category_id of more than 64 bits; kept without a class",
        "an annotation id is there twice; both are kept",
        "its image_id is not among the images",
    ]
    again = written(store, tmp_path)
    assert again["images"] == document["images"]
    first, second = again["annotations"]
    assert second["category_id"] == huge
    assert sorted([first["id"], second["id"]]) == [1, 2]
