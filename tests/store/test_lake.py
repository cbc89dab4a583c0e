"""Opening a data set, changing it in one step, and sharing it with threads, forks and other processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from loopline.errors import BadValue, Conflict, DatasetExists, DatasetNotFound, MissingDependency, StoreError
from loopline.kernel.schema import LabelField
from loopline.store import edits, engines, extensions, patience, tables, tags, versions
from loopline.store import lake as lakes
from loopline.store.ingest import ingest
from loopline.store.lake import Lake, Transaction, spill_folder
from loopline.store.location import locate
from tests.store import worlds
from tests.store.worlds import state


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with worlds.make(tmp_path / "d") as lake:
        ingest(lake, worlds.events(worlds.paths(3)))
        yield lake


def test_what_was_created_opens_and_holds_what_was_put_in(lake: Lake) -> None:
    with worlds.reopen(lake) as again:
        assert state(again) == state(lake)
        assert len(state(again)["samples"]) == 3


def test_creating_twice_is_refused(lake: Lake) -> None:
    with pytest.raises(DatasetExists, match="already"):
        Lake.create(lake.location)
    assert len(state(lake)["samples"]) == 3


def test_opening_nothing_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match='no data set "d"'):
        Lake.open(locate(tmp_path / "d"))
    assert not (tmp_path / "d").exists()


def test_a_file_is_not_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    with pytest.raises(StoreError, match="this is a file"):
        Lake.create(locate(tmp_path / "d"))


def test_a_catalog_that_is_something_else_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError) as caught:
        Lake.open(locate(folder))
    assert str(folder) in str(caught.value)


def test_a_create_that_was_killed_half_way_can_be_done_again(tmp_path: Path) -> None:
    location = locate(tmp_path / "d")
    location.folder.mkdir()
    half = Lake(location, data=location.default_data, create=True)  # the catalog is there, the tables are not
    half.close()
    with pytest.raises(DatasetNotFound):
        Lake.open(location)
    with Lake.create(location) as lake:
        assert lake.schema().fields == ()


def test_files_of_something_else_are_not_taken_for_a_data_sets_own(tmp_path: Path) -> None:
    files = tmp_path / "files" / "d"
    files.mkdir(parents=True)
    (files / "mine.parquet").write_text("precious")
    with pytest.raises(StoreError, match="not empty"):
        Lake.create(locate(tmp_path / "d"), data=str(tmp_path / "files"))
    assert (files / "mine.parquet").exists()


def test_two_data_sets_share_a_place_for_their_files_without_meeting(tmp_path: Path) -> None:
    shared = str(tmp_path / "files")
    with Lake.create(locate(tmp_path / "a"), data=shared) as a, Lake.create(locate(tmp_path / "b"), data=shared) as b:
        for lake in (a, b):
            ingest(lake, worlds.events(worlds.paths(100)))
        assert {p.name for p in (tmp_path / "files").iterdir()} == {"a", "b"}


@pytest.mark.parametrize("rows", [3, 100])
def test_a_moved_folder_opens_and_takes_more(tmp_path: Path, rows: int) -> None:
    with worlds.make(tmp_path / "old") as lake:
        ingest(lake, worlds.events(worlds.paths(rows)))
        before = state(lake)
    shutil.move(tmp_path / "old", tmp_path / "new")
    with Lake.open(locate(tmp_path / "new")) as lake:
        assert state(lake) == before
        ingest(lake, worlds.events(worlds.paths(200, 1000)))
        assert len(state(lake)["samples"]) == rows + 200
    assert not (tmp_path / "old").exists()


def test_without_the_wheel_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_spare", [])
    monkeypatch.setattr(extensions, "wheel_file", lambda name: None)
    monkeypatch.setenv("HOME", str(tmp_path))  # where the engine keeps extensions of its own
    with pytest.raises(MissingDependency) as caught:
        worlds.make(tmp_path / "d")
    assert f"pip install 'duckdb-extension-ducklake=={duckdb.__version__}'" in str(caught.value)


def test_without_an_optional_wheel_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_spare", [])
    monkeypatch.setattr(extensions, "wheel_file", lambda name: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        duckdb.connect(config={"autoinstall_known_extensions": "false"}) as con,
        pytest.raises(MissingDependency) as caught,
    ):
        extensions.load(con, "httpfs")
    assert "pip install 'loopline[team]'" in str(caught.value)


def test_a_tampered_extension_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = extensions.wheel_file("sqlite_scanner")
    assert real is not None
    changed = bytearray(real.read_bytes())
    changed[len(changed) // 2] ^= 1
    fake = tmp_path / "sqlite_scanner.duckdb_extension"
    fake.write_bytes(changed)
    monkeypatch.setattr(extensions, "wheel_file", lambda name: fake)
    with duckdb.connect() as con, pytest.raises(MissingDependency, match="does not load"):
        extensions.load(con, "sqlite_scanner")


# -- one verb, one snapshot


def test_an_exception_in_a_verb_leaves_nothing_behind(lake: Lake) -> None:
    before, number = state(lake), lake.snapshot()

    def body(tx: Transaction) -> None:
        tx.reserve("sample", 5)
        tx.execute("DELETE FROM lake.samples")
        tables.add_field(tx, LabelField("more", "class"))
        assert tx.schema().has_field("more")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        lake.commit("break", body)
    assert (state(lake), lake.snapshot()) == (before, number)
    assert edits.delete_samples(lake, np.array([0])) == 1


def test_a_verb_that_changes_nothing_makes_no_snapshot(lake: Lake) -> None:
    number = lake.snapshot()
    lake.commit("look", lambda tx: tx.schema())
    assert edits.delete_objects(lake, "truth", np.array([10**9])) == 0
    assert tags.remove_tags(lake, "sample", np.array([0]), ["none"]) == 0
    assert lake.snapshot() == number


def test_the_schema_of_a_snapshot_is_not_mixed_up_with_what_another_process_made_of_it(lake: Lake) -> None:
    with worlds.reopen(lake) as other:
        number = lake.snapshot()
        lake.commit("look", lambda tx: None)
        other.commit("field", lambda tx: tables.add_field(tx, LabelField("more", "class")))
        lake.commit("look", lambda tx: None)
        assert not lake.schema(number).has_field("more")
        assert lake.schema().has_field("more")


def test_two_lakes_in_one_process_see_each_others_work(lake: Lake) -> None:
    with worlds.reopen(lake) as other:
        edits.add_objects(other, "truth", worlds.one_box(0, label="cow"))
        assert "cow" in lake.schema().field("truth").classes
        edits.add_objects(lake, "truth", worlds.one_box(1))
        assert state(other) == state(lake)
        assert len(worlds.object_ids(lake)) == 8


def test_one_engine_serves_several_data_sets_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (2, 3):
        with worlds.make(tmp_path / f"set{count}") as made:
            ingest(made, worlds.events(worlds.paths(count)))
    starts = []
    monkeypatch.setattr(engines, "start", lambda *told: starts.append(told))
    for count in (2, 3, 2):
        with Lake.open(locate(tmp_path / f"set{count}")) as lake:
            assert len(worlds.state(lake)["samples"]) == count
    with pytest.raises(DatasetNotFound):
        Lake.open(locate(tmp_path / "none"))
    with Lake.open(locate(tmp_path / "set3")) as lake:
        assert len(worlds.state(lake)["samples"]) == 3
    assert starts == []


def test_a_cursor_never_finds_itself_in_another_data_set(tmp_path: Path) -> None:
    one, two = worlds.make(tmp_path / "one"), worlds.make(tmp_path / "two")
    ingest(two, worlds.events(worlds.paths(3)))
    two.close()
    cursor = one.cursor()
    one.close()
    with Lake.open(locate(tmp_path / "two")):
        with pytest.raises(duckdb.ConnectionException, match="closed"):
            cursor.execute("FROM lake.samples")
        with pytest.raises(duckdb.ConnectionException, match="closed"):
            one.cursor()


def test_an_engine_that_has_spilled_is_not_used_again(tmp_path: Path) -> None:
    with worlds.make(tmp_path / "one") as lake, lake.reading() as con:
        con.execute("SET memory_limit = '40MB'")
        con.execute("CREATE TEMP TABLE big AS SELECT i, random() AS r FROM range(8000000) t(i)")
        assert list(spill_folder(lake).rglob("*"))
    with worlds.make(tmp_path / "two") as lake, lake.reading() as con:
        assert con.execute("SELECT current_setting('temp_directory')").fetchone() == (
            str(spill_folder(lake) / "engine-0"),
        )


def test_a_conflict_is_tried_again_and_then_given_up(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def body(tx: Transaction) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise duckdb.TransactionException("Transaction conflict: made up")
        return "done"

    monkeypatch.setattr(patience.time, "sleep", lambda s: None)
    assert lake.commit("try", body) == "done"
    assert len(tries) == 3
    tries[:] = [0] * -(10**6)
    monkeypatch.setattr(patience, "RETRIES", 2)
    tries.clear()
    with pytest.raises(Conflict, match="gave up on try after 2 tries"):
        lake.commit("try", body)


def test_a_lock_that_is_held_too_long_is_an_error_that_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakes, "LOCK_TIMEOUT_S", 0.05)
    with worlds.reopen(lake) as other, other.exclusive(), pytest.raises(Conflict, match="another writer"):
        lake.commit("wait", lambda tx: None)


# -- keys


def _reserve(where: str, count: int, results: multiprocessing.Queue[list[int]]) -> None:
    with Lake.open(locate(Path(where))) as lake:
        results.put([lake.commit("keys", lambda tx: tx.reserve("object", 2)) for _ in range(count)])


def test_no_key_is_given_twice_across_processes(lake: Lake) -> None:
    spawn = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[int]] = spawn.Queue()
    workers = [spawn.Process(target=_reserve, args=(str(lake.location), 20, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    firsts = [first for _ in workers for first in results.get(timeout=120)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    keys = [k for first in firsts for k in (first, first + 1)]
    keys.append(lake.commit("keys", lambda tx: tx.reserve("object", 1)))
    many = lake.commit("keys", lambda tx: tx.reserve("object", 1_000))
    keys += range(many, many + 1_000)
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(worlds.object_ids(lake))


def test_keys_of_a_verb_that_failed_are_not_lost_to_another_one(lake: Lake) -> None:
    def fail(tx: Transaction) -> None:
        tx.reserve("object", 3)
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            lake.commit("keys", fail)
        ids = edits.add_objects(lake, "truth", worlds.one_box(0))
    assert len(set(worlds.object_ids(lake))) == 8
    assert ids[0] == max(worlds.object_ids(lake))


# -- threads, forks, clocks


def test_threads_read_whole_verbs_while_one_writes(lake: Lake) -> None:
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            with lake.reading() as con:
                try:
                    odd = con.execute("SELECT count(*) % 2 FROM lake.label__truth").fetchone()
                except Exception as error:
                    wrong.append(error)
                    return
                if odd != (0,):
                    wrong.append(odd)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    two = pa.concat_tables([worlds.one_box(0), worlds.one_box(1)])
    for _ in range(10):
        edits.add_objects(lake, "truth", two)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(worlds.object_ids(lake)) == 26


def test_threads_write_at_once(lake: Lake) -> None:
    def write() -> None:
        for _ in range(5):
            edits.add_objects(lake, "truth", worlds.one_box(0))

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(worlds.object_ids(lake)) == 6 + 15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_reads_and_writes_on_its_own_connection(lake: Lake) -> None:
    edits.add_objects(lake, "truth", worlds.one_box(0))  # leaves spare keys to the parent, not to the child
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if len(worlds.object_ids(lake)) == 7:
                edits.add_objects(lake, "truth", worlds.one_box(1))
                lake.close()
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    edits.add_objects(lake, "truth", worlds.one_box(2))
    assert len(worlds.object_ids(lake)) == 9


def test_times_are_utc_wherever_the_process_runs(tmp_path: Path) -> None:
    code = (
        "import datetime as dt, sys; from pathlib import Path; from tests.store import worlds\n"
        "from loopline.store import versions; from loopline.store.ingest import ingest\n"
        "lake = worlds.make(Path(sys.argv[1])); ingest(lake, worlds.events(['a.jpg']))\n"
        "versions.name_version(lake, 'v'); now = dt.datetime.now(dt.UTC).replace(tzinfo=None)\n"
        "times = [versions.log(lake)[0].at, versions.versions(lake)[0].at, worlds.state(lake)['samples'][0]['created_at']]\n"
        "assert all(abs(t - now) < dt.timedelta(minutes=1) for t in times), times\n"
    )
    done = worlds.run_python(code, str(tmp_path / "d"), TZ="America/New_York")
    assert done.returncode == 0, done.stderr


def test_the_spill_folder_is_this_lakes_alone_and_goes_with_it(lake: Lake) -> None:
    with worlds.reopen(lake) as other:
        assert lakes.spill_folder(other) != lakes.spill_folder(lake)
        spill = lakes.spill_folder(other)
        spill.mkdir(parents=True, exist_ok=True)
    assert not spill.exists()


def test_names_of_versions_survive_reopening(lake: Lake) -> None:
    versions.name_version(lake, "first labels")
    with worlds.reopen(lake) as again:
        assert versions.resolve(again, "first labels") == lake.snapshot() - 1
        with pytest.raises(BadValue, match="already"):
            versions.name_version(again, "first labels")
