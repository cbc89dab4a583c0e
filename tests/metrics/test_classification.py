"""Classification: examples, laws, scikit-learn as the second opinion, and a published set of figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from loopline.errors import BadValue
from loopline.metrics import classification as cl
from loopline.metrics.multilabel import binary_report, multilabel_report
from loopline.metrics.ranking import average_precision, pr_curve, roc_auc, roc_curve, thinned, threshold_counts

Rng = np.random.Generator


def a_case(rng: Rng, n: int = 200, k: int = 4) -> tuple[Any, Any, Any]:
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k)).round(1) + 1.5 * (np.arange(k) == truth[:, None])  # rounded: ties occur
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, scores.argmax(axis=1), scores


# -- examples


def test_a_sample_without_a_prediction_is_wrong_and_one_without_a_label_is_left_out() -> None:
    report = cl.classification_report([0, 0, 1, -1], [0, -1, 1, 0], ["cat", "dog"])
    assert report.accuracy == pytest.approx(2 / 3)
    assert (report.samples, report.unlabelled, report.unpredicted.tolist()) == (3, 1, [1, 0])
    assert report.by_class.recall.tolist() == [0.5, 1.0]


def test_a_class_that_never_occurs_has_no_number_and_one_that_is_only_predicted_has_zero() -> None:
    report = cl.classification_report([0, 0], [0, 1], ["a", "b", "c"])
    assert report.by_class.f1[:2].tolist() == [pytest.approx(2 / 3), 0]
    assert np.isnan(report.by_class.f1[2])
    assert report.by_class.macro.f1 == pytest.approx(1 / 3)


def test_nothing_at_all_gives_nan_not_a_crash() -> None:
    numbers = cl.classification_report([], [], ["a", "b"]).numbers()
    assert numbers.pop("samples") == 0
    assert all(np.isnan(value) for value in numbers.values())
    multi = multilabel_report(np.zeros((0, 2)), np.zeros((0, 2)), ["a", "b"])
    assert np.isnan(multi.subset_accuracy)
    assert np.isnan(roc_auc([], []))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cl.classification_report([0, 2], [0, 1], ["a", "b"]), "out of range, the first is 2"),
        (lambda: cl.classification_report([0], [0, 1], ["a", "b"]), "truth has 1, predicted has 2"),
        (lambda: cl.classification_report([0.5], [0], ["a"]), "must be class indices"),
        (lambda: cl.classification_report([0], [0], ["a", "a"]), "named twice: a"),
        (lambda: cl.classification_report([0], [0], ["a"], scores=[[np.nan]]), "NaN or infinite, the first in row 0"),
        (lambda: cl.classification_report([0], [0], ["a"], scores=[[1.5]]), "between 0 and 1"),
        (lambda: cl.classification_report([0], [0], ["a", "b"], scores=[[0.2, 0.2]]), "do not sum to 1"),
        (lambda: roc_auc([True, False], [0.1, np.nan]), "the first in row 1"),
        (lambda: roc_auc([2, 0], [0.1, 0.2]), "True or False"),
        (lambda: multilabel_report([[True]], None, ["a"]), "neither"),
        (lambda: multilabel_report([[True]], None, ["a"], scores=[[0.1]], threshold=[0.1, 0.2]), "one a class"),
    ],
)
def test_bad_input_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        call()


def test_curves_start_and_end_where_they_should_and_can_be_thinned() -> None:
    rng = np.random.default_rng(3)
    truth, scores = rng.random(5000) < 0.3, rng.random(5000)
    roc, pr = roc_curve(truth, scores), pr_curve(truth, scores)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert (pr.x[0], pr.y[0], pr.x[-1], pr.y[-1]) == (0, 1, 1, truth.mean())
    few = thinned(roc, 100)
    assert len(few.x) == 100
    assert (few.x[0], few.x[-1]) == (0, 1)


def test_a_score_equal_to_the_threshold_is_a_yes() -> None:
    report = binary_report([True, True, False, False], [0.5, 0.4, 0.5, 0.1], threshold=0.5)
    assert (report.precision, report.recall, report.specificity, report.accuracy) == (0.5, 0.5, 0.5, 0.5)
    nothing = binary_report([True, False], [0.5, 0.4], threshold=0.9)
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)


# -- second opinions


def test_single_label_numbers_agree_with_scikit_learn() -> None:
    truth, guess, scores = a_case(np.random.default_rng(0))
    report = cl.classification_report(truth, guess, "abcd", scores=scores, top_k=(1, 2, 3))
    assert report.confusion.tolist() == sk.confusion_matrix(truth, guess).tolist()
    for average, ours in (("macro", report.by_class.macro), ("weighted", report.by_class.weighted)):
        expected = sk.precision_recall_fscore_support(truth, guess, average=average)
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(expected[:3], abs=1e-12)
    assert report.accuracy == sk.accuracy_score(truth, guess)
    assert report.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(truth, guess), abs=1e-12)
    assert report.kappa == pytest.approx(sk.cohen_kappa_score(truth, guess), abs=1e-12)
    assert report.mcc == pytest.approx(sk.matthews_corrcoef(truth, guess), abs=1e-12)
    assert report.scores is not None
    assert report.scores.log_loss == pytest.approx(sk.log_loss(truth, scores), abs=1e-12)
    for c in range(4):
        assert report.scores.average_precision[c] == pytest.approx(
            sk.average_precision_score(truth == c, scores[:, c]), abs=1e-12
        )
        assert report.scores.roc_auc[c] == pytest.approx(sk.roc_auc_score(truth == c, scores[:, c]), abs=1e-12)


def test_top_k_agrees_with_scikit_learn_where_no_scores_are_equal() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.integers(0, 6, 300), rng.random((300, 6))
    for k, ours in cl.top_k_accuracy(truth, scores, (1, 2, 3, 5)).items():
        assert ours == pytest.approx(sk.top_k_accuracy_score(truth, scores, k=k), abs=1e-12)


def test_multilabel_numbers_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    truth, scores = rng.random((150, 5)) < 0.3, rng.random((150, 5)).round(2)
    report = multilabel_report(truth, None, "abcde", scores=scores, threshold=0.6)
    guess = scores >= 0.6
    for average, ours in (("macro", report.by_class.macro), ("micro", report.by_class.micro)):
        expected = sk.precision_recall_fscore_support(truth, guess, average=average)
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(expected[:3], abs=1e-12)
    assert report.subset_accuracy == sk.accuracy_score(truth, guess)
    assert report.hamming_loss == pytest.approx(sk.hamming_loss(truth, guess), abs=1e-12)
    assert report.samples_f1 == pytest.approx(sk.f1_score(truth, guess, average="samples", zero_division=1), abs=1e-12)
    assert report.numbers()["map"] == pytest.approx(sk.average_precision_score(truth, scores), abs=1e-12)
    assert report.numbers()["roc_auc_macro"] == pytest.approx(sk.roc_auc_score(truth, scores), abs=1e-12)


def test_curves_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    truth, scores = rng.random(400) < 0.4, rng.random(400).round(2)
    fpr, tpr, thresholds = sk.roc_curve(truth, scores, drop_intermediate=False)
    ours = roc_curve(truth, scores)
    assert np.allclose(ours.x, fpr) and np.allclose(ours.y, tpr)  # noqa: PT018
    assert np.array_equal(ours.thresholds, thresholds)
    precision, recall, at = sk.precision_recall_curve(truth, scores)
    pr = pr_curve(truth, scores)
    assert np.allclose(pr.y[1:], precision[:-1][::-1]) and np.allclose(pr.x[1:], recall[:-1][::-1])  # noqa: PT018
    assert np.array_equal(pr.thresholds[1:], at[::-1])


def test_the_published_figures_of_real_cifar_pictures_come_out(shared_data: Path) -> None:
    folder = shared_data / "cifar10_label_errors"
    expected = json.loads((folder / "expected_metrics.json").read_text())["classification"]
    classes = expected["class_order"]
    with (folder / "labels.csv").open() as file:
        truth = np.array([classes.index(row["given_label"]) for row in csv.DictReader(file)])
    scores = np.loadtxt(folder / "predicted_probabilities.csv", delimiter=",", skiprows=1)[:, 1:]
    scores /= scores.sum(axis=1, keepdims=True)  # the file has six digits; the figures were made after this step
    report = cl.classification_report(truth, scores.argmax(axis=1), classes, scores=scores, top_k=(2, 3))
    assert report.scores is not None
    assert report.confusion.tolist() == expected["confusion_matrix_rows_true"]
    ours = {
        "accuracy": report.accuracy,
        "balanced_accuracy": report.balanced_accuracy,
        "top2_accuracy": report.scores.top_k[2],
        "top3_accuracy": report.scores.top_k[3],
        "log_loss": report.scores.log_loss,
        "cohen_kappa": report.kappa,
        "matthews": report.mcc,
    }
    assert ours == pytest.approx({name: expected[name] for name in ours}, abs=1e-12)
    for c, name in enumerate(classes):
        row = expected["report"][name]
        found = (report.by_class.precision[c], report.by_class.recall[c], report.by_class.f1[c])
        assert found == pytest.approx((row["precision"], row["recall"], row["f1-score"]), abs=1e-12)
        average = expected["one_vs_rest_average_precision"][name]
        assert report.scores.average_precision[c] == pytest.approx(average, abs=1e-12)
        assert report.scores.roc_auc[c] == pytest.approx(expected["one_vs_rest_roc_auc"][name], abs=1e-12)
    for name, average in (("macro avg", report.by_class.macro), ("weighted avg", report.by_class.weighted)):
        row = expected["report"][name]
        found = (average.precision, average.recall, average.f1)
        assert found == pytest.approx((row["precision"], row["recall"], row["f1-score"]), abs=1e-12)


# -- laws


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(1, 5))
def test_batches_and_their_order_do_not_change_a_digit(seed: int, n: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    truth, guess, scores = a_case(rng, n, 3)
    whole = cl.classification_report(truth, guess, "abc", scores=scores).numbers()
    state = cl.start("abc")
    for rows in np.array_split(rng.permutation(n), parts):
        state = cl.merge(cl.update(cl.start("abc"), truth[rows], guess[rows], scores=scores[rows]), state)
    parted = cl.finish(state, "abc").numbers()
    if n:  # without a row there are no scores either, and so no scored numbers
        np.testing.assert_array_equal(list(parted.values()), list(whole.values()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30), st.randoms())
def test_ranking_numbers_ignore_the_order_of_rows_and_any_rising_map_of_scores(rows: Any, random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    (truth, scores), (truth2, scores2) = (([t for t, _ in x], [s for _, s in x]) for x in (rows, shuffled))
    for number in (roc_auc, average_precision):
        np.testing.assert_array_equal(number(truth, scores), number(truth2, np.exp(scores2)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_auc_is_how_often_a_true_row_beats_a_false_one(rows: Any) -> None:
    true, false = ([s for t, s in rows if t is side] for side in (True, False))
    duels = [1.0 if a > b else 0.5 if a == b else 0.0 for a in true for b in false]
    ours = roc_auc([t for t, _ in rows], [s for _, s in rows])
    assert np.isnan(ours) if not duels else ours == pytest.approx(sum(duels) / len(duels), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30), st.floats(-1, 6))
def test_counts_at_a_threshold_are_the_counts_of_the_plain_rule(rows: Any, threshold: float) -> None:
    counts = threshold_counts([t for t, _ in rows], [s for _, s in rows])
    row = counts.at(threshold)
    assert counts.tp[row] == sum(t and s >= threshold for t, s in rows)
    assert counts.fp[row] == sum(not t and s >= threshold for t, s in rows)
    assert counts.fn[row] == sum(t and s < threshold for t, s in rows)
    assert counts.tn[row] == sum(not t and s < threshold for t, s in rows)


def test_a_perfect_classifier_has_one_everywhere() -> None:
    truth = np.array([0, 1, 2, 2])
    numbers = cl.classification_report(truth, truth, "abc", scores=np.eye(3)[truth], top_k=(1,)).numbers()
    assert numbers.pop("log_loss") == pytest.approx(0, abs=1e-12)
    assert numbers.pop("samples") == 4
    assert set(numbers.values()) == {1.0}
