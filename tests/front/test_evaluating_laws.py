"""Laws of stored evaluations: what was written is what was measured, whatever the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import loopline as ll
from loopline.metrics import coco
from loopline.runs import records
from loopline.store import edits
from tests.front.evaluating_worlds import scene


@pytest.mark.parametrize("seed", [1, 2])
def test_queries_matches_and_counts_tell_the_same_and_slices_add_up(tmp_path: Path, seed: int) -> None:
    ds = scene(tmp_path, seed)
    ev = ds.evaluate(truth="gt", predicted="pred", slices=["weather", "label", "box.w < 20", "box.w >= 20"])
    for outcome in ("tp", "fp"):
        assert ds.objects("pred").where(f"ev1.outcome == '{outcome}'").count() == ev.counts[outcome]
    assert ds.objects("gt").where("ev1.outcome == 'fn'").count() == ev.counts["fn"]
    kept = records.matches(ds.lake, "ev1")
    assert kept.num_rows == ds.objects("gt").count() + ds.objects("pred").count()
    assert (np.diff(kept["id"].to_numpy()) > 0).all()
    truths = [one.numbers["truths"] for one in ev.slices]
    assert truths[0] + truths[1] == truths[2] + truths[3] == truths[4] + truths[5] == ds.objects("gt").count()
    # One column away from the lake the pure function says the same.
    pure = coco.evaluate(ev.measured.matched.truth, ev.measured.matched.predicted)
    assert pure.numbers()["AP"] == ev.ap


def test_a_perfect_detector_has_1_and_a_view_without_ops_is_the_data_set(tmp_path: Path) -> None:
    ds = scene(tmp_path)
    before = ds.evaluate(truth="gt", predicted="pred", save=False)
    assert (
        ll.evaluate(ds.view(), truth="gt", predicted="pred", save=False).to_json()["numbers"]
        == before.to_json()["numbers"]
    )
    perfect = ds.objects("gt").to_arrow(["sample_id", "label", "x", "y", "w", "h"])
    ds.fields.add("same", "box", classes=("cat", "dog"))
    edits.add_objects(ds.lake, "same", perfect.append_column("score", [[1.0] * len(perfect)]))
    assert ds.evaluate(truth="gt", predicted="same", save=False).ap == pytest.approx(1.0)
