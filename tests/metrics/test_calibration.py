"""Calibration: examples, laws, and plain references."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from loopline.errors import BadValue
from loopline.metrics import calibration as cal

scored = st.lists(st.tuples(st.integers(0, 20).map(lambda x: x / 20), st.booleans()), max_size=40)


def test_a_score_that_means_what_it_says_has_no_error() -> None:
    diagram = cal.reliability([0.75] * 4 + [0.5] * 2, [True, True, True, False, True, False])
    assert (diagram.ece, diagram.mce) == (0, 0)
    assert diagram.count.sum() == 6


def test_a_bin_ends_with_its_upper_edge_and_the_first_takes_zero() -> None:
    diagram = cal.reliability([0, 0.5, 0.51, 1], [False, True, True, True], bins=2)
    assert diagram.count.tolist() == [2, 2]
    assert diagram.accuracy.tolist() == [0.5, 1]


def test_bins_of_equal_mass_never_part_equal_scores() -> None:
    diagram = cal.reliability([0.2] * 9 + [0.9], [True] * 10, bins=5, by="mass")
    assert diagram.count.tolist() == [9, 1]
    spread = cal.reliability(np.linspace(0.01, 0.99, 100), [True] * 100, bins=10, by="mass")
    assert spread.count.tolist() == [10] * 10


def test_thresholds_for_f1_and_for_a_cost() -> None:
    truth, scores = [True, True, False, True, False], [0.9, 0.8, 0.7, 0.6, 0.1]
    assert cal.best_f1_threshold(truth, scores) == cal.Threshold(0.6, pytest.approx(6 / 7))
    careful = cal.best_cost_threshold(truth, scores, false_positive=10, false_negative=1)
    assert careful == cal.Threshold(0.8, 1)
    silent = cal.best_cost_threshold([False, True], [0.9, 0.1], false_positive=10, false_negative=1)
    assert silent == cal.Threshold(math.inf, 1)


def test_a_temperature_undoes_what_made_a_model_too_sure() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    scores = cal.with_temperature(logits, 1)
    truth = (rng.random(4000)[:, None] > scores.cumsum(axis=1)).sum(axis=1)
    temperature = cal.fit_temperature(truth, logits * 3)
    assert temperature == pytest.approx(3, rel=0.06)
    before, after = (
        cal.reliability(*cal.classifier_confidence(truth, cal.with_temperature(logits * 3, t))).ece
        for t in (1, temperature)
    )
    assert after < before / 4


def test_nothing_gives_nan_or_a_clear_error() -> None:
    diagram = cal.reliability([], [])
    assert np.isnan([diagram.ece, diagram.mce, cal.brier([], [])]).all()
    assert cal.reliability([], [], by="mass").count.tolist() == [0]
    assert cal.best_f1_threshold([False], [0.3]).threshold == math.inf
    with pytest.raises(BadValue, match="no rows"):
        cal.fit_temperature([], np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cal.reliability([1.2], [True]), "between 0 and 1"),
        (lambda: cal.reliability([np.nan], [True]), "NaN"),
        (lambda: cal.reliability([0.5], [True], bins=0), "at least 1 bin"),
        (lambda: cal.reliability([0.5], [True], by="height"), "no binning"),
        (lambda: cal.best_cost_threshold([True], [0.5], false_positive=-1, false_negative=1), "at least 0"),
        (lambda: cal.with_temperature([[0.1]], 0), "above 0"),
    ],
)
def test_bad_input_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        call()


def test_brier_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.random(200) < 0.4, rng.random(200)
    assert cal.brier(truth, scores) == pytest.approx(sk.brier_score_loss(truth, scores), abs=1e-12)
    several = rng.dirichlet(np.ones(3), 200)
    classes = rng.integers(0, 3, 200)
    plain = np.mean([((p - np.eye(3)[c]) ** 2).sum() for p, c in zip(several, classes, strict=True)])
    assert cal.brier(classes, several) == pytest.approx(plain, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(scored, st.integers(1, 8))
def test_ece_and_mce_agree_with_the_plain_rule(rows: list[tuple[float, bool]], bins: int) -> None:
    diagram = cal.reliability([s for s, _ in rows], [r for _, r in rows], bins=bins)
    total, worst = 0.0, []
    for low, high in zip(diagram.edges[:-1], diagram.edges[1:], strict=True):
        inside = [(s, r) for s, r in rows if low < s <= high or (low == s == 0)]
        if inside:
            gap = abs(np.mean([r for _, r in inside]) - np.mean([s for s, _ in inside]))
            total += gap * len(inside) / len(rows)
            worst.append(gap)
    if rows:
        assert diagram.ece == pytest.approx(total, abs=1e-12)
        assert diagram.mce == pytest.approx(max(worst), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(scored, st.randoms(), st.sampled_from(["width", "mass"]))
def test_the_order_of_rows_does_not_change_a_digit(rows: Any, random: Any, by: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    a, b = (cal.reliability([s for s, _ in x], [r for _, r in x], bins=5, by=by).numbers() for x in (rows, shuffled))
    np.testing.assert_array_equal(list(a.values()), list(b.values()))


@settings(max_examples=60, deadline=None)
@given(scored, st.integers(0, 5), st.integers(0, 5))
def test_no_threshold_is_better_than_the_best(rows: Any, fp: int, fn: int) -> None:
    scores, truth = [s for s, _ in rows], [r for _, r in rows]
    best = cal.best_cost_threshold(truth, scores, false_positive=fp, false_negative=fn)
    costs = [sum(fp * (s >= t and not r) + fn * (s < t and r) for s, r in rows) for t in (*scores, math.inf)]
    assert best.value == min(costs)
    if any(truth):
        f1 = [sk.f1_score(truth, np.array(scores) >= t, zero_division=0) for t in set(scores)]
        assert cal.best_f1_threshold(truth, scores).value == pytest.approx(max(f1), abs=1e-12)
