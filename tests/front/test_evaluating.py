"""Evaluation of label fields: what comes out, what is kept, what can be asked afterwards."""

from __future__ import annotations

import pydoc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import loopline as ll
from loopline.errors import BadValue, QueryError, SchemaError, UnknownField
from loopline.front.evaluating import verb
from loopline.metrics.metric import Metric
from loopline.metrics.record import record_from_bytes
from loopline.metrics.registry import register, unregister
from loopline.runs import records
from loopline.store import edits
from tests.front.evaluating_worlds import Box, add_boxes, copied, data_set, scene


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `world` and `scene`."""
    folder = tmp_path_factory.mktemp("made")
    truth: list[Box] = [
        (1, "cat", 0, 0, 10, 10),
        (2, "cat", 20, 20, 30, 30),
        (3, "cat", 5, 5, 5, 5),
        (4, "dog", 0, 0, 50, 50),
    ]
    guesses: list[Box] = [truth[0], truth[1], truth[3], (1, "dog", 60, 60, 20, 20)]
    with data_set(folder, truth) as ds:
        add_boxes(ds, "pred", guesses, [0.9, 0.8, 0.7, 0.95])
    scene(folder).close()
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> ll.Dataset:
    """Four pictures; three cats of which two are found, one dog found, one dog made up."""
    return copied(made / "world", tmp_path)


@pytest.fixture
def ds(made: Path, tmp_path: Path) -> ll.Dataset:
    """Twelve pictures with random boxes."""
    return copied(made / "scene", tmp_path)


def test_each_object_gets_its_outcome_and_queries_know_it(world: ll.Dataset) -> None:
    ev = ll.evaluate(world, truth="gt", predicted="pred")
    assert ev.key == "ev1"
    assert ev.counts == {"tp": 3, "fp": 1, "fn": 1, "ignored": 0}
    assert world.objects("pred").where("ev1.outcome == 'fp' and score > 0.8").count() == 1
    assert world.where("pred.any(ev1.outcome == 'fp')").ids().tolist() == world.view().ids().tolist()[:1]
    assert world.where("gt.count(ev1.outcome == 'fn') == 1").count() == 1
    facets = {row["value"]: row["count"] for row in world.objects("pred").facets("ev1.outcome").to_pylist()}
    assert facets == {"tp": 3, "fp": 1}
    assert world.objects("pred").where("ev1.iou >= 0.99").count() == 3
    with pytest.raises(QueryError, match="outcome"):
        world.objects("pred").where("ev1.outcom == 'fp'")
    with pytest.raises(QueryError, match=r"write ev1\.outcome"):
        world.objects("pred").where("ev1 == 'fp'")
    assert [str(h) for h in world.objects("pred").where("ev1.outcome == 'fpp'").hints()]


def test_an_object_added_later_took_no_part(world: ll.Dataset) -> None:
    world.evaluate(truth="gt", predicted="pred", key="first")
    add_boxes(world, "pred", [(1, "cat", 1, 1, 2, 2)], [0.5])
    assert world.objects("pred").where("first.outcome is None").count() == 1
    assert world.evaluation("first").matches.predicted.count() == 4


def test_matches_name_the_partner_and_both_sides_answer(world: ll.Dataset) -> None:
    ev = world.evaluate(truth="gt", predicted="pred")
    table = ev.matches.to_arrow().to_pylist()
    assert [row["outcome"] for row in table if row["side"] == "truth"] == ["tp", "tp", "fn", "tp"]
    own = {row["id"]: row for row in table}
    assert all(own[row["partner_id"]]["partner_id"] == row["id"] for row in table if row["partner_id"] is not None)
    wrong = ev.matches.where("outcome == 'fp' and score > 0.9")
    assert (wrong.predicted.count(), wrong.truth.count(), wrong.count()) == (1, 0, 1)
    assert wrong.samples().count() == 1
    with pytest.raises(QueryError, match="scoer"):
        ev.matches.where("scoer > 1")


def test_slices_are_queries_over_samples_objects_and_values(world: ll.Dataset) -> None:
    texts = ["weather == 'rain'", "box.area < 200", "weather", "label", "box.w"]
    ev = world.evaluate(truth="gt", predicted="pred", slices=texts)
    names = [one.name for one in ev.slices]
    assert names[:6] == [
        "weather == 'rain'",
        "box.area < 200",
        "weather == 'sun'",
        "label == 'cat'",
        "label == 'dog'",
        "box.w == 5.0",
    ]
    assert ev.slice("weather == 'rain'").numbers["truths"] == 2
    small = ev.slice("box.area < 200").numbers
    assert (small["truths"], small["AR"]) == (2, 0.5)
    assert world.evaluation("ev1").slice("box.h > 20").numbers["truths"] == 2
    with pytest.raises(QueryError, match="wether"):
        world.evaluate(truth="gt", predicted="pred", slices=["wether == 'rain'"], key="x")
    with pytest.raises(BadValue, match="stands for 2 slices"):
        ev.slice("weather")
    assert [e.key for e in world.evaluations()] == ["ev1"]


def test_a_slice_of_samples_has_the_numbers_of_these_samples_alone(ds: ll.Dataset) -> None:
    ev = ds.evaluate(truth="gt", predicted="pred", slices=["weather"], save=False)
    for one in ev.slices:
        alone = ll.evaluate(ds.where(one.name), truth="gt", predicted="pred", save=False)
        assert one.numbers["AP"] == pytest.approx(alone.numbers["AP"], abs=1e-12)
        assert one.numbers["truths"] == alone.per_class["cat"]["truths"] + alone.per_class["dog"]["truths"]


def test_an_area_slice_is_coco_s_own_area(ds: ll.Dataset) -> None:
    ev = ds.evaluate(truth="gt", predicted="pred", slices=["box.area <= 1024"])
    assert ev.slices[0].numbers["AP"] == pytest.approx(ev.numbers["APsmall"], abs=1e-12)


def test_a_property_that_predictions_lack_makes_lonely_ones_errors(tmp_path: Path) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 10, 10), (1, "cat", 50, 50, 10, 10)])
    add_boxes(ds, "pred", [(1, "cat", 0, 0, 10, 10), (1, "cat", 80, 80, 10, 10)], [0.5, 0.9])
    # Only the truth has the attribute; the made-up box at the right lies outside "box.x < 20".
    ev = ds.evaluate(truth="gt", predicted="pred", slices=["occluded == False", "box.x < 20"])
    assert [one.numbers["AP50"] for one in ev.slices] == pytest.approx([0.5, 1.0])


def test_stored_numbers_come_back_as_they_were_and_again_from_the_settings(ds: ll.Dataset) -> None:
    ev = ds.evaluate(truth="gt", predicted="pred", slices=["label", "box.w < 20"], replicates=20, seed=3)
    kept = ds.evaluation("ev1")
    assert kept.record.to_json(curves=True) == ev.record.to_json(curves=True)
    assert np.array_equal(kept.record.precision, ev.record.precision, equal_nan=True)
    again = ds.rerun_evaluation("ev1")
    for name in ("numbers", "intervals", "slices", "per_class", "counts"):
        assert again.to_json()[name] == ev.to_json()[name]
    ds.delete(ds.objects("pred").where("score < 0.5"))
    assert ds.rerun_evaluation("ev1").to_json()["numbers"] == ev.to_json()["numbers"]
    changed = ds.rerun_evaluation("ev1", save_as="later", now=True)
    assert changed.counts != ev.counts
    assert [e.key for e in ds.evaluations()] == ["ev1", "later"]
    assert kept.record.curve(iou=0.5).precision.shape == (101,)
    assert record_from_bytes(ev.record.to_bytes()).to_json() == ev.to_json()


def test_a_run_says_what_was_read_with_what(world: ll.Dataset) -> None:
    before = world.snapshot
    ev = world.evaluate(truth="gt", predicted="pred", key="one")
    (run,) = world.runs()
    assert (run.kind, run.status, run.snapshot) == ("evaluate", "done", before)
    assert run.parameters["predicted"] == "pred"
    assert "loopline" in run.code
    assert world.snapshot == before + 1, "numbers and matches are one snapshot"
    table = records.metrics(world.lake, run.id).to_pylist()
    assert {row["name"]: row["value"] for row in table if row["label"] is None}["AP"] == ev.ap
    assert records.matches(world.lake, "one").num_rows == 8


def test_a_dropped_evaluation_is_gone_and_its_key_is_free(world: ll.Dataset) -> None:
    world.evaluate(truth="gt", predicted="pred")
    with pytest.raises(BadValue, match="already"):
        world.evaluate(truth="gt", predicted="pred", key="ev1")
    world.drop_evaluation("ev1")
    assert (world.evaluations(), world.runs()) == ([], [])
    with pytest.raises(QueryError):
        world.objects("pred").where("ev1.outcome == 'fp'")
    with pytest.raises(UnknownField, match="no evaluation"):
        world.evaluation("ev1")
    assert world.evaluate(truth="gt", predicted="pred").key == "ev1"


def test_a_restore_leaves_evaluations_alone_and_a_rename_takes_them_along(world: ll.Dataset) -> None:
    world.version("before")
    world.evaluate(truth="gt", predicted="pred")
    world.delete(world.objects("pred").where("score > 0.9"))
    world.restore("before")
    assert world.objects("pred").where("ev1.outcome == 'fp'").count() == 1
    world.fields.rename("pred", "yolo")
    assert world.objects("yolo").where("ev1.outcome == 'fp'").count() == 1
    assert world.at("before").schema.evaluations == ()


def test_keys_cannot_be_other_names(world: ll.Dataset) -> None:
    for key in ("gt", "weather", "any", "2nd"):
        with pytest.raises(SchemaError):
            world.evaluate(truth="gt", predicted="pred", key=key)


def test_bad_input_is_a_clear_error(world: ll.Dataset) -> None:
    with pytest.raises(UnknownField, match='"pred"'):
        world.evaluate(truth="gt", predicted="perd")
    with pytest.raises(BadValue, match="itself"):
        world.evaluate(truth="gt", predicted="gt")
    with pytest.raises(UnknownField, match="voc2007"):
        world.evaluate(truth="gt", predicted="pred", protocol="voc")
    with pytest.raises(BadValue, match="no option"):
        world.evaluate(truth="gt", predicted="pred", options={"ious": [0.5]})
    with pytest.raises(BadValue, match=r"nothing in \"gt\""):
        ll.evaluate(world.where("weather == 'fog'"), truth="gt", predicted="pred")
    world.fields.add("empty", "box", classes=["cat"])
    with pytest.raises(BadValue, match=r"nothing in \"empty\""):
        world.evaluate(truth="gt", predicted="empty")
    with pytest.raises(BadValue, match="nothing was matched"):
        world.evaluate(truth="gt", predicted="pred", iou=0.33)
    with pytest.raises(UnknownField, match="no metric"):
        world.evaluate(truth="gt", predicted="pred", metrics=["nonsense"])
    assert world.evaluations() == []


def test_rows_that_cannot_be_measured_are_named_or_counted(world: ll.Dataset) -> None:
    first = world.objects("pred").ids()[:1]
    edits.edit_objects(world.lake, "pred", pa.table({"id": first, "score": [float("nan")]}))
    with pytest.raises(BadValue, match="score is NaN"):
        world.evaluate(truth="gt", predicted="pred")
    ev = world.evaluate(truth="gt", predicted="pred", bad_rows="drop")
    assert sum(ev.dropped.values()) == 1
    assert world.objects("pred").where("ev1.outcome is None").count() == 1


def test_predictions_of_other_classes_are_left_out_and_counted_and_none_in_common_is_an_error(
    world: ll.Dataset,
) -> None:
    add_boxes(world, "other", [(1, "cat", 0, 0, 10, 10), (1, "cow", 0, 0, 10, 10)], [0.5, 0.6])
    ev = world.evaluate(truth="gt", predicted="other")
    assert ev.dropped == {"class 'cow' is not evaluated": 1}
    add_boxes(world, "strange", [(1, "Cat", 0, 0, 10, 10)], [0.5])
    with pytest.raises(BadValue, match='did you mean "cat"'):
        world.evaluate(truth="gt", predicted="strange")
    assert world.evaluate(truth="gt", predicted="strange", options={"by_class": False}).counts["tp"] == 1


def test_kept_objects_alone_take_part(world: ll.Dataset) -> None:
    ev = ll.evaluate(world.view().keep("pred", "score < 0.9"), truth="gt", predicted="pred")
    assert ev.counts == {"tp": 2, "fp": 0, "fn": 2, "ignored": 0}
    assert ev.view.to_json() == ev.record.view


def test_two_models_are_compared_on_the_same_samples(ds: ll.Dataset) -> None:
    boxes = ds.objects("gt").to_arrow(["sample_id", "label", "x", "y", "w", "h"])
    ds.fields.add("perfect", "box", classes=["cat", "dog"])
    edits.add_objects(ds.lake, "perfect", boxes.append_column("score", [[0.9] * len(boxes)]))
    a, b = (ds.evaluate(truth="gt", predicted=name) for name in ("pred", "perfect"))
    found = ll.compare(ds.evaluation(a.key), ds.evaluation(b.key), replicates=50, seed=1)
    assert found.difference["AP"].value == pytest.approx(b.ap - a.ap, abs=1e-12)
    assert found.p_value["AP"] < 0.1
    assert found.disagreements["gain"][0].as_py() > 0
    other = ll.evaluate(ds.where("weather == 'sun'"), truth="gt", predicted="pred")
    with pytest.raises(BadValue):
        ll.compare(a, other)


def test_a_metric_of_one_s_own_is_measured_by_name(world: ll.Dataset) -> None:
    register(
        Metric(
            "boxes_an_object",
            start=lambda: np.zeros(2, int),
            update=lambda seen, truth, predicted: seen + np.array([predicted.num_rows, truth.num_rows]),
            merge=np.add,
            finish=lambda seen: {"ratio": seen[0] / seen[1]},
        )
    )
    try:
        ev = world.evaluate(truth="gt", predicted="pred", metrics=["boxes_an_object", "coco"])
    finally:
        unregister("boxes_an_object")
    assert ev.custom["boxes_an_object"] == {"ratio": 1.0}
    assert ev.custom["coco"]["AP"] == ev.ap
    assert world.evaluation("ev1").to_json() == ev.to_json()


def test_help_shows_the_verb() -> None:
    assert ll.evaluate is verb.evaluate
    told = pydoc.plain(pydoc.render_doc(ll.evaluate))
    assert "truth: 'str'" in told
    assert "bad_rows    rows that cannot be measured" in told
