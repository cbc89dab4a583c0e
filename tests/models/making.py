"""Small data sets and functions as models, shared by these tests and by the child process that one of them kills."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import loopline as ll
from loopline.models.callable import FunctionPredictor, predictor
from loopline.models.protocol import UInt8


def pictures(folder: Path, count: int) -> Path:
    """PNG files whose red says which they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", (16, 12), (i, 100, 50)).save(folder / f"{i:03}.png")
    return folder


def dataset(tmp_path: Path, count: int = 10) -> ll.Dataset:
    ds = ll.create(tmp_path / "set")
    ds.add(pictures(tmp_path / "pictures", count))
    return ds


def find_one(batch: Sequence[UInt8]) -> list[dict[str, list[object]]]:
    """A box for each picture, as wide as its red says; the pictures seen are noted in $SEEN."""
    seen = os.environ.get("SEEN")
    time.sleep(float(os.environ.get("SLEEP_S", "0")))
    if seen:
        with Path(seen).open("a") as out:
            out.write("".join(f"{rgb[0, 0, 0]}\n" for rgb in batch))
    return [
        {"label": ["it"], "score": [0.5], "x": [0.0], "y": [0.0], "w": [float(rgb[0, 0, 0])], "h": [1.0]}
        for rgb in batch
    ]


def finder(batch_size: int = 4) -> FunctionPredictor:
    return predictor(find_one, classes=["it"], name="find one", batch_size=batch_size)


def mean_colours(batch: Sequence[UInt8]) -> np.ndarray:
    return np.array([rgb.reshape(-1, 3).mean(axis=0) / 255 for rgb in batch])


if __name__ == "__main__":
    from loopline.front.opening import open_dataset
    from loopline.models.predict import predict

    ds = open_dataset(os.environ["DATASET"])
    predict(ds.lake, ds.view(), finder(), into="found", commit_every_s=float(os.environ["COMMIT_EVERY_S"]), resume=True)
