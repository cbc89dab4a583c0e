"""From an evaluation to what to do: kinds of mistakes, next steps, and what was gained by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.suspected import suspects
from loopline.kernel.lookup import places
from loopline.kernel.schema import LabelField
from loopline.metrics.coco import CocoReport
from loopline.metrics.errors import ErrorReport, error_report, error_table
from loopline.metrics.next_steps import NextStep, next_steps
from loopline.query.view import ObjectView, View
from loopline.runs import records
from loopline.store import diff as diffs

_GEOMETRY: Final = ("label", "box.rel_area", "box.aspect")
_MOST_ATTRIBUTES: Final = 12
_SLICEABLE: Final = ("text", "int", "float", "bool")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do next. `what` holds its title, its gain in AP and how that was estimated (`evaluate.next_steps`).

    view  the objects that it is about, as they are now
    """

    what: NextStep
    view: ObjectView

    def samples(self) -> View:
        """The samples to look at."""
        return self.view.samples()

    def to_json(self) -> dict[str, Any]:
        w = self.what
        return {
            "title": w.title,
            "family": w.family,
            "kind": w.kind,
            "gain": w.gain,
            "expected": w.expected,
            "objects": w.count,
            "side": w.side,
            "field": self.view.field,
            "ids": w.ids.tolist(),
            "where": w.where,
            "how": w.how,
            "assumes": w.assumes,
        }


def errors_of(report: CocoReport, iou: float) -> ErrorReport:
    """Kinds of mistakes, of boxes or masks."""
    return error_report(report.matched, iou=iou, geometry=report.options.geometry)


def explain(evaluation: Judged) -> dict[str, int]:
    """Write the kind of each mistake and each suspect label beside the outcomes, so that queries know `<key>.error`,
    `<key>.suspect` and `<key>.suspect_score`; how many of each kind there are.

    Class labels have suspects only, masks and keypoints mistakes only. Raises BadValue where the evaluation has no
    matches, or was neither of one class a sample nor measured by COCO's rules.
    """
    report: object = evaluation.answer.report
    _ = evaluation.matches  # says why, where there are none
    told: list[tuple[str, pa.Table]] = []
    if isinstance(report, CocoReport):
        mistakes = error_table(errors_of(report, evaluation.record.settings["iou"]))
        told.append(("error", mistakes.select(["id", "kind"]).rename_columns(["id", "error"])))
    if not isinstance(report, CocoReport) or report.options.geometry == "box":
        doubted = suspects(evaluation).table
        of = pc.if_else(pc.equal(doubted["kind"], "missing"), doubted["prediction_id"], doubted["id"])
        told.append(("suspect", pa.table({"id": of, "suspect": doubted["kind"], "suspect_score": doubted["score"]})))
    rows = pa.table({"id": pa.array([], pa.int64())})
    counts: dict[str, int] = {}
    for what, table in told:
        rows = rows.join(table, "id", join_type="full outer")
        counts |= {f"{what} {c['values']}": int(c["counts"]) for c in pc.value_counts(table[what]).to_pylist()}
    for name, kind in (("error", pa.string()), ("suspect", pa.string()), ("suspect_score", pa.float64())):
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(len(rows), kind))
    records.explain_matches(evaluation.lake, evaluation.key, rows)
    return counts


def steps(evaluation: Judged, *, attributes: Sequence[str] | None = None, limit: int = 20) -> list[Step]:
    """What to do next, by falling expected gain in AP at the evaluation's IoU.

    attributes  query texts about annotated objects, to name parts of the data by (`sample.weather`, `occluded`); None:
                the label, the box's size and shape, attributes of the field, and columns of samples that people added
    """
    report, record = evaluation.measured, evaluation.record
    view = evaluation.view
    field = view.schema.field(record.truth)
    names = list(attributes) if attributes is not None else _attributes(view, field)
    found = next_steps(
        report,
        iou=record.settings["iou"],
        attributes=_values(evaluation, report, names) if names else None,
        limit=limit,
    )
    now = View(evaluation.lake)
    side = {"truth": record.truth, "predicted": record.predicted}
    return [Step(one, now.objects(side[one.side]).select(one.ids)) for one in found]


def _attributes(view: View, field: LabelField) -> list[str]:
    own = [a.name for a in field.attributes if a.type in _SLICEABLE]
    columns = [f"sample.{c.name}" for c in view.schema.columns if c.type in _SLICEABLE]
    box = [name for name in _GEOMETRY if field.kind == "box" or name == "label"]
    return [*box, *own, *columns][:_MOST_ATTRIBUTES]


def _values(evaluation: Judged, report: CocoReport, names: Sequence[str]) -> pa.Table:
    """The attributes of each annotated object, in the order of the report's truth."""
    rows = evaluation.view.objects(evaluation.record.truth).to_arrow(["id", *names])
    at = places(rows["id"].to_numpy(), report.matched.truth.object_id)
    table = rows.drop_columns(["id"]).rename_columns(list(names)).take(pa.array(at))
    # What tells every sample from every other is a name, not a property.
    most = len(np.unique(report.matched.truth.sample_id)) / 2
    return table.select([n for n in names if not _is_name(table[n], most)])


def _is_name(column: pa.ChunkedArray, most: float) -> bool:
    return not pa.types.is_floating(column.type) and pc.count_distinct(column).as_py() > max(most, 50)


@dataclass(frozen=True, slots=True, eq=False)
class Gained:
    """What an evaluation gained over an earlier one of the same fields.

    numbers    name -> (before, now) · changed: annotated objects that were added, removed or changed in between
    acted      the earlier steps whose objects or samples were touched: (step, touched objects), by expected gain
    """

    before: str
    now: str
    numbers: dict[str, tuple[float, float]]
    changed: int
    acted: tuple[tuple[Step, int], ...]

    def __repr__(self) -> str:
        first, (was, is_) = next(iter(self.numbers.items()))
        return f"<{self.now} over {self.before}: {first} {was:.4f} -> {is_:.4f}, {self.changed:,} labels changed>"

    def to_json(self) -> dict[str, Any]:
        return {
            "before": self.before,
            "now": self.now,
            "numbers": {name: {"before": a, "now": b, "gained": b - a} for name, (a, b) in self.numbers.items()},
            "changed": self.changed,
            "acted": [{**step.to_json(), "touched": touched} for step, touched in self.acted],
        }


def gained(evaluation: Judged, earlier: Judged) -> Gained:
    """What changed since an earlier evaluation, and which of its next steps were taken.

    Raises BadValue where the two measure different fields or by different protocols.
    """
    now, before = evaluation.record, earlier.record
    if (now.truth, now.predicted, now.protocol) != (before.truth, before.predicted, before.protocol):
        raise BadValue(
            f"{earlier.key} measured {before.predicted} against {before.truth} by {before.protocol}, "
            f"{evaluation.key} {now.predicted} against {now.truth} by {now.protocol}",
            hint="what was gained is told between two evaluations of the same fields",
        )
    difference = diffs.diff(evaluation.lake, min(before.snapshot, now.snapshot), max(before.snapshot, now.snapshot))
    touched = {name: one.rows["id"].to_numpy() for name, one in difference.fields.items()}
    on = difference.fields.get(now.truth)
    samples = (
        np.unique(on.rows["sample_id"].to_numpy()) if on is not None and on.rows.num_rows else np.zeros(0, np.int64)
    )
    acted = []
    if isinstance(earlier.answer.report, CocoReport):
        for step in steps(earlier):
            count = _touched(step, earlier.measured, touched.get(now.truth, np.zeros(0, np.int64)), samples)
            if count:
                acted.append((step, count))
    return Gained(
        earlier.key,
        evaluation.key,
        {name: (before.numbers[name], value) for name, value in now.numbers.items() if name in before.numbers},
        0 if on is None else on.rows.num_rows,
        tuple(acted),
    )


def _touched(
    step: Step,
    report: CocoReport,
    objects: np.ndarray[Any, np.dtype[np.int64]],
    samples: np.ndarray[Any, np.dtype[np.int64]],
) -> int:
    """How many of a step's objects have changed since; of a label that was missing: samples whose labels changed."""
    if step.what.side == "truth":
        return int(np.isin(step.what.ids, objects).sum())
    if step.what.family != "labels":
        return 0
    predicted = report.matched.predicted
    rows = np.isin(predicted.object_id, step.what.ids)
    return int(np.isin(predicted.sample_id[predicted.unit()[rows]], samples).sum())


def previous(evaluation: Judged, known: Sequence[Judged]) -> Judged | None:
    """The newest earlier evaluation of the same fields by the same protocol; None: there is none."""
    mine = evaluation.record
    same = [
        one
        for one in known
        if (one.record.truth, one.record.predicted, one.record.protocol) == (mine.truth, mine.predicted, mine.protocol)
        and one.record.at < mine.at
        and one.key != mine.key
    ]
    return max(same, key=lambda one: one.record.at, default=None)
