"""The columns of an answer: names, expressions and tags, as SQL over the rows of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.exchange import Page
from loopline.query import run
from loopline.query.compile import SAMPLE_OWNER, Rows, Statement, condition_sql, settled_sql
from loopline.query.engine import Engine
from loopline.query.plan import Plan
from loopline.store.sql import quoted

if TYPE_CHECKING:
    import duckdb

TAGS = "tags"
TAG_LIST = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Selected:
    """SQL of each column with its name, and the join that the tags need."""

    columns: tuple[str, ...]
    joins: str


def default_columns(plan: Plan) -> list[str]:
    """All columns of the plan's rows, tags last."""
    own = plan.schema.field(plan.field).columns() if plan.field else plan.schema.sample_columns()
    return [*own, TAGS]


def selected(plan: Plan, columns: Sequence[str] | None) -> Selected:
    """The named columns. Beside names there may be expressions, whose text is the name of their column.

    A name of the table gives the stored value as it is; an expression gives None for NaN.
    """
    stored = set(default_columns(plan)) - {TAGS}
    sql: list[str] = []
    joins = ""
    for name in default_columns(plan) if columns is None else columns:
        if name == TAGS:
            joins = _tag_join(plan)
            sql.append(f"coalesce(tag_lists.tags, CAST([] AS VARCHAR[])) AS {TAGS}")
        elif name in stored:
            column = plan.rows.object_column if plan.field else plan.rows.sample_column
            sql.append(f"{column(name)} AS {quoted(name)}")
        else:
            sql.append(f"{settled_sql(plan.value(name), plan.rows)} AS {quoted(name)}")
    return Selected(tuple(sql), joins)


def _tag_join(plan: Plan) -> str:
    owner = plan.statement.bind(plan.field or SAMPLE_OWNER)
    return (
        f" LEFT JOIN (SELECT owner_id, list(DISTINCT tag ORDER BY tag) AS tags"
        f" FROM (FROM {plan.statement.table('tag')}) WHERE owner = {owner} GROUP BY owner_id) AS tag_lists"
        f" ON tag_lists.owner_id = {plan.key}"
    )


# -- rows by id


def page(engine: Engine, plans: Callable[[], Plan], ids: npt.NDArray[np.int64]) -> Page:
    """These samples in the order of `ids`, and their kept objects of every field that comes along, all with tags.

    `plans` gives a new plan of the view at one snapshot for each statement: a plan answers one question. One
    transaction for all of them: a third faster, because the catalog is read once.
    """

    def ask(cursor: duckdb.DuckDBPyConnection) -> Page:
        plan = plans()
        samples = _samples(cursor, plan, ids)
        labels = {field: _labels(cursor, plans(), field, ids) for field in plan.fields}
        owners = {SAMPLE_OWNER: samples["id"].to_numpy(), **{f: rows["id"].to_numpy() for f, rows in labels.items()}}
        tags = _tags(cursor, plan, owners)
        return Page(
            _with_tags(samples, tags.get(SAMPLE_OWNER, {})),
            {field: _with_tags(rows, tags.get(field, {})) for field, rows in labels.items()},
        )

    return run.asked(engine, ask)


def _samples(cursor: duckdb.DuckDBPyConnection, plan: Plan, ids: npt.NDArray[np.int64]) -> pa.Table:
    statement = Statement(plan.statement.table)
    names = ", ".join(map(quoted, plan.schema.sample_columns()))
    sql = f"SELECT {names} FROM (FROM {statement.table('samples')}) WHERE {_by_id('id', ids)}"
    table = run.answered(cursor, statement, sql).to_arrow_table()
    return table.take(pc.index_in(pa.array(ids), table["id"].combine_chunks()))


def _labels(cursor: duckdb.DuckDBPyConnection, plan: Plan, field: str, ids: npt.NDArray[np.int64]) -> pa.Table:
    """Sorted by sample, in the order of `ids`, and object id."""
    kept = plan.kept.get(field)
    # The ids say which samples: the steps that led to them are only needed where they say which objects are kept.
    statement = Statement(plan.statement.table) if kept is None else plan.statement
    rows = Rows.objects(statement, field)
    columns = ", ".join(f"{rows.object_column(name)} AS {quoted(name)}" for name in plan.schema.field(field).columns())
    conditions = [_by_id(rows.sample_id, ids)]
    if kept is not None:
        conditions.append(condition_sql(kept, rows))
    sql = statement.with_steps(f"SELECT {columns} FROM {rows.source} WHERE {' AND '.join(conditions)}")
    table = run.answered(cursor, statement, sql).to_arrow_table()
    place = pc.index_in(table["sample_id"].combine_chunks(), pa.array(ids))
    order = np.lexsort((table["id"].to_numpy(), place.to_numpy(zero_copy_only=False)))
    return table.take(pa.array(order))


def _by_id(column: str, ids: npt.NDArray[np.int64]) -> str:
    """Ids stand in the SQL as text: they are whole numbers, and so the engine skips files and row groups with them."""
    if not len(ids):
        return "FALSE"
    return f"{column} IN ({', '.join(map(str, ids.tolist()))})"


def _tags(
    cursor: duckdb.DuckDBPyConnection, plan: Plan, owners: Mapping[str, npt.NDArray[np.int64]]
) -> dict[str, dict[int, list[str]]]:
    """Owner and id to the tags, sorted."""
    statement = Statement(plan.statement.table)
    wanted = pa.concat_tables(
        pa.table({"owner": pa.repeat(pa.scalar(owner, pa.string()), len(ids)), "owner_id": pa.array(ids, pa.int64())})
        for owner, ids in owners.items()
    )
    # A joined table: a thousand ids in the text would take longer to read than the tags.
    cursor.register("page_ids", wanted)
    found: dict[str, dict[int, list[str]]] = {}
    sql = (
        f"SELECT owner, owner_id, list(DISTINCT tag ORDER BY tag) FROM (FROM {statement.table('tag')})"
        f" SEMI JOIN page_ids USING (owner, owner_id) GROUP BY owner, owner_id"
    )
    for owner, owner_id, tags in run.answered(cursor, statement, sql).fetchall():
        found.setdefault(owner, {})[owner_id] = tags
    cursor.unregister("page_ids")
    return found


def _with_tags(table: pa.Table, tags: Mapping[int, list[str]]) -> pa.Table:
    lists = pa.array([tags.get(i, []) for i in table["id"].to_pylist()], TAG_LIST)
    return table.append_column(TAGS, lists)
