"""One yes-or-no question: is this class there?"""

from __future__ import annotations

import numpy as np
import pytest

import loopline as ll
from loopline.errors import BadValue
from tests.front.evaluating_worlds import add_rows, data_set

sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the second opinion")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> ll.Dataset:
    """40 pictures, yes or no; half of the predictions say so of the class, half of the other one."""
    ds = data_set(tmp_path_factory.mktemp("yes"), [], pictures=41)
    rng = np.random.default_rng(0)
    truth = rng.random(40) < 0.4
    score = np.clip(0.3 * truth + rng.uniform(0.1, 0.6, 40), 0, 1).round(2)
    of_yes = np.arange(40) % 2 == 0
    place = list(range(1, 41))
    add_rows(ds, "ill", "class", {"sample": place, "label": np.where(truth, "yes", "no").tolist()})
    said = {"label": np.where(of_yes, "yes", "no").tolist(), "score": np.where(of_yes, score, 1 - score).tolist()}
    add_rows(ds, "said", "class", {"sample": place, **said})
    ds.columns.add("risk", "float")
    ds.set("risk", {i: float(s) for i, s in enumerate(score)})
    ds.columns.add("is_ill", "bool")
    ds.set("is_ill", {i: bool(t) for i, t in enumerate(truth)})
    return ds


def test_the_numbers_agree_with_scikit_learn(world: ll.Dataset) -> None:
    options = {"positive": "yes", "threshold": 0.45}
    ev = world.evaluate(truth="ill", predicted="said", protocol="binary", options=options, replicates=50)
    rows = world.where("is_ill is not None").to_arrow(["risk", "is_ill"])
    truth, score = rows["is_ill"].to_numpy(), rows["risk"].to_numpy().round(2)
    yes = score >= 0.45
    assert ev.numbers["samples"] == 40  # one sample has no true row
    assert ev.numbers["accuracy"] == pytest.approx(sklearn.accuracy_score(truth, yes))
    assert ev.numbers["f1"] == pytest.approx(sklearn.f1_score(truth, yes))
    assert ev.numbers["roc_auc"] == pytest.approx(sklearn.roc_auc_score(truth, score))
    assert ev.numbers["average_precision"] == pytest.approx(sklearn.average_precision_score(truth, score))
    assert ev.record.confusion is not None
    assert ev.record.confusion.ravel().tolist()[::-1] == sklearn.confusion_matrix(truth, yes).ravel().tolist()
    assert ev.intervals["roc_auc"].low < ev.numbers["roc_auc"] <= ev.intervals["roc_auc"].high
    best = ev.best_threshold()
    assert best.value >= ev.numbers["f1"]
    at_best = world.evaluate(
        truth="ill", predicted="said", protocol="binary", options={**options, "threshold": best.threshold}, save=False
    )
    assert at_best.numbers["f1"] == pytest.approx(best.value)


def test_its_curves_are_drawn_and_two_thresholds_are_compared(world: ll.Dataset) -> None:
    strict, lax = (
        world.evaluate(
            truth="ill", predicted="said", protocol="binary", options={"positive": "yes", "threshold": at}, key=f"at{k}"
        )
        for k, at in enumerate((0.6, 0.4))
    )
    titles = [one.title for one in strict.charts()]
    assert "ROC" in titles
    assert "Precision and recall" in titles
    assert next(one for one in strict.charts(lax) if one.title == "ROC").series[1].name == "at1"
    with pytest.raises(BadValue, match="different options"):
        ll.compare(strict, lax)


def test_a_sample_without_a_row_may_be_a_no(world: ll.Dataset) -> None:
    options = {"positive": "yes", "absent": "no"}
    ev = world.evaluate(truth="ill", predicted="said", protocol="binary", options=options, save=False)
    assert ev.numbers["samples"] == 41


def test_an_unknown_class_is_refused(world: ll.Dataset) -> None:
    with pytest.raises(BadValue, match='no class "yep"'):
        world.evaluate(truth="ill", predicted="said", protocol="binary", options={"positive": "yep"}, save=False)
