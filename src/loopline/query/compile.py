"""A checked expression to SQL. Every constant travels as a bound parameter.

Two-valued logic on top of SQL's three values: a condition is TRUE where it holds, and FALSE or NULL where it does not.
`AND`, `OR` and `WHERE` keep to that by themselves; `not` is written `IS NOT TRUE`. NaN counts as missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from loopline.errors import QueryError, QueryTypeError
from loopline.kernel.schema import label_table, match_table
from loopline.query import bound
from loopline.query.bound import Aggregate, Bound, Type, Value
from loopline.query.functions import FUNCTIONS, SEVERAL
from loopline.query.planes import Planes, inside, no_planes
from loopline.store.sql import quoted

MAX_SQL: Final = 1_000_000
"""Characters of SQL for one expression. Some operators repeat an operand, so nesting them grows the text fast."""

INLINE_LIST: Final = 100
"""Longer lists are bound as one parameter."""

SQL_TYPES: Final[dict[Type, str]] = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "time": "TIMESTAMP",
    "json": "VARCHAR",
    "none": "VARCHAR",
}

Table = Callable[[str], str]
"""A table's name to the SQL that reads it."""


@dataclass(slots=True)
class Statement:
    """One SQL statement in the making: its parameters, the names it has used, the steps written before it.

    steps   name and SQL of common table expressions, in order: each may use the ones before
    """

    table: Table
    planes: Planes = no_planes
    parameters: dict[str, object] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    _names: int = 0

    def bind(self, value: object) -> str:
        """SQL for a value, which travels beside the text."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def new_name(self, start: str) -> str:
        self._names += 1
        return f"{start}{self._names}"

    def with_steps(self, select: str) -> str:
        if not self.steps:
            return select
        return "WITH " + ",\n".join(f"{name} AS ({sql})" for name, sql in self.steps.items()) + f"\n{select}"


@dataclass(slots=True)
class _Group:
    """Objects of one field under one condition, grouped by sample: SQL of each aggregate to the name of its column."""

    alias: str
    rows: Rows
    where: str
    columns: dict[str, str] = field(default_factory=dict)

    def join(self, sample_id: str) -> str:
        columns = ", ".join(f"{sql} AS {name}" for sql, name in self.columns.items())
        return (
            f"LEFT JOIN (SELECT {self.rows.sample_id} AS k, {columns} FROM {self.rows.source}{self.where} GROUP BY {self.rows.sample_id})"
            f" AS {self.alias} ON {self.alias}.k = {sample_id}"
        )


class Rows:
    """The rows that an expression is computed over, and the joins that it turned out to need.

    sample_id   SQL of the key of the row's sample
    object_id   SQL of the row's own key, where the rows are objects
    field       the label field of the objects
    """

    def __init__(
        self,
        statement: Statement,
        source: str,
        sample_id: str,
        *,
        sample_alias: str = "",
        object_id: str = "",
        object_alias: str = "",
        field: str = "",
    ) -> None:
        self.statement = statement
        self.sample_id = sample_id
        self.object_id = object_id
        self.field = field
        self._source = source
        self._sample_alias = sample_alias
        self._object_alias = object_alias
        self._joins: list[str] = []
        self._groups: dict[tuple[str, Bound | None], _Group] = {}
        self._tag_groups: dict[tuple[str, str | None], str] = {}
        self._matches: dict[str, str] = {}  # key of an evaluation → alias
        self.is_joining = False

    @classmethod
    def samples(cls, statement: Statement) -> Rows:
        alias = statement.new_name("s")
        return cls(statement, f"{_from(statement, 'samples')} AS {alias}", f"{alias}.id", sample_alias=alias)

    @classmethod
    def objects(cls, statement: Statement, field_name: str) -> Rows:
        alias = statement.new_name("o")
        source = f"{_from(statement, label_table(field_name))} AS {alias}"
        return cls(
            statement,
            source,
            f"{alias}.sample_id",
            object_id=f"{alias}.id",
            object_alias=alias,
            field=field_name,
        )

    @property
    def source(self) -> str:
        """What stands after FROM. Complete only when every expression over the rows is compiled."""
        return " ".join([self._source, *self._joins, *(g.join(self.sample_id) for g in self._groups.values())])

    def join(self, sql: str) -> None:
        self._joins.append(sql)

    # -- columns

    def sample_column(self, name: str) -> str:
        if name == "id":
            return self.sample_id
        return f"{self.sample_alias()}.{quoted(name)}"

    def sample_alias(self) -> str:
        if not self._sample_alias:
            self._sample_alias = self.statement.new_name("s")
            self.join(
                f"JOIN {_from(self.statement, 'samples')} AS {self._sample_alias}"
                f" ON {self._sample_alias}.id = {self.sample_id}"
            )
        return self._sample_alias

    def object_column(self, name: str) -> str:
        if name == "id":
            return self.object_id
        return f"{self.object_alias()}.{quoted(name)}"

    def object_alias(self) -> str:
        if not self._object_alias:
            self._object_alias = self.statement.new_name("o")
            self.join(
                f"JOIN {_from(self.statement, label_table(self.field))} AS {self._object_alias}"
                f" ON {self._object_alias}.id = {self.object_id}"
            )
        return self._object_alias

    def match_column(self, key: str, name: str) -> str:
        """A column of an evaluation's matches; NULL for an object that took no part."""
        if key not in self._matches:
            alias = self._matches[key] = self.statement.new_name("m")
            self.join(
                f"LEFT JOIN {_from(self.statement, match_table(key))} AS {alias} ON {alias}.id = {self.object_id}"
            )
        return f"{self._matches[key]}.{quoted(name)}"

    # -- what hangs on the sample

    def aggregate(self, found: Aggregate) -> str:
        """SQL of an aggregate, NULL for no rows. Objects under one condition are grouped once for all functions."""
        key = (found.field, found.where)
        group = self._groups.get(key)
        if group is None:
            rows = Rows.objects(self.statement, found.field)
            where = "" if found.where is None else f" WHERE {condition_sql(found.where, rows)}"
            group = self._groups[key] = _Group(self.statement.new_name("a"), rows, where)
        sql = _aggregate_sql(found, group.rows)
        return f"{group.alias}.{group.columns.setdefault(sql, f'v{len(group.columns)}')}"

    def tags(self, owner: str, tag: str | None, key: str) -> str:
        """SQL of the number of tags, or of the one tag, that the owner with `key` has; NULL for none."""
        if (owner, tag) not in self._tag_groups:
            bind = self.statement.bind
            alias = self._tag_groups[owner, tag] = self.statement.new_name("t")
            chosen = "" if tag is None else f" AND tag = {bind(tag)}"
            self.join(
                f"LEFT JOIN (SELECT owner_id, count(DISTINCT tag) AS n FROM {_from(self.statement, 'tag')}"
                f" WHERE owner = {bind(owner)}{chosen} GROUP BY owner_id) AS {alias} ON {alias}.owner_id = {key}"
            )
        return f"{self._tag_groups[owner, tag]}.n"

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Within, membership is told by a join and not by a subquery, which the engine does not allow inside TRY."""
        before, self.is_joining = self.is_joining, True
        try:
            yield
        finally:
            self.is_joining = before


def _from(statement: Statement, table: str) -> str:
    # An alias may not follow AT (VERSION => …), hence the brackets.
    return f"(FROM {statement.table(table)})"


SAMPLE_OWNER: Final = "sample"


# -- conditions


def condition_sql(b: Bound, rows: Rows) -> str:
    """SQL that is TRUE where the condition holds, and FALSE or NULL elsewhere."""
    match b:
        case Value(value=value) if b.type == "bool":
            return rows.statement.bind(value)
        case bound.Joined(op=op, parts=joined):
            return "(" + f" {op.upper()} ".join(condition_sql(part, rows) for part in joined) + ")"
        case bound.Negated(of=of):
            return f"({condition_sql(of, rows)}) IS NOT TRUE"
        case bound.Compared():
            return _compared(b, rows)
        case bound.Among(of=of, items=items):
            return _among(of, items, rows)
        case bound.Present(of=of):
            return f"{settled_sql(of, rows)} IS NOT NULL"
        case bound.Tagged(field=owner, tag=tag):
            return _tagged(owner, tag, rows)
        case bound.InObjects(step=step):
            return f"{rows.object_id} IN (SELECT id FROM {step})"
        case bound.InPlane():
            return _in_plane(b, rows)
        case Aggregate(function="any"):
            return _any(b, rows)
    return value_sql(b, rows)


def _in_plane(b: bound.InPlane, rows: Rows) -> str:
    """Where a row's point lies is no column of a table: the ids that are inside are found first, and bound as one text."""
    statement = rows.statement
    plane = statement.planes(b.key)
    if plane.owner not in (SAMPLE_OWNER, rows.field):
        shown = f"inside({b.key!r}, …)"
        raise QueryTypeError(
            f'the points of "{b.key}" are objects of {plane.owner}', hint=f"write {plane.owner}.any({shown})"
        )
    # Named, so that whoever keeps an answer knows what it was made from.
    for name in (f"vector__{b.key}", "samples" if plane.owner == SAMPLE_OWNER else label_table(plane.owner)):
        statement.table(name)
    found = plane.ids[inside(plane.places, b.corners)]
    if not len(found):
        return "FALSE"
    key = rows.sample_id if plane.owner == SAMPLE_OWNER else rows.object_id
    array = f"CAST(string_split({statement.bind(','.join(map(str, found.tolist())))}, ',') AS BIGINT[])"
    return f"list_contains({array}, {key})" if rows.is_joining else f"{key} IN (SELECT unnest({array}))"


def _any(b: Aggregate, rows: Rows) -> str:
    if rows.is_joining:
        counted = Aggregate("int", "count", b.field, None, b.where)
        return f"{rows.aggregate(counted)} IS NOT NULL"
    # A semi join: measured three times as fast as a correlated EXISTS.
    inner = Rows.objects(rows.statement, b.field)
    where = "" if b.where is None else f" WHERE {condition_sql(b.where, inner)}"
    return f"{rows.sample_id} IN (SELECT {inner.sample_id} FROM {inner.source}{where})"


def _tagged(owner: str | None, tag: str | None, rows: Rows) -> str:
    bind = rows.statement.bind
    key = rows.sample_id if owner is None else rows.object_id
    if rows.is_joining:
        return f"{rows.tags(owner or SAMPLE_OWNER, tag, key)} IS NOT NULL"
    chosen = "" if tag is None else f" AND tag = {bind(tag)}"
    return f"{key} IN (SELECT owner_id FROM {_from(rows.statement, 'tag')} WHERE owner = {bind(owner or SAMPLE_OWNER)}{chosen})"


_TESTS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_MIRRORED: Final[dict[bound.CompareOp, bound.CompareOp]] = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SQL_OP: Final = {"==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _compared(b: bound.Compared, rows: Rows) -> str:
    op, left, right = b.op, b.left, b.right
    if isinstance(right, Aggregate) and isinstance(left, Value):
        op, left, right = _MIRRORED[op], right, left
    if isinstance(left, Aggregate) and left.function == "count" and isinstance(right, Value):
        return _count_compared(left, op, right, rows)
    is_column = isinstance(left, bound.ObjectColumn | bound.SampleColumn) and left.type == "float"
    if is_column and op in (">", ">=") and isinstance(right, Value):
        # In SQL, NaN is above every number. Two plain comparisons reach the file's statistics; a function would not.
        column = value_sql(left, rows)
        return f"({column} {op} {value_sql(right, rows)} AND {column} <= 'Infinity'::DOUBLE)"
    # NaN is above every number and equal to itself, so it must be taken out only where that would make it hold.
    a = value_sql(left, rows) if op in ("<", "<=", "==") and not _may_be_nan(right) else settled_sql(left, rows)
    c = value_sql(right, rows) if op in (">", ">=", "==") and not _may_be_nan(left) else settled_sql(right, rows)
    return f"{a} {_SQL_OP[op]} {c}"


def _count_compared(left: Aggregate, op: bound.CompareOp, right: Value, rows: Rows) -> str:
    number = right.value
    assert isinstance(number, (int, float))
    test = _TESTS[op]
    if not test(0, number) and (op, number) in ((">", 0), (">=", 1)):
        return _any(left, rows)
    if test(0, number) and (op, number) in (("==", 0), ("<=", 0), ("<", 1)):
        return f"({_any(left, rows)}) IS NOT TRUE"
    counted = rows.aggregate(left)
    if test(0, number):
        counted = f"coalesce({counted}, 0)"  # else NULL says the same, and the engine may make it an inner join
    return f"{counted} {_SQL_OP[op]} {value_sql(right, rows)}"


def _among(of: Bound, items: tuple[Value, ...], rows: Rows) -> str:
    if not items:
        return "FALSE"
    a = value_sql(of, rows)
    if len(items) <= INLINE_LIST:
        return f"{a} IN ({', '.join(value_sql(item, rows) for item in items)})"
    kind: Type = "float" if any(item.type == "float" for item in items) else items[0].type
    listed = [float(item.value) if kind == "float" else item.value for item in items]  # type: ignore[arg-type]
    array = f"CAST({rows.statement.bind(listed)} AS {SQL_TYPES[kind]}[])"
    return f"list_contains({array}, {a})" if rows.is_joining else f"{a} IN (SELECT unnest({array}))"


# -- values


def value_sql(b: Bound, rows: Rows) -> str:
    """SQL of a value; NULL where it is missing. May be NaN, see `settled_sql`."""
    sql = _value(b, rows)
    if len(sql) > MAX_SQL:
        raise QueryError("the expression is too large to run", hint="split it into several views")
    return sql


def settled_sql(b: Bound, rows: Rows) -> str:
    """SQL of a value in which NaN is NULL."""
    sql = value_sql(b, rows)
    return f"nullif({sql}, 'NaN'::DOUBLE)" if _may_be_nan(b) else sql


def _may_be_nan(b: Bound) -> bool:
    match b:
        case Value() | Aggregate():
            return False
        case bound.Apply(function=name) if name in SEVERAL:
            return False
    return b.type == "float"


def _value(b: Bound, rows: Rows) -> str:
    match b:
        case Value(type="none"):
            return "NULL"
        case Value(type=kind, value=constant):
            return f"CAST({rows.statement.bind(constant)} AS {SQL_TYPES[kind]})"
        case bound.SampleColumn(name=name):
            return rows.sample_column(name)
        case bound.ObjectColumn(name=name):
            return rows.object_column(name)
        case bound.MatchColumn(key=key, name=name):
            return rows.match_column(key, name)
        case bound.Arithmetic():
            return _arithmetic(b, rows)
        case bound.Apply(function=name, args=args):
            return _apply(name, b.type, args, rows)
        case bound.Extract(of=of, path=path):
            pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)
            return f"TRY(json_extract_string({value_sql(of, rows)}, {rows.statement.bind(pointer)}))"
        case bound.Choose(type=kind, test=test, then=then, otherwise=otherwise):
            a, c = (f"CAST({value_sql(side, rows)} AS {SQL_TYPES[kind]})" for side in (then, otherwise))
            with rows.joining():
                return f"CASE WHEN {condition_sql(test, rows)} THEN {a} ELSE {c} END"
        case bound.TagCount(field=owner):
            key = rows.sample_id if owner is None else rows.object_id
            return f"coalesce({rows.tags(owner or SAMPLE_OWNER, None, key)}, 0)"
        case Aggregate(function="count"):
            return f"coalesce({rows.aggregate(b)}, 0)"
        case Aggregate(function="sum"):
            total = rows.aggregate(b)
            # Not coalesce: a sum that needs more than 64 bits is missing, not 0.
            return f"CASE WHEN {total.partition('.')[0]}.k IS NULL THEN 0 ELSE {total} END"
        case Aggregate(function="min" | "max" | "mean" | "first"):
            return rows.aggregate(b)
    with rows.joining():
        return f"({condition_sql(b, rows)}) IS TRUE"


def _arithmetic(b: bound.Arithmetic, rows: Rows) -> str:
    whole = b.type == "int"
    if b.op == "neg":
        sql = f"(-{value_sql(b.args[0], rows)})"
        return f"TRY({sql})" if whole else sql
    left, right = (value_sql(arg, rows) if arg.type == b.type else _as_double(arg, rows) for arg in b.args)
    match b.op:
        case "/":
            return f"({left} / nullif({right}, 0))"
        case "//" if whole:
            return f"TRY_CAST(floor(CAST({left} AS DOUBLE) / nullif({right}, 0)) AS BIGINT)"
        case "//":
            return f"floor({left} / nullif({right}, 0))"
        case "%":
            # The sign follows the divisor, as in Python; in SQL it follows the dividend.
            sql = f"(({left} % nullif({right}, 0) + {right}) % nullif({right}, 0))"
        case "**":
            return f"pow({_settled_double(b.args[0], rows)}, {_settled_double(b.args[1], rows)})"
        case op:
            sql = f"({left} {op} {right})"
    return f"TRY({sql})" if whole else sql  # a whole number that needs more than 64 bits is missing


def _as_double(b: Bound, rows: Rows) -> str:
    sql = value_sql(b, rows)
    return sql if b.type == "float" else f"CAST({sql} AS DOUBLE)"


def _settled_double(b: Bound, rows: Rows) -> str:
    return f"CAST({settled_sql(b, rows)} AS DOUBLE)"


def _apply(name: str, kind: Type, args: tuple[Bound, ...], rows: Rows) -> str:
    if name in SEVERAL:
        function = "least" if name == "min" else "greatest"
        listed = ", ".join(f"CAST({settled_sql(arg, rows)} AS {SQL_TYPES[kind]})" for arg in args)
        return f"{function}({listed})"
    given: Iterable[str] = [settled_sql(arg, rows) for arg in args]
    return FUNCTIONS[name].sql.format(*given)


def _aggregate_sql(found: Aggregate, rows: Rows) -> str:
    if found.value is None:
        return "count(*)"
    sql = settled_sql(found.value, rows)
    match found.function:
        case "sum" if found.type == "int":
            return f"TRY_CAST(coalesce(sum({sql}), 0) AS BIGINT)"
        case "sum":
            return f"nullif(coalesce(sum({sql}), 0), 'NaN'::DOUBLE)"
        case "mean":
            return f"nullif(avg({sql}), 'NaN'::DOUBLE)"
        case "first":
            return f"arg_min({sql}, {rows.object_id})"
    return f"{found.function}({sql})"
