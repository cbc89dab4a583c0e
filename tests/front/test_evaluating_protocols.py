"""Every protocol through the same verb: small cases, and the reference figures of real data sets that were added."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import loopline as ll
from loopline.errors import BadValue
from loopline.kernel import rle
from tests.front.evaluating_worlds import add_boxes, add_rows, data_set


@pytest.fixture(scope="module")
def coco(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ll.Dataset, dict[str, Any]]:
    folder = shared_data / "coco_eval_reference"
    ds = ll.create(str(tmp_path_factory.mktemp("coco") / "coco"))
    ds.add(folder / "instances_val2014_100.json", field="gt", read_media=False)
    for kind in ("bbox", "segm"):
        ds.add(folder / f"instances_val2014_fake{kind}100_results.json", field=kind, read_media=False)
    return ds, json.loads((folder / "expected_coco_metrics.json").read_text())["cases"]


@pytest.mark.parametrize(("case", "protocol"), [("bbox", "coco"), ("segm", "coco_masks")])
def test_the_published_coco_numbers_come_out_of_files_that_were_added(
    coco: tuple[ll.Dataset, dict[str, Any]], case: str, protocol: str
) -> None:
    ds, cases = coco
    ev = ds.evaluate(truth="gt", predicted=case, protocol=protocol, key=f"on_{case}")
    assert {n: ev.numbers[n] for n in cases[case]["pycocotools"]} == pytest.approx(cases[case]["pycocotools"], abs=1e-8)
    for name, wanted in cases[case]["per_class"].items():
        if wanted["AP"] is not None and wanted["ground_truth"]:
            assert ev.per_class[name]["AP"] == pytest.approx(wanted["AP"], abs=1e-8)


def test_the_figures_of_tud_campus_come_out(shared_data: Path) -> None:
    folder = shared_data / "mot" / "TUD-Campus"
    ds = ll.create("tud")
    ds.add(folder / "gt.txt", field="gt", read_media=False)
    ds.add(folder / "test.txt", field="pred", read_media=False)
    ev = ds.evaluate(truth="gt", predicted="pred", protocol="tracking")
    wanted = json.loads((folder / "expected_trackeval.json").read_text())
    for ours, theirs in (("hota", ("HOTA", "HOTA")), ("mota", ("CLEAR", "MOTA")), ("idf1", ("Identity", "IDF1"))):
        assert ev.numbers[ours] == pytest.approx(wanted[theirs[0]][theirs[1]], abs=1e-5)
    assert ev.ap == ev.numbers["hota"]
    counts = {name: wanted["CLEAR"][f"CLR_{name.upper()}"] for name in ("tp", "fp", "fn")}
    assert ev.counts == {**counts, "ignored": 0}
    for name, field in (("tp", "gt"), ("tp", "pred"), ("fp", "pred"), ("fn", "gt")):
        assert ds.objects(field).where(f"ev1.outcome == '{name}'").count() == counts[name]
    found = ds.objects("pred").where("ev1.outcome == 'tp'").to_arrow(["frame", "ev1.iou", "ev1.partner_id"])
    assert np.mean(found["ev1.iou"].to_numpy()) == pytest.approx(wanted["CLEAR"]["MOTP"], abs=1e-5)
    frame_of = dict(
        zip(*(ds.objects("gt").to_arrow(["id", "frame"])[n].to_pylist() for n in ("id", "frame")), strict=True)
    )
    assert [frame_of[i] for i in found["ev1.partner_id"].to_pylist()] == found["frame"].to_pylist()


def test_the_figures_of_open_images_come_out(shared_data: Path) -> None:
    folder = shared_data / "open_images_style"
    ds = ll.create("oi")
    ds.add(shared_data / "coco128" / "images", labels=folder, field="gt", format="open_images")
    expected = json.loads((folder / "expected_open_images_metrics.json").read_text())
    for case, options in (
        ("flat", {}),
        ("with_hierarchy_ground_truth_expanded_only", {"expand": "truth"}),
        ("with_hierarchy_ground_truth_and_predictions_expanded", {"expand": "both"}),
    ):
        labels = {"labels": "gt_class", **options}
        ev = ds.evaluate(
            truth="gt", predicted="predictions", protocol="open_images", options=labels, key=f"k_{len(case)}"
        )
        assert ev.numbers["mAP"] == pytest.approx(expected[case]["mAP"], abs=1e-5), case


def test_classification_agrees_with_scikit_learn(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "cifar10_label_errors"
    expected = json.loads((folder / "expected_metrics.json").read_text())["classification"]
    given = {
        r["test_index"]: r["given_label"] for r in csv.DictReader((folder / "labels.csv").read_text().splitlines())
    }
    rows = list(csv.DictReader((folder / "predicted_probabilities.csv").read_text().splitlines()))
    names = [n for n in rows[0] if n != "test_index"]
    ds = data_set(tmp_path, [], pictures=len(rows))
    truth = {"sample": list(range(1, len(rows) + 1)), "label": [given[r["test_index"]] for r in rows]}
    add_rows(ds, "given", "class", truth, classes=names)
    guesses = {
        "sample": [i for i in range(1, len(rows) + 1) for _ in names],
        "label": names * len(rows),
        "score": [float(r[n]) for r in rows for n in names],
    }
    add_rows(ds, "pred", "class", guesses, classes=names)
    ev = ds.evaluate(truth="given", predicted="pred")
    assert ev.protocol == "classification"
    for ours, theirs in (
        ("accuracy", "accuracy"),
        ("balanced_accuracy", "balanced_accuracy"),
        ("log_loss", "log_loss"),
        ("kappa", "cohen_kappa"),
        ("mcc", "matthews"),
    ):
        assert ev.numbers[ours] == pytest.approx(expected[theirs], abs=1e-9)
    assert ev.counts["tp"] == round(expected["accuracy"] * len(rows))
    wrong = ds.where("pred.any(ev1.outcome == 'fp')").count()
    assert wrong == len(rows) - ev.counts["tp"]


def test_several_classes_a_sample(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 5, 5)])
    add_rows(ds, "true", "class", {"sample": [1, 1, 2], "label": ["a", "b", "a"]}, classes=["a", "b"])
    said = {"sample": [1, 1, 2, 2], "label": ["a", "b", "a", "b"], "score": [0.9, 0.2, 0.8, 0.7]}
    add_rows(ds, "said", "class", said, classes=["a", "b"])
    with pytest.raises(BadValue, match="two true labels"):
        ds.evaluate(truth="true", predicted="said")
    ev = ds.evaluate(truth="true", predicted="said", protocol="multilabel", slices=["weather == 'sun'"])
    assert ev.counts == {"tp": 2, "fp": 1, "fn": 1, "ignored": 1}
    assert ev.slices[0].numbers["samples"] == 2
    with pytest.raises(BadValue, match="cut by objects"):
        ds.evaluate(truth="true", predicted="said", protocol="multilabel", slices=["label == 'a'"])


def test_one_number_a_sample(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 5, 5)])
    add_rows(ds, "true", "value", {"sample": [1, 2, 3], "value": [1.0, 2.0, 3.0]})
    add_rows(ds, "said", "value", {"sample": [1, 2, 3], "value": [1.0, 2.0, 5.0]})
    ev = ds.evaluate(truth="true", predicted="said")
    assert (ev.protocol, ev.numbers["mae"]) == ("regression", pytest.approx(2 / 3))
    assert ds.where("said.any(abs(ev1.off) > 1)").ids().tolist() == [2]
    assert ds.objects("true").to_arrow(["ev1.off", "ev1.outcome"]).to_pylist()[-1] == {
        "ev1.off": 2.0,
        "ev1.outcome": "ignored",
    }
    near = ds.evaluate(truth="true", predicted="said", options={"tolerance": 0.5}, slices=["value > 1"], replicates=20)
    assert near.counts == {"tp": 2, "fp": 1, "fn": 1, "ignored": 0}
    assert near.slices[0].numbers["mae"] == 1
    assert near.intervals["mae"].low < near.numbers["mae"] < near.intervals["mae"].high
    assert near.matches.where("outcome == 'fp'").to_arrow()["off"].to_pylist() == [2.0]
    add_rows(ds, "said", "value", {"sample": [4], "value": [float("nan")]})
    with pytest.raises(BadValue, match="NaN"):
        ds.evaluate(truth="true", predicted="said")
    assert ds.evaluate(truth="true", predicted="said", bad_rows="drop").numbers["mae"] == pytest.approx(2 / 3)


def _png(pixels: list[list[int]]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_class_maps_are_matched_by_the_names_of_their_classes(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 5, 5)])
    add_rows(ds, "true", "mask", {"sample": [1], "mask": [_png([[0, 0], [1, 1]])]}, classes=["sky", "road"])
    add_rows(ds, "said", "mask", {"sample": [1], "mask": [_png([[1, 1], [0, 1]])]}, classes=["road", "sky"])
    ev = ds.evaluate(truth="true", predicted="said")
    assert ev.protocol == "segmentation"
    assert ev.numbers["accuracy"] == 0.75
    assert ev.per_class["road"]["iou"] == 0.5
    assert ev.numbers["mean_iou"] == pytest.approx((2 / 3 + 0.5) / 2)
    assert ev.matches.to_arrow().select(["side", "outcome", "iou"]).to_pylist() == [
        {"side": side, "outcome": "tp", "iou": ev.numbers["mean_iou"]} for side in ("truth", "predicted")
    ]
    strict = ds.evaluate(truth="true", predicted="said", iou=0.9, replicates=5)
    assert strict.counts == {"tp": 0, "fp": 1, "fn": 1, "ignored": 0}
    assert strict.intervals["mean_iou"].value == ev.numbers["mean_iou"]
    again = ds.evaluate(truth="true", predicted="said")
    assert np.isnan(ll.compare(ev, again, replicates=5).p_value["mean_iou"])  # one sample says nothing of others


def test_panoptic_segments_are_rows_with_masks(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 5, 5)])
    left, right = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], right[:, 2:] = True, True
    boxes = {"x": [0.0, 2.0], "y": [0.0, 0.0], "w": [2.0, 2.0], "h": [4.0, 4.0]}
    true = {"sample": [1, 1], "label": ["a", "b"], "mask": [rle.encode(left), rle.encode(right)], **boxes}
    said = {**true, "mask": [rle.encode(left), rle.encode(left | right)], "score": [0.9, 0.5]}
    add_rows(ds, "true", "box", true, classes=["a", "b"])
    add_rows(ds, "said", "box", said, classes=["a", "b"])
    ev = ds.evaluate(truth="true", predicted="said", protocol="panoptic")
    assert (ev.numbers["pq"], ev.counts) == (1.0, {"tp": 2, "fp": 0, "fn": 0, "ignored": 0})
    rows_now = (
        ds.evaluate(truth="true", predicted="said", protocol="panoptic", key="again").matches.to_arrow().to_pylist()
    )
    label = {row["id"]: row["label"] for row in rows_now}
    assert [(row["label"], row["iou"], label[row["partner_id"]]) for row in rows_now] == [
        (name, 1.0, name) for name in ("a", "b", "a", "b")
    ]
    add_rows(ds, "less", "box", {**{k: v[:1] for k, v in said.items()}, "label": ["b"]}, classes=["a", "b"])
    wrong = ds.evaluate(truth="true", predicted="less", protocol="panoptic")
    assert wrong.counts == {"tp": 0, "fp": 1, "fn": 2, "ignored": 0}
    assert ds.objects("true").where(f"{wrong.key}.outcome == 'fn'").count() == 2


def test_voc_and_coco_agree_on_who_was_found(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 10, 10), (2, "dog", 0, 0, 10, 10)])
    add_boxes(ds, "pred", [(1, "cat", 1, 0, 10, 10), (1, "cat", 0, 1, 10, 10)], [0.9, 0.8])
    voc, ours = (ds.evaluate(truth="gt", predicted="pred", protocol=p) for p in ("voc2012", "coco"))
    assert voc.counts == ours.counts == {"tp": 1, "fp": 1, "fn": 1, "ignored": 0}
    assert voc.ap == voc.numbers["mAP"]
    with pytest.raises(BadValue, match="voc2012"):
        _ = voc.measured
    sure = ds.evaluate(truth="gt", predicted="pred", protocol="voc2012", replicates=20, slices=["occluded"], save=False)
    assert sure.intervals["mAP"].value == voc.ap
    assert [one.numbers["truths"] for one in sure.slices] == [1]
    with pytest.raises(BadValue, match="neg_category_ids"):
        ds.evaluate(truth="gt", predicted="pred", protocol="lvis")


@pytest.mark.parametrize("folder", ["coco128", "face_mask"])
def test_what_real_detectors_reach_is_what_pycocotools_says(shared_data: Path, folder: str) -> None:
    reference = shared_data / folder / "reference"
    ds = ll.create(folder)
    ds.add(reference / "ground_truth_coco.json", field="gt", read_media=False)
    cases = json.loads((reference / "expected_coco_metrics.json").read_text())["cases"]
    tried = 0
    for case, wanted in cases.items():
        file = reference / f"predictions_{case}.json"
        if file.is_file() and wanted.get("use_categories", True):
            ds.add(file, field=case, read_media=False)
            ev = ds.evaluate(truth="gt", predicted=case, save=False)
            expected = {n: v for n, v in wanted["pycocotools"].items() if v is not None and v >= 0}
            assert {n: ev.numbers[n] for n in expected} == pytest.approx(expected, abs=1e-8)
            tried += 1
    assert tried


@pytest.mark.parametrize("seed", [0, 1])
def test_keypoints_of_a_data_set_have_the_ten_numbers_of_pycocotools(
    shared_data: Path, tmp_path: Path, seed: int
) -> None:
    file = shared_data / "coco_keypoints" / "test_coco.json"
    rng = np.random.default_rng(seed)
    results = []
    for one in json.loads(file.read_text())["annotations"]:
        for _ in range(int(rng.integers(1, 4))):
            points = np.array(one["keypoints"], float).reshape(17, 3)
            if not points[:, 2].any() or rng.random() < 0.1:
                points[:, :2] = rng.uniform(0, 400, (17, 2))
            points[:, :2] += rng.normal(0, rng.uniform(0.005, 0.08) * one["area"] ** 0.5, (17, 2))
            points[:, 2] = 1
            row = {"image_id": one["image_id"], "category_id": 1, "keypoints": points.round(2).ravel().tolist()}
            results.append({**row, "score": round(float(rng.uniform(0.1, 1)), 1)})  # with ties
    (tmp_path / "guesses.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(file))
        theirs = COCOeval(truth, truth.loadRes(str(tmp_path / "guesses.json")), "keypoints")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    ds = ll.create("people")
    ds.add(file, field="gt", read_media=False)
    ds.add(tmp_path / "guesses.json", field="guesses", read_media=False)
    ev = ds.evaluate(truth="gt", predicted="guesses", protocol="coco_keypoints")
    names = ("AP", "AP50", "AP75", "APmedium", "APlarge", "AR", "AR50", "AR75", "ARmedium", "ARlarge")
    assert [ev.numbers[n] for n in names] == pytest.approx(theirs.stats.tolist(), abs=1e-12)
    assert 0.1 < ev.ap < 0.9
    assert ds.objects("guesses").where("ev1.outcome == 'tp'").count() == ev.counts["tp"]


def test_lvis_leaves_out_what_nobody_looked_for(tmp_path: Path) -> None:
    image = {"width": 100, "height": 100}
    document = {
        "images": [
            {"id": 1, "file_name": "1.jpg", "neg_category_ids": [2], "not_exhaustive_category_ids": [1], **image},
            {"id": 2, "file_name": "2.jpg", "neg_category_ids": [], "not_exhaustive_category_ids": [], **image},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100}],
        "categories": [{"id": 1, "name": "cat", "frequency": "r"}, {"id": 2, "name": "dog", "frequency": "f"}],
    }
    (tmp_path / "lvis.json").write_text(json.dumps(document))
    ds = ll.create("lvis")
    ds.add(tmp_path / "lvis.json", field="gt", read_media=False)
    boxes = [(1, "cat", 0, 0, 10, 10), (1, "cat", 50, 50, 9, 9), (1, "dog", 0, 0, 9, 9), (2, "cat", 0, 0, 9, 9)]
    add_boxes(ds, "pred", boxes, [0.5, 0.9, 0.8, 0.7])
    ev = ds.evaluate(truth="gt", predicted="pred", protocol="lvis")
    assert ev.numbers["AP"] == ev.numbers["APrare"] == pytest.approx(1.0)
    # The second cat may be there unboxed, nobody looked for cats in picture 2; the dog was verified to be absent.
    assert ev.counts == {"tp": 1, "fp": 1, "fn": 0, "ignored": 2}
    assert ds.objects("pred").where("ev1.outcome == 'ignored'").count() == 2
    assert ev.slice("id >= 0").numbers["AP"] == ev.ap


def test_outlines_are_measured_as_masks(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 5, 5)])
    box = {"sample": [1], "label": ["a"], "x": [0.0], "y": [0.0], "w": [10.0], "h": [10.0], "closed": [True]}
    whole, most = ([[[0.0, 0.0, 10.0, 0.0, 10.0, y, 0.0, y]]] for y in (10.0, 8.0))
    add_rows(ds, "true", "polygon", {**box, "points": whole}, classes=["a"])
    add_rows(ds, "said", "polygon", {**box, "points": most, "score": [0.9]}, classes=["a"])
    ev = ds.evaluate(truth="true", predicted="said")
    assert (ev.protocol, ev.numbers["AP"]) == ("coco_masks", pytest.approx(0.7))
    assert ev.matches.to_arrow()["iou"].to_pylist() == [0.8, 0.8]


def test_evaluations_live_in_a_team_s_catalog_too(postgres_database: str, tmp_path: Path) -> None:
    pytest.importorskip("duckdb_extension_postgres_scanner")
    images = [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 100}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "truth.json").write_text(json.dumps(document))
    with ll.create(f"{postgres_database}/team", data=str(tmp_path / "files")) as ds:
        ds.add(tmp_path / "truth.json", field="gt", read_media=False)
        add_boxes(ds, "pred", [(1, "cat", 0, 0, 9, 9)], [0.9])
        ev = ds.evaluate(truth="gt", predicted="pred")
        assert ds.evaluation(ev.key).to_json() == ev.to_json()
        assert ds.where("pred.any(ev1.outcome == 'tp')").count() == 1
        ds.drop_evaluation("ev1")
        assert ds.evaluations() == []


def test_pictures_of_a_sequence_are_frames_and_their_boxes_have_outcomes(tmp_path: Path) -> None:
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100, "sequence": "abb"[i - 1], "frame_index": i}
        for i in (1, 2, 3)
    ]
    (tmp_path / "t.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    ds = ll.create("walk")
    ds.add(tmp_path / "t.json", field="none", read_media=False)
    box = {"x": [0.0, 0.0, 50.0], "y": [0.0] * 3, "w": [10.0] * 3, "h": [10.0] * 3, "label": ["man"] * 3}
    add_rows(ds, "gt", "box", {"sample": [3, 2, 3], "track_id": [1, 1, 2], **box}, classes=["man"])
    add_rows(ds, "said", "box", {"sample": [1, 2, 3], "track_id": [7, 7, 7], **box}, classes=["man"])
    ev = ds.evaluate(truth="gt", predicted="said", protocol="tracking")
    assert ev.counts == {"tp": 2, "fp": 1, "fn": 1, "ignored": 0}
    missed = ds.objects("gt").where("ev1.outcome == 'fn'").to_arrow(["sample_id", "track_id"]).to_pylist()
    assert missed == [{"sample_id": int(ds.view().ids()[2]), "track_id": 1}]
    assert ds.where("said.any(ev1.outcome == 'fp')").ids().tolist() == ds.view().ids()[:1].tolist()
