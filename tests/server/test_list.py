"""The list of data sets: told from their catalogs, without opening them."""

from __future__ import annotations

from pathlib import Path

import pytest

import loopline as ll
from loopline.server import describe
from loopline.server.library import Library


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path))
    for name in ("first", "second"):
        with ll.create(name) as ds:
            ds.version("empty")
    return tmp_path


def test_the_list_opens_no_data_set_and_says_the_same_of_an_open_one(two: Path) -> None:
    library = Library()
    found = describe.lines(library)
    assert [(one.name, one.samples, one.objects, one.versions, one.error) for one in found] == [
        ("first", 0, 0, 1, ""),
        ("second", 0, 0, 1, ""),
    ]
    assert not library.shown()
    library.get("first")
    assert describe.lines(library) == found


def test_a_data_set_that_cannot_be_read_says_why(two: Path) -> None:
    (two / "first" / "catalog.sqlite").write_text("this is no catalog")
    first, second = describe.lines(Library())
    assert "catalog" in first.error
    assert second.error == ""
