"""A number a sample: how far predictions are off, how much they explain, how well they rank.

error = predicted - truth, so a positive bias means "too high". All numbers are NaN where there are no rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from loopline.errors import BadValue
from loopline.metrics._arrays import NAN, AnyArray, FloatArray, exact_mean, finite, same_length, share
from loopline.metrics._labels import LabelBatches, merged, paired, seen, together
from loopline.metrics.metric import Columns, Metric, joined, merged_columns, no_columns, with_columns

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class RegressionReport:
    """Regression over `samples` pairs, in the unit of the values.

    quantiles of the error (signed) and of its absolute value, each level to its value, linear between rows
    r2        1 - residual over total sum of squares; NaN where all truths are equal
    pearson, spearman   NaN where one side is constant; Spearman gives equal values their mean rank
    unpaired  samples that have only one of truth and prediction, left out
    """

    samples: int
    unpaired: int
    mae: float
    rmse: float
    median_absolute_error: float
    max_absolute_error: float
    bias: float
    r2: float
    pearson: float
    spearman: float
    error_quantiles: dict[float, float]
    absolute_error_quantiles: dict[float, float]

    def numbers(self) -> dict[str, float]:
        names = "samples mae rmse median_absolute_error max_absolute_error bias r2 pearson spearman"
        return {name: float(getattr(self, name)) for name in names.split()}


def regression_report(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    quantiles: Sequence[float] = QUANTILES,
    unpaired: int = 0,
) -> RegressionReport:
    """All numbers of regression at once.

    Shapes  truth, predicted (n,) finite numbers. No rows: every number is NaN.
    Raises  BadValue for a NaN or infinite value, columns of different length, a quantile outside 0 … 1

    >>> regression_report([1, 2, 3], [1, 2, 5]).mae
    0.6666666666666666
    """
    true, guess = finite("truth", truth), finite("predicted", predicted)
    same_length(truth=true, predicted=guess)
    if any(not 0 <= q <= 1 for q in quantiles):
        raise BadValue(f"a quantile lies between 0 and 1, not {min(quantiles)} … {max(quantiles)}")
    error = guess - true
    off = np.abs(error)
    return RegressionReport(
        samples=len(true),
        unpaired=unpaired,
        mae=exact_mean(off),
        rmse=math.sqrt(exact_mean(error**2)),
        median_absolute_error=_quantile(off, 0.5),
        max_absolute_error=_quantile(off, 1),
        bias=exact_mean(error),
        r2=r2(true, guess),
        pearson=pearson(true, guess),
        spearman=spearman(true, guess),
        error_quantiles={q: _quantile(error, q) for q in quantiles},
        absolute_error_quantiles={q: _quantile(off, q) for q in quantiles},
    )


def r2(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Share of the variance of the truth that the predictions explain; below 0 is worse than the mean.

    NaN for constant truth (scikit-learn says 0 or 1 there) and for no rows.
    """
    true, guess = finite("truth", truth), finite("predicted", predicted)
    same_length(truth=true, predicted=guess)
    if true.size == 0 or true.min() == true.max():
        return NAN
    residual = math.fsum(((guess - true) ** 2).tolist())
    return 1 - share(residual, math.fsum(((true - exact_mean(true)) ** 2).tolist()))


def pearson(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Correlation of two columns (n,), in [-1, 1]; NaN where one is constant."""
    x, y = finite("a", a), finite("b", b)
    same_length(a=x, b=y)
    if x.size == 0 or x.min() == x.max() or y.min() == y.max():
        return NAN
    dx, dy = _standard(x), _standard(y)
    found = share(math.fsum((dx * dy).tolist()), math.sqrt(math.fsum((dx**2).tolist()) * math.fsum((dy**2).tolist())))
    return max(-1.0, min(1.0, found))


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Correlation of the ranks of two columns (n,), equal values sharing their mean rank; NaN where one is constant."""
    return pearson(mean_ranks(finite("a", a)), mean_ranks(finite("b", b)))


def mean_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 of finite values (n,); equal values have the mean of their ranks.

    >>> mean_ranks(np.array([10.0, 30.0, 10.0]))
    array([1.5, 3. , 1.5])
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)


def _standard(x: FloatArray) -> FloatArray:
    """Differences from the mean, scaled so that squares neither overflow nor vanish."""
    centred = x - exact_mean(x)
    largest = float(np.abs(centred).max())
    return centred / largest if largest else centred


def _quantile(values: FloatArray, level: float) -> float:
    return float(np.quantile(values, level)) if values.size else NAN


# -- over Arrow tables, by name


def start() -> Columns:
    return no_columns()


def update(state: Columns, truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Columns:
    """The state with more rows. Memory: 16 bytes a row, since quantiles and ranks need them all."""
    true, guess = finite("truth", truth), finite("predicted", predicted)
    same_length(truth=true, predicted=guess)
    return with_columns(state, true, guess)


merge = merged_columns


def finish(state: Columns) -> RegressionReport:
    true, guess = joined(state, (np.zeros(0), np.zeros(0)))
    return regression_report(true, guess)


class Pairs(NamedTuple):
    """Samples with both numbers: rising ids (n,), truth (n,), predicted (n,) ·
    unpaired: how many samples have only one."""

    sample_id: AnyArray
    truth: FloatArray
    predicted: FloatArray
    unpaired: int


def report_of_tables(batches: LabelBatches) -> RegressionReport:
    """The report of `sample_id, value` rows, joined by sample. Raises BadValue where a sample has two values."""
    _, true, guess, unpaired = pairs_of_tables(batches)
    return regression_report(true, guess, unpaired=unpaired)


def pairs_of_tables(batches: LabelBatches) -> Pairs:
    """What `report_of_tables` measures. Raises BadValue as it does."""
    truth, predicted = (
        table.filter(table["value"].is_valid()) if "value" in table.column_names else table.slice(0, 0)
        for table in together(batches)
    )
    for side, table in (("truth", truth), ("predictions", predicted)):
        if len(np.unique(table["sample_id"].to_numpy())) < table.num_rows:
            raise BadValue("a sample has two values, so there is no one error", where=side)
    both, of_truth, of_predicted = np.intersect1d(
        truth["sample_id"].to_numpy(), predicted["sample_id"].to_numpy(), assume_unique=True, return_indices=True
    )
    true, guess = (
        np.asarray(t["value"].to_numpy()[at], np.float64) if t.num_rows else np.zeros(0)
        for t, at in ((truth, of_truth), (predicted, of_predicted))
    )
    return Pairs(both, true, guess, truth.num_rows + predicted.num_rows - 2 * len(of_truth))


METRIC: Final = Metric(
    "regression",
    title="Regression, one number a sample",
    start=tuple,
    update=lambda state, truth, predicted: seen(state, paired(truth, predicted)),
    merge=merged,
    finish=report_of_tables,
    needs=(("sample_id", "value"), ("sample_id", "value")),
)
