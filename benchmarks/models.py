"""How much of a model's time is lost around it: predicting, embedding, and reading the vectors back.

    python benchmarks/models.py --pictures 1000 --models ../shared/models

Pictures are made up (JPEG, noise over colour gradients). "bare" is onnxruntime alone on prepared pictures in memory, with the
same batches and threads; "outside" is the share of the run in which the model was not at work. On a machine that others
use as well, only the last figure says much: CPU seconds of bare onnxruntime over those of the whole run, for each picture.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import loopline as ll
from loopline.models.carded import CardModel
from loopline.models.load import load
from loopline.models.pictures import picture_from_file


def draw(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """JPEG files that cost as much to decode as photographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[1], : size[0]]
    for i in range(count):
        waves = [np.sin(x / rng.uniform(9, 60) + y / rng.uniform(9, 60)) for _ in range(3)]
        rgb = 128 + 80 * np.stack(waves, axis=2) + rng.normal(0, 12, (size[1], size[0], 3))
        Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(folder / f"{i:06}.jpg", quality=88)
    return folder


def bare_rate(model: CardModel, files: list[Path], *, embed: bool, rounds: int = 3) -> tuple[float, float]:
    """Pictures a second of the network alone, and CPU seconds for each."""
    ready = [model.prepare(picture_from_file(file)) for file in files]
    size = model.about.batch_size
    rates, cpu_s = [], []
    for _ in range(rounds):
        start, began = time.perf_counter(), time.process_time()
        for i in range(0, len(ready), size):
            _ = model.embed(ready[i : i + size]) if embed else model.predict(ready[i : i + size])
        rates.append(len(ready) / (time.perf_counter() - start))
        cpu_s.append((time.process_time() - began) / len(ready))
    return statistics.median(rates), statistics.median(cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--small", type=int, default=2000, help="small pictures to embed")
    parser.add_argument("--models", type=Path, help="folder of weights")
    options = parser.parse_args()
    if options.models:
        os.environ["LOOPLINE_MODELS"] = str(options.models.resolve())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}"
    )
    print(f"load {os.getloadavg()[0]:.1f} when it began")
    with tempfile.TemporaryDirectory() as place:
        big = draw(Path(place, "big"), options.pictures, (640, 480))
        small = draw(Path(place, "small"), options.small, (96, 96))
        ds = ll.create(Path(place, "set"))
        ds.add(big)
        ds.add(small)
        sides = {"640×480": "width == 640", "96×96": "width == 96"}
        for name, verb, what, folder in (
            ("fastestdet_coco", "predict", "640×480", big),
            ("efficientnet_lite0_imagenet", "embed", "96×96", small),
            ("histogram", "embed", "96×96", small),
        ):
            model = load(name)
            files = sorted(folder.glob("*.jpg"))[:256]
            nothing = (float("nan"), float("nan"))
            bare, bare_cpu = bare_rate(model, files, embed=verb == "embed") if isinstance(model, CardModel) else nothing
            view = ds.where(sides[what])
            began = time.process_time()
            report = (
                ds.predict(model, "found", where=view, replace=False)
                if verb == "predict"
                else ds.embed(model, key=name, where=view)
            )
            cpu = (time.process_time() - began) / report.samples
            outside = 1 - report.model_s / report.elapsed_s
            print(
                f"{verb} {name}, {report.samples:,} of {what}: {report.rate:.0f}/s, bare {bare:.0f}/s"
                f" ({report.rate / bare:.0%}), outside the model {outside:.0%},"
                f" CPU {1e3 * cpu:.1f} ms a picture, bare {1e3 * bare_cpu:.1f} ({bare_cpu / cpu:.0%})"
            )
        for what in ("cold", "warm"):
            start = time.perf_counter()
            ids, matrix = ds.vectors("efficientnet_lite0_imagenet")
            print(f"vectors {what}: {len(ids):,} × {matrix.shape[1]} in {1e3 * (time.perf_counter() - start):.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform != "darwin" else 1 << 30)
    print(f"peak memory {peak:.2f} GB; load {os.getloadavg()[0]:.1f} when it ended")


if __name__ == "__main__":
    main()
