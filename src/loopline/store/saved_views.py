"""Views under a name: a small table of the lake, beside the data. A restore does not touch it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import duckdb

from loopline.errors import BadValue, UnknownField, near
from loopline.store.lake import Lake, Transaction, current_author

TABLE: Final = "saved_view"


@dataclass(frozen=True, slots=True)
class Saved:
    """`spec` is JSON text, for whoever saved it to read. `at` is UTC."""

    name: str
    spec: str
    author: str
    at: dt.datetime


def saved_views(lake: Lake) -> list[Saved]:
    """By name."""

    def look(con: duckdb.DuckDBPyConnection) -> list[Saved]:
        try:
            rows = con.execute(f'SELECT name, spec, author, "at" FROM {lake.table(TABLE)} ORDER BY name').fetchall()
        except duckdb.CatalogException:  # made with the first view
            return []
        return [Saved(*row) for row in rows]

    return lake.look(look)


def save_view(lake: Lake, name: str, spec: str) -> None:
    """Keep a view under a name; one that has the name is replaced. Raises BadValue for a name that is none."""
    if not name.strip() or name != name.strip() or len(name) > 200 or "\n" in name:
        raise BadValue(f"{name!r} cannot name a view", hint="use one line of text, at most 200 characters")

    def body(tx: Transaction) -> None:
        columns = 'name VARCHAR, spec VARCHAR, author VARCHAR, "at" TIMESTAMP'
        tx.execute(f"CREATE TABLE IF NOT EXISTS {tx.table(TABLE)} ({columns})")
        tx.execute(f"DELETE FROM {tx.table(TABLE)} WHERE name = ?", [name])
        tx.execute(f"INSERT INTO {tx.table(TABLE)} VALUES (?, ?, ?, now()::TIMESTAMP)", [name, spec, current_author()])
        tx.details.update(view=name)

    lake.commit("save view", body, message=f"save view {name}")


def drop_view(lake: Lake, name: str) -> None:
    """Raises UnknownField."""
    known = [view.name for view in saved_views(lake)]
    if name not in known:
        raise UnknownField(f'no saved view "{name}"', hint=near(name, known))

    def body(tx: Transaction) -> None:
        tx.execute(f"DELETE FROM {tx.table(TABLE)} WHERE name = ?", [name])
        tx.details.update(view=name)

    lake.commit("drop view", body, message=f"drop view {name}")
