"""Boxes that are drawn by another rule are found out, and the gain is measured on samples that did not teach it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loopline.kernel.detections import Detections, detections
from loopline.metrics.box_rule import corrected, find_box_rule
from loopline.metrics.coco import CocoOptions
from tests.metrics.detection_cases import read_coco


def pictures(rng: np.random.Generator, count: int = 60) -> Detections:
    sample = np.repeat(np.arange(count), 3)
    box = np.concatenate(
        [np.tile([[10, 10], [150, 20], [40, 180]], (count, 1)), rng.uniform(20, 90, (3 * count, 2))], axis=1
    )
    return detections(sample, box, np.zeros(len(sample), int), classes=("face",))


def test_a_constant_shift_in_pixels_is_found() -> None:
    rng = np.random.default_rng(0)
    truth = pictures(rng)
    box = truth.box + np.array([3.0, -2, 0, 0]) + rng.normal(0, 0.5, truth.box.shape)
    rule = find_box_rule(truth, replace(truth, box=box, score=rng.random(len(truth))))
    assert rule is not None
    assert rule.unit == "pixels"
    np.testing.assert_allclose(rule.shift, [-3, 2, -3, 2], atol=0.3)
    assert rule.sure.all()
    assert rule.gain > 0.1


def test_a_shift_that_grows_with_the_box_is_found_as_a_share_of_it() -> None:
    rng = np.random.default_rng(1)
    truth = pictures(rng)
    predicted = corrected(truth, np.array([0, -0.3, 0, 0]), "share")
    predicted = replace(
        predicted, box=predicted.box + rng.normal(0, 0.3, truth.box.shape), score=rng.random(len(truth))
    )
    rule = find_box_rule(truth, predicted)
    assert rule is not None
    assert rule.unit == "share"
    np.testing.assert_allclose(rule.shift, [0, 0.3 / 1.3, 0, 0], atol=0.01)
    assert "top 23 % lower" in rule.sentence()


def test_noise_alone_is_no_rule() -> None:
    rng = np.random.default_rng(2)
    truth = pictures(rng)
    box = truth.box + rng.normal(0, 2, truth.box.shape)
    rule = find_box_rule(truth, replace(truth, box=box, score=rng.random(len(truth))))
    assert rule is not None
    assert not rule.sure.any()
    assert rule.sentence() == "annotated and predicted boxes follow the same rule"


def test_a_handful_of_pairs_says_nothing() -> None:
    truth = pictures(np.random.default_rng(3), count=4)
    assert find_box_rule(truth, replace(truth, score=np.ones(len(truth)))) is None


def test_the_face_detectors_boxes_start_a_fifth_too_high(shared_data: Path) -> None:
    folder = shared_data / "face_mask/reference"
    truth, predicted = read_coco(
        folder / "ground_truth_coco.json", folder / "predictions_faces_yunet_n.json", agnostic=True
    )
    rule = find_box_rule(truth, predicted, options=CocoOptions(by_class=False))
    assert rule is not None
    assert rule.shift[[1, 3]] == pytest.approx([0.18, 0.09], abs=0.01)
    assert rule.ap == pytest.approx((0.2376, 0.40), abs=0.01)
    assert rule.ap75 == pytest.approx((0.028, 0.40), abs=0.01)


def test_a_detector_of_the_same_labels_follows_the_same_rule(shared_data: Path) -> None:
    folder = shared_data / "coco128/reference"
    rule = find_box_rule(*read_coco(folder / "ground_truth_coco.json", folder / "predictions_nanodet_g.json"))
    assert rule is not None
    assert not rule.sure.any()
