"""How long the app's answers take, as a browser would wait for them.

    python benchmarks/app_data.py big && python benchmarks/app.py big

Starts the app on a port of its own, asks each question once cold, then several times, and prints medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Sequence

import loopline as ll
from benchmarks._measure import peak_memory_mb
from loopline.server.serve import Server

HISTOGRAMS = ("brightness", "captured_at", "predictions.score", "truth.box.rel_area")
VALUES = ("weather", "split", "tags", "truth.label", "predictions.label", "truth.occluded")
CONTROLS = [{"of": of, "kind": "histogram"} for of in HISTOGRAMS] + [{"of": of, "limit": 12} for of in VALUES]


class Client:
    def __init__(self, port: int, name: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._name = name

    def post(self, what: str, **body: object) -> bytes:
        self._connection.request(
            "POST", f"/api/d/{self._name}/{what}", json.dumps(body), {"Content-Type": "application/json"}
        )
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{what}: {found[:500]!r}")
        return found


def timed(client: Client, what: str, bodies: Sequence[dict[str, object]]) -> tuple[float, float, float]:
    """Milliseconds of the first, and the median and greatest of the others."""
    times = []
    for body in bodies:
        start = time.perf_counter()
        client.post(what, **body)
        times.append(1000 * (time.perf_counter() - start))
    return times[0], statistics.median(times[1:]), max(times[1:])


def warmed(client: Client, total: int) -> float:
    """Seconds until pages anywhere come from memory: three in a row within 50 ms."""
    began, quick, i = time.perf_counter(), 0, 0
    while quick < 3 and time.perf_counter() - began < 120:
        start = time.perf_counter()
        client.post("page", view={}, offset=(i * 977_777) % total, count=64)
        quick = quick + 1 if time.perf_counter() - start < 0.05 else 0
        i += 1
        time.sleep(0.2)
    return time.perf_counter() - began


def views(number: int) -> list[dict[str, object]]:
    """Views with two filters, each with another score, as while a handle is dragged."""
    return [
        {
            "where": "weather == 'rain'",
            "filters": [
                {
                    "control": "predictions.score",
                    "where": f"predictions.any(score > {0.5 + i / 100:.2f} and label == 'bus')",
                },
                {"control": "brightness", "where": "brightness < 0.8"},
            ],
        }
        for i in range(number)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    name = parser.parse_args().name
    server = Server([ll.open(name)], port=0, home=False).start()
    client = Client(server.address.port, name)
    again = 8
    everything: dict[str, object] = {}
    rain: dict[str, object] = {"where": "weather == 'rain'"}
    total = json.loads(client.post("view", view=everything))["total"]
    warm_s = warmed(client, total)
    rows = [
        ("layout of everything", timed(client, "layout", [{"view": everything}] * again)),
        ("layout of a condition", timed(client, "layout", [{"view": rain}] * again)),
        (
            "page of 256 anywhere",
            timed(
                client, "page", [{"view": everything, "offset": total // again * i, "count": 256} for i in range(again)]
            ),
        ),
        (
            "page of 256, condition and sort",
            timed(
                client,
                "page",
                [{"view": {**rain, "sort": "-brightness"}, "offset": 500 * i, "count": 256} for i in range(again)],
            ),
        ),
        (
            "ten open controls, everything",
            timed(client, "facets", [{"view": everything, "controls": CONTROLS}] * again),
        ),
        ("ten open controls, same view", timed(client, "facets", [{"view": rain, "controls": CONTROLS}] * again)),
        ("one control after another", timed(client, "facets", [{"view": rain, "controls": [c]} for c in CONTROLS])),
        ("a filter is dragged: count", timed(client, "view", [{"view": v} for v in views(again)])),
        (
            "a filter is dragged: ten controls",
            timed(client, "facets", [{"view": v, "controls": CONTROLS} for v in views(again)]),
        ),
        (
            "objects as tiles: layout",
            timed(
                client,
                "layout",
                [{"view": {"objects": "predictions", "keep": [{"field": "predictions", "where": "score > 0.9"}]}}]
                * again,
            ),
        ),
    ]
    for title, (first, median, most) in rows:
        print(f"{title:<36} first {first:8.0f} ms   then {median:7.1f} ms   at most {most:7.1f} ms")
    print(f"what pages draw was in memory after {warm_s:.1f} s; until then they are read from the store")
    print(f"peak memory {peak_memory_mb():.0f} MB")
    server.close()


if __name__ == "__main__":
    main()
