"""A metric is four pure steps: start, update, merge, finish. Batch size and order do not matter.

    start() -> state                     nothing seen yet
    update(state, truth, predicted)      the state with one more batch; the batch holds every row of its samples
    merge(a, b)                          two halves seen apart, as if seen together
    finish(state) -> report              the numbers

A state is a value: update and merge return a new one. Where sums of floats would depend on the order, a state keeps
the terms and `finish` adds them exactly (`math.fsum`).

A metric of your own, over Arrow tables, in a notebook or a plug-in:

    def update(seen, truth, predicted):
        return seen + np.array([predicted.num_rows, truth.num_rows])

    register(Metric("boxes_a_label", start=lambda: np.zeros(2, int), update=update, merge=np.add,
                    finish=lambda seen: {"ratio": seen[0] / seen[1]}))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue

State = TypeVar("State")
Result = TypeVar("Result")


@runtime_checkable
class Report(Protocol):
    """What `finish` gives: a frozen dataclass whose main numbers have names. NaN: there was nothing to measure."""

    def numbers(self) -> Mapping[str, float]: ...


Batches: TypeAlias = Iterable[tuple[pa.Table, pa.Table]]
"""Truth and predictions of the same samples, a few thousand samples at a time."""


@dataclass(frozen=True, slots=True)
class Metric(Generic[State, Result]):
    """Four pure steps over Arrow tables under one name.

    needs   the columns that `update` reads, of the truth and of the predictions; both always have `sample_id`
    title   what a report calls it
    """

    name: str
    start: Callable[[], State]
    update: Callable[[State, pa.Table, pa.Table], State]
    merge: Callable[[State, State], State]
    finish: Callable[[State], Result]
    title: str = ""
    needs: tuple[tuple[str, ...], tuple[str, ...]] = field(default=((), ()))

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise BadValue(f'"{self.name}" cannot name a metric', hint="letters, digits and _, not a digit first")


AnyMetric: TypeAlias = Metric[Any, Any]
"""A metric whose state is nobody else's business."""


def measure(metric: Metric[State, Result], batches: Batches) -> Result:
    """The report over all batches, one batch in memory at a time."""
    return metric.finish(reduce(lambda state, batch: step(metric, state, *batch), batches, metric.start()))


def step(metric: Metric[State, Result], state: State, truth: pa.Table, predicted: pa.Table) -> State:
    """`metric.update` after a check of the columns. Raises BadValue where one that it reads is not there."""
    for side, table, needed in zip(("truth", "predictions"), (truth, predicted), metric.needs, strict=True):
        missing = [name for name in needed if name not in table.column_names]
        if missing:
            raise BadValue(
                f'the metric "{metric.name}" needs the column {", ".join(missing)} of the {side}',
                hint=f"it got: {', '.join(table.column_names)}",
            )
    return metric.update(state, truth, predicted)


def numbers_of(report: object) -> dict[str, float]:
    """The named numbers of a report or of a plain mapping, as floats.

    Raises BadValue for anything else, so that a custom metric hears about it at once.

    >>> numbers_of({"ratio": 1})
    {'ratio': 1.0}
    """
    found = report.numbers() if isinstance(report, Report) else report
    if not isinstance(found, Mapping):
        raise BadValue(
            f"a metric's finish() gave {type(report).__name__}",
            hint="return a mapping of names to numbers, or an object with numbers()",
        )
    return {str(name): float(value) for name, value in found.items()}


# -- a state for metrics that need every row at the end


Columns: TypeAlias = tuple[tuple[np.ndarray[Any, Any], ...], ...]
"""Batches as they came: each a tuple of arrays of equal length. Memory: the arrays themselves."""


def no_columns() -> Columns:
    return ()


def with_columns(state: Columns, *arrays: np.ndarray[Any, Any]) -> Columns:
    """The state with one more batch. Empty batches leave no trace."""
    return (*state, arrays) if len(arrays[0]) else state


def merged_columns(a: Columns, b: Columns) -> Columns:
    return a + b


def joined(state: Columns, empty: tuple[np.ndarray[Any, Any], ...]) -> tuple[np.ndarray[Any, Any], ...]:
    """Each column of all batches in one array; `empty` where there was no batch."""
    if not state:
        return empty
    return tuple(np.concatenate(column) for column in zip(*state, strict=True))


def flat_numbers(report: object, *, skip: frozenset[str] = frozenset()) -> dict[str, float]:
    """Every plain number of a frozen dataclass by its field's name."""
    values = {f.name: getattr(report, f.name) for f in dataclasses.fields(report)}  # type: ignore[arg-type]
    return {k: float(v) for k, v in values.items() if isinstance(v, int | float) and k not in skip}
