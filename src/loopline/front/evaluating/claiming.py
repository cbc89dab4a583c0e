"""Detection by protocols in which each prediction claims one object: Pascal VOC and Open Images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.protocol import Answer, Protocol, Question, by_class, how_sure, match_rows, options_of
from loopline.front.evaluating.sides import read_detections, read_rows
from loopline.front.evaluating.slicing import Part, slices_of
from loopline.kernel.detections import Detections, align
from loopline.metrics import fates, open_images, voc
from loopline.metrics._arrays import AnyArray, BoolArray, mean_of_known
from loopline.metrics._claims import Claimed
from loopline.metrics._pairs import box_iou
from loopline.metrics.open_images import ImageLabels, OpenImagesOptions
from loopline.metrics.record import SliceNumbers
from loopline.metrics.voc import VocOptions

_WORDS: Final = np.array(fates.OUTCOMES)


# -- Pascal VOC


def measure_voc(question: Question, default: VocOptions) -> Answer:
    options = options_of(default, {"iou": question.iou, **question.options})
    truth, predicted = align(*_boxes(question))
    difficult = _flag(question, truth, "difficult")
    report = voc.evaluate(truth, predicted, difficult=difficult, options=options)
    passed = truth.iscrowd | difficult
    return _claimed(question, report, truth, predicted, report.gt_of, report.hit, report.ignored, passed)


def _flag(question: Question, truth: Detections, name: str) -> BoolArray:
    """A yes-or-no attribute of the truth's rows; all False where the field has none."""
    field = question.view.schema.field(question.truth)
    if not any(a.name == name and a.type == "bool" for a in field.attributes):
        return np.zeros(len(truth), bool)
    rows = read_rows(question.view, field, ["id", name])
    yes = rows["id"].filter(pc.fill_null(rows[name], False)).to_numpy()
    return np.asarray(np.isin(truth.object_id, yes))


def _boxes(question: Question) -> tuple[Detections, Detections]:
    return read_detections(
        question.view,
        question.truth,
        question.predicted,
        geometry="box",
        by_class=True,
        bad_rows=question.bad_rows,
    )


def _claimed(
    question: Question,
    report: voc.VocReport | open_images.OpenImagesReport,
    truth: Detections,
    predicted: Detections,
    gt_of: AnyArray,
    hit: BoolArray,
    ignored: BoolArray,
    passed: BoolArray,
    rows_of: tuple[AnyArray, AnyArray] | None = None,
) -> Answer:
    """The answer of a protocol in which each prediction claims one object. rows_of: where boxes were measured several
    times, the row of `truth` and of `predicted` behind each of those."""
    rows_of = rows_of or (np.arange(len(truth)), np.arange(len(predicted)))
    tp, fp, fn, nothing = range(4)
    det = np.where(ignored, nothing, np.where(hit, tp, fp))
    det_of = np.full(len(truth), -1, np.int64)
    rows = np.flatnonzero((gt_of >= 0) & (hit | ignored))
    rows = rows[np.argsort(predicted.scores()[rows], kind="stable")]  # the last one written stays: the highest score
    det_of[gt_of[rows]] = rows
    gt = np.where(passed, nothing, np.where(det_of >= 0, tp, fn))
    det_iou = np.full(len(predicted), np.nan)
    det_iou[rows] = box_iou(predicted.box[rows], truth.box[gt_of[rows]], np.zeros(len(rows), bool))
    gt_iou = np.where(det_of >= 0, det_iou[det_of], np.nan) if len(predicted) else np.full(len(truth), np.nan)
    named = [(s.object_id, s.sample_id[s.unit()]) for s in (truth, predicted)]
    partner = [
        np.where(of >= 0, other.object_id[of], -1) if len(other) else np.full(len(of), -1)
        for of, other in ((det_of, predicted), (gt_of, truth))
    ]
    counts = {"tp": int((det == tp).sum()), "fp": int((det == fp).sum()), "fn": int((gt == fn).sum())}
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=report.classes,
        per_class=by_class(report.classes, {"AP": report.ap, "truths": report.truths}),
        counts={**counts, "ignored": int((det == nothing).sum())},
        matches=pa.concat_tables(
            [
                match_rows("truth", *named[0], _WORDS[gt], partner[0], gt_iou),
                match_rows("predicted", *named[1], _WORDS[det], partner[1], det_iou),
            ]
        ),
        reliability=how_sure(predicted, det),
        dropped={**truth.dropped, **predicted.dropped},
        weighed=report.claimed.weighed,
        slices=lambda parts: _claimed_slices(question, parts, truth, predicted, report.claimed, rows_of),
    )


def _claimed_slices(
    question: Question,
    parts: Sequence[Part],
    truth: Detections,
    predicted: Detections,
    claimed: Claimed,
    rows_of: tuple[AnyArray, AnyArray],
) -> list[SliceNumbers]:
    """Slices of a protocol of claims: what is claimed stays, what counts changes. rows_of: the row of `truth` and of
    `predicted` behind each of those that were measured."""
    found = []
    for one in slices_of(question.view, parts, truth, predicted, (question.truth, question.predicted)):
        assert one.truth is not None
        inside = claimed.inside(one.truth[rows_of[0]], None if one.predicted is None else one.predicted[rows_of[1]])
        ap, truths = inside.ap(), inside.truths()
        held = [truth.unit()[one.truth], *([] if one.predicted is None else [predicted.unit()[one.predicted]])]
        samples = len(np.unique(truth.sample_id[np.concatenate(held)]))
        tp, fp = float(inside.hit.sum()), float((inside.counted & ~inside.hit).sum())
        numbers = {
            "mAP": mean_of_known(ap),
            "tp": tp,
            "fp": fp,
            "truths": float(truths.sum()),
            "samples": float(samples),
        }
        by_class = {n: float(ap[k]) for k, n in enumerate(truth.classes) if truths[k]}
        found.append(SliceNumbers(one.name, numbers, by_class))
    return found


# -- Open Images


@dataclass(frozen=True, slots=True)
class OpenImagesSettings:
    """labels: a class field of verified labels of whole pictures, Confidence 0 for absent; "": every class was looked
    for everywhere · expand: what is copied to the super-classes of the truth's hierarchy · see OpenImagesOptions."""

    labels: str = ""
    expand: Literal["none", "truth", "both"] = "none"
    group_weight: float | None = 1.0


def measure_open_images(question: Question) -> Answer:
    settings = options_of(OpenImagesSettings(), question.options)
    truth, predicted = align(*_boxes(question))
    ancestors = _ancestors(question)
    if settings.expand != "none" and not ancestors:
        raise BadValue(
            f'"{question.truth}" has no class hierarchy', hint="add the labels with hierarchy.json, or expand='none'"
        )
    if settings.expand != "none":
        wanted = [a for name in truth.classes for a in ancestors.get(name, ())]
        classes = tuple(dict.fromkeys([*truth.classes, *wanted]))
        truth, predicted = (replace(side, classes=classes) for side in (truth, predicted))
    labels = _image_labels(question, settings.labels, truth.classes)
    rows: list[AnyArray] = [np.arange(len(truth)), np.arange(len(predicted))]
    wide = [truth, predicted]
    if settings.expand != "none":
        wide[0], rows[0] = open_images.expand(truth, ancestors)
        labels = None if labels is None else open_images.expand_labels(labels, truth.classes, ancestors)
    if settings.expand == "both":
        wide[1], rows[1] = open_images.expand(predicted, ancestors)
    options = OpenImagesOptions(iou=question.iou, group_weight=settings.group_weight)
    report = open_images.evaluate(wide[0], wide[1], labels=labels, options=options)
    # Matches are those of each object's own class; copies for super-classes only count in the numbers.
    own_truth, own = (np.flatnonzero(np.diff(r, prepend=-1) != 0) for r in rows)
    place = np.full(len(wide[0]) + 1, -1, np.int64)
    place[own_truth] = np.arange(len(own_truth))
    gt_of = place[report.gt_of[own]]
    passed = truth.iscrowd & (settings.group_weight == 0)
    return _claimed(
        question,
        report,
        truth,
        predicted,
        gt_of,
        report.hit[own] & (gt_of >= 0),
        report.ignored[own],
        passed,
        (rows[0], rows[1]),
    )


def _ancestors(question: Question) -> dict[str, tuple[str, ...]]:
    meta = question.view.schema.field(question.truth).meta.get("open_images", {})
    tree = meta.get("hierarchy")
    names = {code: name for name, code in meta.get("names", {}).items()}
    names |= {code: name for code, name in meta.get("names", {}).items() if code.startswith("/")}
    return open_images.ancestors_of(cast("Mapping[str, Any]", tree), names) if tree else {}


def _image_labels(question: Question, name: str, classes: Sequence[str]) -> ImageLabels | None:
    if not name:
        return None
    field = question.view.schema.field(name)
    if field.kind != "class":
        raise BadValue(f"{name} holds {field.kind} labels", hint="name the class field of the verified labels")
    certain = next((c for c in ("Confidence", "score") if c in field.columns()), None)
    rows = read_rows(question.view, field, ["sample_id", "label", *([certain] if certain else [])])
    code = pc.index_in(rows["label"], value_set=pa.array(list(classes)))
    known = pc.is_valid(code)
    present = pc.greater(pc.fill_null(rows[certain], 1.0), 0) if certain else pa.array(np.ones(len(rows), bool))
    sample, label, there = (np.asarray(pc.filter(c, known)) for c in (rows["sample_id"], code, present))
    return open_images.labels_of(sample, label, there)


# -- the list


PROTOCOLS: Final = (
    Protocol("voc2007", "detection", (), VocOptions("2007"), lambda q: measure_voc(q, VocOptions("2007"))),
    Protocol("voc2012", "detection", (), VocOptions("2012"), lambda q: measure_voc(q, VocOptions("2012"))),
    Protocol("open_images", "detection", (), OpenImagesSettings(), measure_open_images),
)
