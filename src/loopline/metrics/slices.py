"""Numbers of parts of the data: small boxes, rainy pictures, one camera, as many parts as wanted from one matching.

The rule is COCO's area rule with any property in the place of the area. An annotated object outside the slice is
ignored: neither hit nor missed. A prediction that matches an ignored object is ignored, and so is one without a partner
that lies outside itself. Objects inside are matched first. So a prediction is wrong only where it claims something
inside the slice; a property that predictions do not have (occluded, say) makes every prediction without a partner an
error of every slice, unless the caller says otherwise with `predicted`.

A slice over samples is a slice whose objects are all those of its samples: the numbers are those of the samples alone.
Compare with `coco.AREAS`: `by_range("small", truth.area, …)` gives COCO's own APsmall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.detections import Detections
from loopline.metrics._arrays import BoolArray, FloatArray, IntArray
from loopline.metrics._curves import curves, partners
from loopline.metrics._matching import Matched, rematch
from loopline.metrics.coco import CocoReport, at_iou, mean_known


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A part of the data by name: rows of the truth (k,) and of the predictions (n,) that lie inside; None: all do."""

    name: str
    truth: BoolArray | None
    predicted: BoolArray | None


def by_range(
    name: str,
    truth_values: npt.ArrayLike,
    predicted_values: npt.ArrayLike | None,
    *,
    least: float = -np.inf,
    most: float = np.inf,
    closed: bool = False,
) -> Slice:
    """Objects with least ≤ value < most (closed: ≤ most), so that neighbouring ranges share nothing. NaN is outside.

    Values run along the rows of the truth and the predictions as the report holds them (`report.matched`).
    """

    def inside(values: npt.ArrayLike) -> BoolArray:
        column = np.asarray(values, np.float64)
        return np.asarray((column >= least) & ((column <= most) if closed else (column < most)))

    return Slice(name, inside(truth_values), None if predicted_values is None else inside(predicted_values))


def by_ids(name: str, matched: Matched, *, truth: npt.ArrayLike, predicted: npt.ArrayLike | None) -> Slice:
    """Objects by id, as a query gives them; predicted=None: every prediction is inside."""
    inside = np.isin(matched.truth.object_id, np.asarray(truth, np.int64))
    theirs = None if predicted is None else np.isin(matched.predicted.object_id, np.asarray(predicted, np.int64))
    return Slice(name, inside, theirs)


def by_samples(name: str, matched: Matched, samples: npt.ArrayLike) -> Slice:
    """All objects of some samples."""
    inside = np.isin(matched.truth.sample_id, np.asarray(samples, np.int64))
    return Slice(name, inside[matched.truth.unit()], inside[matched.predicted.unit()])


def by_quantiles(name: str, truth_values: npt.ArrayLike, predicted_values: npt.ArrayLike, *, parts: int) -> list[Slice]:
    """Ranges that hold about as many annotated objects each. Equal values stay together, so there may be fewer."""
    values = np.asarray(truth_values, np.float64)
    known = values[~np.isnan(values)]
    if parts < 1 or not known.size:
        raise BadValue(f"cannot cut {known.size} known values into {parts} parts")
    edges = np.unique(np.quantile(known, np.linspace(0, 1, parts + 1)[1:-1]))
    bounds = [-np.inf, *edges.tolist(), np.inf]
    return [
        by_range(_range_name(name, low, high), values, predicted_values, least=low, most=high)
        for low, high in pairwise(bounds)
    ]


def _range_name(name: str, low: float, high: float) -> str:
    if np.isinf(low):
        return name if np.isinf(high) else f"{name} < {high:.4g}"
    return f"{name} ≥ {low:.4g}" if np.isinf(high) else f"{low:.4g} ≤ {name} < {high:.4g}"


@dataclass(frozen=True, slots=True, eq=False)
class SliceReport:
    """One slice: t thresholds, k classes. NaN where a class has no object inside.

    ap (t, k) · recall (t, k) at the largest limit of detections · truths (k,) objects that count
    samples: with an object inside, on either side
    """

    name: str
    iou: tuple[float, ...]
    ap: FloatArray
    recall: FloatArray
    truths: IntArray
    samples: int

    def numbers(self) -> dict[str, float]:
        found = {"AP": mean_known(self.ap)}
        found |= {f"AP{p}": mean_known(self.ap[at_iou(self.iou, p / 100)]) for p in (50, 75)}
        return {**found, "AR": mean_known(self.recall), "truths": float(self.truths.sum())}


def measure(report: CocoReport, slices: Sequence[Slice]) -> list[SliceReport]:
    """Numbers of each slice. Matching is done anew only where a slice parts objects that overlap one another.

    Raises BadValue where a mask does not have one value an object.
    """
    return measure_matches(report.matched, slices, limit=report.options.max_detections[-1])


def measure_matches(
    matched: Matched, slices: Sequence[Slice], *, limit: int, unsure: BoolArray | None = None
) -> list[SliceReport]:
    """`measure` of stored matches, `limit` predictions a picture. unsure (n,): predictions that are ignored where they
    have no partner."""
    whole = partners(matched, matched.gt_of)
    out = []
    for one in slices:
        counted = _mask(one.name, "truth", one.truth, matched.truth)
        errors = None if one.predicted is None else _mask(one.name, "predicted", one.predicted, matched.predicted)
        gt_of = rematch(matched, counted)
        table = curves(
            matched,
            whole if gt_of is matched.gt_of else partners(matched, gt_of),
            gt_counts=counted & ~matched.ignored,
            det_counts=errors if unsure is None else ~unsure if errors is None else errors & ~unsure,
            limits=(limit,),
        )
        out.append(
            SliceReport(
                name=one.name,
                iou=tuple(matched.thresholds.tolist()),
                ap=table.precision.mean(axis=1),
                recall=table.recall[..., 0],
                truths=table.truths,
                samples=_samples(matched, counted, errors),
            )
        )
    return out


def slice_table(reports: Sequence[SliceReport]) -> pa.Table:
    """One row a slice: name, AP, AP50, AP75, AR, truths, samples; null where a number does not exist."""
    rows = [one.numbers() for one in reports]
    columns = {
        key: pa.array([row[key] for row in rows], pa.float64(), from_pandas=True)
        for key in ("AP", "AP50", "AP75", "AR")
    }
    return pa.table(
        {
            "name": pa.array([one.name for one in reports], pa.string()),
            **columns,
            "truths": pa.array([int(one.truths.sum()) for one in reports], pa.int64()),
            "samples": pa.array([one.samples for one in reports], pa.int64()),
        }
    )


def _mask(name: str, side: str, mask: BoolArray | None, these: Detections) -> BoolArray:
    if mask is None:
        return np.ones(len(these), bool)
    if mask.shape != (len(these),):
        raise BadValue(
            f'the slice "{name}" has {mask.shape} values for the {len(these)} rows of `{side}`',
            hint="use the rows of report.matched: they are sorted by sample and object id",
        )
    return mask.astype(bool)


def _samples(matched: Matched, counted: BoolArray, errors: BoolArray | None) -> int:
    held = np.zeros(matched.truth.units, bool)
    held[matched.truth.unit()[counted]] = True
    if errors is not None:
        held[matched.predicted.unit()[errors]] = True
    return len(np.unique(matched.truth.sample_id[held]))
