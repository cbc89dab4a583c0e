"""Measure one label field against another, and keep the answer in the lake."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from typing import Protocol as Interface

import msgspec
import numpy as np

from loopline.errors import BadValue
from loopline.front.evaluating.measuring import measured_slices, protocol_for
from loopline.front.evaluating.protocol import Answer, Question
from loopline.front.evaluating.sides import pinned, two_fields
from loopline.front.evaluating.slicing import parts_of
from loopline.front.evaluating.stored import Evaluation
from loopline.jobs import SILENT, Progress, StopSignal, stage
from loopline.kernel.detections import BadRows
from loopline.kernel.schema import LabelField
from loopline.metrics import registry
from loopline.metrics.bootstrap import Interval, bootstrap
from loopline.metrics.metric import AnyMetric, numbers_of, step
from loopline.metrics.record import EvaluationRecord, Numbers
from loopline.query.view import View
from loopline.runs import records
from loopline.store.lake import Lake, current_author


class Whole(Interface):
    """A data set, as far as it is measured."""

    def view(self) -> View: ...


BATCH_SAMPLES: Final = 4096
"""A custom metric sees the label rows of so many samples at a time."""


def evaluate(
    what: Whole | View,
    *,
    truth: str,
    predicted: str,
    key: str | None = None,
    protocol: str | None = None,
    slices: Sequence[str] = (),
    metrics: Sequence[str] = (),
    iou: float = 0.5,
    replicates: int = 0,
    seed: int = 0,
    bad_rows: BadRows = "raise",
    options: Mapping[str, Any] | None = None,
    save: bool = True,
    progress: Progress = SILENT,
    stop: StopSignal | None = None,
) -> Evaluation:
    """Numbers of a field of predictions against a field of truth, on a data set or a view of it.

    key         names the evaluation; then objects have `<key>.outcome` in queries. Default: ev1, ev2, …
    protocol    how to measure; by default what fits the kind of the truth field: `protocols()` lists them
    slices      query texts: conditions, or values to cut by; see `front.evaluating.slicing`
    metrics     names of more metrics, such as those registered with `metrics.registry.register`
    iou         at which objects get their outcome (tp, fp, fn, ignored)
    replicates  intervals by resampling samples so often, from `seed`; 0: none
    bad_rows    rows that cannot be measured (a NaN, a score or class that is missing): an error, or left out and counted
    options     of the protocol, by name: `iou`, `max_detections`, `by_class` … for COCO
    save        write numbers and matches to the data set, in one snapshot

    All samples of the view take part: one without predictions has missed all its objects.
    Raises UnknownField, BadValue, a QueryError for a slice that is wrong.
    """
    begun, started_at = time.perf_counter(), records.now_utc()
    view = pinned(what if isinstance(what, View) else what.view())
    lake = view.engine
    if not isinstance(lake, Lake):
        raise BadValue("only a data set or a view of one can be evaluated")
    fields = two_fields(view, truth, predicted)
    chosen = protocol_for(protocol, fields[0])
    known_metrics = [registry.get(name) for name in metrics]
    parts = parts_of(view, truth, slices)
    named = key or records.free_key(lake)
    if save:
        lake.read(lambda con: records.check_key(con, lake.table("evaluation"), named))
        lake.schema().check_new(named, "evaluation")
    signal = stop or StopSignal()
    question = Question(view, truth, predicted, iou, bad_rows, options or {})
    with stage(progress, f"measure {predicted} against {truth}"):
        answer = chosen.measure(question)
    signal.check()
    with stage(progress, "measure slices"):
        sliced = measured_slices(chosen, question, answer, parts, signal)
    intervals: Mapping[str, Interval] = {}
    if replicates:
        signal.check()
        with stage(progress, "resample"):
            intervals = _intervals(answer, replicates, seed, chosen.name)
    custom = {m.name: _custom(m, view, fields, signal) for m in known_metrics}
    record = EvaluationRecord(
        key=named,
        task=chosen.task,
        protocol=chosen.name,
        truth=truth,
        predicted=predicted,
        view=view.to_json(),
        snapshot=view.snapshot or 0,
        settings={
            "protocol": chosen.name,
            "slices": list(slices),
            "metrics": list(metrics),
            "iou": iou,
            "replicates": replicates,
            "seed": seed,
            "bad_rows": bad_rows,
            "options": msgspec.to_builtins(dict(options or {})),
        },
        at=records.now_utc(),
        author=current_author(),
        code=records.code_versions(),
        duration_s=time.perf_counter() - begun,
        samples=view.count(),
        numbers=dict(answer.numbers),
        slices=tuple(sliced),
        intervals=intervals,
        custom=custom,
        **{name: getattr(answer, name) for name in _COPIED},
    )
    if save:
        records.save_evaluation(
            lake,
            records.NewEvaluation(
                key=named,
                task=record.task,
                protocol=record.protocol,
                truth=truth,
                predicted=predicted,
                snapshot=record.snapshot,
                started_at=started_at,
                parameters={"view": record.view, "truth": truth, "predicted": predicted, **record.settings},
                numbers={name: _or_none(value) for name, value in record.numbers.items()},
                measured=list(_measured(record)),
                report=record.to_bytes(),
                matches=answer.matches,
            ),
        )
    return Evaluation(record, lake, answer)


_COPIED: Final = (
    *("classes", "per_class", "counts", "confusion", "reliability", "thresholds", "precision", "score", "dropped"),
)


def _intervals(answer: Answer, replicates: int, seed: int, protocol: str) -> dict[str, Interval]:
    if answer.weighed is None:
        raise BadValue(f"the numbers of {protocol} cannot be resampled", hint="leave replicates out")
    return bootstrap(answer.weighed(), rng=np.random.default_rng(seed), replicates=replicates).numbers


def _custom(metric: AnyMetric, view: View, fields: tuple[LabelField, LabelField], stop: StopSignal) -> Numbers:
    """A metric by its four steps, a few thousand samples in memory at a time."""
    ids, state = view.ids(), metric.start()
    for first in range(0, max(len(ids), 1), BATCH_SAMPLES):
        stop.check()
        some = view.select(ids[first : first + BATCH_SAMPLES])
        truth, predicted = (some.objects(f.name).to_arrow(list(f.columns())) for f in fields)
        state = step(metric, state, truth, predicted)
    return numbers_of(metric.finish(state))


def _measured(record: EvaluationRecord) -> list[records.Measured]:
    """Every number of an evaluation as a row."""
    rows = [records.Measured(name, value) for name, value in record.numbers.items()]
    rows += [
        records.Measured(name, value, label=label)
        for label, numbers in record.per_class.items()
        for name, value in numbers.items()
    ]
    rows += [
        records.Measured(name, value, slice=one.name) for one in record.slices for name, value in one.numbers.items()
    ]
    rows += [
        records.Measured(f"{metric}.{name}", value)
        for metric, numbers in record.custom.items()
        for name, value in numbers.items()
    ]
    return rows


def rerun(evaluation: Evaluation, *, key: str | None = None, save: bool = False, now: bool = False) -> Evaluation:
    """Measure with the settings of an evaluation: the same data and so the same numbers; `now`: the data as it is."""
    record, view = evaluation.record, evaluation.view
    again = record.settings
    return evaluate(
        View(view.engine, view.ops) if now else view,
        truth=record.truth,
        predicted=record.predicted,
        key=key or (None if save else record.key),
        protocol=record.protocol,
        slices=again["slices"],
        metrics=again["metrics"],
        iou=again["iou"],
        replicates=again["replicates"],
        seed=again["seed"],
        bad_rows=again["bad_rows"],
        options=again["options"],
        save=save,
    )


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
