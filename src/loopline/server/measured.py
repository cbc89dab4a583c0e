"""Evaluations for the browser: lists, whole records, curves, comparisons, and starting one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from loopline.jobs import Progress, StopSignal
from loopline.query.view import View
from loopline.server.describe import stamp
from loopline.server.jobs import Jobs
from loopline.server.library import Shown
from loopline.server.wire import CurveOut, EvaluateIn, EvaluationLine, JobOut, Scalar

if TYPE_CHECKING:
    from loopline.metrics.record import EvaluationRecord


def lines(shown: Shown) -> list[EvaluationLine]:
    """Oldest first."""
    return [_line(one.record) for one in shown.dataset.evaluations()]


def _line(record: EvaluationRecord) -> EvaluationLine:
    return EvaluationLine(
        record.key,
        record.task,
        record.protocol,
        record.truth,
        record.predicted,
        record.snapshot,
        stamp(record.at),
        record.author,
        record.samples,
        record.main,
        {name: value if math.isfinite(value) else None for name, value in record.numbers.items()},
        dict(record.counts),
    )


def whole(shown: Shown, key: str) -> dict[str, object]:
    """Everything but curves, as JSON. Raises UnknownField."""
    found = shown.dataset.evaluation(key)
    plain = plain_json(found.to_json())
    assert isinstance(plain, dict)
    return plain


def curve(shown: Shown, key: str, iou: float | None, label: str | None) -> CurveOut:
    """Precision over recall. Raises UnknownField, BadValue."""
    found = shown.dataset.evaluation(key).record.curve(iou=iou, label=label)
    return CurveOut(_numbers(found.recall), _numbers(found.precision), _numbers(found.score))


def _numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]


def compare(shown: Shown, a: str, b: str, replicates: int, seed: int) -> dict[str, object]:
    """What changed from evaluation `a` to `b`, with intervals. Raises UnknownField, BadValue."""
    from loopline.front.evaluating.stored import compare_evaluations  # the metrics are loaded when first asked for

    earlier, later = shown.dataset.evaluation(a), shown.dataset.evaluation(b)
    plain = plain_json(compare_evaluations(earlier, later, replicates=replicates, seed=seed))
    assert isinstance(plain, dict)
    return plain


def start(shown: Shown, jobs: Jobs, asked: EvaluateIn) -> JobOut:
    """Measure as a job; its result names the evaluation. Raises Located for a view that cannot be asked."""
    view = shown.ask(asked.view).view()
    samples = view if isinstance(view, View) else view.samples()

    def work(progress: Progress, stop: StopSignal) -> Mapping[str, Scalar]:
        from loopline.front.evaluating.verb import evaluate

        progress.start("evaluate")
        stop.check()
        found = evaluate(
            View(shown.lake, samples.ops, None if asked.view.snapshot is None else samples.snapshot),
            truth=asked.truth,
            predicted=asked.predicted,
            key=asked.key,
            protocol=asked.protocol,
            slices=asked.slices,
            iou=asked.iou,
            replicates=asked.replicates,
            options=asked.options,
        )
        progress.finish()
        return {"evaluation": found.key}

    return jobs.start(f"Evaluate {asked.predicted} against {asked.truth}", shown.name, work)


def plain_json(value: object) -> object:
    """JSON values: arrays as lists, tables by their columns, what is not finite as null, records by their fields."""
    match value:
        case float() | np.floating():
            return float(value) if math.isfinite(value) else None
        case np.integer():
            return int(value)
        case np.ndarray():
            return plain_json(value.tolist())
        case dt.datetime():
            return stamp(value)
        case pa.Table():
            return {name: plain_json(value[name].to_pylist()) for name in value.column_names}
        case Mapping():
            return {str(name): plain_json(one) for name, one in value.items()}
        case list() | tuple():
            return [plain_json(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value
