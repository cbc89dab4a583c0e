"""Scenes for the detection metrics: COCO files, random scenes, and the same columns through pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from loopline.kernel import rle
from loopline.kernel.detections import Detections, detections
from loopline.metrics._arrays import FloatArray
from loopline.metrics.coco import CocoOptions

CLASSES = ("cat", "dog", "owl")


def read_coco(
    truth: Path, predictions: Path, *, keypoints: bool = False, agnostic: bool = False
) -> tuple[Detections, Detections]:
    """A COCO file and a results file as columns; results of unknown classes are left out, as pycocotools does.

    agnostic: results whose class ids mean nothing, all of the first class.
    """
    document, results = json.loads(truth.read_text()), json.loads(predictions.read_text())
    categories = sorted(document["categories"], key=lambda c: c["id"])
    place = {c["id"]: i for i, c in enumerate(categories)}
    if agnostic:
        results = [{**r, "category_id": categories[0]["id"]} for r in results]
    results = [{"id": i, **r} for i, r in enumerate(results, 1) if r["category_id"] in place]
    names = [c["name"] for c in categories]
    sizes = {i["id"]: (i["height"], i["width"]) for i in document["images"]}
    return (
        _side(document["annotations"], place, names, sizes, scored=False, keypoints=keypoints),
        _side(results, place, names, sizes, scored=True, keypoints=keypoints),
    )


def _side(
    rows: list[dict[str, Any]],
    place: dict[int, int],
    names: Sequence[str],
    sizes: Any,
    *,
    scored: bool,
    keypoints: bool,
) -> Detections:
    masks = [_blob(r.get("segmentation")) for r in rows]
    outlines = [s if isinstance(s := r.get("segmentation"), list) else None for r in rows]
    return detections(
        [r["image_id"] for r in rows],
        [r.get("bbox", [0, 0, 0, 0]) for r in rows],
        [place[r["category_id"]] for r in rows],
        classes=names,
        score=[r["score"] for r in rows] if scored else None,
        object_id=[r["id"] for r in rows],
        iscrowd=[bool(r.get("iscrowd")) for r in rows],
        area=[r.get("area", np.nan) for r in rows],
        mask=pa.array(masks, pa.binary()) if any(m is not None for m in masks) else None,
        polygons=pa.array(outlines, pa.list_(pa.list_(pa.float64()))) if any(outlines) else None,
        keypoints=np.array([r["keypoints"] for r in rows], float).reshape(len(rows), -1, 3) if keypoints else None,
        samples=list(sizes),
        sizes_px=sizes,
    )


def _blob(segmentation: Any) -> bytes | None:
    if not isinstance(segmentation, dict):
        return None
    counts = segmentation["counts"]
    packed = rle.compress(counts) if isinstance(counts, list) else counts.encode()
    return rle.pack_blob(*segmentation["size"], packed)


# -- the same columns through pycocotools


def to_coco(these: Detections, *, keypoints: bool = False) -> list[dict[str, Any]]:
    unit = these.unit()
    rows = []
    for i in range(len(these)):
        row = {
            "id": int(these.object_id[i]),
            "image_id": int(these.sample_id[unit[i]]),
            "category_id": int(these.class_id[i]) + 1,
            "bbox": these.box[i].tolist(),
            "area": float(these.area[i]),
            "iscrowd": int(these.iscrowd[i]),
        }
        if these.score is not None:
            row["score"] = float(these.score[i])
        if keypoints and these.keypoints is not None:
            row["keypoints"] = these.keypoints[i].ravel().tolist()
            row["num_keypoints"] = int((these.keypoints[i, :, 2] > 0).sum())
        rows.append(row)
    return rows


def with_pycocotools(
    truth: Detections, predicted: Detections, options: CocoOptions, rows: Any = None
) -> dict[str, Any]:
    """`precision` (t, r, k, a), `scores`, `recall` (t, k, a, m) and the 12 (10) numbers, NaN for pycocotools' -1."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    kind = {"box": "bbox", "mask": "segm", "keypoints": "keypoints"}[options.geometry]
    sides = []
    with contextlib.redirect_stdout(io.StringIO()):
        for these in (truth, predicted):
            side = COCO()
            side.dataset = {
                "images": [{"id": int(s), "height": 480, "width": 640} for s in truth.sample_id],
                "categories": [{"id": i, "name": name} for i, name in enumerate(truth.classes, 1)],
                "annotations": to_coco(these, keypoints=kind == "keypoints") if rows is None else rows[len(sides)],
            }
            side.createIndex()
            sides.append(side)
        ev = COCOeval(*sides, kind)
        ev.params.iouThrs = np.array(options.iou)
        ev.params.useCats = int(options.by_class)
        ev.params.maxDets = list(options.max_detections)
        ev.params.areaRng = [[a.least, a.most] for a in options.areas]
        ev.params.areaRngLbl = [a.name for a in options.areas]
        ev.evaluate()
        ev.accumulate()
        standard = len(options.max_detections) == (1 if kind == "keypoints" else 3)
        if standard and len(options.areas) == (3 if kind == "keypoints" else 4):
            ev.summarize()
    minus = lambda v: np.where(np.asarray(v) == -1, np.nan, v)  # noqa: E731
    return {
        "precision": minus(ev.eval["precision"][..., -1]),
        "scores": minus(ev.eval["scores"][..., -1]),
        "recall": minus(ev.eval["recall"]),
        "stats": minus(ev.stats) if len(ev.stats) else None,
    }


# -- random scenes


@st.composite
def scenes(draw: st.DrawFn, *, crowds: bool = True) -> tuple[Detections, Detections]:
    """A few pictures with boxes on a coarse grid, so that overlaps, ties of scores and ties of overlap are common."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_scene(
        rng,
        pictures=draw(st.integers(1, 4)),
        truths=draw(st.integers(0, 14)),
        predictions=draw(st.integers(0, 24)),
        crowds=crowds,
    )


def random_scene(
    rng: np.random.Generator, *, pictures: int, truths: int, predictions: int, crowds: bool = True
) -> tuple[Detections, Detections]:
    def boxes(n: int) -> FloatArray:
        return np.concatenate([rng.integers(0, 6, (n, 2)) * 6, rng.integers(0, 8, (n, 2)) * 9 + 3], axis=1).astype(
            float
        )

    samples = np.arange(pictures) * 3 + 1
    truth_boxes, predicted_boxes = boxes(truths), boxes(predictions)
    near = rng.random(predictions) < 0.7
    if truths:
        predicted_boxes[near] = truth_boxes[rng.integers(0, truths, near.sum())] + rng.integers(-1, 2, (near.sum(), 4))
        predicted_boxes[:, 2:] = predicted_boxes[:, 2:].clip(0)
    truth = detections(
        rng.choice(samples, truths),
        truth_boxes,
        rng.integers(0, 3, truths),
        classes=CLASSES,
        iscrowd=(rng.random(truths) < 0.15) & crowds,
        area=np.where(rng.random(truths) < 0.5, np.nan, rng.integers(1, 3000, truths)),
        samples=samples,
    )
    predicted = detections(
        rng.choice(samples, predictions),
        predicted_boxes,
        rng.integers(0, 3, predictions),
        classes=CLASSES,
        score=rng.integers(0, 6, predictions) / 5,
        samples=samples,
    )
    return truth, predicted
