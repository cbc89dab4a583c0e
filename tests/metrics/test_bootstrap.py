"""A replicate is the evaluation of the samples that were drawn; two models are compared on the same draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import bootstrap as boot
from loopline.metrics import coco, resample_coco
from loopline.metrics.resample_coco import weighed
from tests.metrics.detection_cases import CLASSES, random_scene, scenes


def drawn(these: Detections, weight: list[int]) -> Detections:
    """Each sample as often as it was drawn, as a sample of its own, in the old order."""
    rows, samples, copies = [], [], []
    for unit, times in enumerate(weight):
        mine = np.arange(these.offsets[unit], these.offsets[unit + 1])
        for copy in range(times):
            samples.append(unit * 100 + copy)
            rows.append(mine)
            copies.append(np.full(len(mine), unit * 100 + copy))
    at = np.concatenate(rows) if rows else np.zeros(0, int)
    return detections(
        np.concatenate(copies) if copies else [],
        these.box[at],
        these.class_id[at],
        classes=these.classes,
        score=None if these.score is None else these.score[at],
        iscrowd=these.iscrowd[at],
        area=these.area[at],
        samples=samples,
    )


@settings(max_examples=60, deadline=None)
@given(scenes(), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_replicate_is_the_evaluation_of_the_drawn_samples(scene, weight) -> None:
    truth, predicted = scene
    weight = weight[: truth.units]
    # Equal scores within a picture would alternate in the copies and stand side by side in the weights.
    predicted = replace(predicted, score=predicted.scores() + np.arange(len(predicted)) / 1000)
    report = coco.evaluate(truth, predicted)
    of_unit = np.unique(report.matched.truth.sample_id, return_inverse=True)[1]
    fast = resample_coco._measure(resample_coco._prepare(report.matched, of_unit), np.array(weight, np.int32))
    slow = coco.evaluate(drawn(truth, weight), drawn(predicted, weight))
    np.testing.assert_allclose(fast[:10], slow.precision[..., 0].mean(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(fast[10:], slow.recall[:, :, 0, -1], rtol=0, atol=1e-12)


def big_scene(seed: int = 0) -> tuple[Detections, Detections]:
    return random_scene(np.random.default_rng(seed), pictures=60, truths=300, predictions=600)


def test_the_value_is_the_reports_and_the_interval_holds_it() -> None:
    report = coco.evaluate(*big_scene())
    found = boot.bootstrap(weighed(report), rng=np.random.default_rng(1), replicates=200)
    numbers = report.numbers()
    for name, theirs in (("AP", "AP"), ("AP50", "AP50"), ("AP75", "AP75"), ("AR100", "AR100")):
        interval = found.numbers[name]
        assert interval.value == pytest.approx(numbers[theirs], abs=1e-12)
        assert interval.low < interval.value < interval.high
    assert list(found.per_class) == list(CLASSES)


def test_the_same_seed_gives_the_same_intervals() -> None:
    report = coco.evaluate(*big_scene())
    once, twice = (boot.bootstrap(weighed(report), rng=np.random.default_rng(7), replicates=20) for _ in range(2))
    np.testing.assert_array_equal(once.replicates, twice.replicates)


def test_a_model_that_lost_a_third_of_its_hits_is_surely_worse() -> None:
    truth, _ = big_scene()
    good = replace(truth, score=np.linspace(1, 0.1, len(truth)), iscrowd=np.zeros(len(truth), bool))
    keep = np.random.default_rng(2).random(len(truth)) < 0.66
    bad = replace(good, score=np.where(keep, good.score, 0.01), box=np.where(keep[:, None], good.box, 3.0))
    a, b = coco.evaluate(truth, bad), coco.evaluate(truth, good)
    found = boot.compare(weighed(a), weighed(b), rng=np.random.default_rng(3), replicates=200)
    assert found.difference["AP"].low > 0
    assert found.p_value["AP"] == pytest.approx(2 / 201)
    top = found.disagreements.to_pylist()[0]
    assert top["gain"] == pytest.approx(top["disagreement"])
    assert top["only_b"] > top["only_a"] == 0


def test_a_model_does_not_differ_from_itself() -> None:
    report = coco.evaluate(*big_scene())
    found = boot.compare(weighed(report), weighed(report), rng=np.random.default_rng(3), replicates=50)
    assert found.difference["AP"] == boot.Interval(0, 0, 0, 0)
    assert found.p_value["AP"] == 1


def test_models_measured_on_different_samples_are_not_compared() -> None:
    a, b = (
        coco.evaluate(*big_scene(0)),
        coco.evaluate(*random_scene(np.random.default_rng(1), pictures=3, truths=4, predictions=4)),
    )
    with pytest.raises(BadValue, match="different samples"):
        boot.compare(weighed(a), weighed(b), rng=np.random.default_rng(0))


def test_without_truths_every_interval_is_unknown() -> None:
    nothing = detections([], [], [], classes=CLASSES, samples=[1, 2])
    report = coco.evaluate(nothing, replace(nothing, score=np.zeros(0)))
    found = boot.bootstrap(weighed(report), rng=np.random.default_rng(0), replicates=5)
    assert np.isnan(found.numbers["AP"].value)
