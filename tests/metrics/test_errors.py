"""Kinds of mistakes, what mending returns, and which class is taken for which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import coco, errors
from tests.metrics.detection_cases import CLASSES, read_coco, scenes

TRUTH = detections([1, 1], [(0, 0, 10, 10), (50, 50, 10, 10)], [0, 1], classes=CLASSES)


def report_of(*rows: tuple[tuple[float, ...], int, float]) -> errors.ErrorReport:
    """Rows of box, class and score on the picture of TRUTH."""
    boxes, labels, scores = zip(*rows, strict=True)
    predicted = detections([1] * len(rows), list(boxes), list(labels), score=list(scores), classes=CLASSES)
    return errors.error_report(coco.evaluate(TRUTH, predicted).matched)


@pytest.mark.parametrize(
    ("box", "label", "kind"),
    [
        ((0, 0, 10, 3), 0, "loc"),
        ((50, 50, 10, 9), 0, "cls"),
        ((0, 0, 10, 9), 0, "dupe"),
        ((200, 200, 10, 10), 0, "bkg"),
        ((50, 50, 10, 3), 0, "both"),
    ],
)
def test_every_false_positive_has_one_kind(box, label, kind) -> None:
    report = report_of(((0, 0, 10, 10), 0, 0.9), (box, label, 0.5))
    assert errors.KINDS[report.kind[1]] == kind
    assert sum(report.counts().values()) - report.counts()["miss"] == 1


def test_an_object_that_nothing_comes_near_is_missed() -> None:
    report = report_of(((0, 0, 10, 10), 0, 0.9))
    assert report.missed.tolist() == [False, True]
    assert report.gain["miss"] == pytest.approx(0.5)  # the class of the missed object drops out of the mean


def test_mending_the_class_of_a_well_placed_box_returns_its_object() -> None:
    report = report_of(((0, 0, 10, 10), 0, 0.9), ((50, 50, 10, 10), 0, 0.95))
    assert report.ap == pytest.approx(0.25)
    assert report.gain["cls"] == pytest.approx(0.75)
    rows = errors.error_table(report).to_pylist()
    assert [(r["side"], r["id"], r["kind"], r["about_id"], r["overlap"]) for r in rows] == [
        ("predicted", 2, "cls", 2, 1.0)
    ]


def test_of_two_mistakes_about_one_object_the_higher_score_is_mended_and_the_other_vanishes() -> None:
    report = report_of(((0, 0, 10, 4), 0, 0.9), ((0, 0, 10, 3), 0, 0.95), ((50, 50, 10, 10), 1, 0.5))
    assert report.counts()["loc"] == 2
    assert report.gain["loc"] == pytest.approx(0.5)


def test_a_background_above_the_threshold_is_refused() -> None:
    with pytest.raises(BadValue, match="background must lie"):
        errors.error_report(report_of(((0, 0, 10, 10), 0, 0.9)).matched, background=0.6)


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_kinds_part_the_false_positives_and_no_mending_costs_anything(scene) -> None:
    report = coco.evaluate(*scene)
    found = errors.error_report(report.matched)
    wrong = coco_counts(report)["fp"]
    assert sum(found.counts().values()) - found.counts()["miss"] == wrong
    for name in ("cls", "loc", "both", "dupe", "bkg", "fp"):
        assert not found.gain[name] < -1e-9, name


def coco_counts(report: coco.CocoReport) -> dict[str, int]:
    from loopline.metrics.fates import fates

    return fates(report.matched).counts()


CASES = [
    ("coco128/reference/ground_truth_coco.json", "coco128/reference/predictions_nanodet_g.json"),
    ("face_mask/reference/ground_truth_coco.json", "face_mask/reference/predictions_masks_aizoo360.json"),
]


@pytest.mark.parametrize(("truth", "predictions"), CASES)
def test_hotcoco_counts_the_same_kinds_and_confusions(truth, predictions, shared_data: Path) -> None:
    import hotcoco

    mine = read_coco(shared_data / truth, shared_data / predictions)
    found = errors.error_report(coco.evaluate(*mine).matched)
    gt = hotcoco.COCO(str(shared_data / truth))
    theirs = hotcoco.COCOeval(gt, gt.load_res(str(shared_data / predictions)), "bbox")
    theirs.evaluate()
    tide = theirs.tide_errors()
    assert {k.lower(): v for k, v in tide["counts"].items()} == found.counts()
    assert tide["ap_base"] == pytest.approx(found.ap, abs=1e-12)
    for name in ("Both", "Dupe", "Bkg", "Miss", "FP"):
        assert tide["delta_ap"][name] == pytest.approx(found.gain[name.lower()], abs=1e-12), name
    # Of several mistakes about one object hotcoco leaves the lower scores in the list; TIDE's paper takes them out.
    for name in ("Cls", "Loc"):
        assert 0 <= found.gain[name.lower()] - tide["delta_ap"][name] < 2e-3, name
    matrix = theirs.confusion_matrix(iou_thr=0.5, min_score=0.3)["matrix"]
    np.testing.assert_array_equal(errors.confusion(*mine, least_score=0.3).counts, matrix)


def test_confusion_counts_each_object_and_each_prediction_once() -> None:
    predicted: Detections = detections(
        [1, 1, 1], [(0, 0, 10, 10), (50, 50, 10, 9), (90, 90, 5, 5)], [0, 2, 2], score=[0.9, 0.8, 0.7], classes=CLASSES
    )
    counts = errors.confusion(TRUTH, predicted).counts
    assert counts.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert errors.confusion(TRUTH, predicted, least_score=0.85).counts[:, 3].tolist() == [0, 1, 0, 0]
