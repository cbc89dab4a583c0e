"""Odd pictures and videos, as the browser gets them."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import time
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Request
from litestar.testing import TestClient
from PIL import Image

import loopline as ll
from loopline.errors import MediaError
from loopline.media.films import film
from loopline.media.thumbnails import Thumbnails, small_jpeg, thumbnail, upright
from loopline.server.app import make_app
from loopline.server.frames import read_frame
from loopline.server.library import Library
from loopline.server.pictures import Reference
from loopline.server.ranges import answer

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def packed(picture: Image.Image, kind: str, **options: object) -> BytesIO:
    file = BytesIO()
    picture.save(file, kind, **options)
    file.seek(0)
    return file


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from(["RGB", "L", "CMYK", "1", "P", "RGBA", "LA", "I;16"]))
def test_a_thumbnail_keeps_the_shape_whatever_the_mode(width: int, height: int, mode: str) -> None:
    kind = {"CMYK": "JPEG"}.get(mode, "PNG")
    picture = Image.new("L", (width, height), 120).convert(mode if mode != "I;16" else "I").convert(mode)
    small = Image.open(BytesIO(small_jpeg(packed(picture, kind), 128)))
    assert small.mode in ("RGB", "L")
    assert max(small.size) == min(128, max(width, height))
    assert abs(small.width * height - small.height * width) <= max(width, height)


def test_sixteen_bits_are_stretched_over_what_is_there() -> None:
    ramp = np.linspace(1000, 1400, 64 * 64).reshape(64, 64).astype(np.uint16)
    seen = np.asarray(upright(packed(Image.fromarray(ramp), "PNG")))
    assert (seen.min(), seen.max()) == (0, 255)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_turned_picture_is_upright(turn: int) -> None:
    marked = Image.new("RGB", (300, 200))
    marked.paste((255, 255, 255), (0, 0, 60, 60))
    stored = {1: marked, 3: marked.rotate(180), 6: marked.rotate(90, expand=True), 8: marked.rotate(-90, expand=True)}[
        turn
    ]
    exif = Image.Exif()
    exif[274] = turn
    small = Image.open(BytesIO(small_jpeg(packed(stored, "JPEG", exif=exif), 150)))
    assert small.size == (150, 100)
    assert np.asarray(small)[5, 5].min() > 200


def test_what_is_transparent_is_shown_on_grey() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert upright(packed(clear, "PNG")).getpixel((3, 3)) == (128, 128, 128)


def test_the_odd_files_are_shown_or_say_why_not(shared_data: Path) -> None:
    reasons = {}
    for file in sorted((shared_data / "odd_files").glob("*.*")):
        try:
            assert max(Image.open(BytesIO(thumbnail(str(file), 256))).size) <= 256
        except MediaError as error:
            reasons[file.name] = error.what
    assert reasons.keys() == {"README.md", "expected.json", "empty.jpg", "text.jpg", "truncated.jpg"}
    assert reasons["empty.jpg"] == "is empty"


def test_thumbnails_are_kept_up_to_a_size_and_the_oldest_go(tmp_path: Path) -> None:
    ticks = iter(range(1000))
    kept = Thumbnails(tmp_path / "t.sqlite", max_bytes=1000, now=lambda: float(next(ticks)))
    for i in range(30):
        kept.put(f"k{i}", 128, bytes(100))
    assert kept.nbytes <= 1000
    assert kept.get("k0", 128) is None
    assert kept.get("k29", 128) == bytes(100)
    kept.close()
    again = Thumbnails(tmp_path / "t.sqlite", max_bytes=1000)
    assert again.get("k29", 128) == bytes(100)
    again.close()


def test_thumbnails_are_found_many_at_once(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path / "t.sqlite")
    for key in "abc":
        kept.put(key, 128, key.encode())
    kept.put("b", 256, b"large")
    assert kept.many(["c", "a", "none"], 128) == {"a": b"a", "c": b"c"}
    assert kept.many(["a", "b"], 256) == {"b": b"large"}
    assert kept.many([], 128) == {}
    kept.close()


def test_a_damaged_cache_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite").write_bytes(b"nonsense" * 1000)
    kept = Thumbnails(tmp_path / "t.sqlite")
    kept.put("a", 128, b"x")
    assert kept.get("a", 128) == b"x"
    kept.close()


def test_a_file_that_nobody_takes_a_part_of_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x" * 100)
    file = (tmp_path / "a.jpg").open("rb")
    answer(file, Reference(str(tmp_path), "a.jpg", "image", "image/jpeg", 100, "hash"), {})
    gc.collect()
    assert file.closed


def test_a_file_is_closed_once_its_reader_is_gone(tmp_path: Path) -> None:
    """At once, not when the collector comes by: of a cycle it may take the file first."""
    (tmp_path / "a.jpg").write_bytes(b"x" * 5_000_000)
    file = (tmp_path / "a.jpg").open("rb", buffering=0)
    found = answer(file, Reference(str(tmp_path), "a.jpg", "image", "image/jpeg", 5_000_000, "hash"), {})
    sent: list[bytes] = []

    async def reader() -> None:
        began = asyncio.Event()

        async def receive() -> dict[str, str]:
            await began.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body", b""))
            if len(sent) > 2:
                began.set()
                await asyncio.sleep(60)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        response = found.to_asgi_response(app=None, request=Request(cast("Any", scope)))
        await response(cast("Any", scope), cast("Any", receive), cast("Any", send))

    asyncio.run(reader())
    assert 0 < sum(map(len, sent)) < 5_000_000
    assert file.closed


@needs_ffmpeg
def test_frames_have_the_times_that_the_file_says(shared_data: Path) -> None:
    found = film(str(shared_data / "videos" / "car-detection.mp4"))
    assert found.plays("video/mp4")
    assert (np.diff(found.times) > 0).all()
    assert found.times[0] == pytest.approx(0, abs=0.1)


@pytest.mark.slow
@needs_ffmpeg
def test_a_video_that_browsers_cannot_play_is_converted_once(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    first_s = ["ffmpeg", "-v", "error", "-t", "4", "-i", str(shared_data / "videos" / "vtest.avi"), "-c", "copy"]
    subprocess.run([*first_s, str(tmp_path / "videos" / "vtest.avi")], check=True)
    with (
        ll.create(tmp_path / "film") as ds,
        TestClient(make_app(Library([ds])), base_url="http://127.0.0.1:5151") as client,
    ):
        ds.add(tmp_path / "videos")
        sample = int(ds.view().ids()[0])
        url = f"/api/d/film/media/{sample}?form=browser"
        jobs = {client.get(url).json()["id"] for _ in range(3)}
        assert len(jobs) == 1
        for _ in range(2400):
            got = client.get(url)
            if got.status_code == 200:
                break
            assert got.json()["state"] in ("running", "done"), got.text
            time.sleep(0.1)
        assert got.headers["content-type"] == "video/mp4"
        (tmp_path / "made.mp4").write_bytes(got.content)
        before = read_frame(client.get(f"/api/d/film/sample/{sample}/frames").content)[1]["time"]
        after = film(str(tmp_path / "made.mp4"))
        assert after.plays("video/mp4")
        assert len(after.times) == len(before)
        np.testing.assert_allclose(after.times - after.times[0], before - before[0], atol=0.002)
