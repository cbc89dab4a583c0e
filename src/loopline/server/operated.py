"""What the page of an evaluation asks as its threshold is moved. Loads the metrics: imported by its routes when asked."""

from __future__ import annotations

import numpy as np

from loopline.errors import BadValue
from loopline.front.evaluating import operating
from loopline.front.evaluating.behind import behind, counts_samples
from loopline.front.evaluating.slicing import parts_of
from loopline.front.evaluating.stored import Evaluation
from loopline.metrics._arrays import IntArray
from loopline.metrics.record import SliceNumbers
from loopline.server.frames import Column, frame
from loopline.server.library import Shown


def scores(shown: Shown, key: str) -> bytes:
    """See the route. Raises UnknownField, BadValue."""
    one = shown.dataset.evaluation(key)
    found = shown.resident.kept.get(("scores", *_token(shown, one)), lambda: operating.score_bins(one))
    columns: dict[str, Column] = {
        part: getattr(found, part).ravel().astype(np.uint32) for part in ("right", "wrong", "truths")
    }
    return frame(columns, _header(found.classes, found.low, found.high))


def mix_ups(shown: Shown, key: str) -> bytes:
    """See the route. Raises UnknownField, BadValue."""
    found = _mix_ups(shown, shown.dataset.evaluation(key))
    is_known = np.isfinite(found.score)
    low, high = operating.limits(found.score[is_known])
    bins = np.where(is_known, operating.bin_of(found.score, low, high), operating.NEVER)
    size = len(found.classes) + 1
    keys, counts = np.unique((bins * size + found.row) * size + found.column, return_counts=True)
    columns: dict[str, Column] = {
        "bin": (keys // size**2).astype(np.uint8),
        "row": (keys // size % size).astype(np.uint16),
        "column": (keys % size).astype(np.uint16),
        "count": counts.astype(np.uint32),
    }
    return frame(columns, _header(found.classes, low, high))


def cell(shown: Shown, key: str, row: int, column: int | None, least: float | None) -> tuple[str, IntArray]:
    """The label field of what lies behind a cell, "" for samples, and the ids. Raises UnknownField, BadValue."""
    one = shown.dataset.evaluation(key)
    if counts_samples(one):
        kept = shown.resident.kept.get(("behind", *_token(shown, one)), lambda: behind(one))
        return "", kept.cell(row, column, least)
    if column is None:
        raise BadValue(f"a cell of {key} has a row and a column", hint="name the predicted class, too")
    of_truth, ids = _mix_ups(shown, one).cell(row, column, float("-inf") if least is None else least)
    return one.record.truth if of_truth else one.record.predicted, np.sort(ids)


def slices(shown: Shown, key: str, text: str) -> list[SliceNumbers]:
    """The slices that a text stands for. Raises UnknownField, BadValue, QueryError."""
    one = shown.dataset.evaluation(key)
    known = [part for part in one.slices if part.name == text]
    return known or [one.slice(part.text) for part in parts_of(one.view, one.record.truth, [text])]


def _mix_ups(shown: Shown, one: Evaluation) -> operating.MixUps:
    return shown.resident.kept.get(("mixups", *_token(shown, one)), lambda: operating.mix_ups(one))


def _token(shown: Shown, one: Evaluation) -> tuple[str, str, str]:
    """A key can be dropped and used again; when it was measured tells one from the other."""
    return shown.name, one.key, one.record.at.isoformat()


def _header(classes: tuple[str, ...], low: float, high: float) -> dict[str, object]:
    return {"classes": list(classes), "low": low, "high": high, "bins": operating.BINS}
