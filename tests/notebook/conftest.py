"""A small data set, and its interface called in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import loopline as ll
from loopline.notebook.inprocess import InProcess
from loopline.server.app import make_app
from loopline.server.library import Library

SAMPLES = 12


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of "shapes": twelve pictures of one colour, each with one box of the class square or disc. Tests work on copies."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "pictures").mkdir()
    images, boxes = [], []
    for i in range(SAMPLES):
        width = 160 if i % 3 == 0 else 100
        Image.new("RGB", (width, 100), (200, 30, 30)).save(folder / "pictures" / f"{i:02}.png")
        images.append({"id": i + 1, "file_name": f"{i:02}.png", "width": width, "height": 100})
        boxes.append({"id": i + 1, "image_id": i + 1, "category_id": 1 + i % 2, "bbox": [20, 20, 60, 60]})
    labels = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}],
    }
    (folder / "labels.json").write_text(json.dumps(labels))
    with ll.create(folder / "shapes") as found:
        found.add(folder / "pictures", labels=folder / "labels.json")
    return folder / "shapes"


@pytest.fixture
def ds(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ll.Dataset]:
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    shutil.copytree(made_once, tmp_path / "shapes")
    with ll.open(tmp_path / "shapes") as found:
        yield found


@pytest.fixture
def app(ds: ll.Dataset) -> Iterator[InProcess]:
    running = InProcess(make_app(Library([ds])))
    yield running
    running.close()
