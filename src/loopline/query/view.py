"""Views: a question about samples, or about the objects on them, as a value.

A view holds no data. It is frozen, prints as one line, and asks the engine only when a result is wanted. Each method
that narrows gives a new view; each method that answers looks at one snapshot of the data.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
import pyarrow as pa

from loopline.errors import MissingDependency, QueryTypeError
from loopline.kernel.exchange import BATCH_ROWS, Page
from loopline.kernel.expr import Expr, Method, Name
from loopline.kernel.schema import DatasetSchema
from loopline.query import columns, ops, run, summary
from loopline.query.builder import Built, as_expr
from loopline.query.cache import IDS, IdArray
from loopline.query.check import check_condition, check_value
from loopline.query.check_names import Hint, Scope
from loopline.query.compile import settled_sql
from loopline.query.engine import Engine
from loopline.query.ops import Op
from loopline.query.parse import parse
from loopline.query.plan import Plan
from loopline.query.planes import plane_of
from loopline.query.summary import Edge, Histogram

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd
    import polars as pl

Expression: TypeAlias = str | Expr | Built
"""Text, a tree, or built with F."""


@dataclass(frozen=True, slots=True)
class _Query:
    """What views of samples and of objects have in common.

    snapshot  the snapshot to look at; None: the newest one at the time of each question
    """

    engine: Engine
    ops: tuple[Op, ...] = ()
    snapshot: int | None = None

    # -- as a value

    def __str__(self) -> str:
        return ops.ops_to_text(self.ops)

    def to_json(self) -> list[dict[str, object]]:
        """The steps as plain JSON; `view_from_json` reads them."""
        return ops.ops_to_json(self.ops)

    @property
    def schema(self) -> DatasetSchema:
        """Columns and label fields at the view's snapshot."""
        return self.engine.schema(self.snapshot)

    def hints(self) -> list[Hint]:
        """What is allowed and looks like a slip, such as a class that a field does not have."""
        return self._plan()[1].hints

    # -- narrower

    def where(self, condition: Expression) -> Self:
        """Only the rows that meet the condition. Raises a QueryError that points at the fault."""
        return self._then(ops.Where(self._condition(condition, self._field())))

    def sort(self, *keys: Expression, descending: bool = False) -> Self:
        """In the order of the keys, missing values last. `"-score"` falls; so does every key with `descending`.

        Rows with equal keys stay in the order that they had; at first that is the order of ids.
        """
        if not keys:
            raise QueryTypeError("sort needs a key", hint='view.sort("-score")')
        scope = self._scope(self._field())
        found: list[ops.SortKey] = []
        for key in keys:
            expression = _as_tree(key)
            sort_key = ops.sort_key(expression)
            check_value(sort_key.value, scope)
            found.append(ops.SortKey(sort_key.value, sort_key.descending != descending))
        return self._then(ops.Sort(tuple(found)))

    def limit(self, count: int) -> Self:
        """The first `count` rows."""
        return self._then(ops.Limit(_count(count, "limit")))

    def skip(self, count: int) -> Self:
        """All but the first `count` rows."""
        return self._then(ops.Skip(_count(count, "skip")))

    def sample(self, count: int, *, seed: int) -> Self:
        """`count` rows at random, in the order they have. The same seed picks the same rows on every machine."""
        return self._then(ops.Sample(_count(count, "sample"), int(seed)))

    def select(self, ids: Iterable[int]) -> Self:
        """Only the rows with these ids, in the order of the view."""
        return self._then(ops.Select(_ids(ids)))

    def exclude(self, ids: Iterable[int]) -> Self:
        """All rows but those with these ids."""
        return self._then(ops.Exclude(_ids(ids)))

    def tagged(self, *tags: str) -> Self:
        """Only the rows that have all of these tags."""
        view = self
        for tag in tags:
            view = view.where(f"{tag!r} in tags")
        return view

    # -- results

    def count(self) -> int:
        """Number of rows."""
        snapshot, plan = self._plan()
        known = IDS.get(self.engine, (snapshot, self.ops))
        if known is not None:
            return len(known)
        return run.number(self.engine, plan.statement, plan.select(["count(*)"], ordered=False))

    def ids(self) -> IdArray:
        """(n,) int64: the ids in the view's order. Read-only; kept in memory for the next question."""
        return self._ids(*self._plan())

    def _ids(self, snapshot: int, plan: Plan) -> IdArray:
        def ask() -> IdArray:
            found = run.table(self.engine, plan.statement, plan.select([f"{plan.key} AS id"]))
            return np.array(found["id"].to_numpy(), np.int64)

        return IDS.get_or_make(self.engine, (snapshot, self.ops), ask)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows in the view's order. `columns`: names or expressions; by default every column, and tags."""
        _, plan = self._plan()
        return run.table(self.engine, plan.statement, _select(plan, columns))

    def to_batches(self, rows: int = BATCH_ROWS, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Like `to_arrow`, in batches of at most `rows`, with a few of them in memory at a time."""
        _, plan = self._plan()
        yield from run.batches(self.engine, plan.statement, _select(plan, columns), rows)

    def rows(self, limit: int | None = None, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The first rows as dicts."""
        return cast(
            "list[dict[str, Any]]", (self if limit is None else self.limit(limit)).to_arrow(columns).to_pylist()
        )

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.to_batches()

    def values(self, expression: Expression) -> pa.Array:
        """The value of an expression for each row, in the view's order."""
        _, plan = self._plan()
        from_text = expression if isinstance(expression, str) else _as_tree(expression)
        found = plan.value(from_text)
        column = settled_sql(found, plan.rows)
        answer = run.table(self.engine, plan.statement, plan.select([f"{column} AS value"]))
        return answer["value"].combine_chunks()

    def facets(self, of: Expression, *, limit: int | None = 100) -> pa.Table:
        """value · count · samples of the values in the view, the most frequent first.

        `of`: an expression, `tags`, or `<field>.<name>` for the kept objects of a label field.
        """
        _, plan = self._plan()
        return summary.facets(self.engine, plan, of if isinstance(of, str) else _as_tree(of), limit)

    def histogram(
        self,
        of: Expression,
        *,
        bins: int = 24,
        range: tuple[Edge, Edge] | None = None,  # noqa: A002 - as in NumPy
    ) -> Histogram:
        """Counts of a number or time in equal bins over `range`, by default from the least to the greatest value."""
        _, plan = self._plan()
        return summary.histogram(self.engine, plan, of if isinstance(of, str) else _as_tree(of), bins, range)

    def explain(self) -> str:
        """The SQL that gives the ids, its parameters, and the engine's plan for it."""
        _, plan = self._plan()
        sql = plan.select([f"{plan.key} AS id"])
        plans = "\n".join(text for _, text in run.rows(self.engine, plan.statement, f"EXPLAIN {sql}"))
        given = "".join(f"\n-- ${name} = {value!r:.200}" for name, value in plan.statement.parameters.items())
        return f"{sql}{given}\n\n{plans}"

    def to_polars(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """`to_arrow` as a Polars frame. Raises MissingDependency."""
        try:
            import polars as pl
        except ImportError as error:
            raise _missing("polars") from error
        return cast("pl.DataFrame", pl.from_arrow(self.to_arrow(columns)))

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """`to_arrow` as a pandas frame. Raises MissingDependency."""
        try:
            import pandas  # noqa: F401, ICN001 - Arrow needs it
        except ImportError as error:
            raise _missing("pandas") from error
        return cast("pd.DataFrame", self.to_arrow(columns).to_pandas())

    # -- inside

    def _then(self, op: Op) -> Self:
        steps = (*self.ops, op)
        ops.check_order(steps)
        return dataclasses.replace(self, ops=steps)

    def _field(self) -> str:
        return ops.check_order(self.ops)

    def _scope(self, field: str) -> Scope:
        return Scope(self.schema, field or None)

    def _condition(self, condition: Expression, field: str) -> Expr:
        """The tree of a condition, checked now so that an error shows where it was written."""
        check_condition(condition if isinstance(condition, str) else _as_tree(condition), self._scope(field))
        return _as_tree(condition)

    def _plan(self) -> tuple[int, Plan]:
        """The snapshot to look at, and the view planned on it."""
        snapshot = self.engine.snapshot() if self.snapshot is None else self.snapshot
        return snapshot, self._plan_at(snapshot)

    def _plan_at(self, snapshot: int) -> Plan:
        return Plan(
            self.engine.schema(snapshot),
            lambda name: self.engine.table(name, snapshot),
            self.ops,
            lambda key: plane_of(self.engine, key, snapshot),
        )


@dataclass(frozen=True, slots=True)
class View(_Query):
    """Some samples, in an order, with some of their labels.

    >>> view = View(engine)                                                                    # doctest: +SKIP
    >>> view.where("weather == 'rain'").keep("predictions", "score > 0.5").sort("-brightness")  # doctest: +SKIP
    """

    def __repr__(self) -> str:
        return f"<View of {self.engine.name}: {self}>"

    def keep(self, field: str, condition: Expression) -> View:
        """All samples, but only those objects of a label field that meet the condition.

        What comes after sees no others: a later `where` counts kept objects only.
        """
        self.schema.field(field)
        return self._then(ops.Keep(field, self._condition(condition, field)))

    def select_fields(self, *fields: str) -> View:
        """Only these label fields come along with the samples. Conditions may still name the others."""
        return self._then(ops.SelectFields(self._known(fields)))

    def exclude_fields(self, *fields: str) -> View:
        """These label fields do not come along with the samples. Conditions may still name them."""
        return self._then(ops.ExcludeFields(self._known(fields)))

    def objects(self, field: str) -> ObjectView:
        """One row for each kept object of a label field on the samples of this view, in the order of their ids."""
        self.schema.field(field)
        return ObjectView(self.engine, (*self.ops, ops.Objects(field)), self.snapshot)

    def fields(self) -> tuple[str, ...]:
        """The label fields that come along."""
        return self._plan()[1].fields

    def page(self, offset: int, count: int) -> Page:
        """Some samples in the view's order, and the kept objects of every field that comes along."""
        snapshot, plan = self._plan()
        ids = self._ids(snapshot, plan)[_count(offset, "offset") :][: _count(count, "count")]
        return columns.page(self.engine, lambda: self._plan_at(snapshot), ids)

    def _known(self, fields: Sequence[str]) -> tuple[str, ...]:
        schema = self.schema
        return tuple(schema.field(name).name for name in fields)


@dataclass(frozen=True, slots=True)
class ObjectView(_Query):
    """One row for each of some objects of one label field. `View.objects` makes it."""

    def __repr__(self) -> str:
        return f"<ObjectView of {self.engine.name}: {self}>"

    @property
    def field(self) -> str:
        """The label field of the objects."""
        return self._field()

    def samples(self) -> View:
        """The samples that own one of the objects, in the order of the view they came from; of the label field,
        only these objects are kept."""
        start = max(i for i, op in enumerate(self.ops) if isinstance(op, ops.Objects))
        steps: tuple[Op, ...] = (*self.ops, ops.Samples())
        if all(isinstance(op, ops.Where) for op in self.ops[start + 1 :]):
            # Conditions alone say the same as keep and any, without a list of objects in between.
            kept = tuple(
                ops.Keep(self.field, op.condition) for op in self.ops[start + 1 :] if isinstance(op, ops.Where)
            )
            steps = (*self.ops[:start], *kept, ops.Where(Method(Name(self.field), "any")))
        return View(self.engine, steps, self.snapshot)


def parse_view(text: str, engine: Engine, *, snapshot: int | None = None) -> View | ObjectView:
    """The view that printed as `text`. Raises a QueryError for a fault, with its column where the text is to blame."""
    return _made(ops.ops_from_text(text), engine, snapshot)


def view_from_json(value: object, engine: Engine, *, snapshot: int | None = None) -> View | ObjectView:
    """The view that `to_json` wrote, given as JSON values or JSON text. Raises QueryTypeError or another QueryError."""
    try:
        found = ops.ops_from_json(json.loads(value) if isinstance(value, str) else value)
    except (RecursionError, ValueError) as error:
        if isinstance(error, QueryTypeError) or type(error).__module__.startswith("loopline"):
            raise
        raise QueryTypeError(f"this is not a view: {error}") from error
    return _made(found, engine, snapshot)


def _made(steps: tuple[Op, ...], engine: Engine, snapshot: int | None) -> View | ObjectView:
    kind = ObjectView if ops.check_order(steps) else View
    view = kind(engine, steps, snapshot)
    view._plan()  # finds unknown names now, not at the first question
    return view


def _select(plan: Plan, names: Sequence[str] | None) -> str:
    chosen = columns.selected(plan, names)
    return plan.select(chosen.columns, joins=chosen.joins)


def _as_tree(expression: Expression) -> Expr:
    return parse(expression) if isinstance(expression, str) else as_expr(expression)


def _count(count: int, what: str) -> int:
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or not 0 <= count < 2**63:
        raise QueryTypeError(f"{what} takes a whole number from 0, not {count!r}")
    return int(count)


def _ids(ids: Iterable[int]) -> tuple[int, ...]:
    if isinstance(ids, np.ndarray | pa.Array | pa.ChunkedArray):
        ids = ids.tolist()
    found = tuple(ids)
    if not all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in found):
        raise QueryTypeError("ids are whole numbers", hint="view.ids() gives those of a view")
    return tuple(int(i) for i in found)


def _missing(package: str) -> MissingDependency:
    return MissingDependency(f"{package} is not installed", hint=f"pip install loopline[{package}]")
