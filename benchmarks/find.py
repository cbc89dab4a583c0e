"""Searching and comparing vectors: the nearest of many, the neighbour table, near duplicates, perceptual hashes.

    python benchmarks/find.py --vectors 500000 --dimension 512 --rows 100000 --wide 1280

Vectors are made up (normal, unit length, float16). `cold` is a process of its own that opens the vectors' file, imports
faiss, builds the index and searches once. The other tool in the table is the plainest NumPy: one product, one sort.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _measure import in_process, median_ms, once_s, peak_memory_mb

from loopline.curate.groups import near_groups
from loopline.curate.looks import alike_pairs
from loopline.curate.neighbours import neighbours
from loopline.curate.search import build_index

K = 100
TWINS = 0.01


def make(file: Path, rows: int, dimension: int) -> None:
    """Unit vectors; one in a hundred is a twin of the one before it."""
    rng = np.random.default_rng(0)
    matrix = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(rows, dimension))
    for start in range(0, rows, 20_000):
        part = rng.standard_normal((min(20_000, rows - start), dimension), dtype=np.float32)
        twins = np.flatnonzero(rng.random(len(part)) < TWINS)
        twins = twins[twins > 0]
        part[twins] = part[twins - 1] + 0.05 * rng.standard_normal((len(twins), dimension), dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        matrix[start : start + len(part)] = part
    matrix.flush()


def step_cold(file: str) -> dict[str, float]:
    def search() -> object:
        matrix = np.load(file, mmap_mode="r")
        return build_index(matrix, normalised=True).search(np.asarray(matrix[7:8]), K)

    wall, cpu, _ = once_s(search)
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_memory_mb()}


def step_warm(file: str) -> dict[str, float]:
    matrix = np.load(file, mmap_mode="r")
    index = build_index(matrix, normalised=True)
    query = np.asarray(matrix[7:8])
    ours = median_ms(lambda: index.search(query, K))
    whole = np.asarray(matrix, np.float32)
    theirs = median_ms(lambda: np.argsort(-(whole @ query[0].astype(np.float32)))[:K], runs=3)
    return {"wall_s": ours / 1000, "numpy_s": theirs / 1000}


def step_near(file: str) -> dict[str, float]:
    matrix = np.load(file, mmap_mode="r")
    wall, cpu, found = once_s(lambda: near_groups(neighbours(matrix), least=0.97))
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_memory_mb(), "groups": float(len(found))}


def step_looks(rows: str) -> dict[str, float]:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, int(rows), dtype=np.uint64)
    hashes[1::100] = hashes[0::100] ^ np.uint64(5)
    wall, cpu, pairs = once_s(lambda: alike_pairs(hashes, np.ones(len(hashes), bool), most_bits=4))
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_memory_mb(), "pairs": float(len(pairs[0]))}


STEPS = {"cold": step_cold, "warm": step_warm, "near": step_near, "looks": step_looks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=500_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--rows", type=int, default=100_000, help="of the neighbour table")
    parser.add_argument("--wide", type=int, default=1280, help="numbers of its vectors")
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("input", nargs="?")
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(STEPS[asked.step](asked.input)))
        return
    with tempfile.TemporaryDirectory() as folder:
        many, wide = Path(folder) / "many.npy", Path(folder) / "wide.npy"
        make(many, asked.vectors, asked.dimension)
        make(wide, asked.rows, asked.wide)
        for step, about, argument in (
            ("cold", f"nearest {K} of {asked.vectors:,} × {asked.dimension}, cold process", str(many)),
            ("warm", f"nearest {K} of {asked.vectors:,} × {asked.dimension}, warm", str(many)),
            ("near", f"neighbours and near duplicates of {asked.rows:,} × {asked.wide}", str(wide)),
            ("looks", f"alike pairs of {asked.rows:,} hashes", str(asked.rows)),
        ):
            found = in_process(__file__, step, argument)
            print(f"{about:58}  " + "  ".join(f"{name} {value:,.3f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
