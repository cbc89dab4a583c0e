"""Which errors of the engine pass by themselves, and waiting for that."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

import duckdb

T = TypeVar("T")

RETRIES: Final = 30

_CONFLICTS: Final = (
    "database is locked",
    "database table is locked",
    "conflict",
    "could not serialize",
    "deadlock detected",
)


def pause_s(attempt: int) -> float:
    """Rising, and never the same for two who wait."""
    return min(2.0, 0.005 * 2.0**attempt) * random.uniform(0.5, 1.5)


def patiently(call: Callable[[], T], *, passes: Callable[[duckdb.Error], bool] | None = None) -> T:
    """`call()`, again with rising pauses while it fails with an error that `passes`: by default, a busy catalog.

    Raises that error after RETRIES tries.
    """
    for attempt in range(RETRIES):
        try:
            return call()
        except duckdb.Error as error:
            if attempt == RETRIES - 1 or not (passes or is_conflict)(error):
                raise
        time.sleep(pause_s(attempt))
    raise AssertionError("unreachable")


def is_stale(error: duckdb.Error) -> bool:
    """Is this engine looking for a table that another process's upkeep has dropped, or dead?"""
    text = str(error)
    return ("ducklake_inlined_data_" in text and "does not exist" in text) or "has been invalidated" in text


def is_conflict(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(mark in text for mark in _CONFLICTS)
