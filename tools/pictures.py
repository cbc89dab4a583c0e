"""The pictures of the app in the docs: `make pictures`. Needs the built app, Node with the packages of web/, and Chromium.

The data set is the demo's: trees from the air, with boxes drawn by hand. No model has seen them: the predictions beside
them are the boxes themselves, moved, dropped and doubled at random, so that there is something to compare.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import loopline as ll
from loopline.demo import drawn, find, tell
from loopline.server.serve import Server

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "pictures"
SIZE = "1280x800"
MOST_BYTES = 150_000
PAGES = {  # name: theme, address, and what is done there, as web/scripts/shots.mjs takes it
    "explore": ("dark", "/d/trees?q=trees.count()+%3E+6&sort=-trees.count()&size=190"),
    "compare": ("light", "/d/trees/compare"),
    "sample": ("light", "/d/trees/s/{sample}?color=outcome"),
}


def prepare(folder: Path) -> int:
    """Make `folder/trees` with predictions, an evaluation and an embedding; the sample to show."""
    rng = np.random.default_rng(3)
    for _ in tell(folder / "demo", find() or drawn(rng)):
        pass
    shutil.move(folder / "demo" / "trees", folder / "trees")
    with ll.open(folder / "trees") as ds:
        truth = ds.objects("trees").to_arrow().to_pylist()
        classes = sorted({row["label"] for row in truth})
        ds.fields.add("detector", "box", classes=classes)
        found = []
        for row in truth:
            sure = float(rng.beta(4, 1.6))
            if rng.random() < 0.24:
                continue
            dx, dy = rng.normal(0, 0.25 * (1.1 - sure), 2)
            place = {"x": max(0.0, row["x"] + dx * row["w"]), "y": max(0.0, row["y"] + dy * row["h"])}
            label = str(rng.choice(classes)) if rng.random() < 0.08 else row["label"]
            found.append(
                {"sample_id": row["sample_id"], "label": label, "score": sure, "w": row["w"], "h": row["h"], **place}
            )
            if rng.random() < 0.12:
                aside = {"x": 0.6 * place["x"], "y": 0.8 * place["y"], "score": 0.5 * sure}
                found.append({**found[-1], **aside})
        ds.labels.add("detector", found)
        ds.embed(key="look")
        ds.evaluate(truth="trees", predicted="detector", slices=["label", "box.rel_area < 0.01"], key="ev1")
        return int(ds.view().sort("-trees.count()").ids()[0])


def main() -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample = prepare(folder)
        os.environ["LOOPLINE_HOME"] = str(folder)
        server = Server().start()
        try:
            for theme in ("dark", "light"):
                pages = [f"{n}={at.format(sample=sample)}" for n, (of, at) in PAGES.items() if of == theme]
                subprocess.run(
                    ["node", "scripts/shots.mjs", server.address.base, str(folder / "shots"), *pages],
                    cwd=ROOT / "web",
                    env={**os.environ, "CHROMIUM": chromium, "SIZES": SIZE, "THEMES": theme},
                    check=True,
                )
        finally:
            server.close()
        OUT.mkdir(exist_ok=True)
        for page, (theme, _) in PAGES.items():
            shot = Image.open(folder / "shots" / f"{page}-{SIZE}-{theme}.png").convert("RGB")
            kept = OUT / f"{page}.webp"
            for quality in range(86, 30, -6):
                shot.save(kept, quality=quality, method=6)
                if kept.stat().st_size <= MOST_BYTES:
                    break
            print(f"{kept.relative_to(ROOT)}  {kept.stat().st_size // 1000} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
