"""Archives on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Loopline


def test_an_archive_is_added_like_a_folder(loopline: Loopline, shapes: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "shapes"), "zip", shapes)
    assert loopline("create", "new").code == 0
    found = loopline("add", "new", archive, "--dry-run", "--json").document
    assert (found["samples"], found["roots"]) == (6, [archive])
    answer = loopline("add", "new", archive, "--media", "copy", "--json").document
    assert (answer["samples_added"], answer["unreadable"], answer["skipped"]) == (6, 0, 1)
    assert answer["problems"][0]["where"].startswith("shapes.json")


@pytest.mark.parametrize(("size", "code"), [("1kB", 1), ("10 MiB", 0), ("1000000", 0), ("much", 2)])
def test_the_limit_of_unpacking_is_a_size(loopline: Loopline, shapes: Path, tmp_path: Path, size: str, code: int) -> None:  # fmt: skip
    archive = shutil.make_archive(str(tmp_path / "shapes"), "gztar", shapes)
    loopline("create", "new")
    answer = loopline("add", "new", archive, "--unpack-limit", size)
    assert answer.code == code
    if code == 1:
        assert "unpacks to more than 1,000 bytes" in answer.err
        assert "--unpack-limit" in answer.err


def test_a_field_without_urls_is_named(loopline: Loopline, shapes: Path) -> None:
    loopline("create", "new")
    answer = loopline("add", "new", shapes / "shapes.json", "--media-from", "coco_url")
    assert answer.code == 1
    assert 'no picture has a URL in "coco_url"' in answer.err
