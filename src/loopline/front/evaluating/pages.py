"""Charts of stored evaluations, one or several side by side, and the page that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from loopline.errors import BadValue
from loopline.front.evaluating.advice import errors_of, gained, previous, steps
from loopline.front.evaluating.judged import Judged
from loopline.kernel.charts import Bars, Chart, Lines, Series, Table
from loopline.metrics import charts
from loopline.metrics.coco import CocoReport
from loopline.metrics.errors import Confusion
from loopline.metrics.ranking import pr_curve, roc_curve, thinned

_STEPS: Final = 12
_LINES: Final = 8  # classes that have a line of their own
_CLASS_NUMBERS: Final = ("AP", "AP50", "F1", "IoU", "PQ", "precision", "recall")


def charts_of(evaluations: Sequence[Judged], *, advice: bool = True) -> list[Chart]:
    """Every chart that these evaluations have the numbers for; the first is what the others are compared with.

    advice  also what measures the objects again: kinds of mistakes, next steps, what was gained
    Raises BadValue without evaluations, or where two have one key.
    """
    by_key = {one.key: one for one in evaluations}
    if not evaluations or len(by_key) < len(evaluations):
        raise BadValue("name one evaluation, or several different ones")
    first = evaluations[0]
    found: list[Chart] = [charts.numbers_table({key: one.record.numbers for key, one in by_key.items()})]
    coco = {
        key: one for key, one in by_key.items() if one.record.precision is not None and one.record.task == "detection"
    }
    if advice and first.key in coco and isinstance(first.answer.report, CocoReport):
        found.append(charts.steps_table([step.what for step in steps(first, limit=_STEPS)]))
    if first.record.intervals:
        found.append(charts.intervals(first.record.intervals))
    if coco:
        found += [_precision_recall(coco, 0.5), _precision_recall(coco, None)]
    number = next((n for n in _CLASS_NUMBERS if any(n in row for row in first.record.per_class.values())), None)
    if number is not None:
        values = {
            key: {name: row[number] for name, row in one.record.per_class.items() if number in row}
            for key, one in by_key.items()
        }
        found.append(charts.by_class(values, number=number))
    if first.record.confusion is not None:
        found.append(_confusion(first))
    reliable = {key: one.record.reliability for key, one in by_key.items() if one.record.reliability is not None}
    if reliable:
        found.append(charts.reliability_diagram(reliable))
    if advice:
        found += _ranked(by_key)
        measured = {
            key: errors_of(one.measured, one.record.settings["iou"])
            for key, one in coco.items()
            if isinstance(one.answer.report, CocoReport) and one.measured.options.geometry != "keypoints"
        }
        if measured:
            found.append(charts.error_gains(measured))
    if any(one.record.slices for one in evaluations):
        found += _slices(by_key)
    if advice and len(evaluations) == 1:
        before = previous(first, first.siblings())
        if before is not None:
            found.append(_gained_table(first, before))
    return found


def _precision_recall(known: dict[str, Judged], iou: float | None) -> Lines:
    series = []
    for key, one in known.items():
        curve = one.record.curve(iou=iou) if iou is None or iou in one.record.thresholds else one.record.curve()
        notes = tuple(f"score ≥ {s:.3f}" if s > 0 else "" for s in curve.score.tolist())
        series.append(Series(key, curve.recall, curve.precision, notes=notes))
    at = "mean over IoU" if iou is None else f"IoU {iou:g}"
    unit = (0.0, 1.0)
    return Lines(f"Precision and recall, {at}", "recall", "precision", tuple(series), unit, unit)


def _ranked(known: dict[str, Judged]) -> list[Chart]:
    """ROC and precision over recall of classifiers: of one a line a class, of several all classes of each pooled."""
    ranked = {key: one.answer.ranked() for key, one in known.items() if one.answer.ranked is not None}
    if not ranked:
        return []
    if len(known) == 1:
        (classes,) = ranked.values()
        most = sorted(classes, key=lambda name: -int(classes[name][0].sum()))[:_LINES]
        rows = {name: classes[name] for name in classes if name in most}
    else:
        rows = {
            key: (
                np.concatenate([true for true, _ in one.values()]),
                np.concatenate([score for _, score in one.values()]),
            )
            for key, one in ranked.items()
        }
    rows = {name: (true, score) for name, (true, score) in rows.items() if true.any() and not true.all()}
    pr = {name: thinned(pr_curve(*one)) for name, one in rows.items()}
    unit = (0.0, 1.0)
    lines = tuple(Series(name, one.x, one.y, notes=charts.at_thresholds(one.thresholds)) for name, one in pr.items())
    return [
        charts.roc({name: thinned(roc_curve(*one)) for name, one in rows.items()}),
        Lines("Precision and recall", "recall", "precision", lines, unit, unit),
    ]


def _confusion(one: Judged) -> Chart:
    counts, classes = one.record.confusion, one.record.classes
    assert counts is not None
    if len(counts) == len(classes):  # a classifier's: nothing is background
        counts = np.pad(counts, (0, 1))
    return charts.confusion_matrix(Confusion(tuple(classes), counts))


def _slices(known: dict[str, Judged]) -> list[Chart]:
    first = next(iter(known.values()))
    main = first.record.main
    names = [str(one.name) for one in first.record.slices]
    values = {
        key: [
            next((s.numbers.get(main, np.nan) for s in one.record.slices if s.name == name), np.nan) for name in names
        ]
        for key, one in known.items()
    }
    whole = {key: one.record.numbers[one.record.main] for key, one in known.items()}
    place = np.arange(len(names) + 1, dtype=np.float64)
    series = tuple(Series(key, place, np.array([whole[key], *column])) for key, column in values.items())
    numbers = list(dict.fromkeys(n for one in first.record.slices for n in one.numbers))
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (str(one.name), *(float(one.numbers.get(n, np.nan)) for n in numbers)) for one in first.record.slices
    )
    return [
        Bars(f"{main} of each slice", main, ("all", *names), series),
        Table(f"Slices of {first.key}", ("slice", *numbers), rows),
    ]


def _gained_table(now: Judged, before: Judged) -> Table:
    found = gained(now, before)
    rows: list[tuple[str | float | int | None, ...]] = [
        (name, was, is_, is_ - was) for name, (was, is_) in found.numbers.items()
    ]
    rows += [(f"taken: {step.what.title}", None, None, None) for step, _ in found.acted]
    return Table(
        f"Gained since {before.key}: {found.changed:,} labels changed", ("", before.key, now.key, "gained"), tuple(rows)
    )


def save_page(evaluations: Sequence[Judged], path: str | Path, *, advice: bool = True) -> Path:
    """One self-contained HTML file with every chart. Raises MissingDependency without Plotly."""
    from loopline.plots.page import html_page

    first = evaluations[0].record if evaluations else None
    found = charts_of(evaluations, advice=advice)
    assert first is not None
    facts: dict[str, object] = {
        "data": f"{evaluations[0].lake.name}, snapshot {first.snapshot}",
        "truth": first.truth,
        "predicted": ", ".join(dict.fromkeys(one.record.predicted for one in evaluations)),
        "protocol": first.protocol,
        "samples": f"{first.samples:,}",
        "measured": f"{first.at:%Y-%m-%d %H:%M} UTC by {first.author}",
    }
    page = html_page(" vs ".join(one.key for one in evaluations), facts=facts, charts=found)
    target = Path(path).expanduser()
    beside = target.with_name(f".{target.name}.part")
    beside.write_text(page, encoding="utf-8")
    beside.replace(target)
    return target
