"""Runs over the wire: with what they left behind, of all data sets together, and their curves."""

from __future__ import annotations

import math

import loopline as ll
from loopline.runs import records
from loopline.store.transaction import Transaction
from tests.server.conftest import Browser


def _training(ds: ll.Dataset, losses: list[float]) -> int:
    def body(tx: Transaction) -> int:
        run = records.start_run(tx, "train", snapshot=1, parameters={"rate": 0.1}, started_at=records.now_utc())
        falls = [records.Measured("loss", loss, step=step) for step, loss in enumerate(losses)]
        records.add_metrics(tx, run, [*falls, records.Measured("AP", 0.5)])
        return run

    return ds.lake.commit("train", body)


def test_an_evaluation_is_a_run_with_its_numbers_the_main_one_first(ds: ll.Dataset, browser: Browser) -> None:
    ds.version("v1")
    found = ds.evaluate(truth="truth", predicted="predictions", key="ev1")
    (run,) = browser.get("/runs")
    assert (run["evaluation"], run["dataset"], next(iter(run["numbers"]))) == ("ev1", ds.name, "AP")
    assert run["numbers"]["AP50"] == found.numbers["AP50"]
    everywhere = browser.client.get("/api/runs").json()
    assert everywhere == [run]
    ds.drop_evaluation("ev1")
    assert browser.get("/runs") == []


def test_what_has_steps_comes_as_curves(ds: ll.Dataset, browser: Browser) -> None:
    assert browser.get("/runs/1/series") == []
    run = _training(ds, [0.9, math.nan, 0.3])
    (curve,) = browser.get(f"/runs/{run}/series")
    assert curve == {"name": "loss", "label": None, "steps": [0, 1, 2], "values": [0.9, None, 0.3]}
