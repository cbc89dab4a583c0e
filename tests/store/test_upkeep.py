"""Upkeep: fewer files, the same data, and nothing deleted that somebody may want."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, UnknownVersion
from loopline.store import edits, versions
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.upkeep import upkeep
from tests.store import worlds
from tests.store.worlds import state

NOW = dt.timedelta(0)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "d") as lake:
        for part in range(3):
            ingest(lake, worlds.events(worlds.paths(100, part * 100), 1))
        for x in range(3):
            edits.edit_objects(lake, "truth", pa.table({"id": [x], "x": [x + 0.25]}))
        yield lake


def files(lake: Lake) -> set[Path]:
    return set(Path(str(lake.location), "data").rglob("*.parquet"))


def age(file: Path, hours: float) -> None:
    at = time.time() - hours * 3600
    os.utime(file, (at, at))


def test_a_dry_run_changes_nothing_and_says_what_a_run_does(lake: Lake) -> None:
    before, there, number = state(lake), files(lake), lake.snapshot()
    said = upkeep(lake, dry_run=True, expire_older_than=dt.timedelta(days=1))
    assert (state(lake), files(lake), lake.snapshot()) == (before, there, number)
    assert said.rows_moved > 0
    assert said.files_merged >= 4
    did = upkeep(lake, expire_older_than=dt.timedelta(days=1))
    assert replace(did, dry_run=True, files_waiting=0) == said
    assert did.files_waiting >= did.files_merged


def test_files_grow_fewer_and_every_snapshot_stays_as_it_was(lake: Lake) -> None:
    snapshots = [entry.snapshot for entry in versions.log(lake)]
    before = {s: state(lake, s) for s in snapshots}
    there = files(lake)
    report = upkeep(lake, grace=NOW)
    assert report.files_deleted > 0
    assert len(files(lake)) < len(there)
    assert {s: state(lake, s) for s in snapshots} == before
    assert upkeep(lake, grace=NOW, dry_run=True) == replace(
        report, dry_run=True, rows_moved=0, files_merged=0, files_deleted=0, files_waiting=0
    )


def test_superfluous_files_stay_a_while_for_those_who_read_them(lake: Lake) -> None:
    there = files(lake)
    report = upkeep(lake)
    assert report.files_deleted == 0
    assert there <= files(lake)
    assert upkeep(lake).files_waiting >= report.files_waiting > 0
    assert upkeep(lake, grace=NOW).files_deleted >= report.files_waiting
    assert not there <= files(lake)


def test_named_versions_survive_and_the_rest_is_forgotten(lake: Lake) -> None:
    versions.name_version(lake, "v1")
    named = versions.resolve(lake, "v1")
    wanted = state(lake, named)
    edits.delete_samples(lake, np.arange(100))
    now = state(lake)
    edits_before = lake.snapshot()
    said = upkeep(lake, expire_older_than=NOW, dry_run=True)
    did = upkeep(lake, expire_older_than=NOW, grace=NOW)
    assert did.snapshots_expired == said.snapshots_expired == edits_before - 1
    assert state(lake, named) == wanted
    assert state(lake) == now
    with pytest.raises(UnknownVersion, match="no snapshot 3"):
        versions.resolve(lake, 3)
    versions.restore(lake, "v1")
    assert state(lake) == wanted
    assert upkeep(lake, expire_older_than=dt.timedelta(days=1)).snapshots_expired == 0


def test_the_files_of_a_killed_writer_go_after_a_day_and_not_before(lake: Lake) -> None:
    folder = next(iter(files(lake))).parent
    fresh, old, other = (folder / name for name in ("ducklake-fresh.parquet", "ducklake-old.parquet", "notes.txt"))
    for file in (fresh, old, other):
        file.write_bytes(b"half a file")
    age(fresh, 22)
    age(old, 26)
    age(other, 1000)
    known = files(lake)
    for file in known - {fresh, old}:
        age(file, 1000)  # what the catalog knows stays, however old
    before = state(lake)
    assert upkeep(lake, dry_run=True).files_deleted == 1
    assert old.exists()
    assert upkeep(lake).files_deleted == 1
    assert (fresh.exists(), old.exists(), other.exists()) == (True, False, True)
    assert state(lake) == before


def test_intermediate_files_of_killed_processes_go_after_a_day(lake: Lake) -> None:
    spill = lake.location.cache / "spill"
    for name, hours in (("1-old", 30), ("2-fresh", 1)):
        (spill / name).mkdir(parents=True)
        age(spill / name, hours)
    upkeep(lake)
    assert not (spill / "1-old").exists()
    assert (spill / "2-fresh").exists()


def test_an_age_is_not_negative(lake: Lake) -> None:
    with pytest.raises(BadValue, match="negative"):
        upkeep(lake, expire_older_than=dt.timedelta(days=-1))
