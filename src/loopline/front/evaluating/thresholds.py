"""From which score on predictions are best believed: by the greatest F1, or the least cost of what goes wrong.

Detection       a prediction counts where its outcome is tp or fp, at the evaluation's IoU. A higher score is matched
                first, so leaving out all below a threshold changes nothing for the others: the counts are those of a new
                evaluation without them.
Classification  all classes together: the answer with the best score is given from the threshold on, else none. One
                class: yes from the threshold on, whatever the other classes have.
One question    yes from the threshold on, in every sample, also in those that only have a row of the other class.
Several classes a sample: yes from the threshold on, by class or with one threshold for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.front.evaluating.judged import Judged
from loopline.front.evaluating.labels import class_rows, yes_or_no
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray
from loopline.metrics.calibration import best_cost_threshold, best_f1_threshold
from loopline.metrics.ranking import threshold_counts

Criterion: TypeAlias = Literal["f1"]
COSTS: Final = ("fp", "fn")
_SAY: Final = "say for_='f1', or cost={'fp': 1, 'fn': 5}; from a shell f1, or fp=1,fn=5"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Predictions are believed from this score on; +inf: none is.

    value    what it reaches: F1, or the total cost · label: the class, None: all together
    tp fp fn what is right, wrong and missed there
    """

    threshold: float
    value: float
    label: str | None
    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """1 where nothing is believed."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        """NaN where there is nothing to find."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    def to_json(self) -> dict[str, Any]:
        """Plain values; null for what is not a number, and for a threshold that no score reaches."""
        numbers = {"threshold": self.threshold, "value": self.value, "precision": self.precision, "recall": self.recall}
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        return {"label": self.label, **finite, "tp": self.tp, "fp": self.fp, "fn": self.fn}


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """n predicted and k true rows of an evaluation; class codes index `classes`.

    label (n,) · score (n,) · right (n,) bool · pooled (n,) bool: counts where classes are taken together · true (k,)
    """

    classes: tuple[str, ...]
    label: IntArray
    score: FloatArray
    right: BoolArray
    pooled: BoolArray
    true: IntArray

    def occurring(self) -> tuple[str, ...]:
        """The classes that have a true row."""
        return tuple(self.classes[code] for code in np.unique(self.true).tolist())

    def best(self, label: str | None, cost: Mapping[str, float] | None) -> OperatingPoint:
        """The best threshold of one class, or of all together."""
        if label is not None and label not in self.classes:
            raise BadValue(f'the evaluation has no class "{label}"', hint=near(label, self.classes))
        code = None if label is None else self.classes.index(label)
        rows = self.pooled if code is None else self.label == code
        right, score = self.right[rows], self.score[rows]
        missed = (len(self.true) if code is None else int((self.true == code).sum())) - int(right.sum())
        if cost is None:
            found = best_f1_threshold(right, score, missed=missed)
        else:
            found = best_cost_threshold(
                right, score, false_positive=cost["fp"], false_negative=cost["fn"], missed=missed
            )
        counts = threshold_counts(right, score, missed=missed)
        at = counts.at(found.threshold)
        return OperatingPoint(
            found.threshold, found.value, label, int(counts.tp[at]), int(counts.fp[at]), int(counts.fn[at])
        )


def checked_cost(cost: Mapping[str, float] | None, for_: str) -> Mapping[str, float] | None:
    """The cost, None for F1. Raises BadValue for another aim, or a cost that does not name fp and fn."""
    if for_ not in get_args(Criterion):
        raise BadValue(f'no threshold is best for "{for_}"', hint=_SAY)
    if cost is None:
        return None
    wrong = [name for name in cost if name not in COSTS] + [name for name in COSTS if name not in cost]
    if wrong:
        raise BadValue(f"a cost names fp and fn, not {', '.join(cost) or 'nothing'}", hint=_SAY)
    return cost


def scored(evaluation: Judged) -> Scored:
    """What was predicted with which score, and whether that is right.

    Raises BadValue for a task other than detection and classification, or where predictions have no scores.
    """
    match evaluation.record.task:
        case "detection":
            return _of_objects(evaluation)
        case "classification" | "multilabel":
            return _of_classes(evaluation)
    raise BadValue(
        f"{evaluation.record.protocol} judges no scores, so there is no best threshold",
        hint="detection and classification have one",
    )


def _of_objects(evaluation: Judged) -> Scored:
    outcomes, record = evaluation.outcomes, evaluation.record
    wanted = {"truth": ["tp", "fn"], "predicted": ["tp", "fp"]}
    sides = {}
    for side, field in (("truth", record.truth), ("predicted", record.predicted)):
        mine = outcomes.filter(
            pc.and_(pc.equal(outcomes["side"], side), pc.is_in(outcomes["outcome"], value_set=pa.array(wanted[side])))
        )
        columns = ["id", "label", *(["score"] if side == "predicted" else [])]
        rows = evaluation.view.objects(field).to_arrow(columns)
        sides[side] = mine.select(["id", "outcome"]).join(rows, "id", join_type="inner")
    if record.settings["options"].get("by_class", True):
        classes = record.classes
    else:
        classes = ("",)  # classes were not told apart: all is one
        sides = {
            side: table.set_column(table.column_names.index("label"), "label", pa.repeat("", len(table)))
            for side, table in sides.items()
        }
    predicted = sides["predicted"]
    if predicted["score"].null_count:
        raise BadValue("predictions need scores", hint="predict with a model that says how sure it is")
    return Scored(
        classes,
        _codes(predicted["label"], classes),
        np.asarray(predicted["score"].to_numpy(), np.float64),
        pc.equal(predicted["outcome"], "tp").to_numpy(),
        np.ones(len(predicted), bool),
        _codes(sides["truth"]["label"], classes),
    )


def _of_classes(evaluation: Judged) -> Scored:
    rows = class_rows(evaluation.question)
    if evaluation.record.protocol == "binary":
        asked = yes_or_no(evaluation.question, rows)
        place = np.zeros(len(asked.truth), np.int64)
        everything = np.ones(len(place), bool)
        return Scored((asked.positive,), place, asked.scores, asked.truth, everything, place[asked.truth])
    score, right = rows.scores(), rows.right()
    pooled = rows.answers() if evaluation.record.task == "classification" else np.ones(len(score), bool)
    # Where a sample has one class twice, the better score speaks.
    key = rows.sample_class(rows.predicted)["key"].to_numpy()
    order = np.lexsort((-score, key))
    keep = order[np.diff(key[order], prepend=-1) != 0]
    true = rows.sample_class(rows.truth)["key"].to_numpy()
    return Scored(
        rows.classes,
        _codes(rows.predicted["label"], rows.classes)[keep],
        score[keep],
        right[keep],
        pooled[keep],
        np.unique(true) % len(rows.classes),
    )


def _codes(labels: pa.ChunkedArray, classes: tuple[str, ...]) -> IntArray:
    found: AnyArray = pc.fill_null(pc.index_in(labels, value_set=pa.array(classes, pa.string())), -1).to_numpy()
    return np.asarray(found, np.int64)
