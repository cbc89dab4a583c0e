"""The inside of one verb: statements that become one snapshot together, and the keys that it gives out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import duckdb

from loopline.errors import StoreError
from loopline.kernel.schema import DatasetSchema
from loopline.store import tables

FEW_KEYS: Final = 16
KEY_BLOCK: Final = 256
"""Single additions take their keys from a block of this size, so that they need not all change the counter row."""


class _Lake(Protocol):
    """A lake, as far as a transaction asks for it."""

    def table(self, name: str, snapshot: int | None = None) -> str: ...

    def known_schema(self, snapshot: int) -> DatasetSchema | None: ...

    def spare_keys(self, counter: str, count: int) -> int | None: ...


class Transaction:
    """The inside of one verb. Every statement goes into one snapshot, or none does. `base` is the snapshot it sees."""

    def __init__(self, lake: _Lake, con: duckdb.DuckDBPyConnection) -> None:
        self.lake = lake
        self.con = con
        self.details: dict[str, object] = {}  # kept with the snapshot, shown by the log
        self.left_over: dict[str, range] = {}  # keys that are this process's once the transaction is committed
        self._schema: DatasetSchema | None = None
        self._same_schema = True  # as `base` has
        # What others commit from here on is not seen.
        self.base = self.number("SELECT id FROM ducklake_current_snapshot('lake')")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        return self.con.execute(sql, parameters or None)

    def one(self, sql: str, parameters: Sequence[object] = ()) -> tuple[object, ...]:
        row: tuple[object, ...] | None = self.execute(sql, parameters).fetchone()
        if row is None:
            raise StoreError("the store gave no answer where it must give one", where=sql)
        return row

    def number(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """The one number that a statement gives, such as a count or how many rows it changed."""
        value = self.one(sql, parameters)[0]
        return value if isinstance(value, int) else 0

    def table(self, name: str) -> str:
        return self.lake.table(name)

    def schema(self) -> DatasetSchema:
        """The schema as this transaction has it."""
        if self._schema is None:
            known = self.lake.known_schema(self.base) if self._same_schema else None
            self._schema = known or tables.read_schema(self.con, self.table("field"))
        return self._schema

    def forget_schema(self) -> None:
        self._schema, self._same_schema = None, False

    def reserve(self, counter: str, count: int) -> int:
        """The first of `count` new keys that nobody else gets, ever.

        The counter row is changed in this transaction, so two writers that take the same block collide and one of
        them tries again. Of a block taken for a few keys the rest serves this process's next transactions.
        """
        few = count <= FEW_KEYS and counter == "object"  # samples are shown by their ids: those rise with time
        spare = self.lake.spare_keys(counter, count) if few else None
        if spare is not None:
            return spare
        block = KEY_BLOCK if few else count
        first = self.number(f"SELECT next FROM {self.table('counter')} WHERE name = ?", [counter])
        self.execute(f"UPDATE {self.table('counter')} SET next = next + ? WHERE name = ?", [block, counter])
        if few:
            self.left_over[counter] = range(first + count, first + block)
        return first
