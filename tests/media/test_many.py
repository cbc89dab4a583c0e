from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from loopline.errors import Stopped
from loopline.jobs import StopSignal
from loopline.media import PROBE_SCHEMA, FileStamp, LocalFiles, SqliteProbeCache, probe_many
from tests.media.pictures import encoded, picture


class CountingFiles(LocalFiles):
    """The local disk, counting what is opened."""

    def __init__(self) -> None:
        self.opened = 0
        self._lock = threading.Lock()

    def open(self, path: str):  # type: ignore[no-untyped-def]
        with self._lock:
            self.opened += 1
        return super().open(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 small pictures, old enough to be remembered."""
    data = [encoded("PNG", picture(8 + i, 9)) for i in range(5)]
    (tmp_path / "pictures").mkdir()
    for i in range(300):
        file = tmp_path / "pictures" / f"{i:04}.png"
        file.write_bytes(data[i % 5])
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return tmp_path / "pictures"


def table(batches) -> pa.Table:  # type: ignore[no-untyped-def]
    return pa.Table.from_batches(list(batches), PROBE_SCHEMA)


@pytest.mark.parametrize("workers", [1, 3])
def test_rows_come_in_the_order_of_the_paths(folder: Path, workers: int) -> None:
    paths = sorted(folder.iterdir(), reverse=True)
    batches = list(probe_many(paths, workers=workers, batch_rows=70))
    assert [batch.num_rows for batch in batches] == [70, 70, 70, 70, 20]
    found = table(batches)
    assert found["path"].to_pylist() == [str(path) for path in paths]
    assert found["width"].to_pylist() == [8 + int(path.stem) % 5 for path in paths]
    assert found["error"].null_count == 300


def test_each_unreadable_file_is_named_and_none_stops_the_others(folder: Path) -> None:
    (folder / "0001.png").write_bytes(b"")
    (folder / "0002.png").write_bytes(encoded("JPEG", picture(90, 90))[:1500])
    (folder / "0003.png").unlink()
    found = table(probe_many([folder / f"{i:04}.png" for i in range(6)]))
    assert found["error"].to_pylist() == [
        None,
        "is empty",
        "cut off: no end marker",
        "there is no such file",
        None,
        None,
    ]
    assert found["media"].to_pylist() == ["image", None, None, None, "image", "image"]


def test_progress_is_reported_in_files(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    list(probe_many(sorted(folder.iterdir()), report=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (300, 300)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    list(probe_many(folder.iterdir(), report=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (300, 0)


def test_the_source_is_read_only_a_little_ahead(folder: Path) -> None:
    taken = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            taken += 1
            yield folder / "0000.png"

    stream = probe_many(endless(), workers=2, batch_rows=10)
    next(stream)
    stream.close()
    assert taken < 1000


def test_no_paths_give_no_rows() -> None:
    assert list(probe_many([])) == []


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(name).write_bytes(encoded("PNG"))
    with SqliteProbeCache(tmp_path / "cache.sqlite") as cache:
        found = table(probe_many([name], cache=cache))
    assert found["path"][0].as_py().endswith("caf\\udce9.png")
    assert found["width"][0].as_py() == 40


def test_a_second_run_opens_only_what_changed(folder: Path, tmp_path: Path) -> None:
    paths, files = sorted(folder.iterdir()), CountingFiles()
    with SqliteProbeCache(tmp_path / "cache" / "probe.sqlite") as cache:
        first = table(probe_many(paths, cache=cache, files=files))
        assert files.opened == 300
    (folder / "0007.png").write_bytes(encoded("PNG", picture(77, 7)))
    with SqliteProbeCache(tmp_path / "cache" / "probe.sqlite") as cache:
        second = table(probe_many(paths, cache=cache, files=files))
    assert files.opened == 301
    assert second["width"][7].as_py() == 77
    assert second.slice(8) == first.slice(8)


def test_work_that_was_stopped_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    paths, files, stop = sorted(folder.iterdir()), CountingFiles(), StopSignal()

    def report(done: int, total: int) -> None:
        stop.keep(f"{done} of {total} files are probed", resume="run the same command again")
        if done >= 128:
            stop.request()

    with SqliteProbeCache(tmp_path / "probe.sqlite") as cache:
        with pytest.raises(Stopped, match="128 of 300 files are probed"):
            list(probe_many(paths, workers=1, cache=cache, files=files, report=report, stop=stop.check))
        before = files.opened
        assert before >= 128
        assert table(probe_many(paths, cache=cache, files=files)).num_rows == 300
    assert files.opened == 300


def test_a_probe_without_hash_is_not_an_answer_to_one_with_hash(folder: Path, tmp_path: Path) -> None:
    paths, files = sorted(folder.iterdir())[:3], CountingFiles()
    with SqliteProbeCache(tmp_path / "probe.sqlite") as cache:
        assert table(probe_many(paths, cache=cache, files=files, with_hash=False))["content_hash"].null_count == 3
        assert table(probe_many(paths, cache=cache, files=files))["content_hash"].null_count == 0
        list(probe_many(paths, cache=cache, files=files, with_hash=False))
        assert files.opened == 6


def test_a_file_written_just_now_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "new.png").write_bytes(encoded("PNG"))
    with SqliteProbeCache(tmp_path / "probe.sqlite") as cache:
        list(probe_many([tmp_path / "new.png"], cache=cache))
        assert cache.get([LocalFiles().stamp(str(tmp_path / "new.png"))]) == [None]


def test_a_damaged_cache_begins_anew(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "probe.sqlite"
    file.write_bytes(b"not a database, but long enough to look like something" * 100)
    paths, files = sorted(folder.iterdir())[:10], CountingFiles()
    for opened in (10, 10):
        with SqliteProbeCache(file) as cache:
            assert table(probe_many(paths, cache=cache, files=files)).num_rows == 10
        assert files.opened == opened


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with SqliteProbeCache(tmp_path / "taken") as cache:
        assert table(probe_many(sorted(folder.iterdir())[:3], cache=cache)).num_rows == 3


def test_the_cache_forgets_the_oldest_above_its_limit(tmp_path: Path, folder: Path) -> None:
    paths = [str(path) for path in sorted(folder.iterdir())]
    with SqliteProbeCache(tmp_path / "probe.sqlite", max_rows=100) as cache:
        list(probe_many(paths, workers=1, cache=cache))
    with SqliteProbeCache(tmp_path / "probe.sqlite") as cache:
        known = [found is not None for path in paths for found in cache.get([LocalFiles().stamp(path)])]
    assert known == [False] * 200 + [True] * 100


def test_one_state_of_a_file_is_not_another(tmp_path: Path, folder: Path) -> None:
    path = str(folder / "0000.png")
    with SqliteProbeCache(tmp_path / "probe.sqlite") as cache:
        list(probe_many([path], cache=cache))
        stamp = LocalFiles().stamp(path)
        assert cache.get([stamp])[0] is not None
        assert cache.get([FileStamp(path, stamp.size_bytes, stamp.mtime_ns + 1)]) == [None]
