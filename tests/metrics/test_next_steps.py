"""What to do next: each step's gain is what doing it really returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections, take
from loopline.metrics import coco
from loopline.metrics.coco import CocoOptions
from loopline.metrics.errors import error_report, gain_by_class, gain_of
from loopline.metrics.next_steps import NextStep, next_steps
from tests.metrics.detection_cases import CLASSES, read_coco, scenes


def crowd_of_boxes(pictures: int, rng: np.random.Generator) -> Detections:
    """Five boxes of random classes that do not touch, on each picture."""
    sample = np.repeat(np.arange(1, pictures + 1), 5)
    corner = np.stack([np.tile(np.arange(5) * 100.0, pictures), rng.uniform(0, 50, len(sample))], axis=1)
    size = rng.uniform(20, 60, (len(sample), 2))
    return detections(
        sample, np.hstack([corner, size]), rng.integers(0, 3, len(sample)), classes=CLASSES, samples=range(1, 99)
    )


def detector_of(true: Detections, rng: np.random.Generator, *, missed: np.ndarray | None = None) -> Detections:
    """Finds every object but those in `missed` with a high score."""
    kept = take(true, ~missed) if missed is not None else true
    return detections(
        kept.sample_id[kept.unit()],
        kept.box,
        kept.class_id,
        classes=CLASSES,
        object_id=kept.object_id + 10_000,
        score=rng.uniform(0.8, 1, len(kept)),
        samples=range(1, 99),
    )


def ap50(truth: Detections, predicted: Detections) -> float:
    return coco.evaluate(truth, predicted, options=CocoOptions(iou=(0.5,))).numbers()["AP"]


def named(steps: list[NextStep], family: str, kind: str) -> list[NextStep]:
    return [step for step in steps if (step.family, step.kind) == (family, kind)]


def test_missing_labels_are_found_and_their_gain_is_what_adding_them_returns() -> None:
    rng = np.random.default_rng(0)
    true = crowd_of_boxes(60, rng)
    gone = (np.arange(len(true)) % 20 == 0) & (true.class_id == 1)
    labelled, predicted = take(true, ~gone), detector_of(true, rng)
    steps = named(next_steps(coco.evaluate(labelled, predicted)), "labels", "missing")
    assert [step.title for step in steps] == [f"look at {int(gone.sum())} likely missing labels of class dog"]
    step = steps[0]
    assert set(step.ids - 10_000) == set(true.object_id[gone])
    assert step.side == "predicted"
    assert step.gain == pytest.approx(ap50(true, predicted) - ap50(labelled, predicted))
    assert 0 < step.expected <= step.gain


def test_spurious_labels_are_found_and_their_gain_is_what_removing_them_returns() -> None:
    rng = np.random.default_rng(1)
    true = crowd_of_boxes(60, rng)
    made_up = (np.arange(len(true)) % 20 == 0) & (true.class_id == 2)
    predicted = detector_of(true, rng, missed=made_up)
    steps = named(next_steps(coco.evaluate(true, predicted)), "labels", "spurious")
    assert [(step.side, set(step.ids)) for step in steps] == [("truth", set(true.object_id[made_up]))]
    assert steps[0].gain == pytest.approx(ap50(take(true, ~made_up), predicted) - ap50(true, predicted))


def test_wrong_classes_gain_in_the_class_that_loses_and_in_the_one_that_gets_the_object() -> None:
    rng = np.random.default_rng(2)
    true = crowd_of_boxes(60, rng)
    predicted = detector_of(true, rng)
    label = true.class_id.copy()
    swapped = (np.arange(len(true)) % 20 == 0) & (label == 0)
    label[swapped] = 1
    labelled = detections(
        true.sample_id[true.unit()], true.box, label, classes=CLASSES, object_id=true.object_id, samples=range(1, 99)
    )
    steps = named(next_steps(coco.evaluate(labelled, predicted)), "labels", "mislabelled")
    assert [set(step.ids) for step in steps] == [set(true.object_id[swapped])]
    assert steps[0].gain == pytest.approx(ap50(true, predicted) - ap50(labelled, predicted))


def test_the_part_of_the_data_where_most_is_missed_is_named_as_a_condition() -> None:
    rng = np.random.default_rng(3)
    true = crowd_of_boxes(80, rng)
    night = rng.random(len(true)) < 0.2
    missed = rng.random(len(true)) < np.where(night, 0.8, 0.05)
    report = coco.evaluate(true, detector_of(true, rng, missed=missed))
    attributes = pa.table({"weather": pa.array(np.where(night, "night", "day"))})
    steps = named(next_steps(report, attributes=attributes), "data", "slice")
    assert [step.where for step in steps] == ["weather == 'night'"]
    assert set(steps[0].ids) == set(true.object_id[night & missed])
    assert 0 < steps[0].gain < 1 - report.numbers()["AP50"]


def test_a_perfect_detector_needs_no_step() -> None:
    rng = np.random.default_rng(4)
    true = crowd_of_boxes(20, rng)
    assert next_steps(coco.evaluate(true, detector_of(true, rng))) == []


def test_without_truth_or_predictions_there_is_nothing_to_say() -> None:
    none = detections([], np.zeros((0, 4)), [], classes=CLASSES, score=[])
    assert next_steps(coco.evaluate(crowd_of_boxes(2, np.random.default_rng(5)), none)) == []


def test_attributes_need_a_row_for_each_annotated_object() -> None:
    rng = np.random.default_rng(6)
    true = crowd_of_boxes(2, rng)
    with pytest.raises(BadValue, match="10 annotated objects and 1 rows"):
        next_steps(coco.evaluate(true, detector_of(true, rng)), attributes=pa.table({"weather": ["rain"]}))


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_mending_every_mistake_of_a_kind_in_parts_is_mending_the_kind(scene: tuple[Detections, Detections]) -> None:
    report = error_report(coco.evaluate(*scene).matched)
    for place, kind in enumerate(("cls", "loc", "both", "dupe", "bkg")):
        assert gain_of(report, report.kind == place) == pytest.approx(report.gain[kind], nan_ok=True)
    assert gain_of(report, missed=report.missed) == pytest.approx(report.gain["miss"], nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_the_gain_of_one_class_is_that_of_its_mistakes_alone(scene: tuple[Detections, Detections]) -> None:
    report = error_report(coco.evaluate(*scene).matched)
    label = report.matched.predicted.class_id
    wrong = report.kind == 4  # on background
    by_class = gain_by_class(report, wrong)
    for place in range(len(by_class)):
        assert by_class[place] == pytest.approx(gain_of(report, wrong & (label == place)), nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_steps_come_by_expected_gain_and_name_objects_that_are_there(scene: tuple[Detections, Detections]) -> None:
    report = coco.evaluate(*scene)
    steps = next_steps(report, least_gain=0)
    assert [s.expected for s in steps] == sorted((s.expected for s in steps), reverse=True)
    for step in steps:
        known = report.matched.truth if step.side == "truth" else report.matched.predicted
        assert set(step.ids) <= set(known.object_id)


def test_the_masks_set_asks_first_to_tell_the_rare_class_apart(shared_data: Path) -> None:
    folder = shared_data / "face_mask" / "reference"
    report = coco.evaluate(*read_coco(folder / "ground_truth_coco.json", folder / "predictions_masks_aizoo360.json"))
    steps = next_steps(report)
    assert steps[0].title.startswith("tell mask_weared_incorrect from with_mask")
    assert any(step.family == "boxes" and "top 21 % lower" in step.title for step in steps)
