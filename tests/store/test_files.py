"""Tables that are plain Parquet files are read past the catalog, and only those; what is read is always the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loopline.kernel.schema import Column
from loopline.store import edits, reshape, tags
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.upkeep import upkeep
from tests.store import worlds
from tests.store.worlds import events, make, object_ids, one_box, paths, sample_ids, state

TRUTH = "label__truth"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with make(tmp_path / "set") as lake:
        ingest(lake, events(paths(70), 2))
        yield lake


def is_direct(lake: Lake, table: str, snapshot: int | None = None) -> bool:
    at = lake.snapshot() if snapshot is None else snapshot
    lake.table(table, at)
    return "read_parquet" in lake.table(table, at)


def test_tables_fresh_from_an_import_are_read_from_their_files(lake: Lake) -> None:
    assert is_direct(lake, "samples")
    assert is_direct(lake, TRUTH)
    assert not is_direct(lake, "tag")  # has no file
    assert state(lake)["samples"].keys() == set(range(70))


def test_a_table_asked_for_once_is_the_catalogs_to_read(lake: Lake) -> None:
    at = lake.snapshot()
    assert "read_parquet" not in lake.table("samples", at)
    assert "read_parquet" in lake.table("samples", at)
    tags.add_tags(lake, "sample", np.array([1, 2]), ["night"])
    assert "read_parquet" not in lake.table("samples", at)  # upkeep may have come in between


def test_a_change_of_one_object_is_seen_at_once_and_the_past_stays(lake: Lake) -> None:
    before, was = lake.snapshot(), state(lake)
    first = object_ids(lake)[0]
    edits.edit_objects(lake, "truth", pa.table({"id": [first], "label": ["dog"]}))
    assert state(lake)["fields"]["truth"][first]["label"] == "dog"
    assert not is_direct(lake, TRUTH)
    assert is_direct(lake, "samples")
    assert is_direct(lake, TRUTH, before)
    assert state(lake, before) == was


def test_objects_added_or_deleted_singly_are_counted(lake: Lake) -> None:
    edits.add_objects(lake, "truth", one_box(3, label="cat"))
    assert len(state(lake)["fields"]["truth"]) == 141
    edits.delete_objects(lake, "truth", np.array(object_ids(lake)[:2]))
    assert len(state(lake)["fields"]["truth"]) == 139
    assert not is_direct(lake, TRUTH)


def test_many_deletions_make_a_file_of_their_own_which_counts(lake: Lake) -> None:
    edits.delete_samples(lake, np.array(sorted(sample_ids(lake).values())[:10]))
    assert not is_direct(lake, "samples")
    assert len(state(lake)["samples"]) == 60


def test_upkeep_makes_plain_files_again(lake: Lake) -> None:
    edits.add_objects(lake, "truth", one_box(3, label="cat"))
    tags.add_tags(lake, "sample", np.array([1, 2]), ["night"])
    was = state(lake)
    before = lake.snapshot()
    upkeep(lake)
    assert is_direct(lake, TRUTH)
    assert is_direct(lake, "tag")
    assert state(lake) == was
    assert state(lake, before) == was


def test_a_merged_file_holds_rows_of_several_snapshots_and_each_shows_its_own(lake: Lake) -> None:
    early, was = lake.snapshot(), state(lake)
    for i in range(1, 4):
        ingest(lake, events(paths(70, 70 * i), 2))
    upkeep(lake)
    assert len(state(lake)["samples"]) == 280
    assert is_direct(lake, "samples")
    assert not is_direct(lake, "samples", early)
    assert state(lake, early) == was


def test_columns_that_came_went_or_were_renamed_since_are_the_catalogs_to_read(lake: Lake) -> None:
    past = [(lake.snapshot(), state(lake))]
    reshape.add_attribute(lake, "truth", Column("colour", "text"))
    assert not is_direct(lake, TRUTH)
    past.append((lake.snapshot(), state(lake)))
    reshape.rename_attribute(lake, "truth", "colour", "paint")
    past.append((lake.snapshot(), state(lake)))
    edits.edit_objects(lake, "truth", pa.table({"id": object_ids(lake), "paint": ["red"] * 140}))
    past.append((lake.snapshot(), state(lake)))
    reshape.drop_attribute(lake, "truth", "paint")
    reshape.add_attribute(lake, "truth", Column("paint", "text"))  # another column of the same name
    now = state(lake)
    assert all("paint" not in row for row in now["fields"]["truth"].values())
    for snapshot, was in past:
        assert state(lake, snapshot) == was


def test_a_column_without_a_value_is_not_read_until_it_has_one(lake: Lake) -> None:
    at = lake.snapshot()
    lake.table(TRUTH, at)
    assert 'CAST(NULL AS BIGINT) AS "track_id"' in lake.table(TRUTH, at)
    ingest(lake, events(paths(70, 70), 1))
    edits.edit_objects(lake, "truth", pa.table({"id": object_ids(lake), "track_id": [7] * 210}))
    upkeep(lake)
    assert is_direct(lake, TRUTH)
    assert {row["track_id"] for row in state(lake)["fields"]["truth"].values()} == {7}


def test_what_another_process_commits_is_read(lake: Lake) -> None:
    assert is_direct(lake, TRUTH)
    with worlds.reopen(lake) as other:
        edits.delete_objects(other, "truth", np.array(object_ids(other)[:1]))
    assert not is_direct(lake, TRUTH)
    with worlds.reopen(lake) as other:
        upkeep(other, expire_older_than=dt.timedelta(0), grace=dt.timedelta(0))
        upkeep(other, grace=dt.timedelta(0))  # deletes the files that were read
    assert len(state(lake)["fields"]["truth"]) == 139


def test_a_folder_whose_name_looks_like_a_pattern_of_files_is_read(tmp_path: Path) -> None:
    odd = make(tmp_path / "it's [a] year=2026*")
    ingest(odd, events(paths(3), 2))
    assert state(odd)["samples"].keys() == {0, 1, 2}
    hive = make(tmp_path / "x=1")
    ingest(hive, events(paths(3), 2))
    assert is_direct(hive, "samples")
    assert "x" not in worlds.columns_of(hive, "samples")
