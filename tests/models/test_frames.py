"""A model over videos: frame by frame, broken off and gone on with; and what moved boxes mean for vectors."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import loopline as ll
from loopline.cli import run
from loopline.errors import BadValue, MediaError, Stopped
from loopline.jobs import StopSignal
from loopline.media.video_frames import video_frames
from loopline.models.callable import FunctionPredictor, embedder, predictor
from loopline.models.items import box_marks
from loopline.runs.records import runs
from loopline.store import edits
from tests.models.making import mean_colours

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames, lossless: frame i has the grey 16 + 10 i."""
    folder = tmp_path_factory.mktemp("film")
    for i in range(12):
        Image.new("RGB", (32, 24), (16 + 10 * i,) * 3).save(folder / f"{i:02}.png")
    command = ["ffmpeg", "-v", "error", "-framerate", "5", "-i", str(folder / "%02d.png"), "-c:v", "ffv1"]
    subprocess.run([*command, "-pix_fmt", "bgr0", str(folder / "film.mkv")], check=True)
    return folder / "film.mkv"


@pytest.fixture
def ds(tmp_path: Path, film: Path) -> ll.Dataset:
    """A picture, the film, and another picture."""
    (tmp_path / "media").mkdir()
    for name in ("a", "z"):
        Image.new("RGB", (32, 24), (200, 200, 200)).save(tmp_path / "media" / f"{name}.png")
    shutil.copy(film, tmp_path / "media" / "film.mkv")
    made = ll.create(str(tmp_path / "set"))
    made.add(tmp_path / "media")
    return made


def greys(stop: StopSignal | None = None, at: int = -1) -> FunctionPredictor:
    """A box for each picture, as wide as it is grey; a stop is asked for when the grey `at` has been seen."""

    def look(batch: list[np.ndarray]) -> list[dict[str, list[object]]]:
        seen = [int(rgb[5, 5, 0]) for rgb in batch]
        if stop is not None and at in seen:
            stop.request()
        return [{"label": ["it"], "score": [0.5], "x": [0.0], "y": [0.0], "w": [float(g)], "h": [1.0]} for g in seen]

    return predictor(look, classes=["it"], name="greys", batch_size=4)  # type: ignore[arg-type]


def found(ds: ll.Dataset) -> list[tuple[int, int]]:
    """(frame, width) of the film's boxes, as they are stored."""
    rows = ds.objects("seen").to_arrow(["frame", "w", "sample.media"]).to_pylist()
    return [(row["frame"], round(row["w"])) for row in rows if row["sample.media"] == "video"]


@needs_ffmpeg
def test_each_frame_of_a_video_is_looked_at_and_its_labels_say_which(ds: ll.Dataset) -> None:
    report = ds.predict(greys(), "seen")
    assert (report.samples, report.frames, report.pictures, report.rows) == (3, 12, 14, 14)
    assert found(ds) == [(i, 16 + 10 * i) for i in range(12)]
    others = ds.objects("seen").where("frame is None").to_arrow(["w"])
    assert others["w"].to_pylist() == [200, 200]
    assert ds.predict(greys(), "seen", resume=True).samples == 0


@needs_ffmpeg
def test_every_fifth_frame_or_no_video_at_all(ds: ll.Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    ds.predict(greys(), "seen", every=5)
    assert found(ds) == [(0, 16), (5, 66), (10, 116)]
    report = ds.predict(greys(), "seen", every=0, replace=True)
    assert (report.samples, report.failed, report.frames) == (3, 1, 0)
    assert "is a video" in report.problems[0].what
    with pytest.raises(BadValue, match="leave videos out"):
        ds.predict(greys(), "seen", every=-1, replace=True)
    assert run(["predict", "--help"]) == 0
    assert "--every" in capfd.readouterr().out


@needs_ffmpeg
@pytest.mark.parametrize("at", [16, 106])
def test_a_stop_inside_a_video_keeps_its_frames_and_a_resume_goes_on_after_them(ds: ll.Dataset, at: int) -> None:
    stop = StopSignal()
    with pytest.raises(Stopped):
        ds.predict(greys(stop, at), "seen", stop=stop)
    kept = found(ds)
    assert (at - 16) // 10 < len(kept) + 1
    report = ds.predict(greys(), "seen", resume=True)
    assert found(ds) == [(i, 16 + 10 * i) for i in range(12)]
    assert report.frames == 12 - len(kept)
    assert runs(ds.lake)[0].status == "done"


@needs_ffmpeg
def test_a_video_that_breaks_off_keeps_its_frames_once_when_it_is_mended(ds: ll.Dataset, tmp_path: Path) -> None:
    for i in range(12):  # noise below, so that a frame is more than the bytes that are broken
        pixels = np.random.default_rng(i).integers(0, 255, (24, 32, 3), np.uint8)
        pixels[:12] = 16 + 10 * i
        Image.fromarray(pixels).save(tmp_path / f"{i:02}.png")
    film, whole = tmp_path / "media" / "film.mkv", tmp_path / "whole.mkv"
    command = ["ffmpeg", "-v", "error", "-framerate", "5", "-i", str(tmp_path / "%02d.png"), "-c:v", "png"]
    subprocess.run([*command, str(whole)], check=True)
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    film.write_bytes(content)
    report = ds.predict(greys(), "seen")
    kept = len(found(ds))
    assert 0 < kept < 12
    assert (report.failed, report.frames) == (1, kept)
    assert ds.predict(greys(), "seen", resume=True).frames == 0
    shutil.copy(whole, film)
    assert ds.predict(greys(), "seen", resume=True).frames == 12 - kept
    assert found(ds) == [(i, 16 + 10 * i) for i in range(12)]


@needs_ffmpeg
def test_a_video_that_is_shorter_than_it_was_has_nothing_more(ds: ll.Dataset, tmp_path: Path, film: Path) -> None:
    stop = StopSignal()
    with pytest.raises(Stopped):
        ds.predict(greys(stop, 106), "seen", stop=stop)
    kept = found(ds)
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(film), "-frames:v", "2", "-c:v", "ffv1"]
    subprocess.run([*command, str(tmp_path / "media" / "film.mkv")], check=True)
    assert ds.predict(greys(), "seen", resume=True).frames == 0
    assert found(ds) == kept


@needs_ffmpeg
def test_a_run_that_was_kept_before_there_were_frames_goes_on(ds: ll.Dataset) -> None:
    ds.predict(greys(), "seen", where="media == 'image'")
    ds.lake.commit("old", lambda tx: tx.execute(f"ALTER TABLE {tx.table('run_seen')} DROP COLUMN frame"))
    report = ds.predict(greys(), "seen", resume=True)
    assert (report.samples, report.frames) == (1, 12)
    assert len(found(ds)) == 12


@needs_ffmpeg
def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be decoded"):
        list(video_frames(str(Path(__file__))))


@needs_ffmpeg
def test_frames_have_the_colours_that_another_decoder_saw(shared_data: Path) -> None:
    name = "car-detection.mp4"
    facts = json.loads((shared_data / "videos" / "expected_video_facts.json").read_text())[name]
    seen = list(video_frames(str(shared_data / "videos" / name), every=50))
    assert [number for number, _ in seen] == [row[0] for row in facts["mean_rgb_every_50_frames"]]
    for (_, rgb), row in zip(seen, facts["mean_rgb_every_50_frames"], strict=True):
        assert rgb.shape == (facts["height"], facts["width"], 3)
        assert rgb.mean(axis=(0, 1)) == pytest.approx(row[1:], abs=2)


def test_a_box_that_moved_gets_a_new_vector_and_the_others_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    picture = Image.new("RGB", (40, 20), (255, 0, 0))
    picture.paste((0, 0, 255), (20, 0, 40, 20))
    picture.save(tmp_path / "media" / "a.png")
    ds = ll.create(str(tmp_path / "set"))
    ds.add(tmp_path / "media")
    ds.fields.add("parts", "box")
    sample = int(ds.view().ids()[0])
    rows = {"sample_id": [sample] * 2, "x": [0.0, 2.0], "y": [0.0, 2.0], "w": [10.0, 8.0], "h": [10.0, 8.0]}
    _, moved = edits.add_objects(ds.lake, "parts", pa.table(rows)).tolist()
    model = embedder(mean_colours, dimension=3, name="means")
    assert ds.embed(model, key="look", field="parts").rows == 2
    edits.edit_objects(ds.lake, "parts", pa.table({"id": [moved], "x": [25.0]}))
    assert ds.embed(model, key="look", field="parts", resume=True).rows == 1
    ids, matrix = ds.vectors("look")
    assert ids[1] == moved
    assert matrix.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert ds.embed(model, key="look", field="parts", resume=True).rows == 0


def test_a_mark_changes_with_any_side_of_a_box() -> None:
    boxes = np.array([[1, 2, 3, 4], [2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 3, 4], [0, 0, 0, 0], [-0.5, 0, 0, 0]], float)
    marks = box_marks(boxes).tolist()
    assert marks[0] == marks[3]
    assert len(set(marks)) == 5
    assert len(box_marks(np.zeros((0, 4)))) == 0
