"""A small data set on disk, and the command line as a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loopline.cli import run


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind: its exit code, and what stood on stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document that it has to be."""
        return json.loads(self.out)


Loopline = Callable[..., Answer]


@pytest.fixture
def loopline(capfd: pytest.CaptureFixture[str]) -> Loopline:
    """Run a command line in this process."""

    def call(*args: object) -> Answer:
        capfd.readouterr()
        code = run([str(arg) for arg in args])
        return Answer(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures with seven boxes of two classes as `shapes/shapes.json` (COCO); the last box has no picture."""
    folder = tmp_path_factory.mktemp("material") / "shapes"
    folder.mkdir()
    images, annotations = [], []
    for i in range(6):
        Image.new("RGB", (40 + 10 * i, 32), (40 * i, 80, 120)).save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 40 + 10 * i, "height": 32})
    for number, (image, category) in enumerate([(0, 1), (0, 2), (1, 1), (2, 2), (3, 1), (3, 1), (99, 1)]):
        box = [1.5 + number, 2.0, 4.0 + number, 8.0]
        annotations.append(
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
        )
    categories = [{"id": 1, "name": "cup"}, {"id": 2, "name": "dog"}]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (folder / "shapes.json").write_text(text)
    return folder


@pytest.fixture(scope="session")
def filled(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a data set that holds `shapes`, for tests that only look."""
    place = str(tmp_path_factory.mktemp("filled") / "shapes")
    assert run(["create", place]) == 0
    assert run(["add", place, str(shapes / "shapes.json"), "--quiet"]) == 0
    return place
