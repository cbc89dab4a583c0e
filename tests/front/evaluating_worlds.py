"""Small data sets to be evaluated, made in two writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import loopline as ll
from loopline.kernel.schema import FieldKind
from loopline.store import edits

Box = tuple[int, str, float, float, float, float]
CLASSES = ("cat", "dog")


def data_set(folder: Path, truth: list[Box], *, pictures: int = 4, name: str = "world") -> ll.Dataset:
    """Pictures 1 … n of 100 x 100 that are not there, with a column `weather`: rain, sun, rain, …

    Boxes, in the field `gt`, are (number of the picture, class, x, y, w, h); every other one is `occluded`.
    """
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100, "weather": "rain" if i % 2 else "sun"}
        for i in range(1, pictures + 1)
    ]
    boxes = [
        {"id": i, "image_id": b[0], "category_id": 1 + CLASSES.index(b[1]), "bbox": list(b[2:]), "occluded": i % 2 == 0}
        for i, b in enumerate(truth, 1)
    ]
    categories = [{"id": k, "name": n} for k, n in enumerate(CLASSES, 1)]
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    ds = ll.create(str(folder / name))
    ds.add(file, field="gt", read_media=False)
    return ds


def add_boxes(ds: ll.Dataset, field: str, boxes: list[Box], scores: list[float]) -> None:
    """Predicted boxes; the field is made where it is not there."""
    rows = {
        "sample": [b[0] for b in boxes],
        "label": [b[1] for b in boxes],
        **{name: [float(b[2 + i]) for b in boxes] for i, name in enumerate("xywh")},
        "score": scores,
    }
    add_rows(ds, field, "box", rows, classes=CLASSES)


def add_rows(ds: ll.Dataset, field: str, kind: FieldKind, rows: dict[str, Any], **more: Any) -> None:
    """Rows of a field, made with `more` where it is not there; `sample` counts pictures from 1."""
    if not ds.schema.has_field(field):
        ds.fields.add(field, kind, **more)
    ids = ds.view().ids()
    columns = {**rows, "sample_id": [int(ids[n - 1]) for n in rows["sample"]]}
    del columns["sample"]
    edits.add_objects(ds.lake, field, pa.table(columns))


def scene(folder: Path, seed: int = 0, pictures: int = 12) -> ll.Dataset:
    """Random boxes, and predictions near most of them."""
    rng = np.random.default_rng(seed)
    truth: list[Box] = []
    for picture in range(1, pictures + 1):
        for _ in range(int(rng.integers(1, 5))):
            x, y, w, h = rng.uniform(0, 60, 2).tolist() + rng.uniform(5, 40, 2).tolist()
            truth.append((picture, CLASSES[int(rng.integers(2))], x, y, w, h))
    guesses: list[Box] = []
    for p, label, x, y, w, h in truth:
        if rng.random() < 0.8:
            dx, dy = rng.normal(0, 0.08, 2) * (w, h)
            guesses.append((p, label if rng.random() < 0.9 else CLASSES[0], x + dx, y + dy, w, h))
    for _ in range(6):
        x, y, w, h = rng.uniform(5, 50, 4).tolist()
        guesses.append((int(rng.integers(1, pictures + 1)), "dog", x, y, w, h))
    ds = data_set(folder, truth, pictures=pictures, name="scene")
    add_boxes(ds, "pred", guesses, rng.uniform(0.05, 1, len(guesses)).round(2).tolist())
    return ds


def copied(made: Path, folder: Path) -> ll.Dataset:
    """A data set of one's own, made sooner than a new one."""
    shutil.copytree(made, folder / made.name)
    return ll.open(str(folder / made.name))
