"""From which score on predictions are best believed, asked of a stored evaluation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

import loopline as ll
from loopline.errors import BadValue
from tests.front.evaluating_worlds import Box, add_boxes, add_rows, copied, data_set, scene

RAIN: list[Box] = [
    (1, "cat", 0, 0, 10, 10),
    (2, "cat", 20, 20, 30, 30),
    (3, "cat", 5, 5, 5, 5),
    (4, "dog", 0, 0, 50, 50),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cats of which two are found, one dog found and one made up: with the highest score of all."""
    folder = tmp_path_factory.mktemp("made")
    with data_set(folder, RAIN) as ds:
        add_boxes(ds, "pred", [RAIN[0], RAIN[1], RAIN[3], (1, "dog", 60, 60, 20, 20)], [0.9, 0.8, 0.7, 0.95])
        ll.evaluate(ds, truth="gt", predicted="pred")
    return folder / "world"


@pytest.fixture
def ev(made: Path, tmp_path: Path) -> ll.Evaluation:
    return copied(made, tmp_path).evaluation("ev1")


def test_all_are_believed_where_that_gives_the_greatest_f1(ev: ll.Evaluation) -> None:
    best = ev.best_threshold()
    assert (best.threshold, best.tp, best.fp, best.fn) == (0.7, 3, 1, 1)
    assert best.value == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert (best.precision, best.recall) == (0.75, 0.75)


def test_a_class_has_its_own_threshold_and_a_missed_object_counts_at_each(ev: ll.Evaluation) -> None:
    assert ev.best_threshold(label="cat").value == pytest.approx(0.8)
    cats, dogs = ev.best_thresholds()["cat"], ev.best_thresholds()["dog"]
    assert (cats.threshold, cats.fn, dogs.threshold, dogs.fp) == (0.8, 1, 0.7, 1)


def test_where_false_alarms_cost_most_nothing_is_believed(ev: ll.Evaluation) -> None:
    silent = ev.best_threshold(cost={"fp": 10, "fn": 1})
    assert (silent.threshold, silent.value, silent.precision) == (math.inf, 4, 1)
    assert silent.to_json()["threshold"] is None
    assert ev.best_threshold(cost={"fp": 1, "fn": 5}).value == 1 + 5


def test_the_snapshot_that_was_measured_is_asked_also_after_edits(ev: ll.Evaluation) -> None:
    before = ev.best_threshold()
    ds = ll.open(str(ev.lake.location.folder))
    ds.delete(ds.objects("pred").where("score > 0.75"))
    assert ds.evaluation("ev1").best_threshold() == before


def test_what_cannot_be_answered_says_why(ev: ll.Evaluation, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match='no class "cot"'):
        ev.best_threshold(label="cot")
    with pytest.raises(BadValue, match="a cost names fp and fn, not fp"):
        ev.best_threshold(cost={"fp": 1})
    with pytest.raises(BadValue, match="at least 0"):
        ev.best_threshold(cost={"fp": -1, "fn": 1})
    ds = data_set(tmp_path, [], name="numbers")
    add_rows(ds, "true", "value", {"sample": [1, 2], "value": [1.0, 2.0]})
    add_rows(ds, "said", "value", {"sample": [1, 2], "value": [1.0, 2.0]})
    with pytest.raises(BadValue, match="regression judges no scores"):
        ds.evaluate(truth="true", predicted="said").best_threshold()
    add_rows(ds, "kind_of", "class", {"sample": [1], "label": ["a"]}, classes=["a"])
    add_rows(ds, "unsure", "class", {"sample": [1], "label": ["a"]}, classes=["a"])
    with pytest.raises(BadValue, match="need scores"):
        ds.evaluate(truth="kind_of", predicted="unsure").best_threshold()


@pytest.mark.parametrize("seed", [3, 4])
def test_an_evaluation_of_what_is_believed_has_the_counts_that_were_promised(tmp_path: Path, seed: int) -> None:
    ds = scene(tmp_path, seed)
    ev = ds.evaluate(truth="gt", predicted="pred", protocol="voc2012" if seed % 2 else None, save=bool(seed % 2))
    for best in (ev.best_threshold(), ev.best_threshold(cost={"fp": 2, "fn": 1})):
        kept = ds.view().keep("pred", f"score >= {best.threshold!r}")
        again = ll.evaluate(kept, truth="gt", predicted="pred", save=False).counts
        assert (again["tp"], again["fp"], again["fn"]) == (best.tp, best.fp, best.fn)
    for worse in np.unique(ds.objects("pred").values("score").to_numpy()).tolist():
        counts = ll.evaluate(
            ds.view().keep("pred", f"score >= {worse!r}"), truth="gt", predicted="pred", save=False
        ).counts
        f1 = 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"])
        assert f1 <= ev.best_threshold().value + 1e-12


def test_one_class_of_several_is_a_yes_or_no_question_as_scikit_learn_asks_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n, names = 40, ["a", "b", "c"]
    true = rng.integers(0, 3, n)
    scores = rng.dirichlet(np.ones(3), n).round(3) + 0.3 * np.eye(3)[true]
    scores /= scores.sum(axis=1, keepdims=True)
    ds = data_set(tmp_path, [], pictures=n)
    add_rows(ds, "true", "class", {"sample": [*range(1, n + 1)], "label": [names[k] for k in true]}, classes=names)
    said = {"sample": np.repeat(np.arange(1, n + 1), 3).tolist(), "label": names * n, "score": scores.ravel().tolist()}
    add_rows(ds, "said", "class", said, classes=names)
    for protocol in ("classification", "multilabel"):
        ev = ds.evaluate(truth="true", predicted="said", protocol=protocol, save=False)
        for k, name in enumerate(names):
            best = ev.best_threshold(label=name)
            f1 = [sk.f1_score(true == k, scores[:, k] >= t) for t in scores[:, k]]
            assert best.value == pytest.approx(max(f1))
            assert sk.f1_score(true == k, scores[:, k] >= best.threshold) == pytest.approx(best.value)
        assert list(ev.best_thresholds()) == names
    single = ds.evaluate(truth="true", predicted="said", save=False).best_threshold()
    answer, sure = scores.argmax(axis=1), scores.max(axis=1)
    assert single.tp == (sure[answer == true] >= single.threshold).sum()
    assert single.fp == (sure[answer != true] >= single.threshold).sum()
    assert single.tp + single.fn == n
