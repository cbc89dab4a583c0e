"""The steps of a view to SQL: which rows, in which order, and which objects of each label field are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from loopline.errors import QueryError
from loopline.kernel.expr import Expr
from loopline.kernel.schema import DatasetSchema
from loopline.query import ops
from loopline.query.bound import Bound, InObjects, both
from loopline.query.check import Checked, check_condition, check_value
from loopline.query.check_names import Hint, Scope
from loopline.query.compile import Rows, Statement, Table, condition_sql, settled_sql
from loopline.query.ops import Op
from loopline.query.planes import Planes

INLINE_IDS = 1000
"""More ids than this are bound as one parameter; fewer stand in the text, where the engine can skip files with them."""


@dataclass(slots=True)
class _State:
    """Rows that pass `conditions`, in `order`: SQL and whether it falls, before the id."""

    rows: Rows
    conditions: list[str] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.rows.object_id or self.rows.sample_id

    def order_by(self) -> str:
        keys = [f"{sql} {'DESC' if falls else 'ASC'} NULLS LAST" for sql, falls in self.order]
        return ", ".join([*keys, self.key])


class Plan:
    """A view, ready to be asked. Building it checks every expression. One statement for one question."""

    def __init__(self, schema: DatasetSchema, table: Table, steps: Iterable[Op], planes: Planes) -> None:
        self.schema = schema
        self.statement = Statement(table, planes)
        self.field = ""  # of the objects, where the rows are objects
        self.kept: dict[str, Bound] = {}
        self.fields = tuple(f.name for f in schema.fields)  # that come along
        self.hints: list[Hint] = []
        self._state = _State(Rows.samples(self.statement))
        self._outer: _State | None = None
        steps = tuple(steps)
        ops.check_order(steps)
        for step in steps:
            self.apply(step)

    @property
    def scope(self) -> Scope:
        return Scope(self.schema, self.field or None, self.kept)

    @property
    def rows(self) -> Rows:
        return self._state.rows

    @property
    def key(self) -> str:
        """SQL of the id of a row."""
        return self._state.key

    @property
    def is_everything(self) -> bool:
        """Whether the rows are all samples there are."""
        return not self.field and not self._state.conditions and not self.statement.steps

    # -- questions

    def value(self, expression: Expr | str) -> Bound:
        checked = check_value(expression, self.scope)
        self.hints += checked.hints
        return checked.bound

    def select(self, columns: Iterable[str], *, ordered: bool = True, tail: str = "", joins: str = "") -> str:
        """A whole statement that reads SQL `columns` of the view's rows."""
        state = self._state
        listed = ", ".join(columns)  # first: computing the columns may add joins to the rows
        order = f" ORDER BY {state.order_by()}" if ordered else ""
        return self.statement.with_steps(f"SELECT {listed} FROM {state.rows.source}{joins}{self._where()}{order}{tail}")

    def _where(self) -> str:
        conditions = self._state.conditions
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    # -- steps

    def apply(self, step: Op) -> None:
        match step:
            case ops.Where(condition=condition):
                self._require(check_condition(condition, self.scope))
            case ops.Keep(field=name, condition=condition):
                checked = check_condition(condition, Scope(self.schema, self._known(name), self.kept))
                self.hints += checked.hints
                kept = both(self.kept.get(name), checked.bound)
                assert kept is not None
                self.kept[name] = kept
            case ops.Sort(keys=keys):
                found = [(settled_sql(self.value(key.value), self.rows), key.descending) for key in keys]
                self._state.order[:0] = found
            case ops.Limit(count=count):
                self._cut(f" LIMIT {int(count)}")
            case ops.Skip(count=count):
                self._cut(f" OFFSET {int(count)}")
            case ops.Sample(count=count, seed=seed):
                # md5 is the same everywhere and spreads evenly; the engine's own hash() may change with its version.
                draw = f"md5(concat({self.key}, ':', CAST({self.statement.bind(seed)} AS BIGINT)))"
                self._cut(f" LIMIT {int(count)}", by=f"{draw}, {self.key}")
            case ops.Select(ids=ids):
                self._state.conditions.append(self._is_in(ids))
            case ops.Exclude(ids=ids):
                self._state.conditions.append(f"({self._is_in(ids)}) IS NOT TRUE")
            case ops.SelectFields(fields=names):
                chosen = [self._known(name) for name in names]
                self.fields = tuple(name for name in self.fields if name in chosen)
            case ops.ExcludeFields(fields=names):
                left = [self._known(name) for name in names]
                self.fields = tuple(name for name in self.fields if name not in left)
            case ops.Objects(field=name):
                self._to_objects(self._known(name))
            case ops.Samples():
                self._to_samples()

    def _known(self, name: str) -> str:
        return self.schema.field(name).name

    def _require(self, checked: Checked) -> None:
        self.hints += checked.hints
        self._state.conditions.append(condition_sql(checked.bound, self.rows))

    def _is_in(self, ids: tuple[int, ...]) -> str:
        if not ids:
            return "FALSE"
        if len(ids) <= INLINE_IDS:
            return f"{self.key} IN ({', '.join(str(int(i)) for i in ids)})"
        # As one text: a parameter that is a list is converted item by item, which takes seconds for a million.
        listed = self.statement.bind(",".join(map(str, ids)))
        return f"{self.key} IN (SELECT unnest(CAST(string_split({listed}, ',') AS BIGINT[])))"

    def _named(self, *, by: str | None, tail: str) -> str:
        """The rows so far as a step of the statement: id, sample_id for objects, and the sort keys k0, k1, …"""
        state = self._state
        columns = [f"{state.key} AS id"]
        if self.field:
            columns.append(f"{state.rows.sample_id} AS sample_id")
        columns += [f"{sql} AS k{i}" for i, (sql, _) in enumerate(state.order)]
        order = f" ORDER BY {by}" if by else ""
        name = self.statement.new_name("step")
        self.statement.steps[name] = f"SELECT {', '.join(columns)} FROM {state.rows.source}{self._where()}{order}{tail}"
        return name

    def _cut(self, tail: str, by: str | None = None) -> None:
        """End the rows here, so that the steps to come see only those that are left."""
        state = self._state
        name = self._named(by=by or state.order_by(), tail=tail)
        if self.field:
            rows = Rows(self.statement, name, f"{name}.sample_id", object_id=f"{name}.id", field=self.field)
        else:
            rows = Rows(self.statement, name, f"{name}.id")
        self._state = _State(rows, order=[(f"{name}.k{i}", falls) for i, (_, falls) in enumerate(state.order)])

    def _to_objects(self, name: str) -> None:
        self._outer = self._state
        state = _State(Rows.objects(self.statement, name))
        if not self.is_everything:
            inside = self._named(by=None, tail="")
            state.conditions.append(f"{state.rows.sample_id} IN (SELECT id FROM {inside})")
        self._state, self.field = state, name
        kept = self.kept.get(name)
        if kept is not None:
            state.conditions.append(condition_sql(kept, state.rows))

    def _to_samples(self) -> None:
        if self._outer is None:
            raise QueryError("samples() follows objects(field)")
        name = self._named(by=None, tail="")
        picked = InObjects(self.field, name)
        self.kept[self.field] = both(self.kept.get(self.field), picked) or picked
        self._state, self._outer, self.field = self._outer, None, ""
        self._state.conditions.append(f"{self._state.rows.sample_id} IN (SELECT sample_id FROM {name})")
