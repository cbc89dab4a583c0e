"""What every protocol gives, whatever it measures, and how one is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from loopline.errors import BadValue, near
from loopline.front.evaluating.slicing import Part
from loopline.kernel.detections import BadRows, Detections
from loopline.kernel.schema import FieldKind
from loopline.metrics import fates
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics.bootstrap import Weighed
from loopline.metrics.calibration import Reliability, reliability
from loopline.metrics.record import Numbers, SliceNumbers, Task
from loopline.query.view import View

Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured: two label fields on the samples of a view, pinned to a snapshot.

    iou      at which objects get their outcome · options: of the protocol, by name
    """

    view: View
    truth: str
    predicted: str
    iou: float
    bad_rows: BadRows
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Numbers of one protocol; see EvaluationRecord for what each is.

    report   the full report in memory, for what is computed from it · matches: see `runs.records`
    slices   the numbers of some parts; None: each part is measured like a whole, on its samples
    weighed  what resampling needs; None: the numbers of this protocol do not resample
    by_picture  of class maps: sample id, cell (row * (k + 1) + column) and pixels of what no picture has 0 of, (n,) each
    ranked   by class, whether each sample has it and its score there, (n,) each; None: not every sample has scores
    """

    report: object
    numbers: Numbers
    classes: tuple[str, ...] = ()
    per_class: Mapping[str, Numbers] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    matches: pa.Table | None = None
    confusion: IntArray | None = None
    reliability: Reliability | None = None
    thresholds: tuple[float, ...] = ()
    precision: FloatArray | None = None
    score: FloatArray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    slices: Callable[[Sequence[Part]], list[SliceNumbers]] | None = None
    weighed: Callable[[], Weighed] | None = None
    by_picture: Callable[[], tuple[IntArray, IntArray, IntArray]] | None = None
    ranked: Callable[[], Mapping[str, tuple[BoolArray, FloatArray]]] | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to measure. kinds: of the truth field that it fits, the first protocol that fits is the default.

    options: a frozen dataclass that holds what can be set, with its defaults.
    """

    name: str
    task: Task
    kinds: tuple[FieldKind, ...]
    options: object
    measure: Callable[[Question], Answer]


def options_of(default: Options, given: Mapping[str, Any]) -> Options:
    """The default options with some replaced. Raises BadValue for an unknown one, or a value that does not fit."""
    known = {**msgspec.to_builtins(default)}
    wrong = [name for name in given if name not in known]
    if wrong:
        raise BadValue(f'no option "{wrong[0]}"', hint=near(wrong[0], known))
    try:
        return msgspec.convert({**known, **msgspec.to_builtins(dict(given))}, type(default), strict=False)
    except msgspec.ValidationError as error:
        raise BadValue(f"an option does not fit: {error}", hint=f"the defaults are {known}") from error


def how_sure(predicted: Detections, outcome: AnyArray) -> Reliability | None:
    """How often a box of some score is right, by the outcome of each, (n,) as in `fates.OUTCOMES`; None where scores
    are no shares of 1."""
    score = predicted.scores()
    if len(score) and (score.min() < 0 or score.max() > 1):
        return None
    judged = outcome != fates.OUTCOMES.index("ignored")
    return reliability(score[judged], outcome[judged] == fates.OUTCOMES.index("tp"))


def match_rows(
    side: str, ids: AnyArray, sample_ids: AnyArray, outcome: AnyArray, partner: AnyArray, iou: FloatArray
) -> pa.Table:
    """Matches of one side, as `runs.records` stores them. partner: ids, -1 for none; iou: NaN for none."""
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "sample_id": pa.array(sample_ids, pa.int64()),
            "side": pa.repeat(side, len(ids)),
            "outcome": pa.array(outcome.astype(str).tolist() if len(outcome) else [], pa.string()),
            "iou": pa.array(iou, pa.float64(), mask=np.isnan(iou)),
            "partner_id": pa.array(partner, pa.int64(), mask=np.asarray(partner) < 0),
        }
    )


def by_class(classes: Sequence[str], columns: Mapping[str, AnyArray]) -> dict[str, Numbers]:
    """By class, numbers by name, from columns of one number a class, (k,) each."""
    rows = zip(*(column.astype(np.float64).tolist() for column in columns.values()), strict=True)
    return {label: dict(zip(columns, row, strict=True)) for label, row in zip(classes, rows, strict=True)}


def tally(matches: pa.Table) -> dict[str, int]:
    """How many objects had each outcome; of ignored ones, the predictions."""
    counted = matches.group_by(["side", "outcome"]).aggregate([("id", "count")])
    names = zip(counted["side"].to_pylist(), counted["outcome"].to_pylist(), strict=True)
    found = dict(zip(names, counted["id_count"].to_pylist(), strict=True))
    wanted = (("tp", "predicted"), ("fp", "predicted"), ("fn", "truth"), ("ignored", "predicted"))
    return {name: int(found.get((side, name), 0)) for name, side in wanted}
