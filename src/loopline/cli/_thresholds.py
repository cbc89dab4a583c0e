"""`--threshold f1` and `--threshold fp=1,fn=5`: from which score on predictions are best believed."""

from __future__ import annotations

import math
from typing import Any

import click

import loopline as ll
from loopline.cli import _render
from loopline.cli._command import Function

MOST_CLASSES = 20


def threshold_option(function: Function) -> Function:
    return click.option(
        "--threshold",
        metavar="AIM",
        help="Also show the best score threshold, of all and of each class: f1, or by what mistakes cost: fp=1,fn=5.",
    )(function)


def cost_of(aim: str) -> dict[str, float] | None:
    """The cost that an aim names; None: F1.

    >>> cost_of("fp=1,fn=5")
    {'fp': 1.0, 'fn': 5.0}
    """
    if aim == "f1":
        return None
    try:
        return {name.strip(): float(value) for name, value in (part.split("=") for part in aim.split(","))}
    except ValueError:
        raise click.BadParameter(f'"{aim}" is neither f1 nor like fp=1,fn=5', param_hint="--threshold") from None


def best_json(found: ll.Evaluation, cost: dict[str, float] | None) -> dict[str, Any]:
    classes = {name: one.to_json() for name, one in found.best_thresholds(cost=cost).items()}
    return {"all": found.best_threshold(cost=cost).to_json(), "classes": classes}


def show_best(found: ll.Evaluation, cost: dict[str, float] | None) -> None:
    """A table: all classes together, then each."""
    together, classes = found.best_threshold(cost=cost), found.best_thresholds(cost=cost)
    headers = ("class", "threshold", "F1" if cost is None else "cost", "precision", "recall", "tp", "fp", "fn")
    rows = [
        (
            name,
            one.threshold if math.isfinite(one.threshold) else "none",
            *(None if math.isnan(v) else round(v, 4) for v in (one.value, one.precision, one.recall)),
            *(one.tp, one.fp, one.fn),
        )
        for name, one in [("(all)", together), *list(classes.items())[:MOST_CLASSES]]
    ]
    what = "greatest F1" if cost is None else f"least cost at fp={cost['fp']:g}, fn={cost['fn']:g}"
    _render.grid(_render.Grid(headers, rows, title=f"Believe scores from here on: {what}"))
    if len(classes) > MOST_CLASSES:
        _render.note(f"… and {len(classes) - MOST_CLASSES} more classes: --json lists all")
