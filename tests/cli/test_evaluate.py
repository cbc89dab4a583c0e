"""The commands evaluate, evaluations and compare."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Loopline
from tests.front.evaluating_worlds import add_boxes, data_set


def test_evaluate_list_compare_and_delete(tmp_path: Path, loopline: Loopline) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 10, 10), (2, "dog", 0, 0, 10, 10)])
    add_boxes(ds, "pred", [(1, "cat", 0, 0, 10, 10), (2, "cat", 0, 0, 10, 10)], [0.9, 0.8])
    name = str(tmp_path / "world")
    ds.close()
    fields = ("--truth", "gt", "--predicted", "pred")

    shown = loopline("evaluate", name, *fields, "--slice", "weather", "--bootstrap", 5)
    assert (shown.code, "1 tp, 1 fp, 1 fn" in shown.out, "weather == 'rain'" in shown.out) == (0, True, True)
    found = loopline(
        "evaluate", name, *fields, "--key", "wide", "--option", "iou=[0.5]", "--where", "weather == 'rain'", "--json"
    ).document
    assert (found["key"], found["thresholds"], found["counts"]["tp"], found["samples"]) == ("wide", [0.5], 1, 2)
    assert loopline("query", name, "pred.any(ev1.outcome == 'fp')", "--count").out.strip() == "1"

    assert [one["key"] for one in loopline("evaluations", name, "--json").document] == ["ev1", "wide"]
    assert "ev1" in loopline("evaluations", name).out
    assert "AP50" in loopline("evaluations", name, "ev1", "--rerun").out
    compared = loopline("compare", name, "ev1", "ev1", "--bootstrap", 5, "--json").document
    assert compared["difference"]["AP"]["value"] == 0
    assert loopline("compare", name, "ev1", "ev1", "--bootstrap", 5).code == 0
    assert loopline("evaluations", name, "wide", "--delete").out == "deleted wide\n"
    unknown = loopline("evaluations", name, "wide")
    assert (unknown.code, "no evaluation" in unknown.err) == (1, True)
    assert loopline("evaluate", name, *fields, "--option", "iou=[0.5", "--no-save").code == 2
    assert loopline("evaluations", name, "--delete").code == 2


def test_the_best_threshold_of_all_and_of_each_class(tmp_path: Path, loopline: Loopline) -> None:
    ds = data_set(tmp_path, [(1, "cat", 0, 0, 10, 10), (2, "dog", 0, 0, 10, 10)])
    add_boxes(ds, "pred", [(1, "cat", 0, 0, 10, 10), (2, "cat", 0, 0, 10, 10)], [0.9, 0.8])
    name = str(tmp_path / "world")
    ds.close()
    asked = ("evaluate", name, "--truth", "gt", "--predicted", "pred", "--threshold")
    found = loopline(*asked, "f1", "--json").document["best_threshold"]
    assert (found["all"]["threshold"], found["classes"]["cat"]["value"]) == (0.9, 1)
    assert found["classes"]["dog"]["threshold"] is None
    shown = loopline("evaluations", name, "ev1", "--threshold", "fp=1,fn=5")
    assert (shown.code, "least cost at fp=1, fn=5" in shown.out) == (0, True)
    wrong = loopline("evaluations", name, "ev1", "--threshold", "f2")
    assert (wrong.code, "neither f1 nor" in wrong.err) == (2, True)
    unknown = loopline("evaluations", name, "ev1", "--threshold", "fp=1,fx=5")
    assert (unknown.code, "a cost names fp and fn" in unknown.err) == (1, True)
    assert loopline("evaluations", name, "--threshold", "f1").code == 2
