"""One server with one data set, "shapes", for all tests of the app in a browser; and what they need of the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
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


def missing() -> str:
    """What a browser test needs and this machine does not have; empty where there is all."""
    if not CHROMIUM:
        return "no Chromium on PATH"
    if shutil.which("node") is None:
        return "no Node on PATH"
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        return "no Node packages; run make app"
    return "" if (STATIC / "index.html").is_file() else "the app is not built; run make app"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if why := missing():
                item.add_marker(pytest.mark.skip(reason=why))


def shapes(folder: Path) -> None:
    """24 pictures, every second with a disc, every third wide; a guess that misses each fourth; what a map needs."""
    (folder / "pictures").mkdir()
    images, boxes = [], []
    for i in range(24):
        width = 160 if i % 3 == 0 else 100
        Image.new("RGB", (width, 100), (40 + 8 * i, 90, 200 - 6 * i)).save(folder / "pictures" / f"{i:02}.png")
        images.append({"id": i + 1, "file_name": f"{i:02}.png", "width": width, "height": 100})
        boxes.append({"id": i + 1, "image_id": i + 1, "category_id": 1 + i % 2, "bbox": [10, 10, 40 + i, 60]})
    classes = ["square", "disc"]
    labels = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(classes)],
    }
    (folder / "labels.json").write_text(json.dumps(labels))
    with ll.create("shapes") as ds:
        ds.add(folder / "pictures", labels=folder / "labels.json")
        ds.fields.add("guess", "box", classes=classes)
        guessed = [
            {
                "sample_id": int(sample),
                "label": classes[i % 2],
                "score": 0.9,
                "x": 11.0,
                "y": 11.0,
                "w": 40.0 + i,
                "h": 60.0,
            }
            for i, sample in enumerate(ds.view().ids())
            if i % 4
        ]
        ds.labels.add("guess", guessed)
        ds.embed(key="look")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server with "shapes" is."""
    serve = pytest.importorskip("loopline.server.serve")
    folder = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPLINE_HOME", str(folder / "home"))
        shapes(folder)
    with ll.open(folder / "home" / "shapes") as ds:  # each test has a home of its own, which is not the server's
        server = serve.Server([ds], home=False).start()
        yield f"http://127.0.0.1:{server.address.port}"
        server.close()


@pytest.fixture(scope="session")
def drive() -> Callable[..., None]:
    """`drive(script, …)` runs a script of web/tests; what it printed is the failure."""

    def run(script: str, *arguments: str) -> None:
        done = subprocess.run(
            ["node", f"tests/{script}", *arguments],
            cwd=WEB,
            env={**os.environ, "CHROMIUM": CHROMIUM},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
