"""The benchmark of the app in a real browser, small: it runs to its end without an error, and memory stays flat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.web.conftest import CHROMIUM, ROOT

SAMPLES, BOXES, SECONDS = 2000, 20_000, 1  # one round of use


def test_the_browser_benchmark_runs_clean(tmp_path: Path) -> None:
    """Limits are loose: a busy machine is no fault of the app. The tight ones are for the run at a million."""
    size = ["--samples", str(SAMPLES), "--boxes", str(BOXES), "--seconds", str(SECONDS)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.app_browser", "--json", *size],
        cwd=ROOT,
        env={**os.environ, "CHROMIUM": CHROMIUM, "LOOPLINE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == []
    assert found["failed"] == []
    assert found["elements"] < 600
    assert found["jump"]["never"] == 0
    assert found["scroll"]["frames_s"] > 15
    assert found["use"]["heap_end_mb"] < found["use"]["heap_start_mb"] + 30
