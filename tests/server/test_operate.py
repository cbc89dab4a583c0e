"""A threshold moved by hand: counts at every score are those of an evaluation of what is left."""

from __future__ import annotations

import time

import numpy as np
import pytest

import loopline as ll
from loopline.front.evaluating import operating, stored
from loopline.server.frames import read_frame
from tests.server.conftest import Browser


@pytest.fixture
def judged(ds: ll.Dataset) -> ll.Dataset:
    """Some predictions wrong, some with the other class, some objects unseen."""
    rows = ds.objects("predictions").to_arrow(["id", "label"]).to_pylist()
    other = {"car": "bus", "bus": "car"}
    ds.labels.edit("predictions", [{"id": row["id"], "label": other[row["label"]]} for row in rows[::4]])
    ds.labels.delete("predictions", [row["id"] for row in rows[1::5]])
    (one,) = ds.view().ids().tolist()[:1]
    ds.labels.add("predictions", [{"sample_id": one, "label": "car", "score": 0.35, "x": 40, "y": 30, "w": 9, "h": 9}])
    ds.evaluate(truth="truth", predicted="predictions", key="ev1")
    return ds


def _frame(browser: Browser, what: str) -> tuple[dict, dict[str, np.ndarray]]:
    answer = browser.client.get(f"/api/d/{browser.name}/evaluations/ev1/{what}")
    assert answer.status_code == 200, answer.text
    return read_frame(answer.content)


def _matrix(columns: dict[str, np.ndarray], size: int, least: int) -> np.ndarray:
    """As the page works it out: an object whose prediction does not count is missed."""
    found = np.zeros((size, size), np.int64)
    for at, row, column, count in zip(*(columns[n].tolist() for n in ("bin", "row", "column", "count")), strict=True):
        if at >= least and at != operating.NEVER:
            found[row, column] += count
        elif row < size - 1:
            found[row, size - 1] += count
    return found


def test_counts_from_a_score_on_are_those_of_an_evaluation_of_what_is_left(
    judged: ll.Dataset, browser: Browser
) -> None:
    _, bins = _frame(browser, "scores")
    header, mixed = _frame(browser, "mixups")
    assert (header["low"], header["high"]) == (0, 1)
    right, wrong = (bins[name].reshape(2, operating.BINS) for name in ("right", "wrong"))
    for least in (0, 30, 55):
        if least:
            judged.delete(judged.objects("predictions").where(f"score < {least / 100}"))
        left = judged.evaluate(truth="truth", predicted="predictions", key=f"from{least}")
        assert right[:, least:].sum() == left.counts["tp"]
        assert wrong[:, least:].sum() == left.counts["fp"]
        assert bins["truths"].sum() - right[:, least:].sum() == left.counts["fn"]
        np.testing.assert_array_equal(_matrix(mixed, 3, least), left.record.confusion)


def test_a_cell_has_the_objects_that_it_counts(judged: ll.Dataset, browser: Browser) -> None:
    _, mixed = _frame(browser, "mixups")
    for least in (0, 40):
        matrix = _matrix(mixed, 3, least)
        for row in range(3):
            for column in range(3):
                found = browser.get(f"/evaluations/ev1/cell?row={row}&column={column}&least={least / 100}")
                assert found["objects"] == len(found["ids"]) == matrix[row, column]
                assert found["field"] == ("truth" if column == 2 else "predictions")
                labels = judged.objects(found["field"]).select(found["ids"]).to_arrow(["label"])["label"].to_pylist()
                assert set(labels) <= {("car", "bus")[min(row if column == 2 else column, 1)]}


def test_scores_that_are_no_shares_lie_between_the_least_and_the_greatest() -> None:
    score = np.array([-3.0, 0.0, 5.0])
    assert operating.limits(score) == (-3.0, 5.0)
    assert operating.bin_of(score, -3.0, 5.0).tolist() == [0, 37, 99]
    assert operating.limits(np.array([2.0])) == (2.0, 3.0)


def test_a_slice_is_measured_when_asked_for(judged: ll.Dataset, browser: Browser) -> None:
    (rain,) = browser.post("evaluations/ev1/slices", text="weather == 'rain'")
    wanted = stored.evaluation(judged.lake, "ev1").slice("weather == 'rain'")
    assert rain["name"] == "weather == 'rain'"
    assert rain["numbers"]["AP"] == pytest.approx(wanted.numbers["AP"])
    both = browser.post("evaluations/ev1/slices", text="weather")
    assert len(both) == 2
    assert browser.problem("evaluations/ev1/slices", text="wether")["detail"]


def test_an_evaluation_takes_a_protocol_and_its_options(judged: ll.Dataset, browser: Browser) -> None:
    job = browser.post(
        "evaluations",
        truth="truth",
        predicted="predictions",
        key="ev2",
        protocol="voc2012",
        options={"iou": 0.6},
    )
    while job["state"] == "running":
        time.sleep(0.02)
        job = browser.client.get(f"/api/jobs/{job['id']}").json()
    assert job["result"] == {"evaluation": "ev2"}
    assert judged.evaluation("ev2").record.settings["options"]["iou"] == 0.6
