"""The columns of an answer: names, expressions and tags, as SQL over the rows of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.query import run
from loopline.query.compile import SAMPLE_OWNER, Rows, Statement, condition_sql, quoted, settled_sql
from loopline.query.engine import Engine
from loopline.query.plan import Plan

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


def id_list(ids: Iterable[int] | npt.NDArray[np.int64]) -> str:
    """Ids as SQL text: they are whole numbers, and in the text the engine skips files and row groups with them."""
    return ", ".join(str(int(i)) for i in ids)


def samples_by_id(engine: Engine, plan: Plan, ids: npt.NDArray[np.int64]) -> pa.Table:
    """All columns of these samples, with tags, in the order of `ids`."""
    statement = Statement(plan.statement.table)
    names = ", ".join(map(quoted, plan.schema.sample_columns()))
    source = f"(FROM {statement.table('samples')})"
    table = run.table(engine, statement, f"SELECT {names} FROM {source} WHERE {_by_id('id', ids)}")
    table = table.take(pc.index_in(pa.array(ids), table["id"].combine_chunks()))
    return with_tags(engine, plan, table, SAMPLE_OWNER)


def labels_by_sample(engine: Engine, plan: Plan, field: str, ids: npt.NDArray[np.int64]) -> pa.Table:
    """The kept objects of these samples, with tags, sorted by sample (in the order of `ids`) and object id.

    A plan answers one question, so this takes one of its own for each field.
    """
    rows = Rows.objects(plan.statement, field)
    columns = ", ".join(f"{rows.object_column(name)} AS {quoted(name)}" for name in plan.schema.field(field).columns())
    conditions = [_by_id(rows.sample_id, ids)]
    kept = plan.kept.get(field)
    if kept is not None:
        conditions.append(condition_sql(kept, rows))
    sql = plan.statement.with_steps(f"SELECT {columns} FROM {rows.source} WHERE {' AND '.join(conditions)}")
    table = run.table(engine, plan.statement, sql)
    place = pc.index_in(table["sample_id"].combine_chunks(), pa.array(ids))
    order = np.lexsort((table["id"].to_numpy(), place.to_numpy(zero_copy_only=False)))
    return with_tags(engine, plan, table.take(pa.array(order)), field)


def _by_id(column: str, ids: npt.NDArray[np.int64]) -> str:
    if not len(ids):
        return "FALSE"
    # The range lets the engine pass over row groups that hold none of them.
    return f"{column} IN ({id_list(ids)}) AND {column} BETWEEN {int(ids.min())} AND {int(ids.max())}"


def with_tags(engine: Engine, plan: Plan, table: pa.Table, owner: str) -> pa.Table:
    """`table` with the column `tags` (list<string>, sorted) of the samples or objects in its column `id`."""
    ids = table["id"].to_numpy()
    statement = Statement(plan.statement.table)
    tags: dict[int, list[str]] = {}
    if len(ids):
        sql = (
            f"SELECT owner_id, list(DISTINCT tag ORDER BY tag) FROM (FROM {statement.table('tag')})"
            f" WHERE owner = {statement.bind(owner)} AND {_by_id('owner_id', ids)} GROUP BY owner_id"
        )
        with run.answering(engine, statement, sql) as cursor:
            tags = dict(cursor.fetchall())
    lists = pa.array([tags.get(int(i), []) for i in ids], TAG_LIST)
    return table.append_column(TAGS, lists)
