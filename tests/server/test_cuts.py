"""Objects cut out of their pictures, strips of a video, and the colour that stands in for a picture."""

from __future__ import annotations

import shutil
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import loopline as ll
from loopline.media.crops import MARGIN, crops, cut_of
from loopline.media.thumbnails import mean_colour, small_jpeg
from loopline.media.video_frames import video_frames
from loopline.server.pictures import ERROR, NO_COLOUR, PICTURE, read_records
from tests.server.conftest import SAMPLES, Browser

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@settings(max_examples=60, deadline=None)
@given(st.floats(-20, 120), st.floats(-20, 90), st.floats(0, 200), st.floats(0, 200))
def test_a_cut_lies_on_the_picture_and_has_all_of_the_box_that_does(x: float, y: float, w: float, h: float) -> None:
    x0, y0, x1, y1 = cut_of((x, y, w, h), 100, 80)
    assert 0 <= x0 <= x1 <= 100
    assert 0 <= y0 <= y1 <= 80
    assert x0 <= min(max(x, 0), 100) + 1e-6
    assert x1 >= min(max(x + w, 0), 100) - 1e-6
    assert max(x1 - x0, y1 - y0) <= max(w, h, 1) * MARGIN + 1e-6


def test_a_crop_has_the_pixels_of_the_original() -> None:
    rng = np.random.default_rng(3)
    pixels = np.kron(rng.integers(0, 255, (30, 40, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    file.seek(0)
    (jpeg,) = crops(file, [(100, 100, 50, 50)], 256, 400, 300)
    found = np.asarray(Image.open(BytesIO(jpeg)), np.float64)
    assert found.shape[:2] == (62, 62)  # fewer than asked for, so as they are
    assert np.abs(found[8:-8, 8:-8].mean((0, 1)) - pixels[102:148, 102:148].mean((0, 1))).max() < 6


def test_a_crop_of_a_large_photograph_is_as_large_as_asked_for() -> None:
    file = BytesIO()
    Image.new("RGB", (1600, 1200), (200, 30, 60)).save(file, "JPEG")
    file.seek(0)
    one, edge, outside = crops(file, [(200, 200, 1000, 500), (1590, 0, 400, 400), (9000, 9000, 5, 5)], 128, 1600, 1200)
    assert Image.open(BytesIO(one)).size == (128, 110)
    assert min(Image.open(BytesIO(edge)).size) >= 1
    assert min(Image.open(BytesIO(outside)).size) >= 1


def test_objects_come_as_records_of_their_own(ds: ll.Dataset, browser: Browser) -> None:
    ids = ds.objects("truth").ids().tolist()
    body = {"field": "truth", "ids": [*reversed(ids), 10**9], "size": 128}
    answer = browser.client.post(f"/api/d/{browser.name}/crops", json=body)
    first = {one: (kind, body) for one, kind, body in read_records(answer.content)}
    assert first.keys() == set(ids)
    assert {kind for kind, _ in first.values()} == {PICTURE}
    assert max(Image.open(BytesIO(first[ids[0]][1])).size) == 12  # a box of 10 × 8
    again = browser.client.post(f"/api/d/{browser.name}/crops", json=body)
    assert {one: (kind, body) for one, kind, body in read_records(again.content)} == first


def test_an_object_of_a_picture_that_is_gone_says_so(ds: ll.Dataset, browser: Browser) -> None:
    (one, *_) = ds.objects("truth").to_arrow(["id", "sample_id"]).to_pylist()
    path = ds.view().select([one["sample_id"]]).to_arrow(["root", "path"]).to_pylist()[0]
    file = Path(path["root"]) / path["path"]
    kept = file.read_bytes()
    file.unlink()
    try:
        answer = browser.client.post(f"/api/d/{browser.name}/crops", json={"field": "truth", "ids": [one["id"]]})
    finally:
        file.write_bytes(kept)
    ((_, kind, said),) = read_records(answer.content)
    assert kind == ERROR
    assert b"no" in said.lower()


def test_labels_of_whole_pictures_have_no_crops(ds: ll.Dataset, browser: Browser) -> None:
    ds.fields.add("scene", "class", classes=("in", "out"))
    assert "whole pictures" in browser.problem("crops", field="scene", ids=[1])["detail"]


def test_a_page_has_the_colour_of_pictures_that_were_seen(browser: Browser) -> None:
    page = browser.columns("page", view={}, offset=0, count=SAMPLES)
    assert (page["colour"] == NO_COLOUR).all()
    assert "duration" not in page
    ids = [int(one) for one in page["id"][:3]]
    records = read_records(browser.client.post(f"/api/d/{browser.name}/thumbs", json={"ids": ids, "size": 128}).content)
    seen = browser.columns("page", view={}, offset=0, count=SAMPLES)["colour"]
    assert seen[:3].tolist() == [mean_colour(body) for _, _, body in records]
    assert (seen[3:] == NO_COLOUR).all()


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_the_mean_colour_of_one_colour_is_that_colour(colour: tuple[int, int, int]) -> None:
    file = BytesIO()
    Image.new("RGB", (300, 200), colour).save(file, "PNG")
    file.seek(0)
    found = mean_colour(small_jpeg(file, 128))
    assert max(abs((found >> shift & 255) - c) for shift, c in zip((16, 8, 0), colour, strict=True)) <= 4


@needs_ffmpeg
def test_a_strip_has_frames_from_all_of_a_video(shared_data: Path, tmp_path: Path) -> None:
    from litestar.testing import TestClient

    from loopline.server.app import make_app
    from loopline.server.library import Library
    from loopline.server.safety import Rules

    video = next(iter(sorted((shared_data / "videos").glob("*.mp4"))), None)
    if video is None:
        pytest.skip("no video")
    with ll.create(tmp_path / "films") as films:
        shutil.copy(video, tmp_path / video.name)
        films.add(tmp_path / video.name)
        films.fields.add("truth", "box", classes=("one",))
        (one,) = films.view().ids().tolist()
        boxes = [{"sample_id": one, "label": "one", "x": 4, "y": 4, "w": 40, "h": 30, "frame": n} for n in (3, 5, 140)]
        films.labels.add("truth", [*boxes, {**boxes[0], "frame": 10**6}])
        made = films.objects("truth").ids().tolist()
        with TestClient(make_app(Library([films]), Rules()), base_url="http://127.0.0.1:5151") as client:
            asked = {"id": one, "count": 4, "size": 128}
            ((_, kind, body),) = read_records(client.post(f"/api/d/{films.name}/strip", json=asked).content)
            page = Browser(client, films.name).columns("page", view={}, offset=0, count=1)
            cut = read_records(client.post(f"/api/d/{films.name}/crops", json={"field": "truth", "ids": made}).content)
    assert kind == PICTURE
    wide, high = Image.open(BytesIO(body)).size
    assert wide % 4 == 0
    assert max(wide // 4, high) == 128
    assert page["duration"][0] > 0
    assert [(key, kind) for key, kind, _ in cut] == [*((key, PICTURE) for key in made[:3]), (made[3], ERROR)]
    for frame, (_, _, body) in zip((3, 5, 140), cut, strict=False):
        (wanted,) = (pixels for n, pixels in islice(video_frames(str(video), start=frame), 1))
        found = np.asarray(Image.open(BytesIO(body)), np.float64)
        assert found.shape == (44, 49, 3)
        assert np.abs(found - wanted[:44, :49]).mean() < 6
