"""What the query layer asks of the store."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from loopline.kernel.schema import DatasetSchema

if TYPE_CHECKING:
    import duckdb


class Engine(Protocol):
    """An open data set, as far as reading goes. Safe to use from any thread."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new connection of the caller's own, who closes it."""

    def looking(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor inside a transaction that sees the newest snapshot; for reading, by one reader at a time."""

    def table(self, name: str, snapshot: int | None = None) -> str:
        """SQL source text of a table at a snapshot, such as `lake."label__gt" AT (VERSION => 7)`."""

    def schema(self, snapshot: int | None = None) -> DatasetSchema:
        """Columns and label fields at a snapshot."""

    def snapshot(self) -> int:
        """The newest committed snapshot."""
