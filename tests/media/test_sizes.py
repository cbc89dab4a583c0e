"""Sizes from first bytes are those of a full look at the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopline.errors import MediaError
from loopline.media import probe
from loopline.media.sizes import picture_sizes
from tests.media.pictures import KINDS, encoded, picture, turned


def test_every_kind_and_turn_agrees_with_probing(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / kind).write_bytes(encoded(kind))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        for orientation in range(1, 9):
            (tmp_path / f"{kind}{orientation}").write_bytes(turned(kind, orientation))
    files = sorted(tmp_path.iterdir())
    expected = [[found.width, found.height] for found in map(probe, files)]
    assert picture_sizes([str(f) for f in files]).tolist() == expected


def test_a_header_longer_than_the_first_bytes_is_read_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(encoded("JPEG", picture(50, 20), icc_profile=b"x" * 200_000))
    assert picture_sizes([str(file)]).tolist() == [[50, 20]]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"text", b"\xff\xd8\xff\xc0\0\x11\x08\0\0\0\0\3"],
)
def test_what_is_no_picture_has_no_size(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    assert picture_sizes([str(file), str(tmp_path / "absent"), str(tmp_path), "\0"]).tolist() == [[0, 0]] * 4


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded("PNG", picture(10 + number, 5)))
        files.append(str(tmp_path / f"{number}.png"))
    assert picture_sizes(files * 300).tolist() == [[10, 5], [11, 5], [12, 5]] * 300


def test_real_odd_files_agree_with_probing(shared_data: Path) -> None:
    files = [f for f in sorted((shared_data / "odd_files").rglob("*")) if f.is_file()]
    for file, size in zip(files, picture_sizes([str(f) for f in files]).tolist(), strict=True):
        try:
            found = probe(file)
        except MediaError:
            continue  # a broken file may still tell its size
        assert size == [found.width, found.height], file
