"""Attributes of rows as small cells, and the conditions on them that slice discovery may name.

A category has a cell for each of its commonest values, one for the rest and one for missing. A number has a cell for
each quantile bin; its edges are rounded to three digits before anything is counted, so the text of a condition is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.kernel.expr import And, Compare, CompareOp, Const, Expr, Scalar
from loopline.metrics._arrays import BoolArray, FloatArray, IntArray
from loopline.query.parse import parse

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One attribute of n rows.

    cell         (n,) int64 in 0 … cells - 1
    conditions   c expressions; holds (c, cells) bool: in which cells each is true
    """

    name: str
    cell: IntArray
    cells: int
    conditions: tuple[Expr, ...]
    holds: BoolArray


def attribute(name: str, column: pa.ChunkedArray, *, bins: int, most_values: int) -> Attribute:
    """The attribute of a column. `name` is query text such as `box.rel_area`.

    A NaN is missing. Raises BadValue for a type that has neither categories nor an order of size, QuerySyntaxError where
    the name does not parse.
    """
    what = parse(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return _listed(name, what, np.full(len(column), -1, np.int64), [], missing=True)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _category(name, what, column, most_values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number(name, what, column, bins)
    hint = "take a part of it: hour(created_at)" if pa.types.is_temporal(kind) else "leave it out"
    raise BadValue(f'the attribute "{name}" is {kind}: neither a category nor a number', hint=hint)


def joined_conditions(parts: tuple[Expr, ...]) -> Expr:
    """All of the parts: `a and b and c`."""
    return parts[0] if len(parts) == 1 else And(parts)


def _category(name: str, what: Expr, column: pa.ChunkedArray, most_values: int) -> Attribute:
    coded = column.combine_chunks().dictionary_encode()
    code = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    values: list[Scalar] = coded.dictionary.to_pylist()
    count = np.bincount(code[code >= 0], minlength=len(values))
    # Commonest first; of equally common ones by text, so that the order of rows does not matter.
    order = sorted(range(len(values)), key=lambda i: (-int(count[i]), str(values[i])))
    place = np.empty(len(values) + 1, np.int64)
    place[order] = np.minimum(np.arange(len(order)), most_values)  # most_values: "some other value"
    place[-1] = -1
    kept = [values[i] for i in order[:most_values]]
    return _listed(name, what, place[code], kept, missing=bool((code < 0).any()))


def _listed(name: str, what: Expr, place: IntArray, values: list[Scalar], *, missing: bool) -> Attribute:
    """place: -1 missing, len(values) some other value."""
    cells = len(values) + 2
    conditions = [_compare(what, "==", value) for value in values]
    holds = np.eye(cells, dtype=bool)[: len(values)]
    if missing:
        conditions.append(_compare(what, "is", None))
        holds = np.vstack([holds, np.arange(cells) == cells - 1])
    return Attribute(name, np.where(place < 0, cells - 1, place), cells, tuple(conditions), holds)


def _number(name: str, what: Expr, column: pa.ChunkedArray, bins: int) -> Attribute:
    whole = pa.types.is_integer(column.type)
    value = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), np.float64)
    known = ~np.isnan(value)
    distinct = _few_distinct(value[known], bins)
    edges = distinct[1:] if distinct is not None else _quantile_edges(value[known], bins, whole=whole)
    place = np.where(known, np.searchsorted(edges, value, side="right"), len(edges) + 1)
    cells = len(edges) + 2  # the last one is missing
    at = np.arange(cells)
    conditions: list[Expr] = []
    holds: list[BoolArray] = []

    def add(condition: Expr, where: BoolArray) -> None:
        conditions.append(condition)
        holds.append(where & (at < cells - 1))

    as_const = [int(edge) if whole else float(edge) for edge in edges]
    for i, edge in enumerate(as_const):
        add(_compare(what, "<", edge), at <= i)
        add(_compare(what, ">=", edge), at > i)
    for i, (low, high) in enumerate(pairwise(as_const), start=1):
        within = Compare(Const(low), ("<=", "<"), (what, Const(high)))
        add(_compare(what, "==", low) if distinct is not None else within, at == i)
    if not known.all():
        conditions.append(_compare(what, "is", None))
        holds.append(at == cells - 1)
    table = np.array(holds, bool).reshape(len(conditions), cells)
    return Attribute(name, place.astype(np.int64), cells, tuple(conditions), table)


def _few_distinct(value: FloatArray, most: int) -> FloatArray | None:
    """The distinct values, rising, if there are at most `most`. Looks at a few rows first: most columns have many."""
    if np.unique(value[:1000]).size > most:
        return None
    distinct = np.unique(value)
    return distinct if distinct.size <= most else None


def _quantile_edges(value: FloatArray, bins: int, *, whole: bool) -> FloatArray:
    raw = np.quantile(value, np.arange(1, bins) / bins)
    edges = np.ceil(raw) if whole else np.array([float(f"{edge:.{_DIGITS}g}") for edge in raw])
    edges = np.unique(edges[np.isfinite(edges)])
    return np.asarray(edges[(edges > value.min()) & (edges <= value.max())], np.float64)


def _compare(what: Expr, op: CompareOp, value: Scalar) -> Expr:
    return Compare(what, (op,), (Const(value),))
