"""What a search found, and what it took."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from loopline.query.view import ObjectView, View


@dataclass(slots=True)
class Cost:
    """seconds of work; peak_bytes: the most memory that this process has held so far, 0 where nobody can say."""

    seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """The cost of what happens inside, known at its end."""
    cost, began = Cost(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cost.peak_bytes = peak if sys.platform == "darwin" else peak * 1024


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Found:
    """What was looked for.

    table    the answer in rows · view: what it is about, to be looked at, tagged, exported; None: nothing to look at
    columns  sample columns that were written, for queries, sorts and plots
    cost     time and memory
    problems what could not be looked at, with the reason
    """

    title: str
    table: pa.Table
    view: View | ObjectView | None = None
    columns: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self):,} rows, {self.cost.seconds:.2f} s>"

    def to_json(self) -> dict[str, object]:
        """As plain JSON values."""
        return {
            "title": self.title,
            "rows": self.table.to_pylist(),
            "view": None if self.view is None else str(self.view),
            "columns": list(self.columns),
            "seconds": round(self.cost.seconds, 4),
            "peak_bytes": self.cost.peak_bytes,
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Doubles(Found):
    """Groups of the same thing. table: group · id · keep: the one that stays · closeness · path.

    spare  all but one of each group: what `ds.delete` or a tag is for
    """

    spare: View | ObjectView | None = None
    groups: int = 0
