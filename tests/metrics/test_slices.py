"""Parts of the data follow COCO's area rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from loopline.errors import BadValue
from loopline.kernel.detections import detections, take
from loopline.metrics import coco, slices
from loopline.metrics.slices import Slice, by_ids, by_quantiles, by_range, by_samples
from tests.metrics.detection_cases import CLASSES, scenes, with_pycocotools


def test_an_object_outside_the_slice_is_ignored_and_so_is_what_matches_it() -> None:
    truth = detections([1, 1], [(0, 0, 10, 10), (50, 50, 10, 10)], [0, 0], classes=CLASSES)
    predicted = detections([1, 1], [(0, 0, 10, 10), (50, 50, 10, 10)], [0, 0], score=[0.9, 0.8], classes=CLASSES)
    report = coco.evaluate(truth, predicted)
    (only,) = slices.measure(report, [Slice("the second", np.array([False, True]), None)])
    assert only.numbers() == pytest.approx({"AP": 1, "AP50": 1, "AP75": 1, "AR": 1, "truths": 1})


def test_a_made_up_box_is_an_error_of_the_slice_that_it_lies_in() -> None:
    truth = detections([1], [(0, 0, 10, 10)], [0], classes=CLASSES)
    predicted = detections([1, 1], [(0, 0, 10, 10), (50, 50, 90, 90)], [0, 0], score=[0.8, 0.9], classes=CLASSES)
    report = coco.evaluate(truth, predicted)
    small = by_range("small", [100], [100, 8100], most=1000)
    everything = Slice("all", None, None)
    found = [one.numbers()["AP"] for one in slices.measure(report, [small, everything])]
    assert found == pytest.approx([1, 0.5])


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_any_value_measures_like_an_area(scene) -> None:
    truth, predicted = scene
    rng = np.random.default_rng(5)
    truth = replace(truth, area=rng.integers(0, 9, len(truth)).astype(float))
    values = rng.integers(0, 9, len(predicted)).astype(float)
    report = coco.evaluate(truth, predicted)
    cuts = [(0, 3), (2, 5), (4, 8), (9, 9)]
    parts = [by_range(str(c), truth.area, values, least=c[0], most=c[1], closed=True) for c in cuts]
    options = coco.CocoOptions(areas=tuple(coco.AreaRange(str(c), *c) for c in cuts), max_detections=(100,))
    theirs = with_pycocotools(truth, replace(predicted, area=values), options)
    for i, one in enumerate(slices.measure(report, parts)):
        np.testing.assert_array_equal(one.ap, theirs["precision"][..., i].mean(axis=1))
        np.testing.assert_array_equal(one.recall, theirs["recall"][..., i, 0])


@settings(max_examples=40, deadline=None)
@given(scenes())
def test_a_slice_of_samples_measures_like_those_samples_alone(scene) -> None:
    truth, predicted = scene
    chosen = truth.sample_id[::2]
    report = coco.evaluate(truth, predicted)
    (part,) = slices.measure(report, [by_samples("every other", report.matched, chosen)])
    alone = coco.evaluate(*(take(side, np.isin(side.sample_id[side.unit()], chosen)) for side in scene))
    np.testing.assert_array_equal(part.ap, alone.precision[..., 0].mean(axis=1))
    np.testing.assert_array_equal(part.recall, alone.recall[:, :, 0, -1])


def test_quantiles_part_the_objects_evenly_and_lose_none() -> None:
    values = np.arange(10.0)
    parts = by_quantiles("size", values, values, parts=3)
    assert [int(p.truth.sum()) for p in parts if p.truth is not None] == [3, 3, 4]


def test_the_table_has_a_row_a_slice_and_null_where_there_is_nothing() -> None:
    truth = detections([1, 2], [(0, 0, 10, 10)] * 2, [0, 1], classes=CLASSES)
    report = coco.evaluate(truth, detections([], [], [], score=[], classes=CLASSES))
    parts = [
        by_ids("none", report.matched, truth=[], predicted=None),
        by_ids("one", report.matched, truth=[1], predicted=[]),
    ]
    rows = slices.slice_table(slices.measure(report, parts)).to_pylist()
    assert [(r["name"], r["AP"], r["truths"], r["samples"]) for r in rows] == [("none", None, 0, 0), ("one", 0.0, 1, 1)]


def test_a_mask_of_another_length_is_refused() -> None:
    truth = detections([1], [(0, 0, 10, 10)], [0], classes=CLASSES)
    report = coco.evaluate(truth, detections([], [], [], score=[], classes=CLASSES))
    with pytest.raises(BadValue, match='slice "odd"'):
        slices.measure(report, [Slice("odd", np.ones(3, bool), None)])
