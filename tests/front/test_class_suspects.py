"""Suspect class labels of a stored evaluation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cleanlab import filter as cl_filter
from hypothesis import given, settings
from hypothesis import strategies as st

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue
from loopline.front.evaluating.labels import ClassRows
from loopline.front.evaluating.suspected import class_suspects, probabilities
from loopline.metrics.ranking import roc_auc
from tests.front.evaluating_worlds import add_rows, data_set

NAMES = ("cat", "dog", "owl")


def rows_of(given_label: list[str], scores: dict[tuple[int, str], float], names: tuple[str, ...] = NAMES) -> ClassRows:
    """Samples 0, 1, … with a label each, and predictions by sample and class."""
    ids = np.arange(len(given_label))
    truth = pa.table({"id": ids + 1000, "sample_id": ids, "label": pa.array(given_label, pa.string())})
    predicted = pa.table(
        {
            "id": np.arange(len(scores)) + 2000,
            "sample_id": pa.array([s for s, _ in scores], pa.int64()),
            "label": pa.array([label for _, label in scores], pa.string()),
            "score": pa.array(list(scores.values()), pa.float64()),
        }
    )
    return ClassRows(truth, predicted, names)


def all_scores(likely: np.ndarray) -> dict[tuple[int, str], float]:
    return {(i, NAMES[k]): float(v) for i, row in enumerate(likely) for k, v in enumerate(row)}


def test_a_sure_model_against_a_label_names_class_and_reason() -> None:
    rows = rows_of(["cat", "cat", "cat", "dog", "dog"], {(i, "cat"): 0.9 for i in range(4)} | {(4, "dog"): 0.8})
    found = class_suspects(rows).to_pylist()
    assert [(r["id"], r["label"], r["suggested_label"]) for r in found] == [(1003, "dog", "cat")]
    assert (found[0]["kind"], found[0]["prediction_id"]) == ("mislabelled", 2003)
    assert found[0]["score"] == pytest.approx(1 - 0.1 / 2)
    assert found[0]["reason"] == "cat predicted with 0.90, dog with 0.05"


def test_what_scores_leave_of_one_goes_to_the_classes_without_a_row_but_none_gets_ahead() -> None:
    likely, samples, row_of = probabilities(rows_of([], {(7, "dog"): 0.2, (3, "owl"): 0.8, (3, "cat"): 0.15}))
    assert samples.tolist() == [3, 7]
    assert likely == pytest.approx(np.array([[0.15, 0.05, 0.8], [0.2, 0.2, 0.2]]))
    assert row_of.tolist() == [[2, -1, 1], [-1, 0, -1]]
    found = class_suspects(rows_of(["cat"], {(0, "dog"): 0.2}))
    assert found["suggested_label"].to_pylist() == ["dog"]


def test_a_sample_that_nobody_judged_is_no_suspect_and_nothing_gives_nothing() -> None:
    assert class_suspects(rows_of(["cat", "dog"], {(1, "dog"): 0.9, (5, "cat"): 0.9})).num_rows == 0
    assert class_suspects(rows_of([], {})).num_rows == 0
    with pytest.raises(BadValue, match="no probabilities"):
        class_suspects(rows_of(["cat"], {(0, "dog"): 7.0}))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_order_of_rows_does_not_matter_and_agreement_is_never_suspect(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rows_of([NAMES[k] for k in rng.integers(0, 3, n)], all_scores(rng.dirichlet(np.ones(3), n)))
    found = class_suspects(rows)
    mixed = ClassRows(
        rows.truth.take(rng.permutation(n)), rows.predicted.take(rng.permutation(len(rows.predicted))), NAMES
    )
    assert class_suspects(mixed).equals(found)
    assert all(r["label"] != r["suggested_label"] and 0 <= r["score"] <= 1 for r in found.to_pylist())
    assert (np.diff(found["score"].to_numpy()) <= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_those_called_mislabelled_are_the_issues_of_cleanlab(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, 300)
    likely = rng.dirichlet(np.ones(3), 300) * 0.4 + 0.6 * np.eye(3)[true]
    label = np.where(rng.random(300) < 0.15, rng.integers(0, 3, 300), true)
    found = class_suspects(rows_of([NAMES[k] for k in label], all_scores(likely)))
    ours = {r["sample_id"] for r in found.to_pylist() if r["kind"] == "mislabelled"}
    theirs = cl_filter.find_label_issues(label, likely, return_indices_ranked_by="self_confidence", n_jobs=1)
    assert len(ours ^ set(theirs.tolist())) <= 2  # equal remainders of the joint are rounded by chance there


def test_suspects_of_a_data_set_are_views_and_conditions_and_rows_of_a_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ds = data_set(tmp_path, [], pictures=8)
    add_rows(ds, "given", "class", {"sample": [*range(1, 9)], "label": ["cat"] * 4 + ["dog"] * 4}, classes=NAMES)
    said = {"sample": [*range(1, 9)], "label": ["cat"] * 5 + ["dog"] * 3, "score": [0.9] * 8}
    add_rows(ds, "said", "class", said, classes=NAMES)
    ev = ll.evaluate(ds, truth="given", predicted="said")
    found = ev.suspects()
    assert repr(found) == "<Suspects: 1 mislabelled>"
    assert found.truth.samples().ids().tolist() == ds.view().ids().tolist()[4:5]
    assert found.predicted.count() == 0
    assert ev.explain() == {"suspect mislabelled": 1}
    assert ds.objects("given").where("ev1.suspect == 'mislabelled' and ev1.suspect_score > 0.9").count() == 1
    several = ll.evaluate(ds, truth="given", predicted="said", protocol="multilabel")
    assert repr(several.suspects()) == "<Suspects: 1 spurious, 1 missing>"  # dog is one too many, cat one too few
    name = str(ds.lake.location.folder)
    ds.close()
    assert run(["suspects", name, "ev1", "--tag", "check", "--keep", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["count"], told["tagged"], told["suspects"][0]["suggested_label"]) == (1, 1, "cat")


def test_mistakes_that_people_confirmed_rank_first_in_a_data_set_that_was_added(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "cifar10_label_errors"
    confirmed = json.loads((folder / "expected_metrics.json").read_text())["label_issues"]
    labels = list(csv.DictReader((folder / "labels.csv").read_text().splitlines()))
    likely = list(csv.DictReader((folder / "predicted_probabilities.csv").read_text().splitlines()))
    names = [n for n in likely[0] if n != "test_index"]
    ds = ll.create(str(tmp_path / "cifar"))
    ds.add(folder / "images", read_media=False)
    added = ds.view().to_arrow(["id", "path"]).to_pylist()
    index = {row["id"]: str(int(Path(row["path"]).stem)) for row in added}
    number = {index[i]: place for place, i in enumerate(ds.view().ids().tolist(), 1)}
    given_label = {row["test_index"]: row["given_label"] for row in labels}
    given_rows = {"sample": [*number.values()], "label": [given_label[t] for t in number]}
    add_rows(ds, "given", "class", given_rows, classes=names)
    whole = {
        "sample": [number[row["test_index"]] for row in likely for _ in names],
        "label": names * len(likely),
        "score": [float(row[n]) for row in likely for n in names],
    }
    add_rows(ds, "whole", "class", whole, classes=names)
    best = [max(names, key=lambda n, row=row: float(row[n])) for row in likely]  # type: ignore[misc]
    top = {
        "sample": [number[row["test_index"]] for row in likely],
        "label": best,
        "score": [float(row[n]) for row, n in zip(likely, best, strict=True)],
    }
    add_rows(ds, "top", "class", top, classes=names)
    ids = ds.view().ids()
    wrong = np.isin([int(t) for t in number], confirmed["human_confirmed_wrong_test_indices"])
    for field in ("whole", "top"):
        table = ll.evaluate(ds, truth="given", predicted=field, save=False).suspects().table
        score = dict(zip(table["sample_id"].to_pylist(), table["score"].to_pylist(), strict=True))
        assert roc_auc(wrong, np.array([score.get(i, 0.0) for i in ids.tolist()])) >= 0.98, field
    ours = ll.evaluate(ds, truth="given", predicted="whole", save=False).suspects().table.to_pylist()
    place = dict(zip(ids.tolist(), number, strict=True))
    found = {int(place[r["sample_id"]]) for r in ours if r["kind"] == "mislabelled"}
    assert len(found) == 111
    assert len(found & set(confirmed["cleanlab_issue_test_indices_ranked"])) >= 110


def test_of_several_classes_a_sample_some_are_missing_and_some_spurious(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    there = rng.random((30, 2)) < 0.5
    there[0], there[1] = [True, False], [False, True]
    given = there.copy()
    given[0, 0], given[1, 0] = False, True  # sample 1 lacks its cat, sample 2 has one too many
    place, label = np.nonzero(given)
    ds = data_set(tmp_path, [], pictures=30)
    add_rows(ds, "true", "class", {"sample": (place + 1).tolist(), "label": [NAMES[k] for k in label]})
    said = {
        "sample": np.repeat(np.arange(1, 31), 2).tolist(),
        "label": list(NAMES[:2]) * 30,
        "score": np.where(there, 0.95, 0.08).ravel().tolist(),
    }
    add_rows(ds, "said", "class", said)
    ev = ds.evaluate(truth="true", predicted="said", protocol="multilabel")
    found = ev.suspects()
    rows = [(r["sample_id"], r["kind"], r["label"], r["suggested_label"]) for r in found.table.to_pylist()]
    assert rows == [(0, "missing", None, "cat"), (1, "spurious", "cat", None)]
    assert found.table["reason"].to_pylist()[0] == "cat is not there, predicted with 0.95"
    assert ev.explain() == {"suspect missing": 1, "suspect spurious": 1}
    assert ds.where("said.any(ev1.suspect == 'missing')").ids().tolist() == [0]
    assert ds.where("true.any(ev1.suspect == 'spurious')").ids().tolist() == [1]
