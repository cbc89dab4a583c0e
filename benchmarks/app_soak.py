"""Long use of the app in a real browser: errors, failed requests, and memory over time.

    python benchmarks/app_soak.py --minutes 20
    python benchmarks/app_soak.py --minutes 1 --samples 2000 --boxes 20000

Makes a data set with an embedding and an evaluation, starts `loopline app` and lets web/scripts/soak.mjs scroll, filter,
query, open, tag, undo, lasso, compare and look at versions and runs, round after round. Fails where anything went wrong
or the heap grew by more than 24 MB after the first minute.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from typing import Any

import numpy as np

import loopline as ll
from benchmarks.app_browser import BROWSERS, WEB, app
from benchmarks.app_data import make
from loopline.front.dataset import Dataset
from loopline.store.lake import Transaction
from loopline.store.vectors import Embedding, add_embedding, put_vectors

GROWTH_MB = 24.0


def prepare(name: str, samples: int, boxes: int) -> None:
    """The data set `name`, with what the map and the compare page show."""
    with make(name, samples, boxes) as ds:
        _embed(ds, np.random.default_rng(1))
        ll.evaluate(ds.where("split == 'val'"), truth="truth", predicted="predictions", key="made")


def _embed(ds: Dataset, rng: np.random.Generator) -> None:
    ids = np.asarray(ds.view().ids(), np.int64)
    middles = rng.normal(size=(8, 16))
    vectors = middles[rng.integers(0, 8, len(ids))] + 0.4 * rng.normal(size=(len(ids), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    of = Embedding("made", "sample", "made up", "made up", 16, True)

    def write(tx: Transaction) -> None:
        add_embedding(tx, of)
        put_vectors(tx, of, ids, vectors.astype(np.float32))

    ds.lake.commit("embed", write, message="embed made")


def soak(name: str, minutes: float) -> dict[str, Any]:
    """What web/scripts/soak.mjs counted."""
    chromium = os.environ.get("CHROMIUM") or next((f for b in BROWSERS if (f := shutil.which(b))), "")
    with app(name) as (base, _):
        done = subprocess.run(
            ["node", "scripts/soak.mjs", base, name, str(minutes)],
            cwd=WEB,
            env={**os.environ, "CHROMIUM": chromium},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60 * minutes + 600,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def growth_mb(found: dict[str, Any]) -> float:
    """How much larger the heap is at the end than after the first minute."""
    looks = found["looks"]
    first = next((look for look in looks if look["minute"] >= 1), looks[0]) if looks else None
    return 0.0 if first is None else looks[-1]["heap_mb"] - first["heap_mb"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "name", nargs="?", default="", help="a data set made before by this script; default: one is made"
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--boxes", type=int, default=200_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--json", action="store_true", help="print what was counted as JSON")
    given = parser.parse_args()
    name = given.name
    if not name:
        name = f"soak_{given.samples}_{os.getpid()}"
        prepare(name, given.samples, given.boxes)
    found = soak(name, given.minutes)
    if given.json:
        print(json.dumps(found))
    else:
        print(f"{found['rounds']} rounds in {found['minutes']:.1f} minutes")
        print("minute  rounds  heap MB   nodes  listeners  elements")
        for look in found["looks"]:
            print(
                f"{look['minute']:6.1f}  {look['rounds']:6}  {look['heap_mb']:7.1f}  {look['nodes']:6}  "
                f"{look['listeners']:9}  {look['elements']:8}"
            )
        print(f"errors in the console: {len(found['errors'])}; failed requests: {len(found['failed'])}")
        for text in [*found["errors"], *found["failed"]][:40]:
            print(text)
    if found["stopped"]:
        raise SystemExit(f"stopped: {found['stopped']}")
    if found["errors"] or found["failed"] or growth_mb(found) > GROWTH_MB:
        raise SystemExit(f"not clean: the heap grew by {growth_mb(found):.1f} MB")


if __name__ == "__main__":
    main()
