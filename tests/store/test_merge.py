"""A copy holds what its source holds; a merge follows its stated rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import UnknownField
from loopline.kernel.schema import Column, LabelField
from loopline.store import edits, merge, reshape, tags, versions
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from tests.store import worlds
from tests.store.worlds import state


def content(lake: Lake) -> dict[str, Any]:
    """What a data set says, with paths and places for keys."""
    found = state(lake)
    name = {i: f"{row['root']}/{row['path']}" for i, row in found["samples"].items()}
    order = {field: {i: n for n, i in enumerate(sorted(rows))} for field, rows in found["fields"].items()}
    return {
        "samples": {name[i]: {k: v for k, v in row.items() if k != "id"} for i, row in found["samples"].items()},
        "fields": {
            field: [{**rows[i], "id": 0, "sample_id": name[rows[i]["sample_id"]]} for i in sorted(rows)]
            for field, rows in found["fields"].items()
        },
        "tags": {(o, name[i] if o == "sample" else order[o][i], t) for o, i, t in found["tags"]},
        "schema": found["schema"],
    }


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "source") as lake:
        spec = (
            Column("weather", "text", values=("rain", "sun"), guidance="look up"),
            Column("level", "float", minimum=0),
        )
        extra = {
            "weather": ["rain", None, "sun"],
            "level": [0.0, 0.1 + 0.2, None],
            "content_hash": ["h0", "h1", None],
            "mime": ["image/png"] * 3,
            "size_bytes": [1, 2**40, 3],
            "width": [1, 2, 3],
            "split": ["val", None, "train"],
        }
        ingest(lake, worlds.events(worlds.paths(3), columns=spec, **extra))
        ingest(
            lake,
            worlds.events(
                ["v.mp4"], 0, root="/elsewhere", media=["video"], fps=[29.97], frame_count=[100], duration_s=[3.5]
            ),
        )
        reshape.add_attribute(lake, "truth", Column("hue", "text", values=("red",), default="red"))
        reshape.change_field(lake, "truth", description="by hand", classes=["dog", "cat", "bird"])
        ugly = {
            "mask": b"\x00",
            "polygons": [[0.5, float("nan")], []],
            "score": float("inf"),
            "label": "dog",
            "frame": 7,
        }
        edits.add_objects(lake, "truth", worlds.one_box(2, **ugly))
        reshape.add_field(lake, LabelField("kinds", "class", ("night",), meta={"coco": {"a": [1]}}))
        edits.add_objects(
            lake, "kinds", pa.table({"sample_id": [0, 0], "label": ["night", "night"], "score": [0.5, None]})
        )
        tags.add_tags(lake, "sample", np.array([0, 1]), ["todo", "it's"])
        tags.add_tags(lake, "truth", np.array([1, 6]), ["hard"])
        edits.delete_objects(lake, "truth", np.array([0]))  # keys of the copy differ from here on
        yield lake


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "target") as lake:
        yield lake


def test_a_copy_says_what_its_source_says(source: Lake, target: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "BATCH_ROWS", 2)
    report = ingest(target, merge.events_of(source))
    assert (report.samples_added, report.objects_added, report.tags_added) == (4, {"truth": 6, "kinds": 2}, 6)
    assert content(target) == content(source)
    number = target.snapshot()
    ingest(target, merge.events_of(source))
    assert target.snapshot() == number


def test_a_copy_of_a_snapshot_of_some_samples_and_fields(source: Lake, target: Lake) -> None:
    old = source.snapshot()
    edits.delete_samples(source, np.array([1]))
    reshape.drop_field(source, "kinds")
    ingest(target, merge.events_of(source, old, np.array([0, 1]), ["kinds"]))
    found = content(target)
    assert set(found["samples"]) == {"/pictures/p00000.jpg", "/pictures/p00001.jpg"}
    assert set(found["fields"]) == {"kinds"}
    assert len(found["fields"]["kinds"]) == 2
    with pytest.raises(UnknownField, match='no label field "kinds"'):
        list(merge.events_of(source, None, None, ["kinds"]))


@pytest.mark.parametrize(("same", "objects_of_q"), [("path", 1), ("content", 3)])
def test_a_merge_knows_a_picture_by_its_path_or_by_its_bytes(
    source: Lake, target: Lake, same: Any, objects_of_q: int
) -> None:
    """By path, p00000 is the one that is there. By content q is p00001, and p00000 has other bytes: both stay."""
    ingest(
        target, worlds.events(["p00000.jpg", "q.jpg", "r.jpg", "s.jpg"], 1, content_hash=["other", "h1", None, None])
    )
    report = ingest(target, merge.events_of(source), same=same, existing="append")
    assert report.samples_added == 3
    by_q = [row for row in content(target)["fields"]["truth"] if row["sample_id"].endswith("q.jpg")]
    assert len(by_q) == objects_of_q


def test_labels_that_are_there_are_kept_or_replaced(source: Lake, target: Lake) -> None:
    ingest(target, worlds.events(["p00000.jpg"], 5))
    versions.name_version(target, "v1")
    report = ingest(target, merge.events_of(source))
    assert (report.objects_known, len(content(target)["fields"]["truth"])) == ({"truth": 1}, 10)
    versions.restore(target, "v1")
    ingest(target, merge.events_of(source), existing="replace")
    assert [r["x"] for r in content(target)["fields"]["truth"]] == [r["x"] for r in content(source)["fields"]["truth"]]
