"""How the app feels in a real browser: first paint, scrolling, jumps, memory after a minute of use.

    python benchmarks/app_browser.py --samples 1000000 --boxes 10000000
    python benchmarks/app_browser.py big              # a data set made before by app_data.py

Starts `loopline app` as a process of its own and drives it with headless Chromium (web/scripts/bench.mjs). Needs the
built app, Node with the packages of web/, and Chromium on PATH or in $CHROMIUM.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.app_data import make

WEB = Path(__file__).parents[1] / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def app(name: str) -> Iterator[tuple[str, float]]:
    """The address of a new `loopline app NAME`, and when it was started."""
    began = time.time()
    command = [sys.executable, "-m", "loopline", "app", name, "--no-browser", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            text = ""
            assert process.stdout is not None
            while (found := re.search(r"http://[\d.]+:\d+", text)) is None:
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"loopline app {name} ended before it listened: {text}")
                text += line
            yield found.group(), began
        finally:
            process.terminate()


def measure(name: str, seconds: float) -> dict[str, Any]:
    """What web/scripts/bench.mjs measured, with the seconds from the start of the process to painted tiles."""
    chromium = os.environ.get("CHROMIUM") or next((f for b in BROWSERS if (f := shutil.which(b))), "")
    with subprocess.Popen(
        ["node", "scripts/bench.mjs", name, str(seconds)],
        cwd=WEB,
        env={**os.environ, "CHROMIUM": chromium},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as browser:
        assert browser.stdout is not None
        try:
            if browser.stdout.readline().strip() != "ready":
                raise SystemExit("the browser did not start")
            with app(name) as (base, began):
                listening_s = time.time() - began
                said, _ = browser.communicate(f"{base}\n", timeout=seconds + 400)
        finally:
            browser.kill()
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    found["listening_s"] = listening_s
    if "loaded_at" in found:
        found["drawn_s"] = found["loaded_at"] / 1000 - began
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, and its budget: at most that much (`at_least`: at least), or none."""

    title: str
    value: float
    form: str
    budget: float | None = None
    at_least: bool = False

    @property
    def missed(self) -> bool:
        if self.budget is None:
            return False
        return self.value < self.budget if self.at_least else self.value > self.budget

    def __str__(self) -> str:
        most = "" if self.budget is None else ("at least " if self.at_least else "at most ") + self.form % self.budget
        return f"{self.title:<64} {self.form % self.value:>16}   {most}{'   MISSED' if self.missed else ''}"


def rows(found: dict[str, Any]) -> list[Row]:
    listed = [Row("`loopline app` listens", found["listening_s"], "%.2f s")]
    if "cold" in found:
        cold, warm = found["cold"], found.get("warm", found["cold"])
        start = "`loopline app` to all visible tiles, in an open browser"
        listed += [
            Row(start, found["drawn_s"], "%.2f s", 3),
            Row("first contentful paint, nothing cached", cold["first"], "%.0f ms", 600),
            Row("all visible tiles painted, nothing cached", cold["painted"], "%.0f ms", 1500),
            Row("first contentful paint, again", warm["first"], "%.0f ms", 600),
            Row("all visible tiles painted, again", warm["painted"], "%.0f ms", 1500),
        ]
    if "elements" in found:
        listed.append(Row("elements in the page", found["elements"], "%d", 600))
    if "ready_s" in found:
        listed.append(Row("pages come from memory after another", found["ready_s"], "%.1f s"))
    if scroll := found.get("scroll"):
        listed += [
            Row("scrolling at 9,000 px/s: mean", scroll["frames_s"], "%.1f frames/s", 55, at_least=True),
            Row("  longest frame", scroll["longest_ms"], "%.0f ms"),
            Row(f"  blank tiles of {scroll['tiles']} in {scroll['looks']} looks", scroll["blank"], "%d", 0),
        ]
    if jump := found.get("jump"):
        listed.append(Row("jump until all is painted: median", jump["median"], "%.0f ms", 800))
        listed.append(Row("  at most", jump["most"], "%.0f ms"))
    if use := found.get("use"):
        title = f"JS heap after {use['rounds']} rounds of use in {use['seconds']:.0f} s"
        listed.append(Row(f"{title}, {use['heap_start_mb']:.0f} MB before", use["heap_end_mb"], "%.0f MB"))
    listed.append(Row("errors in the console", len(found["errors"]), "%d", 0))
    listed.append(Row("failed requests", len(found["failed"]), "%d", 0))
    return listed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="", help="a data set; default: one is made")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--boxes", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60, help="how long the scripted use goes on")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    parser.add_argument("--check", action="store_true", help="end with 1 where a budget is missed")
    given = parser.parse_args()
    name = given.name
    if not name:
        name = f"browser_{given.samples}_{os.getpid()}"
        with make(name, given.samples, given.boxes):
            pass
    found = measure(name, given.seconds)
    if given.json:
        print(json.dumps(found))
    else:
        print(*rows(found), sep="\n")
        for text in [*found["errors"], *found["failed"]]:
            print(text)
    if "stopped" in found:
        raise SystemExit(f"stopped while it tried to {found['stopped']}")
    if given.check and any(row.missed for row in rows(found)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
