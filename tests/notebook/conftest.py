"""A small data set, and its interface called in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import loopline as ll
from loopline.notebook.inprocess import InProcess
from loopline.server.app import make_app
from loopline.server.library import Library

SAMPLES = 12


@pytest.fixture
def ds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ll.Dataset]:
    """ "shapes": twelve pictures of one colour, each with one box of the class square or disc."""
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    images, boxes = [], []
    for i in range(SAMPLES):
        width = 160 if i % 3 == 0 else 100
        Image.new("RGB", (width, 100), (200, 30, 30)).save(tmp_path / "pictures" / f"{i:02}.png")
        images.append({"id": i + 1, "file_name": f"{i:02}.png", "width": width, "height": 100})
        boxes.append({"id": i + 1, "image_id": i + 1, "category_id": 1 + i % 2, "bbox": [20, 20, 60, 60]})
    labels = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    with ll.create("shapes") as found:
        found.add(tmp_path / "pictures", labels=tmp_path / "labels.json")
        yield found


@pytest.fixture
def app(ds: ll.Dataset) -> Iterator[InProcess]:
    running = InProcess(make_app(Library([ds])))
    yield running
    running.close()
