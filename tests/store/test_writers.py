"""Several processes write to one data set at once: nothing is lost, nothing is raised."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pyarrow as pa
import pytest

from loopline.store import edits
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.location import locate
from loopline.store.versions import log
from tests.store import worlds
from tests.store.worlds import state

WRITERS = 4


def write(where: str, number: int, edits_each: int, start: float) -> None:
    """By turns: move one box of this writer's own, and add a box that says who added it."""
    with Lake.open(locate(where if "://" in where else Path(where))) as lake:
        time.sleep(max(0.0, start - time.time()))
        for turn in range(edits_each):
            if turn % 2:
                edits.edit_objects(lake, "truth", pa.table({"id": [number], "x": [float(turn)]}))
            else:
                edits.add_objects(lake, "truth", worlds.one_box(0, track_id=number * 10_000 + turn))


def all_write(lake: Lake, edits_each: int) -> None:
    ingest(lake, worlds.events(worlds.paths(WRITERS), 1))
    snapshots = lake.snapshot()
    spawn = multiprocessing.get_context("spawn")
    where = f"{lake.location.url}/{lake.name}" if hasattr(lake.location, "url") else str(lake.location)
    arguments = [(where, number, edits_each, time.time() + 2) for number in range(WRITERS)]
    processes = [spawn.Process(target=write, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * WRITERS
    found = state(lake)["fields"]["truth"]
    assert len(found) == WRITERS + WRITERS * edits_each // 2
    assert {row["track_id"] for row in found.values() if "track_id" in row} == {
        number * 10_000 + turn for number in range(WRITERS) for turn in range(0, edits_each, 2)
    }
    assert [found[number]["x"] for number in range(WRITERS)] == [float(edits_each - 1)] * WRITERS
    assert lake.snapshot() == snapshots + WRITERS * edits_each
    assert len(log(lake)) == lake.snapshot()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_four_processes_with_two_hundred_edits_each_lose_nothing(tmp_path: Path) -> None:
    with worlds.make(tmp_path / "d") as lake:
        all_write(lake, 200)


def test_four_processes_share_a_folder(tmp_path: Path) -> None:
    with worlds.make(tmp_path / "d") as lake:
        all_write(lake, 6)


def test_four_processes_share_a_postgresql_catalog(postgres_database: str, tmp_path: Path) -> None:
    with Lake.create(locate(f"{postgres_database}/team"), data=str(tmp_path / "files")) as lake:
        all_write(lake, 10)
