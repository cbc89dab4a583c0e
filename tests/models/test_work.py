"""A model over a data set: what is written, what is left out, and what a stop or a kill leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import loopline as ll
from loopline.errors import BadValue, Conflict, ModelError, Stopped, UnknownField
from loopline.jobs import StopSignal
from loopline.models.callable import embedder, predictor
from loopline.models.protocol import Picture
from loopline.models.work import alone
from loopline.runs.records import runs
from tests.models.making import dataset, find_one, finder, mean_colours, pictures

REPOSITORY = Path(__file__).resolve().parents[2]


def widths(ds: ll.Dataset, field: str = "found") -> list[int]:
    return sorted(int(w) for w in ds.objects(field).to_arrow(["w"])["w"].to_pylist())


def test_labels_arrive_in_a_field_of_their_own_with_a_run(tmp_path: Path) -> None:
    ds = dataset(tmp_path)
    report = ds.predict(finder(), "found")
    assert (report.samples, report.rows, report.failed, report.skipped) == (10, 10, 0, 0)
    assert widths(ds) == list(range(10))
    assert ds.schema.field("found").classes == ("it",)
    (run,) = runs(ds.lake)
    assert (run.kind, run.status, run.parameters["target"]) == ("predict", "done", "found")
    assert run.finished_at is not None


def test_a_field_that_is_there_is_not_written_to_unless_asked(tmp_path: Path) -> None:
    ds = dataset(tmp_path)
    ds.predict(finder(), "found")
    with pytest.raises(BadValue, match="resume=True goes on"):
        ds.predict(finder(), "found")
    again = predictor(find_one, classes=["it"], name="another")
    with pytest.raises(BadValue, match="made by find one"):
        ds.predict(again, "found", resume=True, min_score=0.1)
    ds.predict(finder(), "found", replace=True, where="id < 3")
    assert len(widths(ds)) == 3
    ds.fields.add("by_hand", "box")
    for resume in (True, False):
        with pytest.raises(BadValue, match="no model made"):
            ds.predict(finder(), "by_hand", replace=not resume, resume=resume)


def test_a_resume_looks_at_new_samples_only(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 5)
    ds.predict(finder(), "found")
    ds.add(pictures(tmp_path / "pictures", 9))
    report = ds.predict(finder(), "found", resume=True)
    assert (report.samples, report.skipped, report.rows) == (4, 5, 4)
    assert widths(ds) == list(range(9))


def test_what_is_less_sure_than_asked_is_left_out(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 3)
    assert ds.predict(finder(), "found", min_score=0.6).rows == 0


def test_a_stop_keeps_what_was_found_and_a_resume_does_the_rest(tmp_path: Path) -> None:
    ds = dataset(tmp_path)
    stop = StopSignal()

    def until_six(batch: object) -> list[dict[str, list[object]]]:
        rows = find_one(batch)  # type: ignore[arg-type]
        if any(row["w"][0] >= 6 for row in rows):
            stop.request()
        return rows

    model = predictor(until_six, classes=["it"], batch_size=2)
    with pytest.raises(Stopped, match="8 of 10"):
        ds.predict(model, "found", stop=stop)
    assert widths(ds) == list(range(8))
    assert runs(ds.lake)[0].status == "running"
    assert ds.predict(model, "found", resume=True).samples == 2
    assert widths(ds) == list(range(10))
    assert runs(ds.lake)[0].status == "done"


@pytest.mark.parametrize("commit_every_s", [0.0, 60.0])
def test_a_kill_loses_at_most_one_batch_and_nothing_is_there_twice(tmp_path: Path, commit_every_s: float) -> None:
    ds = dataset(tmp_path, 48)
    seen = tmp_path / "seen.txt"
    seen.touch()
    first = predictor(find_one, classes=["it"], name="find one", batch_size=4)
    ds.predict(first, "found", where="id < 0")  # makes the field, so that the child goes on with it
    environment = {
        **os.environ,
        "DATASET": str(tmp_path / "set"),
        "SEEN": str(seen),
        "SLEEP_S": "0.1",
        "COMMIT_EVERY_S": str(commit_every_s),
        "PYTHONPATH": str(REPOSITORY),
    }
    ds.close()
    child = subprocess.Popen([sys.executable, "-m", "tests.models.making"], env=environment, cwd=REPOSITORY)
    end = time.monotonic() + 60
    while len(seen.read_text().split()) < 16 and child.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert 16 <= len(seen.read_text().split()) < 48
    subprocess.run(
        [sys.executable, "-m", "tests.models.making"], env={**environment, "SLEEP_S": "0"}, cwd=REPOSITORY, check=True
    )
    again = ll.open(tmp_path / "set")
    assert widths(again) == list(range(48))
    times = Counter(seen.read_text().split())
    assert set(times) == {str(i) for i in range(48)}
    assert sum(count - 1 for count in times.values()) <= 4


def test_odd_and_broken_pictures_are_named_and_do_not_end_the_run(tmp_path: Path, shared_data: Path) -> None:
    ds = ll.create(tmp_path / "odd")
    ds.add(shared_data / "odd_files")
    shapes = []

    def look(batch: list[np.ndarray]) -> list[dict[str, list[object]]]:
        shapes.extend(rgb.shape[2] for rgb in batch)
        return [{} for _ in batch]

    report = ds.predict(predictor(look, kind="class"), "seen")  # type: ignore[arg-type]
    assert report.failed == sum(report.counts.values()) == len(report.problems)
    assert {Path(p.where).name for p in report.problems} == {"empty.jpg", "text.jpg", "truncated.jpg"}
    assert len(shapes) == report.samples - report.failed
    assert set(shapes) == {3}
    ds.embed(key="look")
    assert len(ds.vectors("look")[0]) == report.samples - report.failed


def test_a_sample_that_is_deleted_while_the_model_runs_does_not_end_the_run(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 6)
    gone = int(ds.view().ids()[1])

    def deletes(batch: object) -> list[dict[str, list[object]]]:
        if gone in ds.view().ids():
            ds.delete([gone])
        return find_one(batch)  # type: ignore[arg-type]

    ds.predict(predictor(deletes, classes=["it"], batch_size=3), "found")
    assert widths(ds) == [0, 2, 3, 4, 5]


def test_two_processes_cannot_fill_one_field(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 2)
    with alone(ds.lake, "found"), pytest.raises(Conflict, match="already"):
        ds.predict(finder(), "found")


def test_an_embedder_cannot_predict_and_the_other_way_round(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 2)
    with pytest.raises(ModelError, match="not labels"):
        ds.predict("histogram", "found")
    with pytest.raises(ModelError, match="no embeddings"):
        ds.embed(finder(), key="k")


def test_a_model_that_fails_says_so_and_leaves_what_was_found(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 6)

    def fails(batch: object) -> list[dict[str, list[object]]]:
        rows = find_one(batch)  # type: ignore[arg-type]
        if rows[0]["w"][0] >= 4:
            raise RuntimeError("out of order")
        return rows

    with pytest.raises(RuntimeError, match="out of order"):
        ds.predict(predictor(fails, classes=["it"], batch_size=2), "found")
    assert widths(ds) == [0, 1, 2, 3]


def test_samples_get_vectors_that_stay_until_replaced(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 5)
    model = embedder(mean_colours, dimension=3, name="means")
    report = ds.embed(model, key="means", where="id >= 2")
    assert (report.rows, report.samples) == (3, 3)
    ids, matrix = ds.vectors("means")
    assert np.allclose(matrix[:, 0] * 255, ids - ds.view().ids()[0], atol=0.3)
    with pytest.raises(BadValue, match="resume=True"):
        ds.embed(model, key="means")
    assert ds.embed(model, key="means", resume=True).samples == 2
    assert len(ds.vectors("means")[0]) == 5
    (found,) = ds.embeddings()
    assert (found.model, found.dimension, found.owner) == ("means", 3, "sample")
    ds.embed(key="means", replace=True)
    assert ds.embeddings()[0].model == "histogram"
    ds.drop_embedding("means")
    with pytest.raises(UnknownField):
        ds.vectors("means")


def test_objects_get_vectors_of_the_pixels_under_them(tmp_path: Path) -> None:
    ds = dataset(tmp_path, 3)
    ds.predict(finder(), "found", where="id > 0")  # the first picture's box has no width
    model = embedder(mean_colours, dimension=3, name="means")
    report = ds.embed(model, key="parts", field="found")
    ids, matrix = ds.vectors("parts")
    assert ids.tolist() == sorted(ds.objects("found").ids().tolist())
    assert np.allclose(matrix[:, 1], 100 / 255, atol=0.01)
    assert report.rows == len(ids)
    assert ds.embed(model, key="parts", field="found", resume=True).rows == 0


def test_a_function_that_answers_wrongly_is_told_what_is_wanted() -> None:
    picture = Picture(np.zeros((4, 4, 3), np.uint8), 4, 4)
    short = predictor(lambda batch: [], name="short")
    with pytest.raises(ModelError, match="0 answers for 1"):
        short.predict([short.prepare(picture)])
    odd = predictor(lambda batch: [{"width": [1]}], name="odd")
    with pytest.raises(ModelError, match="not those of a label"):
        odd.predict([odd.prepare(picture)])
