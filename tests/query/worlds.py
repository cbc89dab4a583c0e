"""Random data sets, with everything that is ugly: missing values, NaN, infinities, no objects, every script."""

# ruff: noqa: DTZ001 - times in the store are UTC without a zone

from __future__ import annotations

import datetime as dt
import functools
import math
import random

from .engine import STREET, MemoryEngine, make_engine
from .evaluator import World

NUMBERS = [None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 0.25, 2.5, 3.5, -7.25, 1e-9, 1e18, 100.0]
WHOLE = [None, 0, 1, 2, 3, -1, -7, 10, 640, 2**31, 2**53, 2**62, -(2**63), 2**63 - 1]
TEXTS = [
    None,
    "",
    "a",
    "car",
    "Car",
    "person",
    "day",
    "night",
    "rain",
    "müßig",
    "日本",
    "👍🏽",
    "a'b",
    "%_",
    "\\d",
    "10",
    " x ",
    "nan",
    "\0",
]
TIMES = [
    None,
    dt.datetime(2026, 1, 1),
    dt.datetime(2026, 1, 1, 12, 30),
    dt.datetime(1969, 7, 20, 20, 17, 40, 5),
    dt.datetime(2030, 12, 31),
]
JSON = [
    None,
    "{}",
    '{"camera": "front"}',
    '{"camera": {"id": 3, "lens/x": "w~"}}',
    '["a", 1.5]',
    "broken{",
    '{"camera": null}',
]
TAGS = ["todo", "done", "日本", "a'b", ""]


@functools.lru_cache(maxsize=64)
def world(seed: int) -> tuple[World, MemoryEngine]:
    """Up to 12 samples with up to 4 objects in each field; the same for the same seed."""
    rng = random.Random(seed)
    pick = rng.choice
    samples: list[dict[str, object]] = [
        {
            "id": i * 3 + 1,
            "path": pick(TEXTS),
            "media": "image",
            "width": pick([None, 0, 640, 1280]),
            "height": pick([None, 0, 480, 640]),
            "split": pick([None, "train", "val"]),
            "created_at": pick(TIMES),
            "duration_s": pick(NUMBERS),
            "size_bytes": pick(WHOLE),
            "weather": pick([None, "rain", "sun", "fog"]),
            "brightness": pick(NUMBERS),
            "people": pick(WHOLE),
            "checked": pick([None, True, False]),
            "taken_at": pick(TIMES),
            "meta": pick(JSON),
        }
        for i in range(rng.choice([0, 1, 6, 12]))
    ]
    labels: dict[str, list[dict[str, object]]] = {}
    key = 100
    for field in STREET.fields:
        rows = labels.setdefault(field.name, [])
        for sample in samples:
            for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
                key += rng.choice([1, 2])
                rows.append(
                    {
                        "id": key,
                        "sample_id": sample["id"],
                        "label": pick([None, "car", "person", "mask", "day", "rain"]),
                        "score": pick(NUMBERS),
                        "track_id": pick([None, 1, 2]),
                        "frame": pick([None, 0, 1]),
                        "x": pick(NUMBERS),
                        "y": pick(NUMBERS),
                        "w": pick(NUMBERS),
                        "h": pick(NUMBERS),
                        "iscrowd": pick([None, True, False]),
                        "area": pick(NUMBERS),
                        "value": pick(NUMBERS),
                        "occluded": pick([None, True, False]),
                        "colour": pick(TEXTS),
                        "wheels": pick(WHOLE),
                        "mask": pick([None, b"rle"]),
                    }
                )
        rng.shuffle(rows)
    tags: set[tuple[str, int, str]] = set()
    owners = [("sample", s["id"]) for s in samples] + [(f, r["id"]) for f, rows in labels.items() for r in rows]
    for owner, owner_id in owners:
        for tag in TAGS:
            if rng.random() < 0.2:
                tags.add((owner, owner_id, tag))
    by_owner: dict[tuple[str, int], frozenset[str]] = {}
    for owner, owner_id, tag in tags:
        by_owner[owner, owner_id] = by_owner.get((owner, owner_id), frozenset()) | {tag}
    engine = make_engine(STREET, samples, labels, [*sorted(tags), *sorted(tags)[:2]])
    return World(STREET, samples, labels, by_owner), engine
