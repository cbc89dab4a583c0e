"""Regression and tracking of label fields: a number a sample, and boxes that keep their identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.labels import Sides, usable_rows
from loopline.front.evaluating.protocol import Answer, Protocol, Question, match_rows, options_of, tally
from loopline.front.evaluating.sides import refuse_nothing, two_fields
from loopline.kernel.lookup import looked_up
from loopline.metrics import regression, tracking
from loopline.metrics._arrays import NAN
from loopline.metrics._clear import ClearPairs
from loopline.metrics.resample_values import weighed_values, weighed_videos
from loopline.metrics.tracking import TrackingOptions

# -- one number a sample


@dataclass(frozen=True, slots=True)
class RegressionOptions:
    """tolerance: a prediction that is off by no more is right; None: nothing is right or wrong, only off."""

    tolerance: float | None = None


def measure_regression(question: Question) -> Answer:
    options = options_of(RegressionOptions(), question.options)
    sides, _ = usable_rows(question, "value")
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
        paired_up = np.isin(samples[mine], pairs.sample_id)
        own = looked_up(pairs.sample_id, off, samples[mine], NAN)
        judged = np.where(np.abs(own) <= (tolerance or 0.0), "tp", wrong)
        outcome = np.where(paired_up & (tolerance is not None), judged, "ignored")
        partner = np.where(paired_up, looked_up(samples[other], ids[other], samples[mine], -1), -1)
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


# -- the list


PROTOCOLS: Final = (
    Protocol("regression", "regression", ("value",), RegressionOptions(), measure_regression),
    Protocol("tracking", "tracking", (), TrackingOptions(), measure_tracking),
)
