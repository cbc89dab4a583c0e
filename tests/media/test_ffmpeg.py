"""What ffmpeg writes and says: pictures of any size, and more words than a pipe holds."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loopline.errors import MediaError
from loopline.media.ffmpeg import next_picture
from loopline.media.films import browser_form
from loopline.media.stills import frames_from

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@needs_ffmpeg
def test_frames_255_pixels_high_come_whole(tmp_path: Path) -> None:
    """255 is also what a PPM says of its brightest value."""
    Image.linear_gradient("L").resize((40, 255)).convert("RGB").save(tmp_path / "a.png")
    command = ["ffmpeg", "-v", "error", "-loop", "1", "-i", str(tmp_path / "a.png"), "-frames:v", "3", "-c:v", "png"]
    subprocess.run([*command, str(tmp_path / "film.mkv")], check=True)
    found = frames_from(str(tmp_path / "film.mkv"), 0.0, [0, 2])
    wanted = Image.open(tmp_path / "a.png").tobytes()
    assert [one.tobytes() for one in found] == [wanted, wanted]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), max_size=3))
def test_pictures_one_behind_the_other_come_as_another_writer_wrote_them(sizes: list[tuple[int, int]]) -> None:
    stream = BytesIO()
    pictures = [Image.new("RGB", size, (10, 255, i)) for i, size in enumerate(sizes)]
    for one in pictures:
        one.save(stream, "PPM")
    stream.seek(0)
    for one in pictures:
        found = next_picture(stream)
        assert found is not None
        assert np.array_equal(found, np.asarray(one))
    assert next_picture(stream) is None


def test_a_picture_that_breaks_off_is_left_out() -> None:
    assert next_picture(BytesIO(b"P6\n2 2\n255\n" + bytes(11))) is None


def test_an_encoder_with_much_to_complain_of_ends_and_its_last_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nhead -c 300000 /dev/zero >&2\necho '\n[h264 @ 0x5e1f] no frame' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(MediaError, match=r"cannot be converted: \[h264\] no frame"):
        browser_form("film.mkv", tmp_path / "out" / "film.mp4", lambda _: None, lambda: None)
    assert list((tmp_path / "out").iterdir()) == []
