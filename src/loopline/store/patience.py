"""Which errors of the engine pass by themselves, and how long to wait for that."""

from __future__ import annotations

import random
from typing import Final

import duckdb

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


def is_stale(error: duckdb.Error) -> bool:
    """Is this engine looking for a table that another process's upkeep has dropped, or dead?"""
    text = str(error)
    return ("ducklake_inlined_data_" in text and "does not exist" in text) or "has been invalidated" in text


def is_conflict(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(mark in text for mark in _CONFLICTS)
