"""What a chart shows, without a word on how it is drawn: the same value becomes Plotly, Matplotlib, HTML or JSON.

NaN is "no such number": a gap in a line, no bar, an empty cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue

FloatArray: TypeAlias = npt.NDArray[np.float64]
Cell: TypeAlias = str | float | int | None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One line of p points, or one bar for each of p names.

    low, high  (p,) the ends of an interval around y; None: no interval
    notes      one a point, shown with it
    """

    name: str
    x: FloatArray
    y: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for other in (self.y, self.low, self.high):
            if other is not None and len(other) != len(self.x):
                raise BadValue(f'the series "{self.name}" has {len(self.x)} points and {len(other)} values')


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Curves over a number. diagonal: also draw y = x, where a perfect or a blind model would lie."""

    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    diagonal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A bar for each name and series, lying, the first name on top."""

    title: str
    x_title: str
    names: tuple[str, ...]
    series: tuple[Series, ...]
    x_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """counts (r, c) over named rows and columns; the colour of a cell is its share of the row."""

    title: str
    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    def shares(self) -> FloatArray:
        """(r, c); NaN in a row without counts."""
        total = self.counts.sum(axis=1, keepdims=True).astype(np.float64)
        shares = np.full(self.counts.shape, np.nan)
        return np.asarray(np.divide(self.counts, total, out=shares, where=total > 0))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of cells under named columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


Chart: TypeAlias = Lines | Bars | Matrix | Table


def to_json(chart: Chart) -> dict[str, object]:
    """The chart as plain JSON values; NaN and infinity are null."""
    known = {"kind": type(chart).__name__.lower(), "title": chart.title}
    if isinstance(chart, Table):
        return {**known, "columns": list(chart.columns), "rows": [[_plain(cell) for cell in row] for row in chart.rows]}
    if isinstance(chart, Matrix):
        return {
            **known,
            "row_title": chart.row_title,
            "column_title": chart.column_title,
            "rows": list(chart.rows),
            "columns": list(chart.columns),
            "counts": chart.counts.tolist(),
        }
    series = [
        {
            "name": one.name,
            "x": _numbers(one.x),
            "y": _numbers(one.y),
            "low": None if one.low is None else _numbers(one.low),
            "high": None if one.high is None else _numbers(one.high),
            "notes": list(one.notes),
        }
        for one in chart.series
    ]
    if isinstance(chart, Bars):
        return {**known, "x_title": chart.x_title, "names": list(chart.names), "series": series}
    return {**known, "x_title": chart.x_title, "y_title": chart.y_title, "series": series, "diagonal": chart.diagonal}


def _numbers(values: FloatArray) -> list[object]:
    return [_plain(value) for value in values.tolist()]


def _plain(value: Cell) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
