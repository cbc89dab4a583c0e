"""Formats by name and by looking; built-in ones come through the same hook as plug-ins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from loopline.errors import FormatError, UnknownFormat
from loopline.formats import registry
from loopline.formats._format import FileFormat
from loopline.kernel.exchange import Sniffed

MINE = FileFormat(
    "mine", "My format", lambda path: Sniffed(0.95, "mine") if path.suffix == ".json" else None, lambda source: iter(())
)


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Adds entry points as an installed package would."""

    def add(value: str) -> None:
        known = registry.entry_points
        point = metadata.EntryPoint("mine", value, registry.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda: [*known(), point])
        registry.all_formats.cache_clear()

    yield add
    monkeypatch.undo()
    registry.all_formats.cache_clear()


def coco(tmp_path: Path) -> Path:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []}))
    return path


def test_the_first_formats_are_there_and_say_what_they_can() -> None:
    assert {"coco", "voc", "csv", "parquet", "folder"} <= set(registry.names())
    assert registry.get("COCO").title == "COCO JSON"
    assert (registry.get("folder").reads, registry.get("folder").writes) == (True, False)


def test_an_unknown_name_offers_the_near_ones() -> None:
    with pytest.raises(UnknownFormat, match='did you mean "coco"'):
        registry.get("cocoo")


def test_a_plug_in_is_found_like_the_built_in_ones(plug_in: Any) -> None:
    plug_in(f"{__name__}:MINE")
    assert registry.get("mine").title == "My format"


def test_a_draw_is_an_error_that_lists_the_candidates(plug_in: Any, tmp_path: Path) -> None:
    assert registry.detect(coco(tmp_path))[0].name == "coco"
    plug_in(f"{__name__}:MINE")
    with pytest.raises(FormatError, match=r"several formats fit: coco \(COCO JSON\); mine \(mine\)"):
        registry.detect(coco(tmp_path))


def test_a_plug_in_that_does_not_load_is_named(plug_in: Any) -> None:
    plug_in("no_such_module:FORMAT")
    with pytest.raises(FormatError, match="no_such_module"):
        registry.names()


def test_what_no_format_takes_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("")
    with pytest.raises(FormatError, match="no known format fits"):
        registry.detect(tmp_path / "a.xyz")
    with pytest.raises(FormatError, match="no such file"):
        registry.detect(tmp_path / "b")


def test_a_format_that_cannot_write_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="Folder of media cannot be written"):
        registry.get("folder").write(None, tmp_path, fields=[])  # type: ignore[arg-type]
