"""A small data set, and the app over it as a client sees it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import Image

import loopline as ll
from loopline.server.app import make_app
from loopline.server.frames import Column, read_frame
from loopline.server.library import Library
from loopline.server.safety import Rules

SAMPLES = 12


def fill(ds: ll.Dataset, folder: Path) -> None:
    """Twelve pictures; truth with classes car and bus, predictions with scores; one own column; one tag."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    for i in range(SAMPLES):
        width, height = (64 + 8 * i, 48)
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(folder / f"p{i:02}.jpg")
    ds.add(folder)
    ds.columns.add("weather", "text", values=("sun", "rain"))
    ds.columns.add("brightness", "float")
    ids = ds.view().ids()
    ds.set("weather", {int(sample): "rain" if i % 3 == 0 else "sun" for i, sample in enumerate(ids)})
    ds.set("brightness", {int(sample): i / 10 for i, sample in enumerate(ids[:-1])})
    ds.fields.add("truth", "box", classes=("car", "bus"))
    ds.fields.add("predictions", "box", classes=("car", "bus"))
    truth = [
        {
            "sample_id": int(s),
            "label": "bus" if (i + k) % 4 == 0 else "car",
            "x": 4.0 * k,
            "y": 2.0,
            "w": 10.0,
            "h": 8.0,
        }
        for i, s in enumerate(ids)
        for k in range(i % 4)
    ]
    ds.labels.add("truth", truth)
    ds.labels.add("predictions", [{**row, "score": (n % 10) / 10} for n, row in enumerate(truth)])
    ds.tag([int(ids[0]), int(ids[3])], "todo")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed data set; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("server")
    with ll.create(folder / "small") as ds:
        fill(ds, folder / "pictures")
    return folder / "small"


@pytest.fixture
def ds(made_once: Path, tmp_path: Path) -> Iterator[ll.Dataset]:
    shutil.copytree(made_once, tmp_path / "small")
    with ll.open(tmp_path / "small") as found:
        yield found


class Browser:
    """Asks as the page does."""

    def __init__(self, client: TestClient[Any], name: str) -> None:
        self.client, self.name = client, name

    def post(self, what: str, **body: object) -> Any:
        """The JSON of an answer that must be one of success."""
        answer = self.client.post(f"/api/d/{self.name}/{what}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def columns(self, what: str, **body: object) -> dict[str, Column]:
        answer = self.client.post(f"/api/d/{self.name}/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return read_frame(answer.content)[1]

    def get(self, what: str = "") -> Any:
        answer = self.client.get(f"/api/d/{self.name}{what}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, what: str, **body: object) -> Any:
        answer = self.client.post(f"/api/d/{self.name}/{what}", json=body)
        assert answer.status_code >= 400
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()


@pytest.fixture
def browser(ds: ll.Dataset) -> Iterator[Browser]:
    with TestClient(make_app(Library([ds]), Rules()), base_url="http://127.0.0.1:5151") as client:
        yield Browser(client, ds.name)
