"""Names for snapshots, what was done, what changed, who did it, and going back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, Conflict, UnknownField, UnknownVersion
from loopline.kernel.schema import Column, LabelField
from loopline.store import edits, reshape, tags, versions
from loopline.store.diff import blame, diff
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.upkeep import upkeep
from tests.store import worlds
from tests.store.worlds import state


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "d") as lake:
        ingest(lake, worlds.events(worlds.paths(3)))
        yield lake


def test_a_snapshot_has_names_and_numbers(lake: Lake) -> None:
    number = lake.snapshot()
    versions.name_version(lake, "v1", message="first")
    versions.name_version(lake, "first-labels", snapshot=number)
    assert versions.resolve(lake, "v1") == versions.resolve(lake, "first-labels") == number
    assert versions.resolve(lake, number) == versions.resolve(lake, str(number)) == number
    assert versions.resolve(lake, "now") == lake.snapshot() == number + 2
    assert [(v.name, v.snapshot, v.message) for v in versions.versions(lake)] == [
        ("v1", number, "first"),
        ("first-labels", number, ""),
    ]
    assert versions.log(lake)[2].names == ("v1", "first-labels")
    versions.drop_version(lake, "v1")
    with pytest.raises(UnknownVersion, match='no version "v1"'):
        versions.resolve(lake, "v1")


def test_names_that_would_confuse_are_refused(lake: Lake) -> None:
    versions.name_version(lake, "v1")
    for name in ("v1", "", " ", " v2", "12", "now", "latest", "a/b", "a@b", "a\nb"):
        with pytest.raises(BadValue):
            versions.name_version(lake, name)
    for unknown in ("v2", 0, -1, 999, str(10**30), "²"):
        with pytest.raises(UnknownVersion):
            versions.resolve(lake, unknown)
    with pytest.raises(UnknownVersion, match='no version "2"'):
        versions.drop_version(lake, "2")


def test_the_log_tells_who_did_what(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPLINE_AUTHOR", "Ada O'Neil")
    edits.delete_objects(lake, "truth", np.array([0]), message="it's wrong")
    entry, *rest = versions.log(lake)
    assert (entry.author, entry.verb, entry.message) == ("Ada O'Neil", "delete objects", "it's wrong")
    assert entry.details == {"field": "truth", "objects": 1}
    assert [e.verb for e in rest] == ["add", "create"]
    assert versions.log(lake, limit=1) == [entry]


def test_a_diff_names_rows_columns_tags_and_schema(lake: Lake) -> None:
    before = lake.snapshot()
    assert not diff(lake, before, before)
    edits.edit_objects(lake, "truth", pa.table({"id": [1, 2], "x": [9.0, 2.0], "label": ["cow", "cat"]}))
    edits.delete_objects(lake, "truth", np.array([5]))
    (new,) = edits.add_objects(lake, "truth", worlds.one_box(0))
    tags.add_tags(lake, "sample", np.array([0]), ["t"])
    reshape.add_column(lake, Column("weather", "text", default="rain"))
    after = lake.snapshot()
    found = diff(lake, before, after)
    assert found.counts() == {
        "before": before,
        "after": after,
        "samples": {"added": 0, "removed": 0, "changed": 3, "columns": {"weather": 3}},
        "fields": {"truth": {"added": 1, "removed": 1, "changed": 1, "columns": {"label": 1, "x": 1}}},
        "tags": {"added": 1, "removed": 0},
        "schema": ["added class truth: cow", "added column weather"],
    }
    rows = found.fields["truth"].rows.to_pylist()
    assert [(r["id"], r["sample_id"], r["change"], sorted(r["columns"])) for r in rows] == [
        (1, 0, "changed", ["label", "x"]), (5, 2, "removed", []), (new, 0, "added", [])]  # fmt: skip
    back = diff(lake, after, before)
    assert back.counts()["fields"]["truth"] == found.counts()["fields"]["truth"]
    assert back.schema == ("removed class truth: cow", "removed column weather")


def test_a_diff_sees_what_the_change_feed_does_not_tell(lake: Lake) -> None:
    reshape.add_column(lake, Column("level", "text"))
    edits.set_column(lake, "level", np.arange(3), ["1", "2", "3"])
    before = lake.snapshot()
    reshape.drop_column(lake, "level")
    reshape.add_column(lake, Column("level", "text"))  # the same name and type, and all values gone
    assert diff(lake, before, lake.snapshot()).samples.columns == {"level": 3}
    versions.restore(lake, before)
    reshape.change_column(lake, Column("level", "int"))
    assert not diff(lake, before, lake.snapshot()).samples
    edits.set_column(lake, "level", np.array([0]), 7)
    reshape.drop_field(lake, "truth")
    reshape.add_field(lake, LabelField("truth", "class"))
    found = diff(lake, before, lake.snapshot())
    assert found.samples.columns == {"level": 1}
    assert (found.fields["truth"].removed, found.fields["truth"].added) == (6, 0)
    assert "changed field truth" in found.schema


def test_a_diff_over_expired_snapshots_is_whole(lake: Lake) -> None:
    import datetime as dt

    versions.name_version(lake, "v1")
    for x in (5.0, 6.0, 7.0):
        edits.edit_objects(lake, "truth", pa.table({"id": [0], "x": [x]}))
    edits.delete_objects(lake, "truth", np.array([1]))
    upkeep(lake, expire_older_than=dt.timedelta(0), grace=dt.timedelta(0))
    found = diff(lake, versions.resolve(lake, "v1"), lake.snapshot()).fields["truth"]
    assert (found.changed, found.removed, found.columns) == (1, 1, {"x": 1})


def test_blame_follows_an_object_through_edit_rename_restore_and_delete(lake: Lake) -> None:
    (key,) = edits.add_objects(lake, "truth", worlds.one_box(0, label="cat"))
    edits.edit_objects(lake, "truth", pa.table({"id": [key], "x": [float("nan")]}), message="by hand")
    old = lake.snapshot()
    reshape.rename_field(lake, "truth", "gold")
    edits.edit_objects(lake, "gold", pa.table({"id": [key], "label": ["dog"]}))
    edits.edit_objects(lake, "gold", pa.table({"id": [0], "label": ["dog"]}))
    versions.restore(lake, old)
    edits.delete_objects(lake, "truth", np.array([key]))
    steps: list[tuple[str, str, Any]] = [(c.verb, c.change, dict(c.values)) for c in blame(lake, "truth", int(key))]
    assert [(verb, change) for verb, change, _ in steps] == [
        ("delete objects", "removed"), ("restore", "changed"), ("edit objects", "changed"), ("edit objects", "changed"), ("add objects", "added")]  # fmt: skip
    assert steps[1][2] == {"label": ("dog", "cat")}
    assert steps[2][2] == {"label": ("cat", "dog")}
    assert list(steps[3][2]) == ["x"]
    assert blame(lake, "truth", int(key))[3].message == "by hand"
    assert [c.change for c in blame(lake, "sample", 0)] == ["added"]
    with pytest.raises(UnknownField, match="never was an object 999"):
        blame(lake, "truth", 999)
    with pytest.raises(UnknownField):
        blame(lake, "nothing", 0)


def test_a_restore_brings_back_fields_columns_types_labels_and_tags(lake: Lake) -> None:
    reshape.add_column(lake, Column("level", "int"))
    edits.set_column(lake, "level", np.arange(3), [1, 2, 3])
    reshape.add_attribute(lake, "truth", Column("size", "int", default=4))
    tags.add_tags(lake, "truth", np.array([0]), ["t"])
    versions.name_version(lake, "v1")
    wanted = state(lake)
    reshape.change_column(lake, Column("level", "text"))
    edits.set_column(lake, "level", np.array([0]), "high")
    reshape.drop_attribute(lake, "truth", "size")
    reshape.add_attribute(lake, "truth", Column("size", "text"))
    tags.remove_tags(lake, "truth", np.array([0]), ["t"])
    tags.add_tags(lake, "truth", np.array([1]), ["u"])
    reshape.add_field(lake, LabelField("more", "class"))
    edits.delete_samples(lake, np.array([0]))
    later = lake.snapshot()
    between = state(lake)
    versions.restore(lake, "v1")
    assert state(lake) == wanted
    reshape.drop_field(lake, "truth")
    versions.restore(lake, "v1")
    assert state(lake) == wanted
    assert state(lake, later) == between
    versions.restore(lake, later)
    assert state(lake) == between
    assert [v.name for v in versions.versions(lake)] == ["v1"]
    assert edits.add_objects(lake, "truth", worlds.one_box(1))[0] not in wanted["fields"]["truth"]


def test_restoring_what_is_makes_no_snapshot(lake: Lake) -> None:
    number = lake.snapshot()
    versions.restore(lake, number)
    assert lake.snapshot() == number


def test_a_restore_starts_again_when_somebody_commits_in_between(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, old = state(lake), lake.snapshot()
    edits.delete_objects(lake, "truth", np.array([0]))
    real, others = versions._prepare, []

    def prepare(*args: Any) -> Any:
        plan = real(*args)
        if len(others) < 2:
            others.append(edits.add_objects(lake, "truth", worlds.one_box(0)))
        return plan

    monkeypatch.setattr(versions, "_prepare", prepare)
    versions.restore(lake, old)
    assert len(others) == 2
    assert state(lake) == wanted

    edits.delete_objects(lake, "truth", np.array([0]))
    monkeypatch.setattr(versions, "RESTORE_TRIES", 2)
    others.clear()
    with pytest.raises(Conflict, match="each of the 2 times"):
        versions.restore(lake, old)
