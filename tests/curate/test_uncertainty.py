"""How unsure scores are, and how far they are from the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.curate.mining import diverse
from loopline.curate.uncertainty import disagreement, of_classes, of_objects, per_sample
from loopline.errors import BadValue

shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=6).map(lambda s: np.array(s) / sum(s))


def test_a_detection_is_unsure_in_the_middle_and_sure_at_both_ends() -> None:
    assert of_objects([0, 0.5, 1]).tolist() == [0, 1, 0]
    assert of_objects([0, 0.5, 1], "least").tolist() == [1, 0.5, 0]
    assert of_objects([0.25, 0.5, 1], "margin").tolist() == [0.5, 1, 0]


def test_a_picture_takes_its_unsurest_object_or_their_mean() -> None:
    sample, value = np.array([0, 0, 2]), [0.2, 0.6, 0.1]
    assert per_sample(sample, value, 3).tolist() == pytest.approx([0.6, np.nan, 0.1], nan_ok=True)
    assert per_sample(sample, value, 3, "mean").tolist() == pytest.approx([0.4, np.nan, 0.1], nan_ok=True)
    with pytest.raises(BadValue, match="mean"):
        per_sample(sample, value, 3, "sum")  # type: ignore[arg-type]


def test_of_a_classifier_that_kept_its_best_class_only_the_rest_is_one_other() -> None:
    one = np.array([0, 1])
    assert of_classes(one, [0.9, 0.5], 2, "least").tolist() == pytest.approx([0.1, 0.5])
    assert of_classes(one, [0.9, 0.5], 2, "margin").tolist() == pytest.approx([0.2, 1.0])
    assert of_classes(one, [0.5, 1.0], 2).tolist() == pytest.approx([1.0, 0.0])
    assert np.isnan(of_classes(one[:0], [], 1)).all()


def test_classes_that_do_not_exclude_one_another_count_each_by_itself() -> None:
    found = of_classes(np.array([0, 0, 0]), [0.99, 0.95, 0.5], 1)
    assert found.tolist() == pytest.approx([1.0])


@settings(max_examples=50, deadline=None)
@given(shares)
def test_entropy_agrees_with_scipy_and_margin_with_a_sort(share: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    sample = np.zeros(len(share), np.int64)
    assert of_classes(sample, share, 1)[0] == pytest.approx(stats.entropy(share, base=2), abs=1e-6)
    best, second = np.sort(share)[::-1][:2]
    assert of_classes(sample, share, 1, "margin")[0] == pytest.approx(1 - (best - second), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 5), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=6))
def test_disagreement_lies_between_0_and_1_and_falls_with_what_is_right(
    objects: int, said: list[tuple[float, bool]]
) -> None:
    score = [s for s, _ in said]
    right = np.array([r for _, r in said], bool)
    right &= np.cumsum(right) <= objects  # no object is found twice
    truth, guess = np.zeros(objects, np.int64), np.zeros(len(said), np.int64)
    (found,) = disagreement(truth, guess, score, right, 1)
    assert 0 <= found <= 1
    (none,) = disagreement(truth, guess, score, np.zeros(len(said), bool), 1)
    assert found <= none + 1e-12


def test_full_agreement_and_nothing_at_all_are_0_and_what_is_missed_is_1() -> None:
    found = disagreement(np.array([0, 2]), np.array([0]), [1.0], np.array([True]), 3)
    assert found.tolist() == [0, 0, 1]


def test_a_queue_leaves_out_the_twin_of_what_it_has() -> None:
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [1, 1]], np.float32)
    assert diverse(vectors, [1.0, 0.99, 0.9, np.nan], 2, diversity=0.3).tolist() == [0, 2]
    assert diverse(vectors, [1.0, 0.99, 0.9, np.nan], 9, diversity=0).tolist() == [0, 1, 2]
    assert diverse(vectors, [np.nan] * 4, 2).tolist() == []
