"""A view as the browser asks for it: checked, then answered from masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loopline.errors import QueryError, UnknownField, near
from loopline.kernel.expr import And, Expr
from loopline.query import ops
from loopline.query.check import check_condition, check_value
from loopline.query.check_names import Scope
from loopline.query.parse import parse
from loopline.query.view import ObjectView, View
from loopline.server.arrays import Ids
from loopline.server.problems import Located
from loopline.server.resident import IdRows, Mask, Resident
from loopline.server.wire import HintOut, ViewSpec
from loopline.server.words import Ranked, WordSearch
from loopline.store import versions
from loopline.store.lake import Lake


@dataclass(frozen=True, slots=True)
class Asked:
    """A view at one snapshot, its texts parsed. `filters`: control → condition."""

    resident: Resident
    at: int
    where: Expr | None
    filters: tuple[tuple[str, Expr], ...]
    keep: tuple[tuple[str, str, Expr], ...]  # field, control, condition
    sort: ops.Sort | None
    field: str  # of the objects that are the rows; "" for samples
    select: tuple[int, ...] | None
    hints: tuple[HintOut, ...]
    ranked: Ranked | None = None  # by words, which goes before `sort`

    # -- answers

    @property
    def in_own_order(self) -> bool:
        """Whether the rows come as they are stored."""
        return self.sort is None and self.ranked is None

    @property
    def rows(self) -> IdRows:
        """All rows that there are."""
        return self.resident.objects(self.at, self.field) if self.field else self.resident.samples(self.at)

    def samples(self, *, without: str | None = None) -> Mask | None:
        """The samples that meet all conditions but those of the control `without`; None: all of them."""
        conditions = [] if self.where is None else [self.where]
        conditions += [condition for control, condition in self.filters if control != without]
        masks = [self.resident.mask(self.at, condition) for condition in conditions]
        if self.select is not None and not self.field:
            masks.append(self.resident.samples(self.at).mask(np.array(self.select, np.int64)))
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    def kept(self, field: str, *, without: str | None = None) -> Mask | None:
        """The kept objects of a field, whatever the control `without` asks for; None: all of them."""
        masks = [
            self.resident.mask(self.at, condition, name)
            for name, control, condition in self.keep
            if name == field and (without is None or control != without)
        ]
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    def mask(self) -> Mask | None:
        """The rows of the view; None: all."""
        if not self.field:
            return self.samples()
        found = self.resident.object_mask(self.at, self.field, self.samples(), self.kept(self.field))
        if self.select is not None:
            chosen = self.rows.mask(np.array(self.select, np.int64))
            found = chosen if found is None else found & chosen
        return found

    def order(self) -> Ids:
        """Row numbers in the view's order."""
        mask = self.mask()
        if self.ranked is not None:
            return self._by_words(self.ranked, mask)
        if self.sort is None:
            return np.arange(len(self.rows)) if mask is None else np.flatnonzero(mask)
        order = self.resident.order(self.at, self.sort, self.field)
        return (order if mask is None else order[mask[order]]).astype(np.int64)

    def _by_words(self, ranked: Ranked, mask: Mask | None) -> Ids:
        best = self.rows.of(ranked.ids)
        best = best[best >= 0]
        left = np.ones(len(self.rows), np.bool_)
        left[best] = False
        order = np.concatenate((best, np.flatnonzero(left)))
        return order if mask is None else order[mask[order]]

    def count(self) -> int:
        mask = self.mask()
        return len(self.rows) if mask is None else int(np.count_nonzero(mask))

    def ids(self, offset: int = 0, count: int | None = None) -> Ids:
        """Ids in the view's order, or a stretch of them."""
        rows = self.order()[offset : None if count is None else offset + count]
        return self.rows.ids[rows]

    # -- as a value

    def view(self) -> View | ObjectView:
        """The same as a view of the query layer."""
        steps = self.steps()
        kind = ObjectView if ops.check_order(steps) else View
        return kind(self.resident.lake, steps, self.at)

    def steps(self) -> tuple[ops.Op, ...]:
        found: list[ops.Op] = []
        condition = self.condition()
        if condition is not None:
            found.append(ops.Where(condition))
        if self.select is not None and not self.field:
            found.append(ops.Select(self.select))
        if self.sort is not None and not self.field:
            found.append(self.sort)  # before keep, so that it sees all objects, as the conditions do
        found += [ops.Keep(field, condition) for field, _, condition in self.keep]
        if self.field:
            found.append(ops.Objects(self.field))
            if self.select is not None:
                found.append(ops.Select(self.select))
            if self.sort is not None:
                found.append(self.sort)
        return tuple(found)

    def condition(self) -> Expr | None:
        """All conditions on samples as one."""
        parts = [] if self.where is None else [self.where]
        parts += [condition for _, condition in self.filters]
        return None if not parts else parts[0] if len(parts) == 1 else And(tuple(parts))

    def python(self, name: str) -> str:
        """The line of Python that gives this view."""
        calls = [f"ll.open({name!r})"]
        if self.ranked is not None:  # the nearest among these, in order
            plain = dataclasses.replace(self, ranked=None).python(name)
            within = f", within={plain}" if self.steps() and not self.field else ""
            return f"ll.open({name!r}).similar(text={self.ranked.text!r}, key={self.ranked.key!r}{within})"
        for step in self.steps():
            match step:
                case ops.Where(condition=condition):
                    calls.append(f"where({str(condition)!r})")
                case ops.Keep(field=field, condition=condition):
                    calls.append(f"keep({field!r}, {str(condition)!r})")
                case ops.Objects(field=field):
                    calls.append(f"objects({field!r})")
                case ops.Sort(keys=keys):
                    calls.append(f"sort({', '.join(repr(str(key)) for key in keys)})")
                case ops.Select(ids=ids):
                    calls.append(f"select({list(ids)})")
        return ".".join(calls)


def ask(resident: Resident, spec: ViewSpec, words: WordSearch) -> Asked:
    """The view of a request. Raises Located: an error, and the text it is in."""
    at = snapshot_of(resident.lake, spec.snapshot)
    schema = resident.lake.schema(at)
    hints: list[HintOut] = []
    samples = Scope(schema)

    def condition(text: str, part: str, scope: Scope) -> Expr:
        try:
            hints.extend(HintOut(h.what, part, h.column) for h in check_condition(text, scope).hints)
            return parse(text)
        except QueryError as error:
            raise Located(error, part) from error

    def known(field: str, part: str) -> str:
        if not schema.has_field(field):
            names = [f.name for f in schema.fields]
            raise Located(UnknownField(f'no label field "{field}"', hint=near(field, names)), part)
        return field

    where = condition(spec.where, "where", samples) if spec.where.strip() else None
    filters = tuple((one.control, condition(one.where, f"filters[{i}]", samples)) for i, one in enumerate(spec.filters))
    keep = []
    for i, one in enumerate(spec.keep):
        known(one.field, f"keep[{i}]")
        keep.append((one.field, one.control, condition(one.where, f"keep[{i}]", Scope(schema, one.field))))
    field = known(spec.objects, "objects") if spec.objects else ""
    sort = sorting(spec.sort, Scope(schema, field or None))
    ranked = words.ranked(spec.words.strip(), field) if spec.words.strip() else None
    return Asked(resident, at, where, filters, tuple(keep), sort, field, spec.select, tuple(hints), ranked)


def snapshot_of(lake: Lake, snapshot: int | None) -> int:
    """A snapshot that is kept; None: the newest. Raises UnknownVersion."""
    newest = lake.snapshot()
    if snapshot is None or snapshot == newest:
        return newest
    if lake.known_schema(snapshot) is None:
        versions.resolve(lake, snapshot)
    return snapshot


_SORT = "sort("


def sorting(text: str, scope: Scope) -> ops.Sort | None:
    """`-score, path` as a step; None where it is empty. Raises Located."""
    if not text.strip():
        return None
    try:
        steps: Sequence[ops.Op] = ops.ops_from_text(f"{_SORT}{text})")
        if len(steps) != 1 or not isinstance(steps[0], ops.Sort):
            raise QueryError("this is not a list of sort keys", hint="-score, path")
        for key in steps[0].keys:
            check_value(key.value, scope)
        return steps[0]
    except QueryError as error:
        raise Located(
            type(error)(error.what, text=text, column=_in_keys(text, error), hint=error.hint), "sort"
        ) from error


def _in_keys(text: str, error: QueryError) -> int | None:
    """The column in all keys of a fault that is told in the text of one key, or in `sort(…)`."""
    if error.column is None:
        return None
    if error.text.startswith(_SORT):
        return max(0, error.column - len(_SORT))
    return max(0, text.find(error.text)) + error.column
