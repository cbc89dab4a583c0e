"""Timing that can be compared: each long step in a process of its own, short ones as the median of several runs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any


def in_process(script: str, step: str, *arguments: str) -> dict[str, Any]:
    """Run `python script --step STEP arguments`, which prints one JSON document; that, with the process's peak memory."""
    done = subprocess.run(
        [sys.executable, script, "--step", step, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def peak_memory_mb() -> float:
    """Of this process, in its whole life."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median_ms(call: Callable[[], object], *, runs: int = 7, warm_up: int = 1) -> float:
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def once_s(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """(wall seconds, CPU seconds, result)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def paired_ms(ours: Callable[[], object], theirs: Callable[[], object], *, runs: int = 7) -> tuple[float, float]:
    """Medians of two calls taken in turn, so that a machine whose speed drifts is fair to both."""
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for call, into in ((ours, times[0]), (theirs, times[1])):
            start = time.perf_counter()
            call()
            into.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[0]), 1000 * statistics.median(times[1])


def machine(*packages: str) -> dict[str, str]:
    versions = {name: metadata.version(name) for name in packages}
    return {"cores": str(os.cpu_count()), "python": platform.python_version(), **versions}


def folder_mb(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def table(title: str, rows: list[tuple[str, str, str]]) -> None:
    width = max((len(name) for name, *_ in rows), default=0)
    print(f"\n{title}")
    for name, value, note in rows:
        print(f"  {name:<{width}}  {value:>14}  {note}")
