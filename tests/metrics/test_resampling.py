"""For every task, a replicate is the report of the drawn samples, each as often as it was drawn."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.detections import Detections
from loopline.metrics import open_images, panoptic, segmentation, tracking, voc
from loopline.metrics.bootstrap import Weighed, bootstrap, compare
from loopline.metrics.classification import classification_report
from loopline.metrics.multilabel import binary_report, multilabel_report
from loopline.metrics.regression import regression_report
from loopline.metrics.resample_classes import weighed_answers, weighed_classes, weighed_sets
from loopline.metrics.resample_pixels import picture, weighed_maps, weighed_segments
from loopline.metrics.resample_values import weighed_values, weighed_videos
from tests.metrics.detection_cases import random_scene
from tests.metrics.test_bootstrap import drawn

CLASSES = ("cat", "dog", "hen")
SEEDS = st.integers(0, 2**32 - 1)
Numbers = dict[str, float]


def agrees(weighed: Weighed, weight: np.ndarray, slow: Numbers, by_class: object = ()) -> None:
    """The weighed numbers are those of the report, and so are those of the classes."""
    fast = weighed.measure(weight.astype(np.int32))
    n = len(weighed.names)
    np.testing.assert_allclose(fast[:n], [slow[name] for name in weighed.names], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fast[n:], by_class, rtol=1e-9, atol=1e-12)


def case(seed: int, samples: int = 12) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    """Random numbers, weights of the samples, not all 0, and the row of each drawn sample."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 4, samples)
    weight[rng.integers(samples)] += 1
    return rng, weight, np.repeat(np.arange(samples), weight)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_one_class_a_sample(seed: int, with_scores: bool) -> None:
    rng, weight, rows = case(seed)
    truth = rng.integers(0, 3, 12)
    scores = rng.dirichlet([1, 1, 1], 12).round(1) + 0.001  # many equal scores
    scores /= scores.sum(axis=1, keepdims=True)
    guess = scores.argmax(axis=1) if with_scores else rng.integers(-1, 3, 12)
    given = scores if with_scores else None
    slow = classification_report(truth[rows], guess[rows], CLASSES, scores=scores[rows] if with_scores else None)
    agrees(
        weighed_classes(np.arange(12), truth, guess, CLASSES, scores=given), weight, slow.numbers(), slow.by_class.f1
    )


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_several_classes_a_sample(seed: int, with_scores: bool) -> None:
    rng, weight, rows = case(seed)
    truth, scores = rng.random((12, 3)) < 0.4, rng.random((12, 3)).round(1)
    guess = scores >= 0.5
    given = scores if with_scores else None
    slow = multilabel_report(truth[rows], guess[rows], CLASSES, scores=scores[rows] if with_scores else None)
    agrees(weighed_sets(np.arange(12), truth, guess, CLASSES, scores=given), weight, slow.numbers(), slow.by_class.f1)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_yes_or_no_question(seed: int) -> None:
    rng, weight, rows = case(seed)
    truth, scores = rng.random(12) < 0.5, rng.random(12).round(1)
    slow = binary_report(truth[rows], scores[rows], threshold=0.4)
    agrees(weighed_answers(np.arange(12), truth, scores, threshold=0.4), weight, slow.numbers())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_number_a_sample(seed: int) -> None:
    rng, weight, rows = case(seed)
    truth = rng.normal(0, 3, 12).round(0)
    guess = (truth + rng.normal(0, 2, 12)).round(0)
    slow = regression_report(truth[rows], guess[rows])
    agrees(weighed_values(np.arange(12), truth, guess), weight, slow.numbers())


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_class_maps(seed: int, borders: bool) -> None:
    rng, weight, rows = case(seed, samples=4)
    maps = [tuple(rng.integers(-1, 3, (6, 7)).repeat(2, axis=1) for _ in range(2)) for _ in range(4)]
    parts = [segmentation.update(segmentation.start(CLASSES), *one, borders=borders) for one in maps]
    slow = segmentation.segmentation_report([maps[i] for i in rows], CLASSES, borders=borders)
    weighed = weighed_maps(np.arange(4), [picture(one, CLASSES) for one in parts], CLASSES)
    agrees(weighed, weight, slow.numbers(), slow.iou)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_panoptic_segments(seed: int) -> None:
    rng, weight, rows = case(seed, samples=4)
    pictures = []
    for _ in range(4):
        ids = rng.integers(0, 4, (3, 4)).repeat(3, axis=0)
        sides = []
        for pixels in (ids, np.where(rng.random(ids.shape) < 0.2, 0, ids)):
            listed = np.setdiff1d(pixels, [0])
            sides.append(panoptic.segments(pixels, listed, (listed + seed) % 3, classes=3))
        pictures.append((sides[0], sides[1]))
    parts = [panoptic.update(panoptic.start(CLASSES), *one) for one in pictures]
    overlap = np.array([[iou[k == c].sum() for c in range(3)] for part in parts for k, iou in part.matches])
    things = ("cat", "dog")
    slow = panoptic.panoptic_report([pictures[i] for i in rows], CLASSES, things=things)
    weighed = weighed_segments(np.arange(4), np.array([p.counts for p in parts]), overlap, CLASSES, things)
    agrees(weighed, weight, slow.numbers(), slow.pq)


def test_tracks_are_drawn_video_by_video() -> None:
    rng, weight, rows = case(3, samples=4)
    frame, track = np.repeat(np.arange(5), 2), np.tile([1, 2], 5)
    boxes = [np.column_stack([rng.uniform(0, 6, (10, 2)), np.full((10, 2), 8.0)]) for _ in range(8)]
    videos = [tuple(tracking.tracks(frame, track, boxes[2 * i + side]) for side in (0, 1)) for i in range(4)]
    options = tracking.TrackingOptions()
    terms = [tracking.video_terms(*one, options) for one in videos]
    slow = tracking.tracking_report([videos[i] for i in rows]).numbers()
    agrees(weighed_videos(terms, np.arange(4), options), weight, slow)


def _voc(truth: Detections, predicted: Detections) -> voc.VocReport:
    return voc.evaluate(truth, predicted, options=voc.VocOptions("2007"))


@pytest.mark.parametrize("evaluate", [voc.evaluate, _voc, open_images.evaluate], ids=["2012", "2007", "open_images"])
def test_boxes_that_claim(evaluate: Callable[..., voc.VocReport | open_images.OpenImagesReport]) -> None:
    for seed in range(8):
        rng, weight, _ = case(seed, samples=6)
        truth, predicted = random_scene(rng, pictures=6, truths=30, predictions=50)
        # Equal scores within a picture would alternate in the copies and stand side by side in the weights.
        predicted = replace(predicted, score=predicted.scores() + np.arange(len(predicted)) / 1000)
        weighed = evaluate(truth, predicted).claimed.weighed()
        slow = evaluate(drawn(truth, weight.tolist()), drawn(predicted, weight.tolist()))
        agrees(weighed, weight, slow.numbers(), slow.ap)


@pytest.mark.parametrize("evaluate", [voc.evaluate, open_images.evaluate], ids=["voc", "open_images"])
def test_a_slice_of_whole_samples_is_measured_like_those_samples(
    evaluate: Callable[..., voc.VocReport | open_images.OpenImagesReport],
) -> None:
    for seed in range(4):
        truth, predicted = random_scene(np.random.default_rng(seed), pictures=6, truths=30, predictions=50)
        chosen = np.array([1, 0, 1, 1, 0, 0])
        inside = [chosen[side.unit()] > 0 for side in (truth, predicted)]
        slow = evaluate(drawn(truth, chosen.tolist()), drawn(predicted, chosen.tolist()))
        np.testing.assert_array_equal(evaluate(truth, predicted).claimed.inside(inside[0], inside[1]).ap(), slow.ap)


def test_a_slice_of_objects_of_voc_takes_the_others_for_difficult() -> None:
    truth, predicted = random_scene(np.random.default_rng(0), pictures=6, truths=30, predictions=50)
    inside = np.arange(len(truth)) % 2 == 0
    slow = voc.evaluate(truth, predicted, difficult=~inside)
    np.testing.assert_array_equal(voc.evaluate(truth, predicted).claimed.inside(inside, None).ap(), slow.ap)


# -- what follows from it


def answers(right: float, seed: int = 0) -> Weighed:
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(9).integers(0, 3, 400)
    guess = np.where(rng.random(400) < right, truth, (truth + 1) % 3)
    return weighed_classes(np.arange(400), truth, guess, CLASSES)


def test_the_interval_of_an_accuracy_is_that_of_its_binomial() -> None:
    found = bootstrap(answers(0.8), rng=np.random.default_rng(0), replicates=500).numbers["accuracy"]
    binomial = np.sqrt(found.value * (1 - found.value) / 400)
    assert found.standard_error == pytest.approx(binomial, rel=0.1)
    assert found.low == pytest.approx(found.value - 1.96 * binomial, abs=0.01)


def test_the_paired_test_tells_a_better_classifier_and_where_it_is_better() -> None:
    found = compare(answers(0.7), answers(0.9, seed=1), rng=np.random.default_rng(0), replicates=200)
    assert found.difference["accuracy"].low > 0
    assert found.p_value["accuracy"] == pytest.approx(2 / 201)
    assert found.disagreements["only_b"].to_numpy().sum() > found.disagreements["only_a"].to_numpy().sum()
    assert set(found.per_class) == set(CLASSES)


def test_of_two_guesses_of_a_number_the_nearer_one_gains() -> None:
    truth = np.arange(5.0)
    a, b = (weighed_values(np.arange(5), truth, truth + off) for off in ([0, 0, 3, 0, 0], [0, 1, 0, 0, 0]))
    rows = compare(a, b, rng=np.random.default_rng(0), replicates=10).disagreements.to_pylist()
    assert rows[0] == {"sample_id": 2, "disagreement": 3.0, "gain": 3.0, "only_a": 0, "only_b": 1}
    assert rows[1] == {"sample_id": 1, "disagreement": 1.0, "gain": -1.0, "only_a": 1, "only_b": 0}


def test_answers_on_different_samples_are_not_compared() -> None:
    a, b = (weighed_values(np.arange(n), np.arange(n) * 1.0, np.arange(n) * 1.0) for n in (3, 4))
    with pytest.raises(BadValue, match="different samples"):
        compare(a, b, rng=np.random.default_rng(0))


def test_one_sample_says_nothing_about_others() -> None:
    found = bootstrap(weighed_values(np.arange(1), np.ones(1), np.zeros(1)), rng=np.random.default_rng(0), replicates=5)
    assert found.numbers["mae"].value == 1
    assert np.isnan(found.numbers["mae"].low)


def test_what_is_known_of_each_picture_takes_memory_by_the_picture() -> None:
    pictures = 1000
    counts, overlap = np.ones((pictures, 3, 3), np.int64), np.full((pictures, 3), 0.75)
    tracemalloc.start()
    try:
        found = weighed_segments(np.arange(pictures), counts, overlap, CLASSES, None)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.judged.value.tolist() == [0.375] * pictures
    assert peak_bytes < 1000 * pictures  # a number for each pair of pictures were 4,000
