"""What the app holds in memory of a data set, so that filters and facets answer while a handle is dragged.

Rows are numbered: samples by rising id, objects of a field by sample and id. A condition is a mask over those rows,
asked of the engine once; views are masks joined, and a facet is a count of small codes under a mask. All of it is
kept for the state of the tables that it was read from, and may be forgotten at any time.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import QueryTypeError
from loopline.kernel import expr as tree
from loopline.kernel.expr import Expr
from loopline.kernel.schema import label_table
from loopline.query import ops, run
from loopline.query.bound import NUMBERS
from loopline.query.compile import SAMPLE_OWNER, settled_sql
from loopline.query.parse import parse
from loopline.query.plan import Plan
from loopline.query.planes import plane_of
from loopline.query.summary import inner_of
from loopline.server.arrays import Ids, as_array, as_codes, as_doubles
from loopline.server.kept import Kept
from loopline.server.states import State, TableStates
from loopline.store.lake import Lake

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int32]

ASPECT_STEPS: Final = 32  # of the byte in `aspect`, to the octave
_SPAN: Final = 8  # a table from id to row is made where ids are at most this many times as wide as they are many


class IdRows:
    """Rows known by id. `ids` (n,) int64 in the order of the rows."""

    def __init__(self, ids: Ids, token: Hashable) -> None:
        self.ids = ids
        self.token = token  # equal tokens: equal rows
        self._low = int(ids.min()) if len(ids) else 0
        high = int(ids.max()) if len(ids) else -1
        self._table: Rows | None = None
        self._order: Ids | None = None
        self._is_run = len(ids) > 0 and high - self._low + 1 == len(ids) and bool((ids[1:] > ids[:-1]).all())
        if self._is_run:
            return
        if high - self._low < _SPAN * len(ids):
            self._table = np.full(high - self._low + 1, -1, np.int32)
            self._table[ids - self._low] = np.arange(len(ids), dtype=np.int32)
        else:
            self._order = np.argsort(ids)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        held = self.ids.nbytes + (0 if self._table is None else self._table.nbytes)
        return held + (0 if self._order is None else self._order.nbytes)

    def of(self, ids: Ids) -> Ids:
        """The row of each id; -1 where there is none."""
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, np.int64)
        if self._order is not None:
            place = np.searchsorted(self.ids, ids, sorter=self._order)
            found = self._order[np.minimum(place, len(self.ids) - 1)]
            return np.where(self.ids[found] == ids, found, -1)
        offset = ids - self._low
        inside = (offset >= 0) & (offset < (len(self.ids) if self._table is None else len(self._table)))
        if self._table is None:
            return np.where(inside, offset, -1)
        return np.where(inside, self._table[np.where(inside, offset, 0)], -1).astype(np.int64)

    def mask(self, ids: Ids) -> Mask:
        """True at the rows of these ids."""
        found = np.zeros(len(self.ids), np.bool_)
        rows = self.of(ids)
        found[rows[rows >= 0]] = True
        return found


class ObjectRows(IdRows):
    """Objects of a label field. `sample_row` (n,) int32, never falling; `starts` (samples + 1,) where each begins."""

    def __init__(self, ids: Ids, token: Hashable, sample_row: Rows, samples: int) -> None:
        super().__init__(ids, token)
        self.sample_row = sample_row
        self.counts = np.bincount(sample_row, minlength=samples).astype(np.int32)
        self.starts = np.concatenate(([0], np.cumsum(self.counts, dtype=np.int64)))

    @property
    def nbytes(self) -> int:
        return super().nbytes + self.sample_row.nbytes + self.counts.nbytes + self.starts.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """One small number for each row; rows are those of `field`'s objects, of samples (""), or pairs with a sample row.

    codes    (n,) the place in `values`, or the bin; `missing` for no value, `missing + 1` for outside the range
    values   of a facet, the most frequent first; empty for a histogram
    edges    of a histogram
    pairs    for tags: the row that each code belongs to
    totals   (missing + 2,) rows of each code in the whole data set
    """

    field: str
    type: str
    codes: npt.NDArray[np.unsignedinteger]
    missing: int
    values: tuple[str | int | float | bool, ...]
    edges: npt.NDArray[np.float64] | None
    totals: Ids
    pairs: Ids | None = None

    @property
    def nbytes(self) -> int:
        return (
            self.codes.nbytes
            + self.totals.nbytes
            + 100 * len(self.values)
            + (0 if self.pairs is None else self.pairs.nbytes)
        )


class Resident:
    """The memory of one data set. Shared by threads. `at` is always a snapshot's number."""

    def __init__(self, lake: Lake, kept: Kept | None = None) -> None:
        self.lake = lake
        self._kept = kept if kept is not None else Kept()
        self._states = TableStates(lake)

    @property
    def kept(self) -> Kept:
        """For what else takes a while to work out of this data set."""
        return self._kept

    # -- rows

    def samples(self, at: int) -> IdRows:
        """The samples, by rising id. Two states of the table with the same samples give the same object."""
        state = self._states.at("samples", at)

        def make() -> IdRows:
            plan, _ = self.plan(at)
            found = run.table(self.lake, plan.statement, plan.select([f"{plan.key} AS id"], ordered=False))
            ids = as_array(found["id"])
            if not (ids[1:] > ids[:-1]).all():
                ids = np.sort(ids)
            token = ("same samples", len(ids), blake2b(ids.tobytes()).hexdigest())
            return self._kept.get(token, lambda: IdRows(ids, token))

        return self._kept.get(("samples", state), make)

    def aspects(self, at: int, field: str = "") -> npt.NDArray[np.uint8]:
        """Width through height of each sample, or of each object's box, as 128 + 32 log2."""
        rows = self.objects(at, field) if field else self.samples(at)
        state = self._states.at(label_table(field) if field else "samples", at)

        def make() -> npt.NDArray[np.uint8]:
            plan, _ = self.plan(at, field)
            column = plan.rows.object_column if field else plan.rows.sample_column
            width, height = (column(name) for name in (("w", "h") if field else ("width", "height")))
            sql = plan.select([f"{plan.key} AS id", f"{_aspect_sql(width, height)} AS aspect"], ordered=False)
            found = run.table(self.lake, plan.statement, sql)
            return _aligned(rows, as_array(found["id"]), as_array(found["aspect"]), 128)

        return self._kept.get(("aspects", state, rows.token), make)

    def objects(self, at: int, field: str) -> ObjectRows:
        """The objects of a field, by sample and id."""
        samples = self.samples(at)

        def make() -> ObjectRows:
            plan, _ = self.plan(at, field)
            sql = plan.select([f"{plan.key} AS id", f"{plan.rows.sample_id} AS sample_id"], ordered=False)
            found = run.table(self.lake, plan.statement, sql)
            ids, owner = as_array(found["id"]), samples.of(as_array(found["sample_id"]))
            if (owner < 0).any():
                ids, owner = ids[owner >= 0], owner[owner >= 0]
            rows = owner.astype(np.int32)
            falls = (rows[1:] < rows[:-1]) | ((rows[1:] == rows[:-1]) & (ids[1:] < ids[:-1]))
            if falls.any():
                order = np.lexsort((ids, rows))
                ids, rows = ids[order], rows[order]
            return ObjectRows(ids, token, rows, len(samples))

        token = self._objects_token(at, field)
        return self._kept.get(token, make)

    def known_objects(self, at: int, field: str) -> ObjectRows | None:
        """The same, where they are in memory."""
        found = self._kept.peek(self._objects_token(at, field))
        return found if isinstance(found, ObjectRows) else None

    def _objects_token(self, at: int, field: str) -> Hashable:
        return ("objects", self._states.at(label_table(field), at), self.samples(at).token)

    def state(self, table: str, at: int) -> State:
        """Equal states of a table hold equal rows."""
        return self._states.at(table, at)

    # -- conditions and orders

    def mask(self, at: int, condition: Expr, field: str = "") -> Mask:
        """The samples, or objects of `field`, that meet a condition."""
        rows = self.objects(at, field) if field else self.samples(at)
        plan, read = self.plan(at, field, ops.Where(condition))
        sql = plan.select([f"{plan.key} AS id"], ordered=False)

        def make() -> Mask:
            found = run.table(self.lake, plan.statement, sql)
            return rows.mask(as_array(found["id"]))

        return self._kept.get(("mask", str(condition), field, self._states_of(read, at), rows.token), make)

    def order(self, at: int, sort: ops.Sort, field: str = "") -> Rows:
        """The rows of all samples, or objects of `field`, in the order of some keys."""
        rows = self.objects(at, field) if field else self.samples(at)
        plan, read = self.plan(at, field, sort)
        sql = plan.select([f"{plan.key} AS id"])

        def make() -> Rows:
            found = run.table(self.lake, plan.statement, sql)
            order = rows.of(as_array(found["id"]))
            return order[order >= 0].astype(np.int32)

        return self._kept.get(("order", str(sort), field, self._states_of(read, at), rows.token), make)

    def plan(self, at: int, field: str = "", *steps: ops.Op) -> tuple[Plan, set[str]]:
        """A plan over samples, or the objects of a field, and the names of the tables that its SQL reads."""
        read: set[str] = set()

        def table(name: str) -> str:
            read.add(name)
            return self.lake.table(name, at)

        first: tuple[ops.Op, ...] = (ops.Objects(field),) if field else ()
        return Plan(self.lake.schema(at), table, (*first, *steps), lambda key: plane_of(self.lake, key, at)), read

    def _states_of(self, read: set[str], at: int) -> tuple[State, ...]:
        return tuple(self._states.at(name, at) for name in sorted(read))

    # -- facets

    def aim(self, at: int, of: str) -> tuple[str, Expr]:
        """The label field ("" for samples) and expression that `of` is about."""
        parsed = parse(of)
        inner = inner_of(parsed, self.lake.schema(at))
        return inner if inner is not None else ("", parsed)

    def values(self, at: int, of: str) -> Codes:
        """Codes of the values of an expression, or of tags."""
        field, expression = self.aim(at, of)
        if expression == tree.Name("tags"):
            return self._tags(at, field)
        plan, read, sql, kind = self._value(at, field, expression, of)
        rows = self.objects(at, field) if field else self.samples(at)

        def make() -> Codes:
            found = run.table(self.lake, plan.statement, sql)
            codes, listed = as_codes(found["value"])
            aligned = _aligned(rows, as_array(found["id"]), codes, len(listed))
            return _ranked(field, kind, aligned, listed, None)

        return self._kept.get(("values", str(expression), field, self._states_of(read, at), rows.token), make)

    def histogram(self, at: int, of: str, bins: int, limits: tuple[float, float] | None) -> Codes:
        """Codes of the bins of a number or time."""
        field, expression = self.aim(at, of)
        plan, read, sql, kind = self._value(at, field, expression, of)
        if kind not in (*NUMBERS, "time"):
            raise QueryTypeError(f"a histogram needs numbers or times, and {of} has neither", text=of, column=0)
        rows = self.objects(at, field) if field else self.samples(at)

        def make() -> Codes:
            found = run.table(self.lake, plan.statement, sql)
            values = as_doubles(found["value"])
            codes, edges = _binned(values, bins, limits)
            aligned = _aligned(rows, as_array(found["id"]), codes, bins)
            totals = np.bincount(aligned, minlength=bins + 2)
            return Codes(field, kind, aligned, bins, (), edges, totals)

        key = ("bins", str(expression), field, bins, limits, self._states_of(read, at), rows.token)
        return self._kept.get(key, make)

    def _value(self, at: int, field: str, expression: Expr, of: str) -> tuple[Plan, set[str], str, str]:
        plan, read = self.plan(at, field)
        found = plan.value(of if not field else expression)
        sql = settled_sql(found, plan.rows)
        if found.type == "time":
            sql = f"epoch_us({sql}) / 1e6"
        return plan, read, plan.select([f"{plan.key} AS id", f"{sql} AS value"], ordered=False), found.type

    def _tags(self, at: int, field: str) -> Codes:
        rows = self.objects(at, field) if field else self.samples(at)

        def make() -> Codes:
            plan, _ = self.plan(at)
            owner = plan.statement.bind(field or SAMPLE_OWNER)
            sql = f"SELECT DISTINCT owner_id, tag FROM (FROM {plan.statement.table('tag')}) WHERE owner = {owner}"
            found = run.table(self.lake, plan.statement, sql)
            place = rows.of(as_array(found["owner_id"]))
            codes, listed = as_codes(found["tag"])
            there = place >= 0
            return _ranked(field, "text", codes[there], listed, place[there])

        return self._kept.get(("tags", field, self._states.at("tag", at), rows.token), make)

    def counted(self, at: int, codes: Codes, mask: Mask | None, kept: Mask | None) -> Ids:
        """(missing + 2,): rows of each code on the samples of `mask`; of objects, those in `kept` alone."""
        if mask is None and kept is None:
            return codes.totals
        if codes.pairs is not None:
            inside = self.object_mask(at, codes.field, mask, kept) if codes.field else mask
            assert inside is not None
            return _count(codes, inside[codes.pairs])
        if not codes.field:
            return codes.totals if mask is None else _count(codes, mask)
        inside = self.object_mask(at, codes.field, mask, kept)
        assert inside is not None
        return _count(codes, inside)

    def object_mask(self, at: int, field: str, mask: Mask | None, kept: Mask | None) -> Mask | None:
        """The objects on the samples of `mask` that are in `kept`; None: all of them."""
        if mask is None:
            return kept
        spread: Mask = np.repeat(mask, self.objects(at, field).counts)
        return spread if kept is None else spread & kept


def _aspect_sql(width: str, height: str) -> str:
    """SQL of the byte in `aspect`; 128, a square, where a side is missing or no length."""
    wide, high = f"({width})::DOUBLE", f"({height})::DOUBLE"
    byte = f"round(128 + {ASPECT_STEPS} * log2({wide} / {high}))"
    known = f"{wide} > 0 AND {high} > 0 AND isfinite({wide}) AND isfinite({high}) AND {wide} / {high} > 0"
    return f"CASE WHEN {known} THEN greatest(0, least(255, {byte})) ELSE 128 END::UTINYINT"


def _aligned(
    rows: IdRows, ids: Ids, values: npt.NDArray[np.generic], missing: int
) -> npt.NDArray[np.uint8]:  # or wider, as `values`
    """`values` in the order of the rows; the engine mostly gives them so."""
    if len(ids) == len(rows) and np.array_equal(ids, rows.ids):
        return values  # type: ignore[return-value]
    found = np.full(len(rows), missing, values.dtype)
    place = rows.of(ids)
    found[place[place >= 0]] = values[place >= 0]
    return found


def _ranked(field: str, kind: str, places: npt.NDArray[np.integer], listed: list[object], pairs: Ids | None) -> Codes:
    """Codes in the order of how often a value is there; `len(listed)` in `places` means none."""
    size = len(listed)
    counts = np.bincount(places, minlength=size + 2)
    order = np.argsort(-counts[:size], kind="stable")
    rank = np.empty(size + 2, np.uint8 if size + 2 <= 256 else np.uint16 if size + 2 <= 65_536 else np.uint32)
    rank[order] = np.arange(size)
    rank[size:] = (size, size + 1)
    totals = np.concatenate((counts[:size][order], counts[size : size + 2]))
    values = tuple(listed[i] for i in order)
    return Codes(field, kind, rank[places], size, values, None, totals, pairs)


def _binned(
    values: npt.NDArray[np.float64], bins: int, limits: tuple[float, float] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Bin of each value, `bins` for a missing one, `bins + 1` for one outside; and the edges."""
    missing = np.isnan(values)
    finite = np.isfinite(values)
    if limits is None:
        low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 1.0)
    else:
        low, high = limits
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise QueryTypeError("the range of a histogram goes from a number to a greater one")
    if low == high:
        low, high = low - 0.5, high + 0.5
    with np.errstate(invalid="ignore", over="ignore"):
        place = np.floor((values - low) * (bins / (high - low)))
        inside = (values >= low) & (values <= high)
    codes = np.where(inside, np.minimum(np.where(inside, place, 0), bins - 1), bins + 1)
    codes[missing] = bins
    return codes.astype(np.uint8), np.linspace(low, high, bins + 1)


def _count(codes: Codes, inside: Mask) -> Ids:
    found: Ids = np.bincount(codes.codes[inside], minlength=codes.missing + 2)
    return found
