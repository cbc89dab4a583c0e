"""Charts of evaluations: what each shows, for one report or several side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from loopline.kernel.charts import Bars, Lines, Matrix, Series, Table
from loopline.metrics import coco
from loopline.metrics._arrays import FloatArray
from loopline.metrics.bootstrap import Interval
from loopline.metrics.calibration import Reliability
from loopline.metrics.coco import CocoReport
from loopline.metrics.errors import KINDS, Confusion, ErrorReport
from loopline.metrics.next_steps import NextStep
from loopline.metrics.ranking import Curve
from loopline.metrics.slices import SliceReport

MOST_BARS: Final = 40
MOST_CELLS: Final = 40  # rows of a confusion matrix that can be read

_UNIT: Final = (0.0, 1.0)
_ERROR_WORDS: Final = {
    "cls": "wrong class",
    "loc": "badly placed",
    "both": "wrong class and place",
    "dupe": "second box on an object",
    "bkg": "on background",
    "miss": "missed",
    "fp": "all false positives",
    "fn": "all misses",
}


def precision_recall(reports: Mapping[str, CocoReport], *, iou: float | None = 0.5, label: str | None = None) -> Lines:
    """Precision over recall, a line a report; iou=None: the mean over the report's thresholds."""
    series = []
    for name, report in reports.items():
        found = coco.curve(report, iou=iou, label=label)
        notes = tuple(f"score ≥ {score:.3f}" if score > 0 else "" for score in found.score.tolist())
        series.append(Series(name, found.recall, found.precision, notes=notes))
    at = "mean over IoU" if iou is None else f"IoU {iou:g}"
    whose = "all classes" if label is None else label
    return Lines(f"Precision and recall: {whose}, {at}", "recall", "precision", tuple(series), _UNIT, _UNIT)


def roc(curves: Mapping[str, Curve]) -> Lines:
    """True over false positive rate, a line a class or model, from `ranking.roc_curve`."""
    series = tuple(Series(name, one.x, one.y, notes=at_thresholds(one.thresholds)) for name, one in curves.items())
    return Lines("ROC", "false positive rate", "true positive rate", series, _UNIT, _UNIT, diagonal=True)


def at_thresholds(values: FloatArray) -> tuple[str, ...]:
    """A note for each point of a curve."""
    return tuple("nothing is positive" if math.isinf(v) else f"score ≥ {v:.3f}" for v in values.tolist())


def reliability_diagram(parts: Mapping[str, Reliability]) -> Lines:
    """How often a score of about this height is right, a line a model."""
    series = []
    for name, one in parts.items():
        seen = one.count > 0
        notes = tuple(f"{count} predictions" for count in one.count[seen].tolist())
        title = f"{name}, ECE {one.ece:.3f}" if math.isfinite(one.ece) else name
        series.append(Series(title, one.confidence[seen], one.accuracy[seen], notes=notes))
    return Lines("Calibration", "score", "share that is right", tuple(series), _UNIT, _UNIT, diagonal=True)


def by_class(reports: Mapping[str, Mapping[str, float]], *, number: str = "AP", most: int = MOST_BARS) -> Bars:
    """A number of each class, a bar a report; the lowest of the first report on top, at most `most` classes.

    reports  name of the report -> class -> number
    """
    first = next(iter(reports.values()), {})
    known = [name for name, value in first.items() if math.isfinite(value)]
    names = sorted(known, key=lambda name: (first[name], name))[:most]
    rest = len(known) - len(names)
    title = f"{number} of each class" + (f": the lowest {most}, {rest} more are not drawn" if rest else "")
    return _bars(
        title, number, names, {n: [values.get(name, math.nan) for name in names] for n, values in reports.items()}
    )


def error_gains(reports: Mapping[str, ErrorReport]) -> Bars:
    """What mending each kind of mistake would return, a bar a report."""
    names = [*KINDS, "fp", "fn"]
    values = {name: [report.gain[kind] for kind in names] for name, report in reports.items()}
    iou = next((report.iou for report in reports.values()), 0.5)
    title = f"AP at IoU {iou:g} that mending each kind of mistake returns, each alone"
    return _bars(title, "AP", [_ERROR_WORDS[kind] for kind in names], values, whole=False)


def slice_bars(slices: Sequence[SliceReport], *, number: str = "AP", whole: float | None = None) -> Bars:
    """A number of each slice, in the order given; whole: that of all the data, on top."""
    values = [one.numbers()[number] for one in slices]
    names = [f"{one.name} ({int(one.truths.sum())})" for one in slices]
    if whole is not None:
        names, values = ["all", *names], [whole, *values]
    return _bars(f"{number} of each slice", number, names, {number: values})


def intervals(numbers: Mapping[str, Interval], *, title: str = "Numbers with their 95 % intervals") -> Bars:
    """Each number with the interval that resampling gives."""
    values = list(numbers.values())
    series = Series(
        "value",
        np.arange(len(values), dtype=np.float64),
        np.array([one.value for one in values]),
        np.array([one.low for one in values]),
        np.array([one.high for one in values]),
    )
    return Bars(title, "value", tuple(numbers), (series,))


def confusion_matrix(found: Confusion, *, most: int = MOST_CELLS) -> Matrix:
    """Which class is taken for which, the background last; of many classes those that are confused most."""
    names = (*found.classes, "background")
    wrong = found.counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1))[:-1], kind="stable")[: most - 1]
    kept = np.append(np.sort(order), len(names) - 1)
    rest = len(names) - len(kept)
    title = "Which class is taken for which" + (
        f": the {len(kept) - 1} most confused of {len(names) - 1}" if rest else ""
    )
    shown = tuple(names[i] for i in kept)
    return Matrix(title, "annotated", "predicted", shown, shown, found.counts[np.ix_(kept, kept)])


def numbers_table(reports: Mapping[str, Mapping[str, float]], *, title: str = "Numbers") -> Table:
    """One row a number, one column a report; with two reports or more, their difference to the first."""
    names = list(dict.fromkeys(name for numbers in reports.values() for name in numbers))
    first, *others = reports
    columns = ("", first, *(part for name in others for part in (name, f"{name} − {first}")))
    rows = []
    for number in names:
        base = reports[first].get(number, math.nan)
        row: list[str | float] = [number, base]
        for other in others:
            value = reports[other].get(number, math.nan)
            row += [value, value - base]
        rows.append(tuple(row))
    return Table(title, columns, tuple(rows))


def steps_table(steps: Sequence[NextStep]) -> Table:
    """What to do next, the most worth first."""
    rows = tuple((step.title, step.expected, step.gain, step.count, step.how, step.assumes) for step in steps)
    return Table("What next", ("step", "expected AP", "at most", "objects", "how estimated", "assumes"), rows)


def _bars(
    title: str, x_title: str, names: Sequence[str], values: Mapping[str, Sequence[float]], *, whole: bool = True
) -> Bars:
    place = np.arange(len(names), dtype=np.float64)
    series = tuple(Series(name, place, np.array(column, np.float64)) for name, column in values.items())
    return Bars(title, x_title, tuple(names), series, _UNIT if whole else None)
