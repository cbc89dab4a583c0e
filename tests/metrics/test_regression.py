"""Regression: examples, laws, scikit-learn and SciPy as second opinions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from loopline.errors import BadValue
from loopline.metrics.metric import measure
from loopline.metrics.regression import METRIC, finish, merge, regression_report, spearman, start, update

values = st.floats(-1e6, 1e6).map(lambda x: round(x, 2))
rows = st.lists(st.tuples(values, values), max_size=30)


def test_a_positive_bias_means_too_high() -> None:
    report = regression_report([10, 20], [11, 23])
    assert (report.bias, report.mae, report.max_absolute_error, report.median_absolute_error) == (2, 2, 3, 2)
    assert report.error_quantiles[0.5] == 2


def test_constant_truth_leaves_nothing_to_explain() -> None:
    report = regression_report([5, 5, 5], [4, 5, 6])
    assert np.isnan([report.r2, report.pearson, report.spearman]).all()
    assert report.mae == pytest.approx(2 / 3)


def test_no_rows_give_nan() -> None:
    numbers = regression_report([], []).numbers()
    assert numbers.pop("samples") == 0
    assert np.isnan(list(numbers.values())).all()


@pytest.mark.parametrize(
    ("truth", "predicted", "words"),
    [
        ([1, np.nan], [1, 2], "truth has 1 values that are NaN"),
        ([1], [1, 2], "differ in length"),
        (["a"], [1], "numbers"),
    ],
)
def test_bad_input_says_what_is_wrong(truth: Any, predicted: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        regression_report(truth, predicted)


def test_samples_with_one_side_only_are_counted_not_judged() -> None:
    truth = pa.table({"sample_id": [1, 2, 3], "value": [1.0, 2.0, None]})
    predicted = pa.table({"sample_id": [2, 4], "value": [2.5, 9.0]})
    report = measure(METRIC, [(truth, predicted)])
    assert (report.samples, report.unpaired, report.mae) == (1, 2, 0.5)


def test_numbers_agree_with_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300).round(1)
    guess = (truth + rng.normal(size=300) * 0.7).round(1)
    report = regression_report(truth, guess)
    assert report.mae == pytest.approx(sk.mean_absolute_error(truth, guess), abs=1e-12)
    assert report.rmse == pytest.approx(sk.root_mean_squared_error(truth, guess), abs=1e-12)
    assert report.r2 == pytest.approx(sk.r2_score(truth, guess), abs=1e-12)
    assert report.median_absolute_error == pytest.approx(sk.median_absolute_error(truth, guess), abs=1e-12)
    assert report.spearman == pytest.approx(stats.spearmanr(truth, guess).statistic, abs=1e-12)
    assert report.pearson == pytest.approx(stats.pearsonr(truth, guess).statistic, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(rows, st.randoms(), st.integers(1, 4))
def test_batches_and_their_order_do_not_change_a_digit(
    rows: list[tuple[float, float]], random: Any, parts: int
) -> None:
    whole = regression_report([t for t, _ in rows], [p for _, p in rows]).numbers()
    shuffled = list(rows)
    random.shuffle(shuffled)
    state = start()
    for i in range(parts):
        part = shuffled[i::parts]
        state = merge(update(start(), [t for t, _ in part], [p for _, p in part]), state)
    np.testing.assert_array_equal(list(finish(state).numbers().values()), list(whole.values()))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=30))
def test_spearman_sees_only_the_order(rows: list[tuple[int, int]]) -> None:
    a, b = (np.array(x, float) for x in zip(*rows, strict=True))
    np.testing.assert_array_equal(spearman(a, b), spearman(np.exp(a / 50), b * 3 + 1))
    np.testing.assert_allclose(spearman(a, b), -spearman(a, -b), atol=1e-12)


def test_a_perfect_prediction_is_perfect() -> None:
    report = regression_report([1, 2, 4], [1, 2, 4])
    assert (report.mae, report.rmse, report.r2, report.spearman, report.bias) == (0, 0, 1, 1, 0)
