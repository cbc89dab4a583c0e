"""Slices as queries: which samples or objects each text names, found in one pass over each table.

A text is one of four things, tried in this order:

    a condition on samples    `weather == 'rain'`         all objects of those samples
    a value of samples        `weather`                    one slice a value; a number with many values: four quantiles
    a condition on objects    `box.rel_area < 0.05`        objects outside are ignored, neither hit nor missed
    a value of objects        `label`, `box.area`          one slice a value, or four quantiles

Conditions on objects are asked of the truth and, where its objects have the same names, of the predictions; else every
prediction without a partner counts as an error of the slice (`metrics.slices` says why). The name of each slice is
the text of its condition, so it can be asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, QueryError, UnknownName
from loopline.kernel.detections import Detections
from loopline.kernel.expr import Compare, Const, Expr, Scalar, to_text
from loopline.kernel.lookup import places
from loopline.metrics._arrays import AnyArray, BoolArray
from loopline.metrics.slices import Slice
from loopline.query.check import check_condition, check_value
from loopline.query.check_names import Scope
from loopline.query.parse import parse
from loopline.query.view import ObjectView, View

FEW_VALUES: Final = 12  # a number with more is cut into quantiles
MOST_VALUES: Final = 100
QUANTILES: Final = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One slice to be measured: its condition as text, and whether it is about objects."""

    text: str
    of_objects: bool


def parts_of(view: View, truth: str, texts: Sequence[str]) -> list[Part]:
    """The slices that the texts stand for, in their order, each once.

    Raises a QueryError that points at the fault, BadValue for a value with too many different values.
    """
    found: dict[Part, None] = {}
    for text in texts:
        found |= dict.fromkeys(_parts(view, truth, text))
    return list(found)


def _parts(view: View, truth: str, text: str) -> list[Part]:
    tree = parse(text)
    faults: list[QueryError] = []
    for of_objects in (False, True):
        scope = Scope(view.schema, truth if of_objects else None)
        try:
            kind = check_value(tree, scope).bound.type
        except QueryError as fault:
            try:
                check_condition(tree, scope)
            except QueryError:
                faults.append(fault)
                continue
            kind = "bool"
        if kind == "bool":
            return [Part(text, of_objects)]
        rows = view.objects(truth) if of_objects else view
        column = rows.to_arrow([text])[text]
        return [Part(to_text(c), of_objects) for c in _by_values(tree, column, text)]
    # The fault to show is that of the reading which got further: an unknown name says that it was the wrong one.
    raise faults[1] if isinstance(faults[0], UnknownName) else faults[0]


def _by_values(what: Expr, column: pa.ChunkedArray, text: str) -> list[Expr]:
    """A condition for each value, or for each quantile of a number with many values."""
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    values: list[Scalar] = sorted(pc.unique(column).drop_null().to_pylist(), key=lambda v: (str(type(v)), v))
    out: list[Expr] = []
    if numeric and len(values) > FEW_VALUES:
        numbers = np.asarray(column.drop_null().to_numpy(), np.float64)
        edges = np.unique(np.quantile(numbers, np.arange(1, QUANTILES) / QUANTILES)).tolist()
        inner = [Compare(Const(a), ("<=", "<"), (what, Const(b))) for a, b in pairwise(edges)]
        out = [Compare(what, ("<",), (Const(edges[0]),)), *inner, Compare(what, (">=",), (Const(edges[-1]),))]
    elif len(values) > MOST_VALUES:
        raise BadValue(
            f'the slice "{text}" has {len(values)} different values',
            hint=f"at most {MOST_VALUES} make a slice each: write conditions, such as {text} == {values[0]!r}",
        )
    else:
        out = [Compare(what, ("==",), (Const(value),)) for value in values]
    if column.null_count:
        out.append(Compare(what, ("is",), (Const(None),)))
    return out


def slices_of(
    view: View, parts: Sequence[Part], truth: Detections, predicted: Detections, fields: tuple[str, str]
) -> list[Slice]:
    """The rows of each slice: one question to the samples and one to each label field, however many slices."""
    on_samples = [part.text for part in parts if not part.of_objects]
    on_objects = [part.text for part in parts if part.of_objects]
    masks: dict[str, tuple[BoolArray, BoolArray | None]] = {}
    if on_samples:
        flags = _flags(view, on_samples, np.unique(truth.sample_id))
        at = [np.searchsorted(np.unique(truth.sample_id), s.sample_id)[s.unit()] for s in (truth, predicted)]
        masks |= {text: (flag[at[0]], flag[at[1]]) for text, flag in flags.items()}
    if on_objects:
        known = [text for text in on_objects if _has(view, fields[1], text)]
        true = _flags(view.objects(fields[0]), on_objects, truth.object_id)
        guess = _flags(view.objects(fields[1]), known, predicted.object_id) if known else {}
        masks |= {text: (true[text], guess.get(text)) for text in on_objects}
    return [Slice(part.text, *masks[part.text]) for part in parts]


def _has(view: View, field: str, text: str) -> bool:
    try:
        check_condition(parse(text), Scope(view.schema, field))
    except QueryError:
        return False
    return True


def _flags(rows: View | ObjectView, texts: Sequence[str], ids: AnyArray) -> dict[str, BoolArray]:
    """For each condition, whether it holds for each id, (n,); an id that is not there is outside."""
    columns = [f"({text}) if True else False" for text in texts]  # a condition as a value, whatever aggregates it has
    table = rows.to_arrow(["id", *columns])
    at = places(table["id"].to_numpy(), ids)
    found = {}
    for text, name in zip(texts, columns, strict=True):
        flag = np.asarray(pc.fill_null(table[name], False).to_numpy(), bool)
        found[text] = np.append(flag, False)[at]  # -1, which is not there, takes the last
    return found
