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
    with app(name) as (base, began):
        listening_s = time.time() - began
        done = subprocess.run(
            ["node", "scripts/bench.mjs", base, name, str(seconds)],
            cwd=WEB,
            env={**os.environ, "CHROMIUM": chromium},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=seconds + 400,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["listening_s"] = listening_s
    if "loaded_at" in found:
        found["drawn_s"] = found["loaded_at"] / 1000 - began
    return found


def table(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Title, value, budget."""
    rows = [("`loopline app` listens", f"{found['listening_s']:.2f} s", "")]
    if "cold" in found:
        cold, warm = found["cold"], found.get("warm", found["cold"])
        rows += [
            ("`loopline app` to all visible tiles, with the browser's start", f"{found['drawn_s']:.2f} s", "3 s"),
            ("first contentful paint, nothing cached", f"{cold['first']:.0f} ms", "600 ms"),
            ("all visible tiles painted, nothing cached", f"{cold['painted']:.0f} ms", "1500 ms"),
            ("first contentful paint, again", f"{warm['first']:.0f} ms", "600 ms"),
            ("all visible tiles painted, again", f"{warm['painted']:.0f} ms", "1500 ms"),
        ]
    if "elements" in found:
        rows.append(("elements in the page", str(found["elements"]), "600"))
    if "ready_s" in found:
        rows.append(("pages come from memory after another", f"{found['ready_s']:.1f} s", ""))
    if scroll := found.get("scroll"):
        rows += [
            ("scrolling at 9,000 px/s: mean", f"{scroll['frames_s']:.1f} frames/s", "55"),
            ("  longest frame", f"{scroll['longest_ms']:.0f} ms", ""),
            (f"  blank tiles in {scroll['looks']} looks", f"{scroll['blank']} of {scroll['tiles']}", "0"),
        ]
    if jump := found.get("jump"):
        rows.append(("jump until all is painted: median", f"{jump['median']:.0f} ms", "800 ms"))
        rows.append(("  at most", f"{jump['most']:.0f} ms", ""))
    if use := found.get("use"):
        heap = f"{use['heap_start_mb']:.0f} -> {use['heap_end_mb']:.0f} MB"
        rows.append((f"JS heap over {use['rounds']} rounds of use in {use['seconds']:.0f} s", heap, "flat"))
    rows.append(("errors in the console", str(len(found["errors"])), "0"))
    rows.append(("failed requests", str(len(found["failed"])), "0"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="", help="a data set; default: one is made")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--boxes", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60, help="how long the scripted use goes on")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
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
        for title, value, budget in table(found):
            print(f"{title:<64} {value:>16}   {budget}")
        for text in [*found["errors"], *found["failed"]]:
            print(text)
    if "stopped" in found:
        raise SystemExit(f"stopped while it tried to {found['stopped']}")


if __name__ == "__main__":
    main()
