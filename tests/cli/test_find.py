"""find and similar: what the verbs of `ds.find` say, as tables, documents and tags."""

from __future__ import annotations

from pathlib import Path

import loopline as ll
from tests.cli.conftest import Loopline


def test_what_is_found_is_shown_written_and_tagged(loopline: Loopline, shapes: Path) -> None:
    with ll.create("set") as ds:
        ds.add(shapes / "shapes.json")
        ids = ds.view().ids().tolist()
        rows = ds.objects("ground_truth").to_arrow(["sample_id", "label", "box.x", "box.y", "box.w", "box.h"])
        ds.fields.add("said", "box", classes=ds.schema.field("ground_truth").classes)
        names = ["sample_id", "label", "x", "y", "w", "h"]
        scores = [0.5, 0.9, 0.95, 0.99, 0.6, 0.97]
        said = [{**row, "score": s} for row, s in zip(rows.rename_columns(names).to_pylist(), scores, strict=True)]
        ds.labels.add("said", said[:-1])

        found = loopline("find", "uncertain", "set", "said", "--count", "2", "--tag", "queue", "--json").document
        assert found["tagged"] == 2
        assert found["columns"] == ["uncertainty"]
        assert ds.where("'queue' in tags").ids().tolist() == sorted(row["id"] for row in found["rows"])
        assert found["rows"][0]["id"] == ids[0]  # the score of 0.5
        told = loopline("find", "disagreement", "set", "ground_truth", "said", "--where", "ground_truth.count() > 0")
        assert "disagreement of said with ground_truth" in told.out
        assert ds.view().values("disagreement").null_count < len(ids)
        assert "samples" in loopline("find", "balance", "set", "ground_truth.label").out

        assert loopline("embed", "set", "--key", "looks").code == 0
        assert loopline("find", "unique", "set", "--json").document["columns"] == ["uniqueness"]
        hard = loopline("find", "hard", "set", 2, "--failures", "width < 50", "--pool", "width > 50", "--json").document
        assert len(hard["rows"]) == 2
        like = loopline("similar", "set", ids[0], "--limit", 3, "--tag", "like", "--json").document
        assert len(like["rows"]) == 3
        assert ds.where("'like' in tags").count() == 3
        assert loopline("find", "map", "set").code == 0


def test_a_tag_for_every_sample_is_wrong_usage(loopline: Loopline) -> None:
    answer = loopline("find", "uncertain", "nothing", "--tag", "all")
    assert answer.code == 2
    assert "--tag needs --count" in answer.err
