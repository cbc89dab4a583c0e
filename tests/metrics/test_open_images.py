"""The Open Images protocol: verified labels, groups and the hierarchy; against TensorFlow's evaluator."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import open_images
from loopline.metrics.open_images import OpenImagesOptions, ancestors_of, expand, expand_labels, labels_of
from tests.metrics.detection_cases import read_coco

CLASSES = ("animal", "cat", "dog")


def test_predictions_of_a_class_that_nobody_looked_for_are_left_out() -> None:
    truth = detections([1], [(0, 0, 10, 10)], [1], classes=CLASSES, samples=[1, 2])
    predicted = detections(
        [1, 1, 2, 2], [(0, 0, 10, 10)] * 4, [1, 2, 1, 2], score=[0.5, 0.9, 0.8, 0.7], classes=CLASSES, samples=[1, 2]
    )
    report = open_images.evaluate(truth, predicted, labels=labels_of([2], [1], [False]))
    assert report.hit.tolist() == [True, False, False, False]
    assert report.ignored.tolist() == [False, True, False, True]
    assert report.ap[1] == pytest.approx(0.5)


def test_all_that_lies_in_a_group_is_one_hit() -> None:
    truth = detections([1], [(0, 0, 100, 100)], [1], iscrowd=[True], classes=CLASSES)
    predicted = detections(
        [1, 1, 1], [(0, 0, 10, 10), (50, 50, 10, 10), (300, 0, 9, 9)], [1] * 3, score=[0.5, 0.9, 0.7], classes=CLASSES
    )
    report = open_images.evaluate(truth, predicted)
    assert report.numbers() == {"mAP": 1.0, "tp": 1.0, "fp": 1.0}
    assert report.gt_of.tolist() == [0, 0, -1]
    without = open_images.evaluate(truth, predicted, options=OpenImagesOptions(group_weight=0))
    assert np.isnan(without.numbers()["mAP"])
    assert without.numbers()["fp"] == 1


def test_a_second_claim_on_one_object_is_wrong_though_another_is_free() -> None:
    truth = detections([1, 1], [(0, 0, 10, 10), (0, 0, 10, 8)], [1, 1], classes=CLASSES)
    predicted = detections([1, 1], [(0, 0, 10, 10), (0, 0, 10, 9.5)], [1, 1], score=[0.9, 0.8], classes=CLASSES)
    assert open_images.evaluate(truth, predicted).numbers() == {"mAP": 0.5, "tp": 1.0, "fp": 1.0}


def test_a_box_is_also_one_of_each_super_class() -> None:
    above = {"cat": ("animal",), "dog": ("animal",)}
    truth = detections([1, 2], [(0, 0, 10, 10), (5, 5, 9, 9)], [1, 2], classes=CLASSES)
    wide, rows = expand(truth, above)
    assert [CLASSES[k] for k in wide.class_id] == ["cat", "animal", "dog", "animal"]
    assert wide.offsets.tolist() == [0, 2, 4]
    assert rows.tolist() == [0, 0, 1, 1]
    labels = expand_labels(labels_of([1, 1], [1, 0], [True, False]), CLASSES, above)
    assert sorted(zip(labels.class_id.tolist(), labels.present.tolist(), strict=True)) == [
        (0, False),
        (0, True),
        (1, False),
        (1, True),
        (2, False),
    ]
    with pytest.raises(BadValue, match='super-class "beast"'):
        expand(truth, {"cat": ("beast",)})


def test_without_truths_or_predictions() -> None:
    nothing = detections([], [], [], classes=CLASSES, samples=[1])
    none = detections([], [], [], score=[], classes=CLASSES, samples=[1])
    some = detections([1], [(0, 0, 1, 1)], [0], score=[0.5], classes=CLASSES)
    assert np.isnan(open_images.evaluate(nothing, some).numbers()["mAP"])
    truth = detections([1], [(0, 0, 10, 10)], [0], classes=CLASSES)
    assert open_images.evaluate(truth, none, labels=labels_of([], [], [])).numbers()["mAP"] == 0


class Material:
    """The Open-Images-style files as columns."""

    def __init__(self, folder: Path) -> None:
        with (folder / "class-descriptions-boxable.csv").open() as file:
            self.names = dict(csv.reader(file))
        self.ancestors = ancestors_of(json.loads((folder / "hierarchy.json").read_text()), self.names)
        self.classes = tuple(sorted({*self.names.values(), *self.ancestors}))
        samples = sorted(json.loads((folder / "image_ids.json").read_text()))
        self.sample = {name: i for i, name in enumerate(samples)}
        self.truth = self._boxes(folder / "annotations-bbox.csv", scored=False)
        self.predicted = self._boxes(folder / "predictions.csv", scored=True)
        with (folder / "annotations-human-imagelabels-boxable.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.labels = labels_of(
            [self.sample[r["ImageID"]] for r in rows],
            [self._class(r) for r in rows],
            [float(r["Confidence"]) > 0 for r in rows],
        )

    def _class(self, row: dict[str, str]) -> int:
        return self.classes.index(self.names.get(row["LabelName"], row["LabelName"]))

    def _boxes(self, file: Path, *, scored: bool) -> Detections:
        with file.open() as lines:
            rows = list(csv.DictReader(lines))
        corners = np.array([[float(r[c]) for c in ("XMin", "YMin", "XMax", "YMax")] for r in rows])
        return detections(
            [self.sample[r["ImageID"]] for r in rows],
            np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
            [self._class(r) for r in rows],
            classes=self.classes,
            score=[float(r["Score"]) for r in rows] if scored else None,
            iscrowd=None if scored else [r["IsGroupOf"] == "1" for r in rows],
            samples=list(self.sample.values()),
        )


@pytest.fixture(scope="module")
def material(shared_data: Path) -> Material:
    return Material(shared_data / "open_images_style")


@pytest.mark.parametrize(
    "case",
    [
        "flat",
        "with_hierarchy_ground_truth_and_predictions_expanded",
        "with_hierarchy_ground_truth_expanded_only",
        "flat_without_negative_labels",
        "flat_group_of_treated_as_ordinary_boxes",
    ],
)
def test_tensorflows_results_are_reproduced(case, material: Material, shared_data: Path) -> None:
    wanted = json.loads((shared_data / "open_images_style/expected_open_images_metrics.json").read_text())[case]
    truth, predicted, labels = material.truth, material.predicted, material.labels
    options = open_images.STANDARD
    if case.startswith("with_hierarchy"):
        truth, _ = expand(truth, material.ancestors)
        labels = expand_labels(labels, material.classes, material.ancestors)
        if "predictions" in case:
            predicted, _ = expand(predicted, material.ancestors)
    if case == "flat_without_negative_labels":
        labels = labels_of(
            labels.sample_id[labels.present], labels.class_id[labels.present], labels.present[labels.present]
        )
    if case == "flat_group_of_treated_as_ordinary_boxes":
        options = OpenImagesOptions(group_weight=None)
    report = open_images.evaluate(truth, predicted, labels=labels, options=options)
    mine = dict(zip(report.classes, report.ap, strict=True))
    for name, ap in wanted["per_class"].items():
        assert mine[name] == pytest.approx(np.nan if ap is None else ap, abs=1e-5, nan_ok=True), name
    assert report.numbers()["mAP"] == pytest.approx(wanted["mAP"], abs=1e-5)


def test_fiftyones_open_images_result_is_reproduced(shared_data: Path) -> None:
    folder = shared_data / "face_mask/reference"
    wanted = json.loads((folder / "expected_fiftyone.json").read_text())["cases"]["open_images_iou50"]
    sides = read_coco(folder / "ground_truth_coco.json", folder / "predictions_masks_aizoo360.json")
    numbers = open_images.evaluate(*sides).numbers()
    assert (numbers["tp"], numbers["fp"]) == (wanted["tp"], wanted["fp"])
    assert numbers["mAP"] == pytest.approx(wanted["mAP"], abs=1e-5)
