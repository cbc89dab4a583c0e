"""What the query layer asks of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from loopline.kernel.schema import DatasetSchema

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")


class Engine(Protocol):
    """An open data set, as far as reading goes. Safe to use from any thread."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new connection of the caller's own, who closes it."""

    def look(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """What `question` gives of a cursor inside a transaction that sees the newest snapshot. It may be called more
        than once, and leaves nothing behind on the cursor."""

    def table(self, name: str, snapshot: int | None = None) -> str:
        """SQL source text of a table at a snapshot, such as `lake."label__gt" AT (VERSION => 7)`."""

    def schema(self, snapshot: int | None = None) -> DatasetSchema:
        """Columns and label fields at a snapshot."""

    def snapshot(self) -> int:
        """The newest committed snapshot."""
