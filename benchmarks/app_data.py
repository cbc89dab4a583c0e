"""A made-up data set of a million pictures with ten million boxes, made in the engine within a minute.

    python benchmarks/app_data.py big                 # the data set "big" under $LOOPLINE_HOME
    python benchmarks/app_data.py small --samples 10000 --boxes 100000

The samples share a few hundred picture files, which are drawn beside the data set. Two label fields: `truth`, and
`predictions` with scores; sample columns `weather`, `brightness`, `captured_at`; tags on one sample in fifty.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import loopline as ll
from loopline.front.dataset import Dataset
from loopline.kernel.schema import Column, LabelField
from loopline.store import reshape
from loopline.store.lake import Transaction

CLASSES = ("car", "person", "bus", "truck", "bicycle", "motorcycle", "traffic light", "stop sign", "dog", "cat")
WEATHER = ("sun", "cloud", "rain", "snow", "fog")
SIZES = ((640, 480), (480, 640), (1280, 720), (500, 375), (800, 450), (600, 600))
FILES = 240


def make(name: str, samples: int, boxes: int, *, seed: int = 1) -> Dataset:
    """The data set; `boxes` of them are shared evenly by the two fields."""
    ds = ll.create(name)
    pictures = Path(str(ds.lake.location)) / "pictures"
    draw(pictures, np.random.default_rng(seed))
    ds.columns.add("weather", "text", values=WEATHER)
    ds.columns.add("brightness", "float")
    ds.columns.add("captured_at", "time")
    for field in ("truth", "predictions"):
        reshape.add_field(ds.lake, LabelField(field, "box", CLASSES, (Column("occluded", "bool"),)))
    ds.lake.commit("add", lambda tx: _fill(tx, str(pictures), samples, boxes // 2), message=f"add {samples:,} samples")
    return ds


def draw(folder: Path, rng: np.random.Generator) -> None:
    """A few hundred JPEG files, each another size and colour."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(FILES):
        width, height = SIZES[i % len(SIZES)]
        ramp = np.linspace(0, 60, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
        ground = (ramp + rng.integers(0, 130, 3)).astype(np.uint8)
        picture = Image.fromarray(np.broadcast_to(ground, (height, width, 3)).copy())
        ImageDraw.Draw(picture).text((20, 20), str(i), fill="white", font_size=height // 3)
        picture.save(folder / f"{i:03}.jpg", quality=85)


def _fill(tx: Transaction, root: str, samples: int, boxes: int) -> None:
    first = tx.reserve("sample", samples)
    width = "[" + ", ".join(str(w) for w, _ in SIZES) + "]"
    height = "[" + ", ".join(str(h) for _, h in SIZES) + "]"
    tx.execute("SELECT setseed(0.5)")
    tx.execute(
        f"INSERT INTO {tx.table('samples')} BY NAME SELECT {first} + i AS id, printf('%03d.jpg', i % {FILES}) AS path,"
        f" ? AS root, 'image' AS media, 'image/jpeg' AS mime, {width}[1 + i % {FILES} % 6] AS width,"
        f" {height}[1 + i % {FILES} % 6] AS height, 20000 AS size_bytes, md5(CAST(i % {FILES} AS VARCHAR)) AS content_hash,"
        " now()::TIMESTAMP AS created_at, CASE WHEN i % 10 = 0 THEN 'val' ELSE 'train' END AS split,"
        " ?[1 + CAST(floor(random() * 5) AS INTEGER)] AS weather, random() AS brightness,"
        " TIMESTAMP '2025-01-01' + to_seconds(CAST(random() * 31536000 AS BIGINT)) AS captured_at"
        f" FROM range({samples}) AS t(i)",
        [root, list(WEATHER)],
    )
    per_sample = boxes / samples
    for field in ("truth", "predictions"):
        start = tx.reserve("object", boxes)
        score = "random()" if field == "predictions" else "CAST(NULL AS DOUBLE)"
        tx.execute(
            f"INSERT INTO {tx.table('label__' + field)} BY NAME SELECT {start} + i AS id,"
            f" {first} + CAST(floor(i / {per_sample}) AS BIGINT) AS sample_id,"
            " ?[1 + CAST(floor(10 * pow(random(), 3)) AS INTEGER)] AS label,"
            f" {score} AS score, random() * 400 AS x, random() * 300 AS y, 8 + random() * 80 AS w, 8 + random() * 80 AS h,"
            f" random() < 0.2 AS occluded FROM range({boxes}) AS t(i)",
            [list(CLASSES)],
        )
    tx.execute(
        f"INSERT INTO {tx.table('tag')} SELECT 'sample', {first} + i * 50, 'todo', 'benchmark', now()::TIMESTAMP"
        f" FROM range({samples // 50}) AS t(i)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--boxes", type=int, default=10_000_000)
    given = parser.parse_args()
    began = time.perf_counter()
    ds = make(given.name, given.samples, given.boxes)
    print(f"{ds!r} in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
