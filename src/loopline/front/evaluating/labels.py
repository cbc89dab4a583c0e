"""Classification of label fields: one class a sample, several, or one yes-or-no question.

Classes are those of the truth, then those that only the predictions have: to predict a class that the truth does not
know is an error like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.front.evaluating.protocol import Answer, Protocol, Question, by_class, match_rows, options_of, tally
from loopline.front.evaluating.sides import read_rows, refuse_nothing, two_fields
from loopline.kernel.lookup import looked_up, places
from loopline.kernel.schema import LabelField
from loopline.metrics import classification, multilabel
from loopline.metrics._arrays import NAN, AnyArray, BoolArray, FloatArray
from loopline.metrics._labels import paired
from loopline.metrics.calibration import Reliability, reliability
from loopline.metrics.classification import ClassScores
from loopline.metrics.resample_classes import weighed_answers, weighed_classes, weighed_sets

Sides = tuple[pa.Table, pa.Table]


def usable_rows(question: Question, *needed: str) -> tuple[Sides, tuple[LabelField, LabelField]]:
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


def _columns(scores: ClassScores) -> dict[str, AnyArray]:
    return {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1, "support": scores.support}


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
        score = _score(self.predicted)
        code = pc.index_in(self.predicted["label"], value_set=pa.array(self.classes)).to_numpy()
        sample = self.predicted["sample_id"].to_numpy()
        order = np.lexsort((code, -score, sample))
        first = np.diff(sample[order], prepend=-1) != 0
        chosen = np.zeros(len(sample), bool)
        chosen[order[first]] = True
        return chosen

    def pairs(self) -> Pairs:
        """What is said of each sample that has a true class."""
        names = pa.array(self.classes)
        said = self.predicted.filter(pa.array(self.answers()))
        at = places(said["sample_id"].to_numpy(), self.truth["sample_id"].to_numpy())
        there = at >= 0
        codes, ids, scores = pc.index_in(said["label"], value_set=names).to_numpy(), said["id"].to_numpy(), _score(said)
        none = np.full(len(at), -1, np.int64)
        predicted, predicted_id, score = none.copy(), none.copy(), np.full(len(at), -np.inf)
        predicted[there], predicted_id[there], score[there] = codes[at[there]], ids[at[there]], scores[at[there]]
        truth = pc.index_in(self.truth["label"], value_set=names).to_numpy().astype(np.int64)
        return Pairs(truth, self.truth["id"].to_numpy(), predicted, predicted_id, score)

    def right(self) -> AnyArray:
        """Which predicted rows name a class that their sample has, (n,) bool."""
        key, true_key = (self.sample_class(table)["key"].to_numpy() for table in (self.predicted, self.truth))
        return np.isin(key, true_key)

    def sample_class(self, table: pa.Table) -> pa.Table:
        """The table with a number of sample and class, `key`."""
        code = pc.index_in(table["label"], value_set=pa.array(self.classes)).to_numpy()
        return table.append_column("key", pa.array(table["sample_id"].to_numpy() * len(self.classes) + code))


class Pairs(NamedTuple):
    """A true row and what is said of its sample, (n,) each: classes by number, ids of rows; -1 and a score of -inf
    where nothing is said."""

    truth: AnyArray
    truth_id: AnyArray
    predicted: AnyArray
    predicted_id: AnyArray
    score: FloatArray


def class_rows(question: Question) -> ClassRows:
    """The rows that a classification of one or several classes measures."""
    sides, fields = usable_rows(question, "label")
    return ClassRows(*sides, _classes(sides, fields))


# -- one class a sample


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Nothing can be set."""


def measure_classification(question: Question) -> Answer:
    options_of(NoOptions(), question.options)
    rows = class_rows(question)
    names, truth, predicted = rows.classes, rows.truth, rows.predicted
    answers = classification.answers_of_tables((paired(truth, predicted),), names)
    known, scores = answers.truth >= 0, answers.scores
    report = classification.classification_report(answers.truth, answers.predicted, names, scores=answers.scores)
    chosen = rows.answers()
    matches, hit = _label_matches(truth, predicted, chosen)
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=names,
        per_class=by_class(names, _columns(report.by_class)),
        counts=tally(matches),
        matches=matches,
        confusion=report.confusion,
        reliability=_sure(predicted, chosen, hit),
        weighed=lambda: weighed_classes(
            answers.sample_id, answers.truth, answers.predicted, names, scores=answers.scores
        ),
        ranked=None
        if scores is None
        else lambda: {n: (answers.truth[known] == k, scores[known, k]) for k, n in enumerate(names)},
    )


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
    partner = looked_up(true_key, true_ids, key, -1)
    partner = np.where(said, partner, -1)
    hit = partner >= 0
    outcome = np.where(said, np.where(hit, "tp", "fp"), "ignored")
    back = looked_up(key[hit], ids[hit], true_key, -1)
    true_outcome = np.where(back >= 0, "tp", "fn")
    none = np.full(len(ids), NAN), np.full(len(true_ids), NAN)
    table = pa.concat_tables(
        [
            match_rows("truth", true_ids, true_samples, true_outcome, back, none[1]),
            match_rows("predicted", ids, samples, outcome, partner, none[0]),
        ]
    )
    return table, hit


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
    rows = class_rows(question)
    names, truth, predicted = rows.classes, rows.truth, rows.predicted
    sets = multilabel.sets_of_tables((paired(truth, predicted),), names, threshold=options.threshold)
    score = sets.scores
    report = multilabel.multilabel_report(sets.truth, sets.predicted, names, scores=sets.scores)
    said = _score(predicted) >= options.threshold
    matches, hit = _label_matches(truth, predicted, said)
    columns = _columns(report.by_class)
    if report.average_precision is not None:
        columns["AP"] = report.average_precision
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=names,
        per_class=by_class(names, columns),
        counts=tally(matches),
        matches=matches,
        reliability=_sure(predicted, said, hit),
        weighed=lambda: weighed_sets(sets.sample_id, sets.truth, sets.predicted, names, scores=sets.scores),
        ranked=None if score is None else lambda: {n: (sets.truth[:, k], score[:, k]) for k, n in enumerate(names)},
    )


# -- one yes-or-no question


@dataclass(frozen=True, slots=True)
class BinaryOptions:
    """positive: the class that is asked for; "": the first of the truth's · threshold: yes from this score on ·
    absent: what a sample without a true row is: left out, or a no."""

    positive: str = ""
    threshold: float = 0.5
    absent: Literal["left_out", "no"] = "left_out"


class YesOrNo(NamedTuple):
    """One question over samples with rising ids (m,): the class, whether it is there, and its score, (m,) each."""

    positive: str
    sample_id: AnyArray
    truth: BoolArray
    scores: FloatArray


def yes_or_no(question: Question, rows: ClassRows) -> YesOrNo:
    """What a binary classification measures: the score of the class in each sample. Where only the other of two classes
    has a row, the score is what that one leaves of 1; without a row it is 0. Raises BadValue for an unknown class."""
    options = options_of(BinaryOptions(), question.options)
    positive = options.positive or rows.classes[0]
    if positive not in rows.classes:
        raise BadValue(f'there is no class "{positive}"', hint=near(positive, rows.classes))
    sides = rows.truth["sample_id"].to_numpy(), rows.predicted["sample_id"].to_numpy()
    samples = np.unique(sides[0] if options.absent == "left_out" else question.view.ids())
    yes = [pc.equal(side["label"], positive).to_numpy(zero_copy_only=False) for side in (rows.truth, rows.predicted)]
    truth = np.isin(samples, sides[0][yes[0]])
    score = _score(rows.predicted)
    kept = np.isin(sides[1], samples)
    at = np.searchsorted(samples, sides[1][kept])
    own, other = np.full(len(samples), -np.inf), np.full(len(samples), -np.inf)
    for best, mine in ((own, yes[1][kept]), (other, ~yes[1][kept])):
        np.maximum.at(best, at[mine], score[kept][mine])
    rest = 1 - np.clip(other, 0, 1) if len(rows.classes) == 2 else np.zeros(len(samples))
    rest[np.isinf(other)] = 0.0
    return YesOrNo(positive, samples, truth, np.where(np.isinf(own), rest, own))


def measure_binary(question: Question) -> Answer:
    options = options_of(BinaryOptions(), question.options)
    rows = class_rows(question)
    asked = yes_or_no(question, rows)
    report = multilabel.binary_report(asked.truth, asked.scores, threshold=options.threshold)
    said = asked.scores >= options.threshold
    truth, predicted = (
        table.filter(
            pc.and_(pc.equal(table["label"], asked.positive), pa.array(np.isin(table["sample_id"], asked.sample_id)))
        )
        for table in (rows.truth, rows.predicted)
    )
    matches, _ = _label_matches(truth, predicted, _score(predicted) >= options.threshold)
    cells = np.bincount(2 * ~asked.truth + ~said, minlength=4).reshape(2, 2)
    within = bool(((asked.scores >= 0) & (asked.scores <= 1)).all())
    return Answer(
        report=report,
        numbers={**report.numbers(), "samples": float(len(asked.truth))},
        classes=(asked.positive, f"not {asked.positive}"),
        counts=tally(matches),
        matches=matches,
        confusion=cells.astype(np.int64),
        reliability=reliability(asked.scores, asked.truth) if within else None,
        weighed=lambda: weighed_answers(asked.sample_id, asked.truth, asked.scores, threshold=options.threshold),
        ranked=lambda: {asked.positive: (asked.truth, asked.scores)},
    )


# -- the list


PROTOCOLS: Final = (
    Protocol("classification", "classification", ("class",), NoOptions(), measure_classification),
    Protocol("binary", "classification", (), BinaryOptions(), measure_binary),
    Protocol("multilabel", "multilabel", (), MultilabelOptions(), measure_multilabel),
)
