from __future__ import annotations

import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopline.errors import MediaError
from loopline.media import media_file, reference, relative_path


@pytest.mark.parametrize(
    ("root", "path", "file"),
    [
        ("/data", "a.jpg", "/data/a.jpg"),
        ("/data/", "./night//a.jpg", "/data/night/a.jpg"),
        ("/data", "night\\..\\day\\a.jpg", "/data/day/a.jpg"),
        ("/", "a.jpg", "/a.jpg"),
        ("C:/data", "a.jpg", "C:/data/a.jpg"),
        ("\\\\host\\share", "a.jpg", "\\\\host\\share/a.jpg"),
        ("s3://bucket/x", "café #1%.jpg", "s3://bucket/x/café #1%.jpg"),
        ("https://host/x", "café #1%.jpg", "https://host/x/caf%C3%A9%20%231%25.jpg"),
    ],
)
def test_root_and_path_make_a_file(root: str, path: str, file: str) -> None:
    assert media_file(root, path) == file


@pytest.mark.parametrize(
    "path",
    [
        "../a.jpg",
        "a/../../b.jpg",
        "..\\a.jpg",
        "/etc/passwd",
        "\\\\host\\a",
        "C:\\a.jpg",
        "c:a",
        "http://h/a",
        "",
        ".",
        "a\0",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(MediaError):
        media_file("/data", path)


@pytest.mark.parametrize("root", ["", "data", "./data", "../data"])
def test_a_root_must_be_absolute(root: str) -> None:
    with pytest.raises(MediaError, match="absolute folder or a URL"):
        media_file(root, "a.jpg")


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b c", "..."]), max_size=8), st.sampled_from("/\\"))
def test_nothing_outside_the_root_can_be_reached(parts: list[str], separator: str) -> None:
    try:
        file = media_file("/data/root", separator.join(parts))
    except MediaError:
        return
    assert posixpath.normpath(file) == file
    assert file.startswith("/data/root/")


@given(st.lists(st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_file_splits_into_what_it_is_joined_from(names: list[str]) -> None:
    file = os.path.normpath("/data/" + "/".join(names))
    if not file.startswith("/data/") or relative_path_fails(file.removeprefix("/data/")):
        return
    assert media_file(*reference(file, "/data")) == file
    assert media_file(*reference(file)) == file or relative_path_fails(Path(file).name)


def relative_path_fails(path: str) -> bool:
    """Names such as `c:` that only Windows takes for something else."""
    try:
        relative_path(path)
    except MediaError:
        return True
    return False


def test_a_file_outside_the_root_has_no_reference() -> None:
    for file in ("/elsewhere/a.jpg", "/data", "/data/../a.jpg", "/database/a.jpg"):
        with pytest.raises(MediaError, match="not inside"):
            reference(file, "/data")


def test_a_backslash_in_a_file_name_is_refused_because_it_would_be_read_as_a_folder() -> None:
    with pytest.raises(MediaError, match="backslash"):
        reference("/data/train\\a.jpg", "/data")
