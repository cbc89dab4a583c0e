"""One try of an import's transaction: what its steps share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loopline.kernel.schema import Column
from loopline.store import fit
from loopline.store.ingest_staged import Seen
from loopline.store.lake import Transaction, current_author
from loopline.store.recognise import Same
from loopline.store.stage import Problems, Stage
from loopline.store.tables import SQL_TYPES

Existing = Literal["keep", "append", "replace"]
"""What happens to new labels of a sample that has labels in that field already:
keep      the old ones stay, the new ones are not added (so adding a file twice adds nothing twice)
append    the new ones are added to the old ones
replace   the old ones are deleted"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The transaction, the staged rows, and what was asked for. Made anew for each try, with problems of its own."""

    tx: Transaction
    stage: Stage
    seen: Seen
    existing: Existing
    same: Same
    tags: tuple[str, ...]
    problems: Problems


def value_sql(column: Column, staged: str) -> str:
    """SQL that turns a staged value into the column's type; JSON columns hold JSON text."""
    if column.type != "json":
        return f"{staged}::{SQL_TYPES[column.type]}"
    return f"CASE WHEN typeof({staged}) = 'VARCHAR' OR {staged} IS NULL THEN {staged}::VARCHAR ELSE to_json({staged})::VARCHAR END"


def fitted(attempt: Attempt, column: Column, value: str, source: str) -> Column:
    """The column, widened where it has to be to hold `value` of the rows of `source`; what that costs is reported."""
    column, problems = fit.widened(attempt.tx.con, column, value, source)
    for problem in problems:
        attempt.problems.add(problem)
    return column


def insert_tags(attempt: Attempt, owner: str, rows: str) -> int:
    """Add tags from SQL that gives (id, tag), each once; how many are new."""
    tag = attempt.tx.table("tag")
    return attempt.tx.number(
        f"INSERT INTO {tag} SELECT DISTINCT ?, id, tag, ?, now()::TIMESTAMP FROM ({rows}) "
        f"WHERE tag IS NOT NULL AND (id, tag) NOT IN (SELECT (owner_id, tag) FROM {tag} WHERE owner = ?)",
        [owner, current_author(), owner],
    )
