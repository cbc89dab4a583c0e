"""Reading many small label files, against the plainest thing that touches the same bytes.

    python benchmarks/formats.py --files 100000 --boxes 10

YOLO  the whole reader, events to the end, against opening and reading each text file
VOC   the whole reader against parsing each XML file, with the standard library and (where it is installed) lxml

Pictures are one small file linked under every name, since both readers look at names, and YOLO's at sizes. Medians of
several runs taken in turn, each kind in a process of its own. Bars: at most 3 times.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from _measure import in_process, machine, peak_memory_mb, table

from loopline.formats import voc as voc_format
from loopline.formats import yolo as yolo_format
from loopline.formats._format import FileFormat
from loopline.kernel.exchange import LabelRows, Source

RESULTS = Path(__file__).parent / "results"
SIDE = 640


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, help="YOLO text files")
    parser.add_argument("--xml-files", type=int, default=100_000, help="VOC files")
    parser.add_argument("--boxes", type=int, default=10, help="per file")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it; an earlier run's files serve again")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="loopline-benchmark-"))
    if options.step:
        print(json.dumps(STEPS[options.step](folder, options)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run(folder, options)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, options: argparse.Namespace) -> None:
    extra = ["--keep", str(folder), "--files", str(options.files), "--boxes", str(options.boxes)]
    extra += ["--runs", str(options.runs), "--xml-files", str(options.xml_files)]
    found: dict[str, Any] = {
        "machine": machine("pyarrow", "numpy"),
        "files": options.files,
        "boxes": options.files * options.boxes,
    }
    for step in STEPS:
        print(f"… {step}", file=sys.stderr, flush=True)
        found[step] = in_process(__file__, step, *extra)
    show(found)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"formats-{options.files}.json").write_text(json.dumps(found, indent=1) + "\n")


def yolo(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    top = folder / f"yolo-{options.files}"
    if not top.exists():
        write_yolo(top, options.files, options.boxes)

    def plain() -> int:
        size = 0
        with os.scandir(top / "labels" / "train") as entries:
            for entry in entries:
                with open(entry.path, "rb") as file:  # noqa: PTH123  the plainest way
                    size += len(file.read())
        return size

    times, answers = in_turn({"ours": lambda: objects(yolo_format.FORMAT, top), "reading": plain}, options.runs)
    assert answers["ours"] == options.files * options.boxes
    return {**times, "files": options.files, "mb": answers["reading"] / 1e6, "peak_mb": peak_memory_mb()}


def voc(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    files = options.xml_files
    top = folder / f"voc-{files}"
    if not top.exists():
        write_voc(top, files, options.boxes)
    names = [entry.path for entry in os.scandir(top / "Annotations")]

    def stdlib() -> int:
        return sum(len(ET.parse(name).getroot()) for name in names)

    calls: dict[str, Callable[[], int]] = {"ours": lambda: objects(voc_format.FORMAT, top), "stdlib": stdlib}
    try:
        from lxml import etree

        calls["lxml"] = lambda: sum(len(etree.parse(name).getroot()) for name in names)
    except ImportError:
        print("lxml is not installed: not compared", file=sys.stderr)
    times, answers = in_turn(calls, options.runs)
    assert answers["ours"] == files * options.boxes
    return {**times, "files": files, "peak_mb": peak_memory_mb()}


STEPS = {"yolo": yolo, "voc": voc}


def in_turn(calls: dict[str, Callable[[], int]], runs: int) -> tuple[dict[str, float], dict[str, int]]:
    """Median wall and CPU seconds of each call, taken in turn after one round that warms up; the calls' answers."""
    answers = {name: call() for name, call in calls.items()}
    taken: dict[str, list[float]] = {}
    for _ in range(runs):
        for name, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            taken.setdefault(f"{name}_s", []).append(time.perf_counter() - wall)
            taken.setdefault(f"{name}_cpu_s", []).append(time.process_time() - cpu)
    return {name: statistics.median(values) for name, values in taken.items()}, answers


def objects(one: FileFormat, top: Path) -> int:
    return sum(e.table.num_rows for e in one.read(Source(top)) if isinstance(e, LabelRows))


def write_yolo(top: Path, files: int, boxes: int) -> None:
    rng = np.random.default_rng(1)
    picture = _start(top, top / "images" / "train")
    (top / "labels" / "train").mkdir(parents=True)
    (top / "data.yaml").write_text("train: images/train\nnames: [a, b, c, d]\n")
    for number in range(files):
        size = rng.uniform(0.01, 0.3, (boxes, 2))
        rows = np.column_stack([rng.integers(0, 4, boxes), rng.uniform(0.2, 0.8, (boxes, 2)), size]).tolist()
        text = "".join(f"{int(c)} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for c, x, y, w, h in rows)
        (top / "labels" / "train" / f"{number:07d}.txt").write_text(text)
        (top / "images" / "train" / f"{number:07d}.png").symlink_to(picture)


def write_voc(top: Path, files: int, boxes: int) -> None:
    rng = np.random.default_rng(2)
    picture = _start(top, top / "JPEGImages")
    (top / "Annotations").mkdir()
    for number in range(files):
        low = rng.integers(1, 300, (boxes, 2))
        rows = np.column_stack([low, low + rng.integers(5, 300, (boxes, 2))]).tolist()
        body = "".join(
            f"<object><name>class {x0 % 4}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
            f"<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
            for x0, y0, x1, y1 in rows
        )
        (top / "Annotations" / f"{number:07d}.xml").write_text(
            f"<annotation><folder>VOC</folder><filename>{number:07d}.png</filename>"
            f"<size><width>{SIDE}</width><height>{SIDE}</height><depth>3</depth></size>\n{body}</annotation>\n"
        )
        (top / "JPEGImages" / f"{number:07d}.png").symlink_to(picture)


def _start(top: Path, pictures: Path) -> Path:
    pictures.mkdir(parents=True)
    Image.new("1", (SIDE, SIDE)).save(top / "one.png")
    return (top / "one.png").resolve()


def show(found: dict[str, Any]) -> None:
    print(f"{found['boxes']:,} boxes · " + " · ".join(f"{k} {v}" for k, v in found["machine"].items()))
    for step, others in (("yolo", ("reading",)), ("voc", ("stdlib", "lxml"))):
        one = found[step]
        rows = [("Loopline's reader", f"{one['ours_s']:.2f} s", f"peak memory {one['peak_mb']:.0f} MB")]
        for name in others:
            if f"{name}_s" in one:
                wall, cpu = one["ours_s"] / one[f"{name}_s"], one["ours_cpu_s"] / one[f"{name}_cpu_s"]
                rows.append((name, f"{one[f'{name}_s']:.2f} s", f"ours {wall:.2f}× (CPU {cpu:.2f}×)"))
        table(f"{step}: {one['files']:,} files", rows)


if __name__ == "__main__":
    main()
