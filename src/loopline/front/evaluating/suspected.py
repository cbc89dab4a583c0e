"""Labels that are probably wrong, of boxes and of classes, as one table and as views of the objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.labels import ClassRows, class_rows
from loopline.kernel.lookup import looked_up
from loopline.metrics import multilabel
from loopline.metrics._arrays import AnyArray, FloatArray
from loopline.metrics._labels import paired
from loopline.metrics.confident import find_label_issues, find_set_issues, label_quality
from loopline.metrics.suspects import find_suspects, suspect_table
from loopline.query.view import ObjectView, View

KINDS: Final = ("missing", "misplaced", "mislabelled", "spurious", "doubtful")
"""Of boxes the first four. Of one class a sample the third and the last: the model names another class, but no more often
than it is expected to be wrong there. Of several classes a sample `missing` and `spurious`."""


@dataclass(frozen=True, slots=True)
class SuspectLabels:
    """Labels that are probably wrong, the most suspicious first.

    table    kind (one of KINDS) · score in [0, 1] · sample_id · frame (null: a picture) · id (null: missing) ·
             prediction_id (null: none) · label · suggested_label · x y w h (suggested; null: not about a box) · reason
    truth    the annotated objects among them · predicted: the predictions where a label is missing
    """

    table: pa.Table
    truth: ObjectView
    predicted: ObjectView

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        counts = pc.value_counts(self.table["kind"]).to_pylist()
        told = ", ".join(f"{one['counts']} {one['values']}" for one in counts)
        return f"<Suspects: {told or 'none'}>"


def suspects(evaluation: Judged) -> SuspectLabels:
    """Labels that speak against a believable prediction.

    Raises BadValue unless boxes were measured by COCO's rules, or classes with a score.
    """
    match evaluation.record.task:
        case "classification":
            table = class_suspects(class_rows(evaluation.question))
        case "multilabel":
            table = set_suspects(class_rows(evaluation.question))
        case _:
            table = _box_suspects(evaluation)
    now = View(evaluation.lake)
    missing = pc.equal(table["kind"], "missing")
    return SuspectLabels(
        table,
        now.objects(evaluation.record.truth).select(table.filter(pc.invert(missing))["id"].to_pylist()),
        now.objects(evaluation.record.predicted).select(table.filter(missing)["prediction_id"].to_pylist()),
    )


def _box_suspects(evaluation: Judged) -> pa.Table:
    report = evaluation.measured
    if report.options.geometry != "box":
        raise BadValue("label suspects are found between boxes or classes", hint="evaluate with protocol='coco'")
    matched = report.matched
    return suspect_table(find_suspects(matched.truth, matched.predicted, by_class=matched.by_class))


def class_suspects(rows: ClassRows) -> pa.Table:
    """The table of SuspectLabels for one true class a sample, by confident learning (`metrics.confident`).

    Listed is every label where the model names another class, by falling 1 - probability of the given class; ties by
    sample. `mislabelled` are as many of each pair of classes as the confident joint expects, `doubtful` the others.
    Samples without a prediction are not judged. The predictions should come from a model that has not seen these labels.

    Raises BadValue where a score is missing, or is outside [0, 1].
    """
    likely, samples, row_of = probabilities(rows)
    order = np.argsort(rows.truth["sample_id"].to_numpy(), kind="stable")
    true_sample = rows.truth["sample_id"].to_numpy()[order]
    both, at_true, at_likely = np.intersect1d(true_sample, samples, return_indices=True)
    truth, likely, row_of = rows.truth.take(pa.array(order[at_true])), likely[at_likely], row_of[at_likely]
    given = pc.index_in(truth["label"], value_set=pa.array(rows.classes)).to_numpy()
    score = 1 - label_quality(given, likely)
    best = np.where(row_of >= 0, likely, -1.0).argmax(axis=1) if len(likely) else given
    listed = np.flatnonzero(best != given)
    listed = listed[np.lexsort((both[listed], -score[listed]))]
    mislabelled = np.isin(listed, find_label_issues(given, likely).row)
    names = pa.array(rows.classes, pa.string())
    count = len(listed)
    label, suggested = names.take(pa.array(given[listed])), names.take(pa.array(best[listed]))
    reasons = [
        f"{there} predicted with {sure:.2f}, {was} with {own:.2f}"
        for there, sure, was, own in zip(
            suggested.to_pylist(),
            likely[listed, best[listed]].tolist(),
            label.to_pylist(),
            likely[listed, given[listed]].tolist(),
            strict=True,
        )
    ]
    prediction = rows.predicted["id"].to_numpy()[row_of[listed, best[listed]]]
    return pa.table(
        {
            "kind": pa.array(np.where(mislabelled, "mislabelled", "doubtful").tolist(), pa.string()),
            "score": pa.array(score[listed], pa.float64()),
            "sample_id": pa.array(both[listed], pa.int64()),
            "frame": pa.nulls(count, pa.int32()),
            "id": truth["id"].take(pa.array(listed)),
            "prediction_id": pa.array(prediction, pa.int64()),
            "label": label,
            "suggested_label": suggested,
            **{name: pa.nulls(count, pa.float64()) for name in "xywh"},
            "reason": pa.array(reasons, pa.string()),
        }
    )


def set_suspects(rows: ClassRows) -> pa.Table:
    """The table of SuspectLabels for several classes a sample: classes that are probably `missing` (on the prediction)
    or `spurious`, by confident learning one class at a time (`metrics.confident.find_set_issues`).

    Scores are believed as probabilities; a class without a predicted row has 0. Raises BadValue where a score is
    missing, or is outside [0, 1].
    """
    rows.scores()  # says so where one is missing
    sets = multilabel.sets_of_tables((paired(rows.truth, rows.predicted),), rows.classes)
    assert sets.scores is not None
    found = find_set_issues(sets.truth, sets.scores)
    sample, key = sets.sample_id[found.row], sets.sample_id[found.row] * len(rows.classes) + found.label
    true, guess = (
        looked_up(table["key"].to_numpy(), table["id"].to_numpy(), key, -1)
        for table in (rows.sample_class(rows.truth), rows.sample_class(rows.predicted).sort_by("score"))
    )
    seen = ~found.given & (guess >= 0)
    rows_kept = np.flatnonzero(found.given | seen)
    label = pa.array(rows.classes, pa.string()).take(pa.array(found.label[rows_kept]))
    given, sure = found.given[rows_kept], sets.scores[found.row, found.label][rows_kept]
    count = len(rows_kept)
    words = zip(label.to_pylist(), given.tolist(), sure.tolist(), strict=True)
    return pa.table(
        {
            "kind": pa.array(np.where(given, "spurious", "missing").tolist(), pa.string()),
            "score": pa.array(1 - found.quality[rows_kept], pa.float64()),
            "sample_id": pa.array(sample[rows_kept], pa.int64()),
            "frame": pa.nulls(count, pa.int32()),
            "id": pa.array(true[rows_kept], pa.int64(), mask=~given),
            "prediction_id": pa.array(guess[rows_kept], pa.int64(), mask=guess[rows_kept] < 0),
            "label": pc.if_else(pa.array(given), label, pa.scalar(None, pa.string())),
            "suggested_label": pc.if_else(pa.array(given), pa.scalar(None, pa.string()), label),
            **{name: pa.nulls(count, pa.float64()) for name in "xywh"},
            "reason": pa.array(
                [f"{name} is {'there' if own else 'not there'}, predicted with {p:.2f}" for name, own, p in words],
                pa.string(),
            ),
        }
    )


def probabilities(rows: ClassRows) -> tuple[FloatArray, AnyArray, AnyArray]:
    """Probabilities of each predicted sample, (n, k), its id (n,), and the row behind each number, (n, k); -1: none.

    What a sample's scores leave of 1 is shared evenly by the classes without a row, none of them more than the least
    likely class that has one: so the best score alone will do. Scores that sum to more than 1 are scaled.
    """
    score, code = rows.scores(), pc.index_in(rows.predicted["label"], value_set=pa.array(rows.classes)).to_numpy()
    if len(score) and (score.min() < 0 or score.max() > 1):
        raise BadValue(
            f"scores of {score.min():g} to {score.max():g} are no probabilities", hint="they should lie in 0 to 1"
        )
    samples, at = np.unique(rows.predicted["sample_id"].to_numpy(), return_inverse=True)
    row_of = np.full((len(samples), len(rows.classes)), -1, np.int64)
    order = np.argsort(score, kind="stable")
    row_of[at[order], code[order]] = order  # the best row of a sample and class is written last
    known = row_of >= 0
    likely = np.where(known, score[row_of], 0.0)
    total = likely.sum(axis=1, keepdims=True)
    likely /= np.maximum(total, 1.0)
    left = np.maximum(1 - total, 0) / np.maximum((~known).sum(axis=1, keepdims=True), 1)
    least = np.where(known, likely, np.inf).min(axis=1, keepdims=True)
    return np.where(known, likely, np.minimum(left, least)), samples, row_of
