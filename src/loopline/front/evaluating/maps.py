"""Semantic and panoptic segmentation of label fields: maps of pixels, a few pictures in memory at a time.

Classes are matched by name: the two fields may give a class different pixel values. They are those of the truth, then
those that only the predictions have. Pictures without a map in the truth take no part; one without a map in the
predictions has every pixel unpredicted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.formats import _masks
from loopline.front.evaluating.protocol import Answer, Protocol, Question, by_class, match_rows, options_of, tally
from loopline.front.evaluating.sides import refuse_unlabelled, two_fields
from loopline.kernel import rle
from loopline.kernel.schema import LabelField, pixel_classes
from loopline.metrics import panoptic, segmentation
from loopline.metrics._arrays import FloatArray, IntArray
from loopline.metrics.panoptic import Segments
from loopline.metrics.resample_pixels import Picture, picture, weighed_maps, weighed_segments

PICTURES: Final = 64
"""Pictures that are decoded from one read."""


@dataclass(frozen=True, slots=True)
class SegmentationOptions:
    """borders: also IoU and F1 of the borders, which takes longer."""

    borders: bool = False


@dataclass(frozen=True, slots=True)
class PanopticOptions:
    """things: the classes that can be counted; empty: what the labels' categories say, else all."""

    things: tuple[str, ...] = field(default=())


def _batches(question: Question, fields: tuple[LabelField, LabelField], columns: list[str]) -> Iterator[list[Any]]:
    """For each sample with a row in the truth: its id, the rows of the truth, and of the predictions."""
    ids = question.view.ids()
    for first in range(0, len(ids), PICTURES):
        some = question.view.select(ids[first : first + PICTURES])
        sides: list[dict[int, list[dict[str, Any]]]] = []
        for one in fields:
            known = one.columns()
            table: pa.Table = some.objects(one.name).to_arrow([c for c in columns if c in known])
            grouped: dict[int, list[dict[str, Any]]] = {}
            for row in table.to_pylist():
                grouped.setdefault(row["sample_id"], []).append(row)
            sides.append(grouped)
        for sample, rows in sides[0].items():
            yield [sample, rows, sides[1].get(sample, [])]


# -- semantic


def measure_segmentation(question: Question) -> Answer:
    options = options_of(SegmentationOptions(), question.options)
    fields = two_fields(question.view, question.truth, question.predicted)
    for one in fields:
        if one.kind != "mask":
            raise BadValue(f"{one.name} holds {one.kind} labels, not class maps", hint="name a field of kind mask")
    refuse_unlabelled(question.view, fields)
    classes = tuple(dict.fromkeys([*fields[0].classes, *fields[1].classes]))
    values = [pixel_classes(one, classes) for one in fields]
    state = segmentation.start(classes)
    samples: list[int] = []
    pictures: list[Picture] = []
    matches: list[tuple[int, int, int | None, float]] = []  # sample, true map, predicted map, mean IoU
    for sample, true, guess in _batches(question, fields, ["id", "sample_id", "frame", "mask"]):
        theirs = {row["frame"]: row for row in guess}
        if len(theirs) < len(guess) or len({row["frame"] for row in true}) < len(true):
            raise BadValue(f"sample {sample} has two class maps in one field", hint="keep one a picture or frame")
        whole = segmentation.start(classes)
        for row in true:
            truth = _class_map(row, values[0], fields[0], question)
            other = theirs.get(row["frame"])
            predicted = np.full(truth.shape, -1) if other is None else _class_map(other, values[1], fields[1], question)
            alone = segmentation.update(segmentation.start(classes), truth, predicted, borders=options.borders)
            whole = segmentation.merge(whole, alone)
            own = segmentation.finish(alone, classes).mean_iou
            matches.append((sample, row["id"], None if other is None else other["id"], own))
        state = segmentation.merge(state, whole)
        samples.append(sample)
        pictures.append(picture(whole, classes))
    report = segmentation.finish(state, classes)
    columns = {"iou": report.iou, "dice": report.dice, "precision": report.precision, "recall": report.recall}
    together = _map_matches(matches, question.iou)
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=classes,
        per_class=by_class(classes, columns),
        counts=tally(together),
        matches=together,
        confusion=report.confusion,
        weighed=lambda: weighed_maps(np.array(samples, np.int64), pictures, classes),
        by_picture=lambda: _by_picture(samples, pictures),
    )


def _by_picture(samples: list[int], pictures: list[Picture]) -> tuple[IntArray, IntArray, IntArray]:
    nothing = np.zeros(0, np.int64)
    return (
        np.repeat(np.array(samples, np.int64), [len(one.cell) for one in pictures]),
        np.concatenate([nothing, *(one.cell for one in pictures)]),
        np.concatenate([nothing, *(one.pixels for one in pictures)]),
    )


def _map_matches(found: list[tuple[int, int, int | None, float]], iou: float) -> pa.Table:
    """Outcomes of whole class maps: right where the mean IoU of the classes on the picture reaches the evaluation's;
    ignored where the truth labels no pixel."""
    sample, true, guess = (
        np.array([-1 if v is None else v for v in column], np.int64)
        for column in ([row[i] for row in found] for i in range(3))
    )
    own = np.array([row[3] for row in found], np.float64)
    there = guess >= 0
    sides = []
    for side, mine, other, wrong, rows in (
        ("truth", true, guess, "fn", np.ones(len(found), bool)),
        ("predicted", guess, true, "fp", there),
    ):
        outcome = np.where(np.isnan(own), "ignored", np.where((own >= iou) & there, "tp", wrong))
        overlap = np.where(there, own, np.nan)
        sides.append(match_rows(side, mine[rows], sample[rows], outcome[rows], other[rows], overlap[rows]))
    return pa.concat_tables(sides)


def _class_map(
    row: Mapping[str, Any], values: tuple[Mapping[int, int], int | None], one: LabelField, question: Question
) -> IntArray:
    pixels = _masks.class_map(row["mask"] or b"", f"object {row['id']} of {one.name}")
    known, void = values
    found, place = np.unique(pixels, return_inverse=True)
    lookup = np.array([known.get(int(v), -1) for v in found], np.int64)
    strangers = [int(v) for v in found if int(v) not in known and int(v) != void]
    if strangers and question.bad_rows == "raise":
        raise BadValue(
            f"object {row['id']} of {one.name} has the pixel value {strangers[0]}, which is no class",
            hint="give the field its classes, or pass bad_rows='drop' to take such pixels for nothing",
        )
    return np.asarray(lookup[place].reshape(pixels.shape), np.int64)


# -- panoptic


def measure_panoptic(question: Question) -> Answer:
    """Segments are rows with a mask. Where masks overlap, the higher score lies on top; what is hidden is left out."""
    options = options_of(PanopticOptions(), question.options)
    fields = two_fields(question.view, question.truth, question.predicted)
    for one in fields:
        if "mask" not in one.columns() or one.kind == "mask":
            raise BadValue(f"{one.name} holds {one.kind} labels, not segments with a mask each")
    refuse_unlabelled(question.view, fields)
    classes = tuple(dict.fromkeys([*fields[0].classes, *fields[1].classes]))
    place = {name: k for k, name in enumerate(classes)}
    hidden = 0
    matches: list[pa.Table] = []
    samples: list[int] = []
    counts: list[IntArray] = []
    overlap: list[FloatArray] = []
    state = panoptic.start(classes)
    columns = ["id", "sample_id", "label", "score", "iscrowd", "mask"]
    for sample, true, guess in _batches(question, fields, columns):
        shape = _shape(sample, [*true, *guess])
        guess = sorted(guess, key=lambda r: (r["score"] or 0.0, -r["id"]))
        truth, predicted = _segments(true, place, shape), _segments(guess, place, shape)
        seen = predicted.area > 0
        hidden += int((~seen).sum())
        predicted = Segments(
            predicted.ids, predicted.segment[seen], predicted.class_id[seen], predicted.crowd[seen] & False,
            predicted.area[seen],
        )  # fmt: skip
        found = panoptic.match_segments(truth, predicted)
        alone = panoptic.add_matching(panoptic.start(classes), truth, predicted, found)
        state = panoptic.merge(state, alone)
        samples.append(sample)
        counts.append(alone.counts)
        overlap.append(np.bincount(truth.class_id[found.true], found.iou, len(classes)).astype(np.float64))
        matches += _outcomes(sample, true, [guess[i] for i in np.flatnonzero(seen)], found)
    things = options.things or _things(fields[0], classes)
    report = panoptic.finish(state, classes, things=things or None)
    quality = {"pq": report.pq, "sq": report.sq, "rq": report.rq, "tp": report.tp, "fp": report.fp, "fn": report.fn}
    together = pa.concat_tables(matches)
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=classes,
        per_class=by_class(classes, quality),
        counts=tally(together),
        matches=together,
        weighed=lambda: weighed_segments(
            np.array(samples, np.int64), np.array(counts), np.array(overlap), classes, things or None
        ),
        dropped={"a segment lies wholly under others": hidden} if hidden else {},
    )


def _outcomes(
    sample: int, true: list[dict[str, Any]], guess: list[dict[str, Any]], found: panoptic.Matching
) -> list[pa.Table]:
    """Outcomes of the segments of one picture, the truth's and the visible predicted ones."""
    tables = []
    for side, mine, own, wrong, theirs, other in (
        ("truth", true, found.true, found.missed, guess, found.predicted),
        ("predicted", guess, found.predicted, found.false, true, found.true),
    ):
        partner, iou = np.full(len(mine), -1, np.int64), np.full(len(mine), np.nan)
        partner[own], iou[own] = np.array([theirs[i]["id"] for i in other], np.int64), found.iou
        outcome = np.where(partner >= 0, "tp", np.where(wrong, "fn" if side == "truth" else "fp", "ignored"))
        ids = np.array([row["id"] for row in mine], np.int64)
        tables.append(match_rows(side, ids, np.full(len(mine), sample, np.int64), outcome, partner, iou))
    return tables


def _shape(sample: int, rows: list[dict[str, Any]]) -> tuple[int, int]:
    for row in rows:
        if row["mask"] is None:
            raise BadValue(f"object {row['id']} has no mask", hint="panoptic quality is measured over masks")
    sizes = {(m.height, m.width) for m in (rle.unpack_blob(row["mask"]) for row in rows)}
    if len(sizes) > 1:
        raise BadValue(f"the masks of sample {sample} differ in size: {sorted(sizes)}")
    return sizes.pop()


def _segments(rows: list[dict[str, Any]], place: Mapping[str, int], shape: tuple[int, int]) -> Segments:
    canvas = np.zeros(shape, np.int64)
    for number, row in enumerate(rows, 1):
        _masks.paint(canvas, row["mask"], number)
    return panoptic.segments(
        canvas,
        np.arange(1, len(rows) + 1),
        [place[row["label"]] for row in rows],
        classes=len(place),
        crowd=[bool(row.get("iscrowd")) for row in rows],
    )


def _things(one: LabelField, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What COCO's categories say; nothing where they say nothing."""
    for meta in one.meta.values():
        listed = meta.get("categories", []) if isinstance(meta, Mapping) else []
        found = tuple(c["name"] for c in listed if c.get("isthing") and c["name"] in classes)
        if found:
            return found
    return ()


PROTOCOLS: Final = (
    Protocol("segmentation", "segmentation", ("mask",), SegmentationOptions(), measure_segmentation),
    Protocol("panoptic", "panoptic", (), PanopticOptions(), measure_panoptic),
)
