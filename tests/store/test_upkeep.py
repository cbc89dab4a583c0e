"""Upkeep: fewer files, the same data, and nothing deleted that somebody may want."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, UnknownVersion
from loopline.kernel.schema import Column
from loopline.store import edits, reshape, versions
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
    for table in ("samples", "label__truth"):
        now, once = (
            [f for f in found if table in f.parts and "-delete" not in f.name] for found in (files(lake), there)
        )
        assert len(now) < len(once)
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


def lives_through_foreign_upkeep(lake: Lake) -> None:
    """A data set stays open here while another process alters it, then tidies up."""
    ingest(lake, worlds.events(worlds.paths(3), 1))
    with worlds.reopen(lake) as other:
        reshape.add_attribute(other, "truth", Column("size", "int"))
        edits.edit_objects(other, "truth", pa.table({"id": [0], "size": [4]}))
        numbers = [entry.snapshot for entry in versions.log(lake)]
        before = {s: state(lake, s) for s in numbers}  # this engine has now read of every table there is
        upkeep(other, grace=NOW)
        assert {s: state(lake, s) for s in numbers} == before
        edits.edit_objects(lake, "truth", pa.table({"id": [0], "size": [5]}))
        upkeep(other, grace=NOW)
        assert state(other)["fields"]["truth"][0]["size"] == 5


def test_an_open_data_set_lives_through_the_upkeep_of_another_process(tmp_path: Path) -> None:
    with worlds.make(tmp_path / "e") as lake:
        lives_through_foreign_upkeep(lake)


def test_an_import_and_a_restore_live_through_the_upkeep_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with worlds.make(tmp_path / "e") as lake, worlds.reopen(lake) as other:
        ingest(lake, worlds.events(worlds.paths(3), 1))
        first = lake.snapshot()
        wanted = state(lake)

        def alter_and_tidy(name: str) -> None:
            reshape.add_attribute(other, "truth", Column(name, "int"))
            edits.edit_objects(other, "truth", pa.table({"id": [0], name: [4]}))
            state(lake)
            upkeep(other, grace=NOW)

        def probe(files: pa.Table) -> Iterator[pa.RecordBatch]:
            alter_and_tidy("size")
            yield pa.RecordBatch.from_pylist([{"place": p, "width": 5} for p in files["place"].to_pylist()])

        report = ingest(lake, worlds.events([*worlds.paths(2, 10), "p00010.jpg"], 1), probe=probe)
        assert (report.samples_added, report.objects_added, report.skipped) == (2, {"truth": 2}, 2)

        real, done = versions._prepare, []

        def prepare(*args: Any) -> Any:
            plan = real(*args)
            if not done:
                done.append(alter_and_tidy("extent"))
            return plan

        monkeypatch.setattr(versions, "_prepare", prepare)
        versions.restore(lake, first)
        assert state(lake) == wanted
