"""From an evaluation to what to do, and back: suspects, kinds of mistakes, next steps, what was gained, the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue
from loopline.kernel.charts import Table, to_json
from loopline.metrics.next_steps import next_steps
from tests.front.evaluating_worlds import Box, add_boxes, copied, data_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pictures with three boxes each; the truth lacks 6 of them, calls 6 cats dogs, and has 6 of nothing.

    The detector sees everything as it is, but half of what the rain falls on. Evaluated as ev1.
    """
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("advice")
    true: list[Box] = [
        (picture, "cat" if (picture + place) % 2 else "dog", 2.0 + 33 * place, 5.0, *rng.uniform(15, 30, 2).tolist())
        for picture in range(1, 41)
        for place in range(3)
    ]
    missing, renamed = set(range(0, 120, 20)), set(range(7, 120, 20))
    truth = [(b[0], "dog" if i in renamed else b[1], *b[2:]) for i, b in enumerate(true) if i not in missing]
    truth += [(picture, "cat", 60.0, 70.0, 20.0, 20.0) for picture in range(1, 31, 5)]
    seen = [b for i, b in enumerate(true) if b[0] % 2 == 0 or i in missing | renamed or rng.random() < 0.5]
    ds = data_set(folder, truth, pictures=40)
    add_boxes(ds, "pred", seen, rng.uniform(0.9, 1, len(seen)).tolist())
    ll.evaluate(ds, truth="gt", predicted="pred", slices=["weather"], replicates=20)
    return folder / "world"


@pytest.fixture
def ds(made: Path, tmp_path: Path) -> ll.Dataset:
    return copied(made, tmp_path)


def test_suspects_are_views_of_both_sides(ds: ll.Dataset) -> None:
    found = ds.evaluation("ev1").suspects()
    kinds = found.table["kind"].to_pylist()
    assert kinds.count("missing") >= 6
    assert found.predicted.count() == kinds.count("missing")
    assert found.truth.count() == len(found) - kinds.count("missing")
    assert "missing" in repr(found)


def test_once_explained_queries_know_mistakes_and_suspects(ds: ll.Dataset) -> None:
    evaluation = ds.evaluation("ev1")
    assert ds.objects("gt").where("ev1.suspect is not None").count() == 0
    counts = evaluation.explain()
    doubted = ds.objects("pred").where("ev1.suspect == 'missing'").sort("-ev1.suspect_score")
    assert doubted.count() == counts["suspect missing"]
    scores = doubted.values("ev1.suspect_score").to_pylist()
    assert scores == sorted(scores, reverse=True)
    assert ds.objects("gt").where("ev1.error == 'miss'").count() == counts["error miss"]
    assert evaluation.matches.where("error == 'bkg'").predicted.count() == counts["error bkg"]
    assert evaluation.explain() == counts
    assert evaluation.matches.where("outcome == 'tp'").count() > 0


def test_steps_name_labels_and_the_rain_with_their_objects(ds: ll.Dataset) -> None:
    evaluation = ds.evaluation("ev1")
    steps = evaluation.next_steps()
    alone = next_steps(evaluation.measured)
    by_title = {step.what.title: step for step in steps}
    for one in alone:
        if one.title in by_title:
            assert by_title[one.title].what.gain == one.gain
    rain = next(step for step in steps if step.what.where == "sample.weather == 'rain'")
    assert rain.view.field == "gt"
    assert set(rain.samples().ids()) <= set(ds.where("weather == 'rain'").ids())
    assert all(step.view.count() == step.what.count for step in steps)
    only = evaluation.next_steps(attributes=[])
    assert not any(step.what.family == "data" for step in only)


def test_what_was_gained_names_the_steps_that_were_taken(ds: ll.Dataset) -> None:
    before = ds.evaluation("ev1")
    step = next(s for s in before.next_steps() if s.what.kind == "spurious")
    ds.delete(step.view)
    now = ll.evaluate(ds, truth="gt", predicted="pred")
    found = now.gained()
    assert found.before == "ev1"
    assert found.changed == step.what.count
    assert (step.what.title, step.what.count) in [(s.what.title, touched) for s, touched in found.acted]
    was, is_ = found.numbers["AP50"]
    assert is_ - was == pytest.approx(step.what.gain)
    assert now.gained("ev1").numbers["AP"] == found.numbers["AP"]
    with pytest.raises(BadValue, match="no earlier evaluation"):
        before.gained()


def test_evaluations_of_other_fields_are_not_set_against_one_another(ds: ll.Dataset) -> None:
    add_boxes(ds, "other", [(1, "cat", 1.0, 1.0, 5.0, 5.0)], [0.5])
    other = ll.evaluate(ds, truth="gt", predicted="other")
    with pytest.raises(BadValue, match="ev1 measured pred against gt by coco"):
        other.gained("ev1")


def test_charts_hold_what_the_record_knows(ds: ll.Dataset) -> None:
    evaluation = ds.evaluation("ev1")
    found = evaluation.charts()
    titles = [chart.title for chart in found]
    assert titles[0] == "Numbers"
    assert {"What next", "Calibration", "Which class is taken for which", "Slices of ev1"} <= set(titles)
    numbers = found[0]
    assert isinstance(numbers, Table)
    assert dict(numbers.rows)["AP"] == evaluation.ap
    json.dumps([to_json(chart) for chart in found], allow_nan=False)
    assert "What next" not in [chart.title for chart in evaluation.charts(advice=False)]
    ll.evaluate(ds, truth="gt", predicted="pred", iou=0.75)
    both = evaluation.charts(ds.evaluation("ev2"))
    assert isinstance(both[0], Table)
    assert both[0].columns == ("", "ev1", "ev2", "ev2 − ev1")
    with pytest.raises(BadValue, match="several different ones"):
        evaluation.charts(evaluation)


def test_classes_have_charts_too(ds: ll.Dataset, tmp_path: Path) -> None:
    ds.fields.add("weather_of", "class", classes=["rain", "sun"])
    ds.fields.add("guess", "class", classes=["rain", "sun"])
    for i, weather in zip(ds.view().ids().tolist(), ds.view().values("weather").to_pylist(), strict=True):
        if i > 12:
            break
        ds.labels.add("weather_of", [{"sample_id": i, "label": weather}])
        ds.labels.add("guess", [{"sample_id": i, "label": "sun", "score": 0.7}])
    evaluation = ll.evaluate(ds.where("weather_of.any()"), truth="weather_of", predicted="guess")
    titles = [chart.title for chart in evaluation.charts()]
    assert "Which class is taken for which" in titles
    assert evaluation.save_report(tmp_path / "classes.html").stat().st_size > 1_000_000
    with pytest.raises(BadValue):
        evaluation.next_steps()


def test_the_same_from_the_command_line(ds: ll.Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = str(ds.lake.location.folder)
    ds.close()

    def call(*args: str) -> dict:
        capfd.readouterr()
        assert run([*args, "--json"]) == 0
        return json.loads(capfd.readouterr().out)

    steps = call("next", name, "ev1", "--tag", "look", "--take", "2")
    assert steps["tagged"] > 0
    assert steps["steps"][0]["expected"] >= steps["steps"][1]["expected"]
    found = call("suspects", name, "ev1", "--kind", "missing", "--keep", "--tag", "add", "--limit", "3")
    assert len(found["suspects"]) == 3
    assert found["tagged"] == found["count"]
    written = call("report", name, "ev1", "--output", str(tmp_path / "r.html"))
    assert Path(written["written"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    call("evaluate", name, "--truth", "gt", "--predicted", "pred", "--key", "again")
    assert call("next", name, "again", "--since", "ev1")["changed"] == 0
    assert run(["next", name, "ev1"]) == 0
    assert "AP expected" in capfd.readouterr().out
