"""Made-up COCO files of any size: the same numbers each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CLASSES = 80
_SHARE = 1 / np.arange(1, CLASSES + 1)  # class frequencies as in real sets: few common ones, many rare ones


def write_truth(target: Path, images: int, boxes_per_image: float, *, polygons: bool = False, seed: int = 0) -> int:
    """An instances file with `images` pictures of 640×480; how many boxes it holds."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(boxes_per_image, images)
    with target.open("w", encoding="utf-8") as out:
        out.write(
            '{"info": {"description": "made up", "year": 2026}, "licenses": [{"id": 1, "name": "none"}],\n"images": ['
        )
        for start in range(0, images, 10_000):
            rows = [
                f'{{"id": {i}, "file_name": "{i:012d}.jpg", "width": 640, "height": 480, "license": 1}}'
                for i in range(start, min(start + 10_000, images))
            ]
            out.write((",\n" if start else "") + ",\n".join(rows))
        out.write('],\n"annotations": [')
        number = 0
        for start in range(0, images, 10_000):
            rows = _annotations(rng, counts[start : start + 10_000], start, number, polygons)
            number += len(rows)
            out.write((",\n" if start and rows else "") + ",\n".join(rows))
        names = ", ".join(f'{{"id": {c}, "name": "class {c}", "supercategory": "thing"}}' for c in range(CLASSES))
        out.write(f'],\n"categories": [{names}]}}')
    return number


def _annotations(rng: np.random.Generator, counts: np.ndarray, first: int, number: int, polygons: bool) -> list[str]:
    owner = np.repeat(np.arange(first, first + len(counts)), counts)
    labels = rng.choice(CLASSES, len(owner), p=_SHARE / _SHARE.sum())
    box = _boxes(rng, len(owner))
    rows = []
    for i, (image, label, (x, y, w, h)) in enumerate(zip(owner.tolist(), labels.tolist(), box.tolist(), strict=True)):
        outline = (
            f', "segmentation": [[{x}, {y}, {x + w:.2f}, {y}, {x + w:.2f}, {y + h:.2f}, {x}, {y + h:.2f}]]'
            if polygons
            else ""
        )
        rows.append(
            f'{{"id": {number + i}, "image_id": {image}, "category_id": {label}, "bbox": [{x}, {y}, {w}, {h}], '
            f'"area": {w * h:.4f}, "iscrowd": 0{outline}}}'
        )
    return rows


def write_predictions(target: Path, images: int, boxes_per_image: float, *, seed: int = 1) -> int:
    """A results file for the same pictures; how many boxes it holds."""
    rng = np.random.default_rng(seed)
    number = 0
    with target.open("w", encoding="utf-8") as out:
        out.write("[")
        for start in range(0, images, 10_000):
            counts = rng.poisson(boxes_per_image, min(10_000, images - start))
            owner = np.repeat(np.arange(start, start + len(counts)), counts)
            labels = rng.choice(CLASSES, len(owner), p=_SHARE / _SHARE.sum())
            box, score = _boxes(rng, len(owner)), rng.beta(1, 3, len(owner)).round(5)
            rows = [
                f'{{"image_id": {i}, "category_id": {c}, "bbox": {b}, "score": {s}}}'
                for i, c, b, s in zip(owner.tolist(), labels.tolist(), box.tolist(), score.tolist(), strict=True)
            ]
            out.write((",\n" if number and rows else "") + ",\n".join(rows))
            number += len(rows)
        out.write("]")
    return number


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    size = np.exp(rng.normal(3.7, 0.9, (count, 2))).clip(2, 470)
    corner = rng.random((count, 2)) * (np.array([640, 480]) - size).clip(1)
    return np.concatenate([corner, size], axis=1).round(2)
