"""The main path through Explore, in a real browser over the real server; with an automatic accessibility check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import loopline as ll

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "loopline" / "server" / "static"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on PATH"),
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node on PATH"),
    pytest.mark.skipif(
        not (WEB / "node_modules" / "playwright-core").is_dir(), reason="no Node packages; run make app"
    ),
    pytest.mark.skipif(not (STATIC / "index.html").is_file(), reason="the app is not built; run make app"),
]


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with one data set, "shapes": 24 pictures, every second with a disc, every third wide."""
    serve = pytest.importorskip("loopline.server.serve")
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    images, boxes = [], []
    for i in range(24):
        width = 160 if i % 3 == 0 else 100
        Image.new("RGB", (width, 100), (40 + 8 * i, 90, 200 - 6 * i)).save(tmp_path / "pictures" / f"{i:02}.png")
        images.append({"id": i + 1, "file_name": f"{i:02}.png", "width": width, "height": 100})
        boxes.append({"id": i + 1, "image_id": i + 1, "category_id": 1 + i % 2, "bbox": [10, 10, 40 + i, 60]})
    labels = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    with ll.create("shapes") as ds:
        ds.add(tmp_path / "pictures", labels=tmp_path / "labels.json")
    server = serve.Server().start()
    yield f"http://127.0.0.1:{server.address.port}"
    server.close()


def test_main_path_and_accessibility(address: str) -> None:
    done = subprocess.run(
        ["node", "tests/explore.mjs", address],
        cwd=WEB,
        env={**os.environ, "CHROMIUM": CHROMIUM},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
