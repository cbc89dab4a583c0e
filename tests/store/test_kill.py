"""kill -9 at any moment of an import leaves whole verbs, and nothing that the next writer waits for."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loopline.store import lake as lakes
from loopline.store.ingest import ingest
from tests.store import worlds
from tests.store.worlds import state

ROUNDS = 50

CHILD = """
import os, sys
from pathlib import Path
from loopline.store.ingest import ingest
from loopline.store.lake import Lake
from loopline.store.location import locate
from tests.store import worlds

lake = Lake.open(locate(Path(sys.argv[1])))
lake.read(lambda con: con.execute("SELECT ?", [1]))  # the engine's client loads much for its first parameter: once
for line in sys.stdin:  # the parent names a round; a child of its own imports in it until it is killed
    child = os.fork()
    if child == 0:
        turn = lake.snapshot()  # starts the child's own engine
        print(os.getpid(), flush=True)
        while True:
            paths = [f"{line.strip()}-{turn}-{i}" for i in range(100 if turn % 2 else 5)]
            ingest(lake, worlds.events(paths, 2))
            turn += 1
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fifty_kills_in_the_middle_of_imports_leave_whole_verbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lakes, "LOCK_TIMEOUT_S", 20.0)  # a lock left behind is a failure, not a long wait
    rng = random.Random(5)
    with worlds.make(tmp_path / "d") as lake:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHILD, str(lake.location)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdin is not None
        assert child.stdout is not None
        seen: dict[int, str] = {}
        whole = 0
        for number in range(ROUNDS):
            print(f"r{number}", file=child.stdin, flush=True)
            victim = int(child.stdout.readline())
            time.sleep(rng.uniform(0.0, 0.8))  # two imports take about as long
            os.kill(victim, signal.SIGKILL)
            assert child.stdout.readline() == "gone\n"
            if number % 10 == 9:
                with worlds.reopen(lake) as again:
                    ingest(again, worlds.events([f"after-{number}-{i}" for i in range(3)], 2))
            else:
                ingest(lake, worlds.events([f"after-{number}-{i}" for i in range(3)], 2))
            found = state(lake)
            samples, boxes = found["samples"], found["fields"]["truth"]
            owners: dict[int, int] = {}
            for row in boxes.values():
                owners[row["sample_id"]] = owners.get(row["sample_id"], 0) + 1
            assert owners == dict.fromkeys(samples, 2), "a sample without its labels, or labels without their sample"
            batches: dict[str, int] = {}
            for row in samples.values():
                batches.setdefault(row["path"].rpartition("-")[0], 0)
                batches[row["path"].rpartition("-")[0]] += 1
            assert set(batches.values()) <= {3, 5, 100}
            paths = {i: row["path"] for i, row in samples.items()}
            assert {i: paths.get(i) for i in seen} == seen, "a verb that was done is gone, or a key was used again"
            assert max(seen, default=-1) < max(samples)
            seen = paths
            whole = len(batches) - (number + 1)
        child.communicate(timeout=20)
        assert whole > 0, "no import ever finished before its kill: the moments were not random enough"
