from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from loopline.errors import MediaError
from loopline.media import probe
from loopline.media.files import HEAD_BYTES
from tests.media.pictures import KINDS, encoded, mp4, picture, turned


def shown_by_pillow(data: bytes) -> tuple[int, int]:
    """The second opinion on size and orientation."""
    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).size


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_known_by_its_content(kind: str) -> None:
    data = encoded(kind)
    found = probe(data)
    assert (found.media, found.mime, found.width, found.height) == ("image", KINDS[kind], 40, 30)
    assert (found.size_bytes, found.pages, found.note) == (len(data), 1, "")
    assert found.content_hash == hashlib.blake2b(data, digest_size=16).hexdigest()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_the_one_shown(kind: str, orientation: int) -> None:
    data = turned(kind, orientation)
    found = probe(data)
    assert found.orientation == orientation
    assert (found.width, found.height) == shown_by_pillow(data) == ((40, 30) if orientation < 5 else (30, 40))


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["JPEG", "PNG"]), st.sampled_from(["RGB", "L", "CMYK"]))
@settings(max_examples=40, deadline=None)
def test_sizes_agree_with_pillow(width: int, height: int, kind: str, mode: str) -> None:
    data = encoded(kind, picture(width, height, "L" if (kind, mode) == ("PNG", "CMYK") else mode))
    found = probe(data)
    assert (found.width, found.height) == shown_by_pillow(data)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "GIF"])
@pytest.mark.parametrize("part", [0.35, 0.7, 0.95])
def test_a_picture_that_is_cut_off_is_reported(kind: str, part: float) -> None:
    data = encoded(kind, picture(200, 150))
    with pytest.raises(MediaError, match=r"cut off|cannot be (read|decoded)"):
        probe(data[: int(len(data) * part)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_bytes_behind_the_picture_do_no_harm(kind: str) -> None:
    assert probe(encoded(kind) + b"a phone put a video here" * 100).note == ""


def test_the_thumbnail_in_an_exif_block_does_not_hide_that_the_picture_is_cut_off() -> None:
    exif = Image.Exif()
    exif[0x927C] = encoded("JPEG", picture(8, 8))
    data = encoded("JPEG", picture(200, 150), exif=exif.tobytes())
    assert data.count(b"\xff\xd9") == 2
    with pytest.raises(MediaError, match="cut off: no end marker"):
        probe(data[: len(data) // 2])


def test_a_picture_that_only_lacks_its_end_marker_is_kept_with_a_note() -> None:
    data = encoded("GIF")
    found = probe(data.rstrip(b"\0")[:-1])
    assert (found.width, found.note) == (40, "cut off: no end marker")


@given(st.binary(max_size=200), st.sampled_from(sorted(KINDS)), st.integers(0, 400), st.booleans())
@settings(max_examples=150, deadline=None)
def test_nonsense_gives_an_answer_or_a_media_error(junk: bytes, kind: str, at: int, verify: bool) -> None:
    data = encoded(kind)
    broken = data[:at] + junk + data[at + len(junk) :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow complains about some broken EXIF blocks
        with contextlib.suppress(MediaError):
            probe(broken, verify=verify)


def test_verify_finds_damage_that_the_ends_do_not_show() -> None:
    data = bytearray(encoded("PNG", picture(100, 100)))
    data[len(data) // 2] ^= 0xFF
    assert probe(bytes(data)).width == 100
    with pytest.raises(MediaError, match="cannot be decoded"):
        probe(bytes(data), verify=True)


def test_a_picture_that_would_fill_the_memory_is_refused_without_a_warning() -> None:
    bomb = bytearray(encoded("PNG", picture(4, 4, "L")))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    with pytest.raises(MediaError, match="more than 178,956,970 pixels"):
        probe(bytes(bomb))
    tiff = encoded("TIFF", Image.new("1", (20_000, 10_000)), compression="group4")
    with pytest.raises(MediaError, match="more than"):
        probe(tiff)
    assert probe(tiff, max_pixels=10**9).width == 20_000


def test_pages_and_moving_frames_are_counted() -> None:
    frames = [picture(20, 20), picture(21, 20).resize((20, 20)), picture(22, 20).resize((20, 20))]
    for kind in ("GIF", "TIFF", "WEBP", "PNG", "AVIF"):
        assert probe(encoded(kind, frames[0], save_all=True, append_images=frames[1:])).pages == 3, kind


def test_a_file_larger_than_what_is_held_is_hashed_and_checked_to_its_end(tmp_path: Path) -> None:
    data = encoded("PNG", picture(900, 800))
    assert len(data) > 2 * HEAD_BYTES - 200_000
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.write_bytes(data)
    cut.write_bytes(data[:-70_000])
    assert probe(whole).content_hash == hashlib.blake2b(data, digest_size=16).hexdigest()
    assert probe(whole, with_hash=False) == probe(whole, with_hash=False)
    assert probe(whole, verify=True).width == 900
    with pytest.raises(MediaError, match="cut off"):
        probe(cut)


def test_a_picture_with_a_long_tail_is_found_complete(tmp_path: Path) -> None:
    file = tmp_path / "motion.jpg"
    file.write_bytes(encoded("JPEG", picture(900, 900), quality=98) + bytes(3 << 20))
    assert file.stat().st_size > 3 * HEAD_BYTES
    assert probe(file).note == probe(file, with_hash=False).note == ""


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("this is not a picture")
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "empty.jpg": "is empty",
        "text.jpg": "not a picture or video of a known kind",
        "pipe": "is not a regular file",
        "missing.jpg": "there is no such file",
        "": "is a folder",
        "zero\0byte": "cannot be read",
    }.items():
        with pytest.raises(MediaError, match=words):
            probe(str(tmp_path / name))
    with pytest.raises(MediaError, match="is on the network"):
        probe("s3://bucket/a.jpg")
    with pytest.raises(MediaError, match="is image/heic, which cannot be decoded here"):
        probe(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize(
    ("matrix", "size", "orientation"),
    [
        ((1, 0, 0, 1), (640, 360), 1),
        ((0, 1, -1, 0), (360, 640), 6),
        ((-1, 0, 0, -1), (640, 360), 3),
        ((0, -1, 1, 0), (360, 640), 8),
    ],
)
def test_a_turned_video_has_the_size_it_is_shown_with(
    matrix: tuple[int, int, int, int], size: tuple[int, int], orientation: int
) -> None:
    found = probe(mp4(640, 360, frames=90, ticks=36_000, scale=12_000, matrix=matrix))
    assert (found.media, found.mime, found.width, found.height) == ("video", "video/mp4", *size)
    assert (found.orientation, found.frame_count, found.duration_s, found.fps) == (orientation, 90, 3.0, 30.0)


def test_a_video_that_is_cut_off_is_reported() -> None:
    whole = mp4(640, 360, 90, 36_000, 12_000, (1, 0, 0, 1))
    for end in (len(whole) - 50, len(whole) - 200, 20):
        with pytest.raises(MediaError, match="cut off"):
            probe(whole[:end])


@given(st.integers(0, 800), st.binary(min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_a_broken_video_gives_an_answer_or_a_media_error(at: int, junk: bytes) -> None:
    whole = mp4(640, 360, 20, 36_000, 12_000, (1, 0, 0, 1))
    with contextlib.suppress(MediaError):
        probe(whole[:at] + junk + whole[at + len(junk) :])


def test_the_odd_files_are_read_as_their_list_says(shared_data: Path) -> None:
    expected = json.loads((shared_data / "odd_files" / "expected.json").read_text(encoding="utf-8"))
    for name, facts in expected.items():
        for verify in (False, True):
            if not facts["readable"]:
                with pytest.raises(MediaError):
                    probe(shared_data / "odd_files" / name, verify=verify)
                continue
            found = probe(shared_data / "odd_files" / name, verify=verify)
            assert [found.width, found.height] == facts.get("shown_size", facts.get("size")), name
            assert found.orientation == facts.get("exif_orientation", 1), name
            assert found.pages == facts.get("pages", facts.get("frames", 1)), name


def test_the_videos_are_read_as_opencv_reads_them(shared_data: Path) -> None:
    expected = json.loads((shared_data / "videos" / "expected_video_facts.json").read_text(encoding="utf-8"))
    for name, facts in expected.items():
        found = probe(shared_data / "videos" / name)
        assert (found.width, found.height, found.size_bytes) == (facts["width"], facts["height"], facts["bytes"])
        assert found.frame_count == facts["container_frame_count"]
        assert found.fps == pytest.approx(facts["fps"], abs=1e-3)
        assert found.duration_s == pytest.approx(facts["decoded_frames"] / facts["fps"], rel=1e-3)


def test_ffprobe_is_asked_about_other_containers(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    for name in ("a.mkv", "b.webm", "c.ts", "-d.mp4"):
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2"]
        subprocess.run([*command, f"file:{tmp_path / name}"], check=True)
        found = probe(tmp_path / name)
        assert (found.media, found.width, found.height, found.frame_count) == ("video", 64, 48, 20), name
        assert found.fps == pytest.approx(10), name


def test_without_ffprobe_such_a_container_is_kept_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    file = tmp_path / "a.webm"
    file.write_bytes(b"\x1aE\xdf\xa3\x9fB\x82\x84webm" + bytes(100))
    found = probe(file)
    assert (found.mime, found.width, found.frame_count) == ("video/webm", None, None)
    assert "install ffmpeg" in found.note
