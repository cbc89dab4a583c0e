"""Confident learning: examples, laws, cleanlab as the second opinion, and mistakes that people confirmed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cleanlab import count as cl_count
from cleanlab import filter as cl_filter
from cleanlab import rank as cl_rank
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.metrics import confident
from loopline.metrics.ranking import roc_auc


def noisy(rng: np.random.Generator, n: int = 400, k: int = 4, noise: float = 0.1) -> tuple[Any, Any, Any]:
    """True classes, labels of which some are wrong, and probabilities of a fair model."""
    true = rng.integers(0, k, n)
    label = np.where(rng.random(n) < noise, rng.integers(0, k, n), true)
    logits = rng.normal(size=(n, k)) + 3 * (np.arange(k) == true[:, None])
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, label, scores


def test_a_label_that_the_model_contradicts_is_found_with_the_class_it_should_be() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.1, 0.9], [0.2, 0.8]])
    issues = confident.find_label_issues([0, 0, 1, 1, 1], scores)
    assert (issues.row.tolist(), issues.given.tolist(), issues.suggested.tolist()) == ([2], [1], [0])
    assert issues.quality.tolist() == [0.05]


def test_planted_mistakes_rank_above_right_labels() -> None:
    true, label, scores = noisy(np.random.default_rng(0), n=2000)
    for rank_by in ("self_confidence", "normalized_margin"):
        quality = confident.label_quality(label, scores, rank_by=rank_by)
        assert roc_auc(true != label, -quality) > 0.97
    assert confident.noise_share(confident.confident_joint(label, scores)) == pytest.approx(
        (true != label).mean(), abs=0.02
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: confident.find_label_issues([0], [[0.5, np.nan]]), "NaN"),
        (lambda: confident.find_label_issues([2], [[0.5, 0.5]]), "out of range"),
        (lambda: confident.find_label_issues([-1], [[0.5, 0.5]]), "out of range"),
        (lambda: confident.find_label_issues([0], [[0.5, 0.5]], method="prune"), "no method"),
        (lambda: confident.label_quality([0], [[0.5, 0.5]], rank_by="margin"), "cannot rank"),
    ],
)
def test_bad_input_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        call()


def test_no_samples_and_a_class_without_labels_are_no_trouble() -> None:
    assert confident.find_label_issues([], np.zeros((0, 3))).row.size == 0
    assert confident.find_label_issues([], []).row.size == 0
    scores = np.array([[0.1, 0.1, 0.8], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    assert np.isnan(confident.class_thresholds([0, 1, 1], scores)[2])
    assert confident.confident_joint([0, 1, 1], scores)[2].tolist() == [0, 0, 0]
    assert np.isnan(confident.noise_share(np.zeros((2, 2))))


OURS_AND_CLEANLAB = [
    ("prune_by_noise_rate", "prune_by_noise_rate"),
    ("prune_by_class", "prune_by_class"),
    ("both", "both"),
    ("confident_joint", "confident_learning"),
    ("predicted_is_other", "predicted_neq_given"),
    ("low_self_confidence", "low_self_confidence"),
]


def has_ties(label: Any, scores: Any) -> bool:
    """Is it open which cells of the joint are rounded up? cleanlab leaves that to an unstable sort."""
    raw = confident.confident_joint(label, scores, calibrated=False)
    return agreed(confident.confident_joint(label, scores), cl_count.compute_confident_joint(label, scores), raw) > 0


def agreed(ours: Any, theirs: Any, raw: Any) -> int:
    """Asserts that two joints differ only between cells of equal raw counts; returns in how many."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    for row in range(len(ours)):
        up, down = (sorted(raw[row][side]) for side in (ours[row] > theirs[row], ours[row] < theirs[row]))
        assert up == down
    assert np.abs(ours - theirs).max() <= 1
    return int((ours != theirs).sum())


@pytest.mark.parametrize(("ours", "theirs"), OURS_AND_CLEANLAB)
@pytest.mark.parametrize("seed", range(4))
def test_issues_agree_with_cleanlab(ours: Any, theirs: str, seed: int) -> None:
    _, label, scores = noisy(np.random.default_rng(seed), noise=0.15)
    expected = cl_filter.find_label_issues(
        label, scores, filter_by=theirs, return_indices_ranked_by="normalized_margin", n_jobs=1
    )
    found = confident.find_label_issues(label, scores, method=ours, rank_by="normalized_margin")
    if ours in ("prune_by_noise_rate", "both") and has_ties(label, scores):
        assert len(set(found.row) ^ set(expected)) <= 4
    else:
        assert found.row.tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_the_confident_joint_agrees_with_cleanlab(seed: int) -> None:
    _, label, scores = noisy(np.random.default_rng(seed), k=5)
    joint, raw = confident.confident_joint(label, scores), confident.confident_joint(label, scores, calibrated=False)
    assert raw.tolist() == cl_count.compute_confident_joint(label, scores, calibrate=False).tolist()
    agreed(joint, cl_count.compute_confident_joint(label, scores), raw)
    margins = cl_rank.get_normalized_margin_for_each_label(label, scores)
    assert np.allclose(confident.label_quality(label, scores, rank_by="normalized_margin"), margins, atol=1e-12)


def test_mistakes_that_people_confirmed_in_cifar_rank_first(shared_data: Path) -> None:
    folder = shared_data / "cifar10_label_errors"
    expected = json.loads((folder / "expected_metrics.json").read_text())
    classes, wanted = expected["classification"]["class_order"], expected["label_issues"]
    with (folder / "labels.csv").open() as file:
        label = np.array([classes.index(row["given_label"]) for row in csv.DictReader(file)])
    table = np.loadtxt(folder / "predicted_probabilities.csv", delimiter=",", skiprows=1)
    ids, scores = table[:, 0].astype(int), table[:, 1:] / table[:, 1:].sum(axis=1, keepdims=True)
    raw = confident.confident_joint(label, scores, calibrated=False)
    assert agreed(confident.confident_joint(label, scores), wanted["confident_joint"], raw) <= 2
    found = ids[confident.find_label_issues(label, scores).row].tolist()
    theirs = wanted["cleanlab_issue_test_indices_ranked"]
    assert len(found) == len(theirs) == 111
    both = set(found) & set(theirs)
    assert len(both) >= 110  # one pair of classes has equal counts in the joint, and rounding picks one
    assert [i for i in found if i in both] == [i for i in theirs if i in both]
    assert len(set(found) & set(wanted["human_confirmed_wrong_test_indices"])) == wanted["confirmed_found_by_cleanlab"]
    confirmed = np.isin(ids, wanted["human_confirmed_wrong_test_indices"])
    area = roc_auc(confirmed, 1 - confident.label_quality(label, scores))
    assert area == pytest.approx(wanted["roc_auc_of_one_minus_self_confidence_for_confirmed"], abs=1e-6)
    assert area >= 0.98


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([m for m, _ in OURS_AND_CLEANLAB]))
def test_the_order_of_rows_and_the_names_of_classes_do_not_matter(seed: int, n: int, method: Any) -> None:
    rng = np.random.default_rng(seed)
    _, label, scores = noisy(rng, n, 3, 0.2)
    rows, classes = rng.permutation(n), rng.permutation(3)
    joint = confident.confident_joint(label, scores, calibrated=False)
    renamed = np.argsort(classes)[label]
    assert np.array_equal(
        confident.confident_joint(renamed, scores[:, classes], calibrated=False), joint[np.ix_(classes, classes)]
    )
    issues = confident.find_label_issues(label, scores, method=method).row
    shuffled = confident.find_label_issues(label[rows], scores[rows], method=method).row
    assert sorted(rows[shuffled]) == sorted(issues)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_each_row_of_the_joint_sums_to_the_labels_there_are(seed: int, n: int) -> None:
    _, label, scores = noisy(np.random.default_rng(seed), n, 4, 0.3)
    assert confident.confident_joint(label, scores).sum(axis=1).tolist() == np.bincount(label, minlength=4).tolist()


def counted_otherwise(given: Any, scores: Any) -> int:
    """By how many cleanlab's joint of one yes-or-no question differs from ours. Asserts that it does so only where the
    number to round is a half, which its sort leaves to chance."""
    both = np.stack([1 - scores, scores], axis=1)
    ours, theirs = confident.confident_joint(given, both), np.asarray(cl_count.compute_confident_joint(given, both))
    raw = confident.confident_joint(given, both, calibrated=False)
    exact = raw / raw.sum(axis=1, keepdims=True) * np.bincount(given, minlength=2)[:, None]
    np.testing.assert_allclose(np.abs(exact - ours)[ours != theirs], 0.5)
    return int(np.abs(ours - theirs).sum()) // 2


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(23)  # a half
def test_issues_of_several_classes_a_sample_agree_with_cleanlab(seed: int) -> None:
    from cleanlab.multilabel_classification import filter as many

    rng = np.random.default_rng(seed)
    truth = rng.random((60, 3)) < 0.4
    scores = np.clip(rng.normal(np.where(truth, 0.75, 0.25), 0.15), 0.01, 0.99)
    given = truth ^ (rng.random(truth.shape) < 0.08)
    given[:2] = [[True] * 3, [False] * 3]  # cleanlab wants both answers of each class
    listed = [np.flatnonzero(row).tolist() for row in given]
    theirs = many.find_multilabel_issues_per_class(listed, scores, n_jobs=1)
    found = confident.find_set_issues(given, scores)
    for k in range(3):
        differ = set(np.flatnonzero(theirs[:, k])) ^ set(found.row[found.label == k])
        assert len(differ) <= counted_otherwise(given[:, k].astype(int), scores[:, k])
    assert (np.diff(found.quality) >= 0).all()
    own = scores[found.row, found.label]
    np.testing.assert_allclose(found.quality, np.where(found.given, own, 1 - own))
