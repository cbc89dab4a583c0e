"""How fast a detection evaluation is: numbers, the fate of each object, slices, intervals; against pycocotools.

    python benchmarks/evaluate.py                                    COCO val's size: 5,000 pictures, 150 k predictions
    python benchmarks/evaluate.py --pictures 100000 --truths 720000 --predictions 1000000 --skip-pycocotools

Each side runs in a process of its own, on the same made-up columns, and reports CPU and wall seconds and peak memory:
columns in and columns out; label fields of a data set in, and numbers and the match of every object written back to it;
pycocotools' numbers alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _measure import in_process, machine, once_s, peak_memory_mb, table

from loopline.metrics._arrays import AnyArray

CLASSES = 80
SIDE_PX = 640


def columns(pictures: int, truths: int, predictions: int, seed: int = 0) -> dict[str, AnyArray]:
    """Annotated boxes, and predictions of which 60 % lie on one; few classes a picture, class sizes as in real sets."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, CLASSES + 1)
    favourite = rng.choice(CLASSES, (pictures, 3), p=share / share.sum())
    picture = np.sort(rng.integers(0, pictures, truths))
    label = favourite[picture, rng.integers(0, 3, truths)]
    size = np.exp(rng.normal(4, 1, (truths, 2))).clip(4, 500)
    box = np.concatenate([rng.random((truths, 2)) * (SIDE_PX - size).clip(1), size], axis=1).round(2)
    source = rng.integers(0, truths, predictions)
    shake, made_up = rng.normal(0, 0.12, (predictions, 4)), rng.random(predictions) < 0.4
    near = box[source]
    guess = np.concatenate([near[:, :2] + shake[:, :2] * near[:, 2:], near[:, 2:] * np.exp(shake[:, 2:])], axis=1)
    other = np.exp(rng.normal(4, 1, (predictions, 2))).clip(4, 500)
    guess[made_up] = np.concatenate([rng.random((predictions, 2)) * 400, other], axis=1)[made_up]
    score = np.where(made_up, rng.beta(1, 5, predictions), rng.beta(3, 2, predictions)).round(3)
    order = np.argsort(picture[source], kind="stable")
    return {
        "picture": picture,
        "label": label,
        "box": box,
        "crowd": rng.random(truths) < 0.01,
        "predicted_picture": picture[source][order],
        "predicted_label": label[source][order],
        "predicted_box": guess[order].round(2),
        "score": score[order],
    }


def ours(pictures: int, made: dict[str, AnyArray], *, slices: int, replicates: int) -> dict[str, Any]:
    from loopline.kernel.detections import detections
    from loopline.metrics import bootstrap, coco, fates, resample_coco
    from loopline.metrics import slices as parts

    names = [f"class {k}" for k in range(CLASSES)]
    every = np.arange(pictures)

    def door() -> tuple[Any, Any]:
        truth = detections(
            made["picture"], made["box"], made["label"], classes=names, iscrowd=made["crowd"], samples=every
        )
        predicted = detections(
            made["predicted_picture"],
            made["predicted_box"],
            made["predicted_label"],
            classes=names,
            score=made["score"],
            samples=every,
        )
        return truth, predicted

    base = peak_memory_mb()
    steps: dict[str, tuple[float, float]] = {}

    def timed(name: str, call: Any) -> Any:
        wall, cpu, result = once_s(call)
        steps[name] = (wall, cpu)
        return result

    sides = timed("columns checked and sorted", door)
    report = timed("12 numbers", lambda: coco.evaluate(*sides))
    rows = timed("the fate of each object", lambda: fates.match_table(report.matched))
    peak = peak_memory_mb()
    again = timed("12 numbers, again", lambda: coco.evaluate(*sides))
    rng = np.random.default_rng(0)
    cuts = [sorted(rng.uniform(0, 150, 2) ** 2) for _ in range(slices)]
    truth, predicted = report.matched.truth, report.matched.predicted
    chosen = [parts.by_range("part", truth.area, predicted.area, least=low, most=high) for low, high in cuts]
    timed(f"{slices} slices", lambda: parts.measure(again, chosen))
    timed(
        f"{replicates} replicates",
        lambda: bootstrap.bootstrap(resample_coco.weighed(report), rng=rng, replicates=replicates),
    )
    return {
        "numbers": list(report.numbers().values()),
        "rows": len(rows),
        "steps": steps,
        "base_mb": base,
        "peak_mb": peak,
        "peak_with_rest_mb": peak_memory_mb(),
    }


def in_the_lake(pictures: int, made: dict[str, AnyArray], *, slices: int, replicates: int) -> dict[str, Any]:
    """The same boxes as two label fields of a data set. Making the data set is not timed."""
    import loopline as ll

    steps: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        ds = ll.create(f"{folder}/val")
        truth, results = _coco_files(pictures, made, Path(folder))
        ds.add(truth, field="truth", read_media=False)
        ds.add(results, field="predicted", read_media=False)
        del truth, results
        ds.close()
        ds = ll.open(f"{folder}/val")
        base = peak_memory_mb()
        rng = np.random.default_rng(0)
        cuts = [sorted(rng.uniform(0, 150, 2) ** 2) for _ in range(slices)]
        half = [f"{low:.1f} <= box.area < {high:.1f}" for low, high in cuts[: slices // 2]]
        texts = [*half, *(f"id % {slices} == {k}" for k in range(slices - len(half)))]

        def timed(name: str, **more: Any) -> Any:
            wall, cpu, result = once_s(lambda: ds.evaluate(truth="truth", predicted="predicted", **more))
            steps[name] = (wall, cpu)
            return result

        first = timed("lake to lake: numbers, and matches of every object")
        peak = peak_memory_mb()
        timed("the same again")
        timed(f"the same with {slices} slices, half of them of objects", slices=texts)
        timed(f"the same with {replicates} replicates", replicates=replicates)
        rows = first.matches.count()
        numbers = list(first.numbers.values())
        ds.close()
    return {
        "numbers": numbers,
        "rows": rows,
        "steps": steps,
        "base_mb": base,
        "peak_mb": peak,
        "peak_with_rest_mb": peak_memory_mb(),
    }


def _coco_files(pictures: int, made: dict[str, AnyArray], folder: Path) -> tuple[Path, Path]:
    boxes = zip(
        made["picture"].tolist(), made["label"].tolist(), made["box"].tolist(), made["crowd"].tolist(), strict=True
    )
    document = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": SIDE_PX, "height": SIDE_PX} for i in range(pictures)],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(CLASSES)],
        "annotations": [
            {"id": i, "image_id": p, "category_id": k, "bbox": b, "area": b[2] * b[3], "iscrowd": int(c)}
            for i, (p, k, b, c) in enumerate(boxes, 1)
        ],
    }
    guesses = zip(
        made["predicted_picture"].tolist(),
        made["predicted_label"].tolist(),
        made["predicted_box"].tolist(),
        made["score"].tolist(),
        strict=True,
    )
    results = [{"image_id": p, "category_id": k, "bbox": b, "score": s} for p, k, b, s in guesses]
    files = folder / "truth.json", folder / "results.json"
    for file, content in zip(files, (document, results), strict=True):
        file.write_text(json.dumps(content), encoding="utf-8")
    return files


def pycocotools(pictures: int, made: dict[str, AnyArray]) -> dict[str, Any]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    rows = zip(
        made["picture"].tolist(), made["label"].tolist(), made["box"].tolist(), made["crowd"].tolist(), strict=True
    )
    truth.dataset = {
        "images": [{"id": i, "width": SIDE_PX, "height": SIDE_PX} for i in range(pictures)],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(CLASSES)],
        "annotations": [
            {"id": i, "image_id": p, "category_id": k, "bbox": b, "area": b[2] * b[3], "iscrowd": int(c)}
            for i, (p, k, b, c) in enumerate(rows, 1)
        ],
    }
    results = np.column_stack(
        [made["predicted_picture"], made["predicted_box"], made["score"], made["predicted_label"]]
    )
    base = peak_memory_mb()

    def run() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            truth.createIndex()
            ev = COCOeval(truth, truth.loadRes(results), "bbox")
            ev.evaluate()
            ev.accumulate()
            ev.summarize()
        return ev

    wall, cpu, ev = once_s(run)
    return {
        "numbers": ev.stats.tolist(),
        "steps": {"12 numbers": (wall, cpu)},
        "base_mb": base,
        "peak_mb": peak_memory_mb(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5_000)
    parser.add_argument("--truths", type=int, default=36_000)
    parser.add_argument("--predictions", type=int, default=150_000)
    parser.add_argument("--slices", type=int, default=50)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--skip-pycocotools", action="store_true")
    parser.add_argument("--step", choices=["ours", "lake", "pycocotools"])
    options = parser.parse_args()
    if options.step:
        made = columns(options.pictures, options.truths, options.predictions)
        if options.step == "ours":
            result = ours(options.pictures, made, slices=options.slices, replicates=options.replicates)
        elif options.step == "lake":
            result = in_the_lake(options.pictures, made, slices=options.slices, replicates=options.replicates)
        else:
            result = pycocotools(options.pictures, made)
        print(json.dumps(result))
        return
    size = [
        f"--{name}={getattr(options, name)}" for name in ("pictures", "truths", "predictions", "slices", "replicates")
    ]
    mine = in_process(__file__, "ours", *size)
    one = mine["steps"]["12 numbers, again"][1]
    rows = [
        (name, f"{cpu:.2f} s", f"{wall:.2f} s wall, {cpu / one:.1f} x one evaluation")
        for name, (wall, cpu) in mine["steps"].items()
    ]
    rows.append(("peak memory", f"{mine['peak_mb']:.0f} MB", f"{mine['base_mb']:.0f} MB of it input and imports"))
    rows.append(("with slices and replicates", f"{mine['peak_with_rest_mb']:.0f} MB", ""))
    table(f"{options.pictures} pictures, {options.truths} truths, {options.predictions} predictions (CPU)", rows)
    lake = in_process(__file__, "lake", *size)
    again = lake["steps"]["the same again"][1]
    rows = [
        (name, f"{cpu:.2f} s", f"{wall:.2f} s wall, {cpu / again:.1f} x one evaluation")
        for name, (wall, cpu) in lake["steps"].items()
    ]
    rows.append(
        ("peak memory", f"{lake['peak_mb']:.0f} MB", f"{lake['base_mb']:.0f} MB of it the import and its files")
    )
    table("as label fields of a data set (CPU)", rows)
    theirs = None
    if not options.skip_pycocotools:
        theirs = in_process(__file__, "pycocotools", *size)
        wall, cpu = theirs["steps"]["12 numbers"]
        ours_cpu = sum(
            mine["steps"][n][1] for n in ("columns checked and sorted", "12 numbers", "the fate of each object")
        )
        table(
            "pycocotools",
            [
                (
                    "12 numbers",
                    f"{cpu:.2f} s",
                    f"{wall:.2f} s wall; ours with every object's fate: {cpu / ours_cpu:.0f} x less",
                ),
                (
                    "lake to lake",
                    f"{cpu / lake['steps']['the same again'][1]:.0f} x less",
                    "numbers and matches written",
                ),
                ("peak memory", f"{theirs['peak_mb']:.0f} MB", f"{theirs['base_mb']:.0f} MB of it input"),
                (
                    "largest difference",
                    f"{np.abs(np.subtract(mine['numbers'], theirs['numbers'])).max():.0e}",
                    "of 12 numbers",
                ),
            ],
        )
    print(
        json.dumps(
            {"machine": machine("loopline", "numpy", "pycocotools"), "ours": mine, "lake": lake, "pycocotools": theirs}
        )
    )


if __name__ == "__main__":
    main()
