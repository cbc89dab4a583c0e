"""An evaluation with its data set: numbers at hand, the objects behind them one question away."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue, QueryError, UnknownName
from loopline.front.evaluating import advice, pages, thresholds
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.measuring import measured_apart, protocols
from loopline.front.evaluating.protocol import Answer, Question
from loopline.front.evaluating.slicing import parts_of
from loopline.front.evaluating.suspected import SuspectLabels, suspects
from loopline.kernel.charts import Chart
from loopline.kernel.expr import Attr, Expr, Name, to_text
from loopline.kernel.schema import MATCH_COLUMNS, match_columns
from loopline.metrics.bootstrap import Comparison, Interval, compare
from loopline.metrics.coco import CocoReport
from loopline.metrics.record import EvaluationRecord, Numbers, SliceNumbers, record_from_bytes
from loopline.query.builder import as_expr
from loopline.query.check import check_condition
from loopline.query.check_names import Scope
from loopline.query.parse import parse
from loopline.query.view import Expression, ObjectView, View, view_from_json
from loopline.runs import records
from loopline.store.lake import Lake


class Evaluation:
    """A stored evaluation. `record` holds all that was kept; what is asked for most is here as well.

    Numbers come from the record. What needs the matches themselves (`measured`, a new slice, `matches`) reads the data
    of the snapshot that was measured once more, and gets the same numbers.
    """

    def __init__(self, record: EvaluationRecord, lake: Lake, answer: Answer | None = None) -> None:
        self.record: EvaluationRecord = record
        self._lake = lake
        self._answer = answer

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={value:.4g}" for name, value in list(self.record.numbers.items())[:4])
        return f"<Evaluation {self.key}: {self.record.predicted} against {self.record.truth}, {shown}>"

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def protocol(self) -> str:
        return self.record.protocol

    @property
    def classes(self) -> tuple[str, ...]:
        return self.record.classes

    @property
    def numbers(self) -> Numbers:
        """Numbers by name; NaN where there is none."""
        return self.record.numbers

    @property
    def per_class(self) -> Mapping[str, Numbers]:
        """By class, numbers by name."""
        return self.record.per_class

    @property
    def counts(self) -> Mapping[str, int]:
        """Objects by outcome, at the evaluation's IoU."""
        return self.record.counts

    @property
    def slices(self) -> tuple[SliceNumbers, ...]:
        """The slices that were asked for; `slice` measures another."""
        return self.record.slices

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """By number, where resampling was asked for."""
        return self.record.intervals

    @property
    def dropped(self) -> Mapping[str, int]:
        """Rows that were left out, by reason."""
        return self.record.dropped

    @property
    def custom(self) -> Mapping[str, Numbers]:
        """By further metric, numbers by name."""
        return self.record.custom

    @property
    def ap(self) -> float:
        """The number that stands for all: AP, mAP, accuracy, mean IoU, PQ, R² or HOTA."""
        return self.record.numbers[self.record.main]

    @property
    def metrics(self) -> Numbers:
        """The numbers, by the name that others know them by."""
        return self.record.numbers

    @property
    def view(self) -> View:
        """What was measured, as it was then."""
        found = view_from_json(self.record.view, self._lake, snapshot=self.record.snapshot)
        assert isinstance(found, View)
        return found

    def to_json(self, *, curves: bool = False) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return self.record.to_json(curves=curves)

    # -- the matches

    @cached_property
    def answer(self) -> Answer:
        """Everything that was measured, with the full report: measured again from the same rows where it is not at hand."""
        if self._answer is not None:
            return self._answer
        return protocols()[self.record.protocol].measure(self.question)

    @property
    def question(self) -> Question:
        """What was asked, of the data as it was then."""
        r = self.record
        s = r.settings
        return Question(self.view, r.truth, r.predicted, s["iou"], s["bad_rows"], s["options"])

    @property
    def measured(self) -> CocoReport:
        """The report with curves and matches, for plots, errors, suspects and next steps.

        Raises BadValue for a protocol other than COCO's.
        """
        if not isinstance(self.answer.report, CocoReport):
            raise BadValue(
                f"{self.key} was measured by {self.record.protocol}, which keeps no matches at several IoUs",
                hint="evaluate once more with protocol='coco'",
            )
        return self.answer.report

    def slice(self, text: str) -> SliceNumbers:
        """The numbers of one slice: as stored, else measured now. Raises a QueryError, or BadValue where the text stands
        for several slices."""
        for one in self.record.slices:
            if one.name == text:
                return one
        parts = parts_of(self.view, self.record.truth, [text])
        if len(parts) != 1:
            raise BadValue(
                f'"{text}" stands for {len(parts)} slices', hint="evaluate with slices=[...] measures all of them"
            )
        if self.answer.slices is not None:
            return self.answer.slices(parts)[0]
        return measured_apart(protocols()[self.record.protocol], self.question, parts[0])

    @property
    def outcomes(self) -> pa.Table:
        """What became of each object when it was measured: `runs.records.MATCH_NAMES`, also of objects deleted since.

        As stored, else measured now. Raises BadValue where this protocol judges no objects.
        """
        if self._stored():
            return records.matches(self._lake, self.key)
        if self.answer.matches is None:
            raise BadValue(f"{self.record.protocol} judges no single objects")
        return self.answer.matches

    def _stored(self) -> bool:
        return any(e.key == self.key for e in self._lake.schema().evaluations)

    @property
    def matches(self) -> Matches:
        """What became of each object. Raises BadValue where this protocol judges no objects, or nothing was saved."""
        if not self._stored():
            raise BadValue(
                f"{self.key} has no matches in the data set",
                hint="it was not saved, was dropped, or measures no single objects",
            )
        return Matches(self._lake, self.key, self.record.truth, self.record.predicted)

    @property
    def lake(self) -> Lake:
        """The store of its data set."""
        return self._lake

    def siblings(self) -> list[Evaluation]:
        """All stored evaluations of the data set."""
        return evaluations(self._lake)

    # -- from which score on

    def best_threshold(
        self,
        for_: thresholds.Criterion = "f1",
        *,
        cost: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> thresholds.OperatingPoint:
        """From which score on predictions are best believed: all together, or those of one class.

        cost   what each mistake costs, {"fp": 1, "fn": 5}: then the threshold with the least total cost

        Objects are matched at the evaluation's IoU; see `thresholds` for what counts. Raises BadValue for a task without
        scores, an unknown class, or a cost that does not name both.
        """
        return self._scored.best(label, thresholds.checked_cost(cost, for_))

    def best_thresholds(
        self, for_: thresholds.Criterion = "f1", *, cost: Mapping[str, float] | None = None
    ) -> dict[str, thresholds.OperatingPoint]:
        """The best threshold of each class that the truth has; see `best_threshold`."""
        price = thresholds.checked_cost(cost, for_)
        return {label: self._scored.best(label, price) for label in self._scored.occurring()}

    @cached_property
    def _scored(self) -> thresholds.Scored:
        return thresholds.scored(self)

    # -- what to do

    def explain(self) -> dict[str, int]:
        """Keep the kind of each mistake and each suspect label with the matches: `<key>.error`, `<key>.suspect`,
        `<key>.suspect_score` in queries. See `advice.explain`."""
        return advice.explain(self)

    def suspects(self) -> SuspectLabels:
        """Labels that are probably wrong, with a score and the reason. Of boxes: missing, misplaced, mislabelled or
        spurious; of classes: mislabelled or doubtful. See `suspected`."""
        return suspects(self)

    def next_steps(self, *, attributes: Sequence[str] | None = None, limit: int = 20) -> list[advice.Step]:
        """What to do next, by the AP that it would return. See `advice.steps`."""
        return advice.steps(self, attributes=attributes, limit=limit)

    def gained(self, earlier: Evaluation | str | None = None) -> advice.Gained:
        """What was gained since an earlier evaluation (default: the last one of the same fields), and by which steps.

        Raises BadValue where there is none.
        """
        before: Judged | None = evaluation(self._lake, earlier) if isinstance(earlier, str) else earlier
        before = before or advice.previous(self, self.siblings())
        if before is None:
            raise BadValue(f"there is no earlier evaluation of the fields of {self.key}", hint="name one")
        return advice.gained(self, before)

    def charts(self, *others: Evaluation, advice: bool = True) -> list[Chart]:
        """Its charts, and of others beside it, as values: `loopline.plots` draws them. See `pages.charts_of`."""
        return pages.charts_of([self, *others], advice=advice)

    def save_report(self, path: str | Path, *others: Evaluation) -> Path:
        """One self-contained HTML file with all charts, of others beside it. Raises MissingDependency without Plotly."""
        return pages.save_page([self, *others], path)

    def compare(self, other: Evaluation, *, replicates: int = 1000, seed: int = 0) -> Comparison:
        """Is `other` better than this one? See `compare_evaluations`."""
        return compare_evaluations(self, other, replicates=replicates, seed=seed)


def compare_evaluations(
    a: Evaluation, b: Evaluation, *, replicates: int = 1000, seed: int = 0, confidence: float = 0.95
) -> Comparison:
    """Differences b - a with intervals, a paired test, and the samples where the two disagree most.

    Both are weighed with the same draws of samples. Raises BadValue unless both were measured by one protocol with the
    same options on the same objects: other truth, other samples, or labels edited in between are an error.
    """
    sides = []
    for one in (a, b):
        if one.answer.weighed is None:
            raise BadValue(f"{one.key} was measured by {one.protocol}, whose numbers cannot be resampled")
        sides.append(one.answer.weighed())
    told = [(one.protocol, one.record.settings["options"], one.record.settings["iou"]) for one in (a, b)]
    if told[0] != told[1]:
        raise BadValue(
            f"{a.key} and {b.key} were measured with different options: {told[0]} and {told[1]}",
            hint="evaluate both with the same",
        )
    return compare(*sides, rng=np.random.default_rng(seed), replicates=replicates, confidence=confidence)


# -- what became of each object


@dataclass(frozen=True, slots=True)
class Matches:
    """The objects of an evaluation, as they are in the data set now: those deleted since are gone.

    Conditions name `outcome`, `iou` and `partner_id` beside everything that an object has.
    """

    _lake: Lake
    key: str
    _truth: str
    _predicted: str
    conditions: tuple[Expr, ...] = field(default=())

    def __repr__(self) -> str:
        shown = " and ".join(f"({to_text(c)})" for c in self.conditions)
        return f"<Matches of {self.key}{': ' + shown if shown else ''}>"

    def where(self, condition: Expression) -> Matches:
        """Only objects that meet the condition. Raises a QueryError where neither side has such names."""
        tree = parse(condition) if isinstance(condition, str) else as_expr(condition)
        added = prefixed(tree, self.key)
        faults = []
        for name in (self._truth, self._predicted):
            try:
                check_condition(added, Scope(self._lake.schema(), name))
            except QueryError as fault:
                faults.append(fault)
        if len(faults) == 2:
            raise faults[1]
        return replace(self, conditions=(*self.conditions, added))

    @property
    def predicted(self) -> ObjectView:
        """The predictions among them."""
        return self._side(self._predicted)

    @property
    def truth(self) -> ObjectView:
        """The annotated objects among them."""
        return self._side(self._truth)

    def _side(self, name: str) -> ObjectView:
        objects = View(self._lake).objects(name).where(f"{self.key}.outcome is not None")
        for condition in self.conditions:
            try:
                objects = objects.where(condition)
            except UnknownName:
                return objects.select([])  # no object here has what the condition is about
        return objects

    def count(self) -> int:
        """Objects of both sides."""
        return self.predicted.count() + self.truth.count()

    def samples(self) -> View:
        """The samples that own one of the objects."""
        ids = np.union1d(self.predicted.samples().ids(), self.truth.samples().ids())
        return View(self._lake).select(ids)

    def to_arrow(self) -> pa.Table:
        """Columns side · id · sample_id · frame · label · score, where a field has them, outcome · iou · partner_id, and
        of numbers off; annotated objects first."""
        sides = [self._rows("truth", self.truth), self._rows("predicted", self.predicted)]
        return pa.concat_tables(sides, promote_options="default")

    def _rows(self, side: str, objects: ObjectView) -> pa.Table:
        field = self._lake.schema().field(objects.field)
        known = ("id", "sample_id", *(n for n in ("frame", "label", "score") if n in field.columns()))
        judged = match_columns(field.kind)
        table = objects.to_arrow([*known, *(f"{self.key}.{name}" for name in judged)])
        table = table.rename_columns([*known, *judged])
        return table.add_column(0, "side", pa.array([side] * table.num_rows, pa.string()))


def prefixed(tree: Expr, key: str) -> Expr:
    """The expression with `outcome`, `iou` and `partner_id` as those of one evaluation.

    >>> str(prefixed(parse("outcome == 'fp' and score > 0.8"), "ev1"))
    "ev1.outcome == 'fp' and score > 0.8"
    """
    if isinstance(tree, Name):
        return Attr(Name(key), tree.name) if tree.name in MATCH_COLUMNS else tree
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(cast("Name", tree)):
        value = getattr(tree, f.name)
        if isinstance(value, Expr):
            changes[f.name] = prefixed(value, key)
        elif isinstance(value, tuple):
            changes[f.name] = tuple(prefixed(v, key) if isinstance(v, Expr) else v for v in value)
    return replace(cast("Name", tree), **changes) if changes else tree


# -- the list


def evaluations(lake: Lake, snapshot: int | None = None) -> list[Evaluation]:
    """All stored evaluations, oldest first."""
    return [Evaluation(record_from_bytes(e.report), lake) for e in records.stored_evaluations(lake, snapshot)]


def evaluation(lake: Lake, key: str, snapshot: int | None = None) -> Evaluation:
    """One by its key. Raises UnknownField with near names."""
    return Evaluation(record_from_bytes(records.stored_evaluation(lake, key, snapshot).report), lake)
