"""Classification, regression and tracking of label fields. Maps of pixels are next door, in `maps.py`.

Classes are those of the truth, then those that only the predictions have: to predict a class that the truth does not
know is an error like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.protocol import Answer, Protocol, Question, match_rows, options_of, tally
from loopline.front.evaluating.sides import read_rows, refuse_nothing, two_fields
from loopline.kernel.schema import LabelField
from loopline.metrics import classification, multilabel, regression, tracking
from loopline.metrics._arrays import NAN, AnyArray, FloatArray
from loopline.metrics._clear import ClearPairs
from loopline.metrics._labels import paired
from loopline.metrics.calibration import Reliability, reliability
from loopline.metrics.classification import ClassScores
from loopline.metrics.record import Numbers
from loopline.metrics.resample_classes import weighed_classes, weighed_sets
from loopline.metrics.resample_values import weighed_values, weighed_videos
from loopline.metrics.tracking import TrackingOptions

Sides = tuple[pa.Table, pa.Table]


def _read(question: Question, *needed: str) -> tuple[Sides, tuple[LabelField, LabelField]]:
    """Label rows of both fields, by object id; those that lack a needed value are an error, or left out."""
    fields = two_fields(question.view, question.truth, question.predicted)
    rows = []
    for field in fields:
        known = field.columns()
        missing = [name for name in needed if name not in known]
        if missing:
            raise BadValue(f"{field.name} holds {field.kind} labels, which have no {missing[0]}")
        wanted = ("id", "sample_id", "label", "score", *needed)
        rows.append(read_rows(question.view, field, list(dict.fromkeys(n for n in wanted if n in known))))
    refuse_nothing(question.view, rows, fields)
    return (_usable(rows[0], fields[0], question, needed), _usable(rows[1], fields[1], question, needed)), fields


def _usable(table: pa.Table, field: LabelField, question: Question, needed: tuple[str, ...]) -> pa.Table:
    good = pa.array(np.ones(table.num_rows, bool))
    for name in needed:
        good = pc.and_(good, pc.is_valid(table[name]))
        if pa.types.is_floating(table[name].type):
            good = pc.and_(good, pc.fill_null(pc.is_finite(table[name]), False))
    if "score" in table.column_names:  # a score may be missing; NaN is no score
        good = pc.and_(good, pc.fill_null(pc.is_finite(table["score"]), True))
    left = table.num_rows - pc.sum(good).as_py()
    if left and question.bad_rows == "raise":
        raise BadValue(
            f"{left} rows of {field.name} have a missing or NaN {' or '.join((*needed, 'score'))}",
            hint="mend those rows, or pass bad_rows='drop' to leave them out",
        )
    return table.filter(good) if left else table


def _classes(sides: Sides, fields: tuple[LabelField, LabelField]) -> tuple[str, ...]:
    occurring = [sorted(side["label"].unique().drop_null().to_pylist()) for side in sides]
    return tuple(dict.fromkeys([*fields[0].classes, *occurring[0], *occurring[1]]))


def _per_class(names: tuple[str, ...], scores: ClassScores) -> dict[str, Numbers]:
    return {
        name: {
            "precision": float(scores.precision[k]),
            "recall": float(scores.recall[k]),
            "f1": float(scores.f1[k]),
            "support": float(scores.support[k]),
        }
        for k, name in enumerate(names)
    }


@dataclass(frozen=True, slots=True, eq=False)
class ClassRows:
    """Rows of class labels as they were measured.

    truth, predicted   id · sample_id · label · score, where the field has one · classes: of both
    """

    truth: pa.Table
    predicted: pa.Table
    classes: tuple[str, ...]

    def scores(self) -> FloatArray:
        """Score of each predicted row. Raises BadValue where one is missing."""
        if "score" not in self.predicted.column_names or self.predicted["score"].null_count:
            raise BadValue("predictions need scores", hint="predict with a model that says how sure it is")
        return _score(self.predicted)

    def answers(self) -> AnyArray:
        """Which predicted row speaks for its sample, (n,) bool: the best score, ties to the class that comes first."""
        return _best_rows(self.predicted, self.classes)

    def right(self) -> AnyArray:
        """Which predicted rows name a class that their sample has, (n,) bool."""
        key, true_key = (self.sample_class(table)["key"].to_numpy() for table in (self.predicted, self.truth))
        return np.isin(key, true_key)

    def sample_class(self, table: pa.Table) -> pa.Table:
        """The table with a number of sample and class, `key`."""
        code = pc.index_in(table["label"], value_set=pa.array(self.classes)).to_numpy()
        return table.append_column("key", pa.array(table["sample_id"].to_numpy() * len(self.classes) + code))


def class_rows(question: Question) -> ClassRows:
    """The rows that a classification of one or several classes measures."""
    sides, fields = _read(question, "label")
    return ClassRows(*sides, _classes(sides, fields))


# -- one class a sample


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Nothing can be set."""


def measure_classification(question: Question) -> Answer:
    options_of(NoOptions(), question.options)
    sides, fields = _read(question, "label")
    names = _classes(sides, fields)
    answers = classification.answers_of_tables((paired(*sides),), names)
    report = classification.classification_report(answers.truth, answers.predicted, names, scores=answers.scores)
    truth, predicted = sides
    chosen = _best_rows(predicted, names)
    matches, hit = _label_matches(truth, predicted, chosen)
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=names,
        per_class=_per_class(names, report.by_class),
        counts=tally(matches),
        matches=matches,
        confusion=report.confusion,
        reliability=_sure(predicted, chosen, hit),
        weighed=lambda: weighed_classes(
            answers.sample_id, answers.truth, answers.predicted, names, scores=answers.scores
        ),
    )


def _best_rows(predicted: pa.Table, names: tuple[str, ...]) -> AnyArray:
    """Which predicted row speaks for its sample, (n,) bool: the best score, ties to the class that comes first."""
    score = _score(predicted)
    code = pc.index_in(predicted["label"], value_set=pa.array(names)).to_numpy()
    sample = predicted["sample_id"].to_numpy()
    order = np.lexsort((code, -score, sample))
    first = np.diff(sample[order], prepend=-1) != 0
    chosen = np.zeros(len(sample), bool)
    chosen[order[first]] = True
    return chosen


def _score(table: pa.Table) -> FloatArray:
    """Scores; 1 where there is none."""
    if "score" not in table.column_names:
        return np.ones(table.num_rows)
    return np.asarray(pc.fill_null(table["score"].cast(pa.float64()), 1.0).to_numpy(), np.float64)


def _label_matches(truth: pa.Table, predicted: pa.Table, said: AnyArray) -> tuple[pa.Table, AnyArray]:
    """Outcomes of class rows: what was `said` is right where the sample has that class. Also which rows are right."""
    (true_ids, true_samples, true_labels), (ids, samples, labels) = (
        (table["id"].to_numpy(), table["sample_id"].to_numpy(), table["label"].combine_chunks())
        for table in (truth, predicted)
    )
    names = pa.array(sorted({*true_labels.unique().to_pylist(), *labels.unique().to_pylist()}))
    width = len(names) + 1
    true_key = true_samples * width + pc.index_in(true_labels, value_set=names).to_numpy()
    key = samples * width + pc.index_in(labels, value_set=names).to_numpy()
    partner = _find(key, true_key, true_ids)
    partner = np.where(said, partner, -1)
    hit = partner >= 0
    outcome = np.where(said, np.where(hit, "tp", "fp"), "ignored")
    back = _find(true_key, key[hit], ids[hit])
    true_outcome = np.where(back >= 0, "tp", "fn")
    none = np.full(len(ids), NAN), np.full(len(true_ids), NAN)
    table = pa.concat_tables(
        [
            match_rows("truth", true_ids, true_samples, true_outcome, back, none[1]),
            match_rows("predicted", ids, samples, outcome, partner, none[0]),
        ]
    )
    return table, hit


def _find(wanted: AnyArray, keys: AnyArray, values: AnyArray) -> AnyArray:
    """The value under each wanted key, -1 where there is none."""
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order][place] == wanted, values[order][place], -1)


def _sure(predicted: pa.Table, rows: AnyArray, right: AnyArray) -> Reliability | None:
    if "score" not in predicted.column_names or predicted["score"].null_count:
        return None
    score = _score(predicted)[rows]
    return None if len(score) and (score.min() < 0 or score.max() > 1) else reliability(score, right[rows])


# -- several classes a sample


@dataclass(frozen=True, slots=True)
class MultilabelOptions:
    """threshold: a row with this score at least is a yes; rows without a score are."""

    threshold: float = 0.5


def measure_multilabel(question: Question) -> Answer:
    options = options_of(MultilabelOptions(), question.options)
    sides, fields = _read(question, "label")
    names = _classes(sides, fields)
    sets = multilabel.sets_of_tables((paired(*sides),), names, threshold=options.threshold)
    report = multilabel.multilabel_report(sets.truth, sets.predicted, names, scores=sets.scores)
    truth, predicted = sides
    said = _score(predicted) >= options.threshold
    matches, hit = _label_matches(truth, predicted, said)
    table = _per_class(names, report.by_class)
    if report.average_precision is not None:
        table = {n: {**row, "AP": float(report.average_precision[k])} for k, (n, row) in enumerate(table.items())}
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=names,
        per_class=table,
        counts=tally(matches),
        matches=matches,
        reliability=_sure(predicted, said, hit),
        weighed=lambda: weighed_sets(sets.sample_id, sets.truth, sets.predicted, names, scores=sets.scores),
    )


# -- one number a sample


@dataclass(frozen=True, slots=True)
class RegressionOptions:
    """tolerance: a prediction that is off by no more is right; None: nothing is right or wrong, only off."""

    tolerance: float | None = None


def measure_regression(question: Question) -> Answer:
    options = options_of(RegressionOptions(), question.options)
    sides, _ = _read(question, "value")
    pairs = regression.pairs_of_tables(((sides[0].drop_columns("label"), sides[1].drop_columns("label")),))
    report = regression.regression_report(pairs.truth, pairs.predicted, unpaired=pairs.unpaired)
    matches = _value_matches(sides, pairs, options.tolerance)
    return Answer(
        report=report,
        numbers=report.numbers(),
        counts=tally(matches) if options.tolerance is not None else {},
        matches=matches,
        weighed=lambda: weighed_values(pairs.sample_id, pairs.truth, pairs.predicted),
    )


def _value_matches(sides: Sides, pairs: regression.Pairs, tolerance: float | None) -> pa.Table:
    """How far each number is `off`, and whether that is right; a number without a partner is ignored."""
    off = pairs.predicted - pairs.truth
    ids = [table["id"].to_numpy() for table in sides]
    samples = [table["sample_id"].to_numpy() for table in sides]
    tables = []
    for side, mine, other, wrong in (("truth", 0, 1, "fn"), ("predicted", 1, 0, "fp")):
        place = np.minimum(np.searchsorted(pairs.sample_id, samples[mine]), max(len(off) - 1, 0))
        paired_up = np.isin(samples[mine], pairs.sample_id)
        own = np.where(paired_up, off[place], NAN) if len(off) else np.full(len(ids[mine]), NAN)
        judged = np.where(np.abs(own) <= (tolerance or 0.0), "tp", wrong)
        outcome = np.where(paired_up & (tolerance is not None), judged, "ignored")
        partner = np.where(paired_up, _find(samples[mine], samples[other], ids[other]), -1)
        rows = match_rows(side, ids[mine], samples[mine], outcome, partner, np.full(len(own), NAN))
        tables.append(rows.append_column("off", pa.array(own, pa.float64(), mask=np.isnan(own))))
    return pa.concat_tables(tables)


# -- tracks


def measure_tracking(question: Question) -> Answer:
    """Videos, and sequences of pictures: samples with the columns `sequence` and `frame_index`."""
    options = options_of(TrackingOptions(), {"iou_threshold": question.iou, **question.options})
    fields = two_fields(question.view, question.truth, question.predicted)
    rows = []
    pictures = {"sequence", "frame_index"} <= set(question.view.schema.sample_columns())
    for field in fields:
        if not {"track_id", "x", "y", "w", "h"} <= set(field.columns()):
            raise BadValue(f"{field.name} holds {field.kind} labels, which have no boxes and tracks")
        names = ["id", "sample_id", "frame", "track_id", "label", "x", "y", "w", "h"]
        extra = ["sample.sequence", "sample.frame_index"] if pictures else []
        table = question.view.objects(field.name).to_arrow([*names, *extra])
        rows.append(table)
    refuse_nothing(question.view, rows, fields)
    videos = _by_sequence(rows) if pictures else rows
    terms, video, pairs = tracking.terms_of_tables(videos[0], videos[1], options)
    report = tracking.finish(terms, options)
    matches = _track_matches(rows[0], rows[1], pairs)
    return Answer(
        report=report,
        numbers=report.numbers(),
        counts=tally(matches),
        matches=matches,
        weighed=lambda: weighed_videos(terms, video, options),
    )


def _track_matches(truth: pa.Table, predicted: pa.Table, pairs: ClearPairs) -> pa.Table:
    """Outcomes of the boxes of tracks, as CLEAR counts them."""
    sides = []
    for side, mine, own, theirs, other in (
        ("truth", truth, pairs.true, predicted, pairs.predicted),
        ("predicted", predicted, pairs.predicted, truth, pairs.true),
    ):
        partner, iou = np.full(len(mine), -1, np.int64), np.full(len(mine), NAN)
        partner[own], iou[own] = theirs["id"].to_numpy()[other], pairs.iou
        outcome = np.where(partner >= 0, "tp", "fn" if side == "truth" else "fp")
        sides.append(match_rows(side, mine["id"].to_numpy(), mine["sample_id"].to_numpy(), outcome, partner, iou))
    return pa.concat_tables(sides)


def _by_sequence(tables: list[pa.Table]) -> list[pa.Table]:
    """Pictures of one sequence as frames of one video. A sample without a sequence is a video of its own."""
    names = [pc.coalesce(t["sample.sequence"], t["sample_id"].cast(pa.string())) for t in tables]
    known = pa.array(sorted({name for column in names for name in column.unique().to_pylist()}), pa.string())
    return [
        table.drop_columns(["sample.sequence", "sample.frame_index", "sample_id", "frame"])
        .append_column("sample_id", pc.index_in(name, value_set=known).cast(pa.int64()))
        .append_column("frame", pc.coalesce(table["frame"], table["sample.frame_index"]))
        for table, name in zip(tables, names, strict=True)
    ]


PROTOCOLS: Final = (
    Protocol("classification", "classification", ("class",), NoOptions(), measure_classification),
    Protocol("multilabel", "multilabel", (), MultilabelOptions(), measure_multilabel),
    Protocol("regression", "regression", ("value",), RegressionOptions(), measure_regression),
    Protocol("tracking", "tracking", (), TrackingOptions(), measure_tracking),
)
