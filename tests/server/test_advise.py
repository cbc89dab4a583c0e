"""What to do next over the wire: steps, embedding as a job, runs."""

from __future__ import annotations

import time

import loopline as ll
from tests.server.conftest import Browser


def _ended(browser: Browser, job: str) -> dict[str, object]:
    for _ in range(200):
        found: dict[str, object] = browser.client.get(f"/api/jobs/{job}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError("the job goes on and on")


def test_next_steps_are_those_of_the_evaluation(ds: ll.Dataset, browser: Browser) -> None:
    ds.labels.delete("predictions", ds.objects("predictions").where("label == 'bus'").ids())
    found = ll.evaluate(ds, truth="truth", predicted="predictions", key="ev1")
    told = browser.get("/evaluations/ev1/next?limit=3")
    assert [s["title"] for s in told] == [s.what.title for s in found.next_steps(limit=3)]
    assert told
    first = told[0]
    assert len(first["ids"]) == first["objects"]
    assert ds.objects(first["field"]).select(first["ids"]).count() == first["objects"]


def test_an_embedding_is_a_job_and_then_a_run(ds: ll.Dataset, browser: Browser) -> None:
    job = browser.post("embed", key="looks")
    ended = _ended(browser, job["id"])
    assert (ended["state"], ended["result"]) == ("done", {"embedding": "looks"})
    assert [e.key for e in ds.embeddings()] == ["looks"]
    (run,) = browser.get("/runs")
    assert (run["kind"], run["status"], run["embedding"], run["evaluation"]) == ("embed", "done", "looks", None)


def test_a_map_is_a_job_and_then_an_embedding_of_two_numbers(ds: ll.Dataset, browser: Browser) -> None:
    ds.embed(key="looks")
    for _ in range(2):  # the second time it is made anew
        ended = _ended(browser, browser.post("map", key="looks")["id"])
        assert (ended["state"], ended["result"]) == ("done", {"embedding": "looks_pacmap"})
    assert [(e.key, e.dimension) for e in ds.embeddings() if e.dimension == 2] == [("looks_pacmap", 2)]
    assert _ended(browser, browser.post("map", key="none")["id"])["state"] == "failed"


def test_a_model_that_is_not_there_fails_the_job_with_its_reason(browser: Browser) -> None:
    ended = _ended(browser, browser.post("embed", key="looks", model="nobody")["id"])
    assert ended["state"] == "failed"
    assert "nobody" in str(ended["error"])
