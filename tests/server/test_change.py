"""Writes from the browser, and taking them back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import loopline as ll
from loopline.errors import BadValue
from loopline.server.jobs import Events, Jobs
from loopline.server.library import Library
from loopline.server.shelf import LOOK_EVERY_S, Shelf
from loopline.store.reverting import revert
from loopline.store.saved_views import save_view
from tests.server.conftest import SAMPLES, Browser

RAIN = {"view": {"where": "weather == 'rain'"}, "all": True}
BUSES = {"view": {"objects": "truth", "keep": [{"field": "truth", "where": "label == 'bus'"}]}, "all": True}

CHANGES = (
    ("tag", {"selection": RAIN, "tags": ["wet", "todo"]}),
    ("untag", {"selection": {"all": True}, "tags": ["todo"]}),
    ("set", {"selection": RAIN, "column": "brightness", "value": 0.9}),
    ("set", {"selection": RAIN, "column": "weather", "value": None}),
    ("set", {"selection": BUSES, "column": "label", "value": "car"}),
    ("delete", {"selection": RAIN}),
    ("delete", {"selection": BUSES}),
)


def state(ds: ll.Dataset) -> dict[str, object]:
    """Everything that a version holds, as plain values."""
    rows = ds.view().rows()
    return {
        "samples": rows,
        **{f.name: ds.objects(f.name).rows() for f in ds.schema.fields},
    }


def test_all_of_a_view_but_some_is_tagged(ds: ll.Dataset, browser: Browser) -> None:
    first = int(ds.where("weather == 'rain'").ids()[0])
    done = browser.post("tag", selection={**RAIN, "exclude": [first]}, tags=["wet"])
    assert done["said"] == f"Tagged {done['changed']} samples"
    assert done["changed"] == 3
    assert first not in ds.where("'wet' in tags").ids()


@pytest.mark.parametrize(("what", "body"), CHANGES)
def test_undo_gives_back_what_was_and_undo_of_that_the_change(
    ds: ll.Dataset, browser: Browser, what: str, body: dict
) -> None:
    before = state(ds)
    done = browser.post(what, **body)
    after = state(ds)
    assert after != before
    undone = browser.post("undo", undo=done["undo"], said=done["said"])
    assert state(ds) == before
    browser.post("undo", undo=undone["undo"])
    assert state(ds) == after


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(CHANGES))).map(lambda order: order[:3]))
def test_changes_undone_from_the_last_to_the_first_leave_nothing(
    ds: ll.Dataset, browser: Browser, order: list[int]
) -> None:
    before = state(ds)
    tokens = [browser.post(what, **body)["undo"] for what, body in (CHANGES[i] for i in order)]
    for token in reversed(tokens):
        if token:
            browser.post("undo", undo=token)
    assert state(ds) == before


def test_what_somebody_changed_since_is_left(ds: ll.Dataset, browser: Browser) -> None:
    done = browser.post("set", **dict(CHANGES[2][1]))
    first = int(ds.where("weather == 'rain'").ids()[0])
    ds.set("brightness", {first: 0.1})
    undone = browser.post("undo", undo=done["undo"], said=done["said"])
    assert undone["changed"] == done["changed"] - 1
    assert "1 changed since" in undone["said"]
    assert ds.select([first]).rows()[0]["brightness"] == 0.1


def test_a_change_before_a_change_of_columns_is_not_undone_alone(ds: ll.Dataset) -> None:
    ds.tag("width > 80", "wide")
    tagged = ds.snapshot
    ds.columns.add("note", "text")
    with pytest.raises(BadValue, match="columns or fields have changed"):
        revert(ds.lake, tagged)


def test_an_object_is_edited_and_another_added(ds: ll.Dataset, browser: Browser) -> None:
    one = int(ds.objects("truth").ids()[0])
    browser.post("edit", field="truth", edits=[{"id": one, "x": 3.5, "label": "bus"}])
    (row,) = ds.objects("truth").select([one]).rows()
    assert (row["x"], row["label"]) == (3.5, "bus")
    owner = row["sample_id"]
    before = ds.objects("truth").count()
    done = browser.post(
        "edit", field="truth", edits=[{"sample_id": owner, "x": 1.0, "y": 1.0, "w": 2.0, "h": 2.0, "label": "car"}]
    )
    assert ds.objects("truth").count() == before + 1
    browser.post("undo", undo=done["undo"])
    assert ds.objects("truth").count() == before


def test_history_is_told(ds: ll.Dataset, browser: Browser) -> None:
    browser.post("versions", name="v1", message="as it came")
    browser.post("tag", selection=RAIN, tags=["wet"])
    browser.post("delete", selection=BUSES)
    log = browser.get("/log?limit=2")
    assert [line["verb"] for line in log] == ["delete objects", "tag"]
    diff = browser.post("diff", before="v1")
    assert diff["tags_added"] == 4
    assert diff["fields"]["truth"]["removed"] > 0
    page = browser.columns("diff/page", before="v1", count=100)
    assert len(page["id"]) == diff["touched"]
    gone = len(page["before.truth.id"]) - len(page["after.truth.id"])
    assert gone == diff["fields"]["truth"]["removed"]
    browser.post("restore", version="v1")
    assert not browser.post("diff", before="v1")["touched"]


def test_a_removed_sample_has_no_picture_after(ds: ll.Dataset, browser: Browser) -> None:
    before = browser.get()["snapshot"]
    browser.post("delete", selection={"include": [int(ds.view().ids()[1])]})
    page = browser.columns("diff/page", before=str(before))
    assert page["change"].tolist() == [2]
    assert page["before.width"][0] > 0 == page["after.width"][0]


def test_blame_names_who_and_what(ds: ll.Dataset, browser: Browser) -> None:
    first = int(ds.view().ids()[0])
    browser.post("set", selection={"include": [first]}, column="weather", value="sun")
    newest = browser.get(f"/blame?id={first}")[0]
    assert newest["values"]["weather"] == ["rain", "sun"]


def test_a_saved_view_comes_back_and_goes(ds: ll.Dataset, browser: Browser) -> None:
    spec = {"where": "weather == 'rain'", "sort": "-width"}
    browser.post("views", name="wet ones", view=spec)
    browser.post("views", name="wet ones", view={**spec, "sort": "path"}, link="q=weather&f=width%3Arange")
    (saved,) = browser.get("/views")
    assert (saved["name"], saved["view"]["sort"]) == ("wet ones", "path")
    assert browser.get()["views"] == [saved]
    assert browser.problem("views", name="bad", view={"where": "wether == 1"})["part"] == "where"
    ds.restore(1 + 1)
    assert browser.get("/views") == [saved]
    assert browser.client.delete(f"/api/d/{ds.name}/views/wet ones").status_code == 204
    assert browser.get("/views") == []


def test_a_view_that_was_saved_before_links_were_kept_is_read(ds: ll.Dataset, browser: Browser) -> None:
    save_view(ds.lake, "old", '{"where":"weather == \'rain\'"}')
    (saved,) = browser.get("/views")
    assert (saved["view"]["where"], saved["link"]) == ("weather == 'rain'", "")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("wea", "weather"),
        ("truth.any(la", "label"),
        ("truth.any(label == 'b", "'bus'"),
        ("weather == 'r", "'rain'"),
        ("weather in ('sun', '", "'rain'"),
        ("'to", "'todo' in tags"),
        ("truth.", "truth.any("),
        ("brightness ", "> "),
        ("brightness > 0.4 ", "and "),
        ("truth.any(label == 'bus' and box.ar", "box.area"),
        ("truth.any(label == 'bus') and pred", "predictions"),
    ],
)
def test_completion_offers_what_fits(browser: Browser, text: str, offered: str) -> None:
    offers = browser.post("complete", text=text, cursor=len(text))
    found = next((o for o in offers if o["text"] == offered), None)
    assert found is not None, [o["text"] for o in offers]
    done = text[: found["from"]] + found["text"] + text[found["to"] :]
    assert done.startswith(text[: found["from"]])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("truhweas.'\"()[]== <,0", max_size=25), st.integers(0, 30))
def test_completion_never_fails_while_typing(browser: Browser, text: str, cursor: int) -> None:
    for offer in browser.post("complete", text=text, cursor=cursor):
        assert 0 <= offer["from"] <= offer["to"]


def test_jobs_tell_how_far_they_are_and_stop_when_asked() -> None:
    events = Events()
    jobs = Jobs(events)
    began = threading.Event()

    def work(progress, stop):  # type: ignore[no-untyped-def]
        progress.start("count", total=10, unit="things")
        progress.advance(3)
        began.set()
        while True:
            stop.check()
            time.sleep(0.005)

    job = jobs.start("Count", "small", work)
    assert began.wait(5)
    assert (jobs.get(job.id).done, jobs.get(job.id).total) == (3, 10)
    jobs.stop(job.id)
    for _ in range(1000):
        if jobs.get(job.id).state != "running":
            break
        time.sleep(0.005)
    assert jobs.get(job.id).state == "stopped"
    assert [e.kind for e in events.after(0)][-1] == "job"
    assert b'"stopped"' in events.after(0)[-1].body


def _until(jobs: Jobs, job: str, state: str) -> None:
    for _ in range(1000):
        if jobs.get(job).state == state:
            return
        time.sleep(0.005)
    raise AssertionError(f"the job is {jobs.get(job).state}, not {state}")


def test_a_paused_job_waits_and_then_goes_on() -> None:
    jobs = Jobs(Events())
    steps = threading.Semaphore(0)

    def work(progress, stop):  # type: ignore[no-untyped-def]
        progress.start("count", total=3, unit="things")
        for _ in range(3):
            assert steps.acquire(timeout=5)
            stop.check()
            progress.advance()
        return {}

    job = jobs.start("Count", "small", work)
    assert jobs.pause(job.id).state == "paused"
    steps.release(3)
    time.sleep(0.05)
    assert (jobs.get(job.id).state, jobs.get(job.id).done) == ("paused", 0)
    assert jobs.resume(job.id).state == "running"
    _until(jobs, job.id, "done")
    assert jobs.get(job.id).done == 3
    with pytest.raises(BadValue, match="is done"):
        jobs.resume(job.id)


def test_a_paused_job_can_be_stopped_and_begun_again() -> None:
    jobs = Jobs(Events())
    kept: list[int] = []
    named = threading.Event()

    def work(progress, stop):  # type: ignore[no-untyped-def]
        assert named.wait(5)
        while len(kept) < 5:
            kept.append(1)
            if len(kept) == 2:
                jobs.pause(job.id)
            stop.check()
        return {"kept": len(kept)}

    job = jobs.start("Count", "small", work, only_one="count")
    named.set()
    _until(jobs, job.id, "paused")
    assert jobs.start("Count", "small", work, only_one="count").id == job.id, "it is under way"
    jobs.stop(job.id)
    _until(jobs, job.id, "stopped")
    assert jobs.resume(job.id).id == job.id
    _until(jobs, job.id, "done")
    assert jobs.get(job.id).result == {"kept": 5}


def test_a_job_that_fails_says_why() -> None:
    jobs = Jobs(Events())

    def work(progress, stop):  # type: ignore[no-untyped-def]
        raise BadValue("that cannot be", hint="try another")

    job = jobs.start("Try", "small", work)
    for _ in range(1000):
        if jobs.get(job.id).state != "running":
            break
        time.sleep(0.005)
    failed = jobs.get(job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.hint == "try another"


def test_events_are_not_lost_between_two_connections() -> None:
    events = Events()
    for i in range(5):
        events.publish("job", i)
    assert [e.body for e in events.after(2)] == [b"2", b"3", b"4"]
    assert events.after(events.last) == []
    assert len(events.after(10**6)) == 5  # of an earlier life of the server


def test_what_changed_while_no_tab_listened_is_told_to_the_next_that_does(ds: ll.Dataset) -> None:
    with ThreadPoolExecutor(1) as workers:
        shelf = Shelf(Library([ds]), workers)
        shelf.shown(ds.name)
        shelf.look_for_changes()
        ds.tag(ds.view().limit(1), "seen")
        time.sleep(LOOK_EVERY_S)  # nobody looks more often
        shelf.look_for_changes()
        shelf.close()
    assert [event.kind for event in shelf.events.after(0)] == ["snapshot"]


def test_an_evaluation_is_started_and_its_outcomes_come_with_a_page(ds: ll.Dataset, browser: Browser) -> None:
    job = browser.post("evaluations", truth="truth", predicted="predictions", key="ev1")
    for _ in range(600):
        job = browser.client.get(f"/api/jobs/{job['id']}").json()
        if job["state"] != "running":
            break
        time.sleep(0.05)
    assert job["state"] == "done", job
    (line,) = browser.get("/evaluations")
    assert line["numbers"]["AP50"] == 1.0
    assert browser.get("/evaluations/ev1")["classes"] == ["car", "bus"]
    assert max(browser.get("/evaluations/ev1/curve?iou=0.5")["precision"]) == 1.0
    page = browser.columns("page", evaluation="ev1", count=SAMPLES)
    assert set(page["truth.outcome"].tolist()) == {1}
    assert browser.post("view", view={"where": "predictions.any(ev1.outcome == 'tp')"})["count"] == 9
    assert browser.client.get(f"/api/d/{ds.name}/evaluations/nothing").status_code in (404, 422)


def test_points_are_the_same_every_time_and_keep_what_is_near(ds: ll.Dataset, browser: Browser) -> None:
    from loopline.query.planes import plane

    rng = np.random.default_rng(3)
    groups = np.repeat([0.0, 10.0], 50)
    matrix = (rng.normal(size=(100, 8)) + groups[:, None]).astype(np.float16)
    places = plane(matrix).astype(float)
    np.testing.assert_array_equal(places, plane(matrix))
    assert abs(places[:50, 0].mean() - places[50:, 0].mean()) > 30_000
    assert plane(np.zeros((3, 4), np.float16)).shape == (3, 2)
    assert plane(np.zeros((0, 4), np.float16)).shape == (0, 2)
    assert plane(np.ones((5, 1), np.float16)).shape == (5, 2)


def _ended(browser: Browser, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it has come to an end."""
    for _ in range(200):
        (found,) = [one for one in browser.client.get("/api/jobs").json() if one["id"] == job["id"]]
        if found["state"] != "running":
            break
        time.sleep(0.05)
    return found


def test_a_branch_that_failed_can_be_begun_again(
    ds: ll.Dataset, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise BadValue("the disk is full")

    ds.version("v1")
    with monkeypatch.context() as broken:
        broken.setattr(ll.Dataset, "copy_from", full)
        job = browser.post("branch", name="apart", version="v1")
        assert _ended(browser, job)["error"]["detail"] == "the disk is full"
    assert browser.client.post(f"/api/jobs/{job['id']}/resume").json()["state"] == "running"
    found = _ended(browser, job)
    assert (found["state"], found["result"]) == ("done", {"dataset": "apart"})


def test_a_branch_keeps_samples_that_have_one_picture(ds: ll.Dataset, browser: Browser, tmp_path: Path) -> None:
    for name in ("once.png", "twice.png"):
        Image.new("RGB", (9, 9), "teal").save(tmp_path / name)
    ds.add(tmp_path)
    ds.version("v1")
    _ended(browser, browser.post("branch", name="apart", version="v1"))
    with ll.open("apart") as made:
        assert made.view().count() == SAMPLES + 2


def test_a_version_becomes_a_data_set_of_its_own(ds: ll.Dataset, browser: Browser) -> None:
    ds.version("v1")
    ds.delete(ds.where("weather == 'rain'"))
    found = _ended(browser, browser.post("branch", name="apart", version="v1"))
    assert found["state"] == "done", found
    with ll.open("apart") as made:
        assert made.view().count() == SAMPLES
        assert made.objects("truth").count() == ds.at("v1").objects("truth").count()
    assert ds.view().count() == SAMPLES - 4
    assert "already" in browser.problem("branch", name="apart", version="v1")["detail"]
    assert "place" in browser.problem("branch", name="../apart", version="v1")["detail"]
    assert browser.problem("branch", name="other", version="v7")["detail"]
