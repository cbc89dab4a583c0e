"""Detection by the protocols of COCO (boxes, masks, keypoints), Pascal VOC, Open Images and LVIS, from label fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue
from loopline.front.evaluating.protocol import Answer, Protocol, Question, match_rows, options_of
from loopline.front.evaluating.sides import read_detections, read_rows
from loopline.front.evaluating.slicing import Part, slices_of
from loopline.kernel.detections import Detections, align, take
from loopline.metrics import coco, errors, fates, lvis, open_images, resample_coco, slices, voc
from loopline.metrics._arrays import AnyArray, BoolArray, IntArray, mean_of_known
from loopline.metrics._claims import Claimed
from loopline.metrics._pairs import box_iou
from loopline.metrics.calibration import Reliability, reliability
from loopline.metrics.coco import CocoOptions, keypoint_options
from loopline.metrics.lvis import Frequency, LvisOptions
from loopline.metrics.open_images import ImageLabels, OpenImagesOptions
from loopline.metrics.record import SliceNumbers
from loopline.metrics.voc import VocOptions

_WORDS: Final = np.array(fates.OUTCOMES)


# -- COCO


def measure_coco(question: Question, default: CocoOptions) -> Answer:
    options = options_of(default, question.options)
    truth, predicted = read_detections(
        question.view,
        question.truth,
        question.predicted,
        geometry=options.geometry,
        by_class=options.by_class,
        bad_rows=question.bad_rows,
    )
    report = coco.evaluate(truth, predicted, options=options)
    found = fates.fates(report.matched, iou=question.iou)
    matched = report.matched

    def measured(parts: Sequence[Part]) -> list[SliceNumbers]:
        chosen = slices_of(question.view, parts, matched.truth, matched.predicted, (question.truth, question.predicted))
        return [
            SliceNumbers(
                one.name,
                {**one.numbers(), "samples": float(one.samples)},
                {n: coco.mean_known(one.ap[:, k]) for k, n in enumerate(report.classes) if one.truths[k]},
            )
            for one in slices.measure(report, chosen)
        ]

    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=report.classes,
        per_class=coco.per_class(report),
        counts=found.counts(),
        matches=_stored(fates.match_table(matched, iou=question.iou)),
        confusion=errors.confusion(truth, predicted, iou=question.iou, geometry=options.geometry).counts
        if options.by_class and options.geometry != "keypoints"
        else None,
        reliability=_reliability(predicted, found.det),
        thresholds=options.iou,
        precision=report.precision[..., 0],
        score=report.score[..., 0],
        dropped=report.dropped,
        slices=measured,
        weighed=lambda: resample_coco.weighed(report),
    )


def _stored(rows: pa.Table) -> pa.Table:
    return rows.select(["id", "sample_id", "side", "outcome", "iou", "partner_id"])


def _reliability(predicted: Detections, outcome: AnyArray) -> Reliability | None:
    """How often a box of some score is right; None where scores are no shares of 1."""
    score = predicted.scores()
    if len(score) and (score.min() < 0 or score.max() > 1):
        return None
    judged = outcome != fates.OUTCOMES.index("ignored")
    return reliability(score[judged], outcome[judged] == fates.OUTCOMES.index("tp"))


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
        per_class={
            name: {"AP": float(report.ap[k]), "truths": float(report.truths[k])}
            for k, name in enumerate(report.classes)
        },
        counts={**counts, "ignored": int((det == nothing).sum())},
        matches=pa.concat_tables(
            [
                match_rows("truth", *named[0], _WORDS[gt], partner[0], gt_iou),
                match_rows("predicted", *named[1], _WORDS[det], partner[1], det_iou),
            ]
        ),
        reliability=_reliability(predicted, det),
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
    answer = _claimed(
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
    return replace(answer, numbers=report.numbers())


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


# -- LVIS


_FREQUENCY: Final[Mapping[str, Frequency]] = {"r": "rare", "c": "common", "f": "frequent"}


def measure_lvis(question: Question, default: LvisOptions) -> Answer:
    options = options_of(default, question.options)
    truth, predicted = align(
        *read_detections(
            question.view,
            question.truth,
            question.predicted,
            geometry=options.geometry,
            by_class=True,
            bad_rows=question.bad_rows,
        )
    )
    listed, frequency = _lvis_classes(question)
    absent = _lvis_lists(question, "neg_category_ids", listed, truth.classes)
    unsure = _lvis_lists(question, "not_exhaustive_category_ids", listed, truth.classes)
    report = lvis.evaluate(
        truth, predicted, absent=absent, not_exhaustive=unsure, frequency=frequency or None, options=options
    )
    matched = report.matched
    found = fates.fates(matched, iou=question.iou)
    kept = matched.predicted
    open_ = (found.det == fates.OUTCOMES.index("fp")) & lvis.among(matched.truth, kept, unsure)
    det = np.where(open_, fates.OUTCOMES.index("ignored"), found.det)
    rows = _stored(fates.match_table(matched, iou=question.iou))
    words = np.concatenate([_WORDS[found.gt], _WORDS[det]])
    rows = rows.set_column(3, "outcome", pa.array(words.tolist(), pa.string()))
    left = take(predicted, ~np.isin(predicted.object_id, kept.object_id))
    none = np.full(len(left), -1)
    out = match_rows(
        "predicted",
        left.object_id,
        left.sample_id[left.unit()],
        np.full(len(left), "ignored"),
        none,
        np.full(len(left), np.nan),
    )
    counts = {name: int((words[len(found.gt) :] == name).sum()) for name in ("tp", "fp", "ignored")}
    return Answer(
        report=report,
        numbers=report.numbers(),
        classes=report.classes,
        per_class={
            name: {"AP": coco.mean_known(report.precision[:, :, k, 0]), "truths": float(report.truths[k, 0])}
            for k, name in enumerate(report.classes)
        },
        counts={
            "tp": counts["tp"],
            "fp": counts["fp"],
            "fn": int((found.gt == fates.OUTCOMES.index("fn")).sum()),
            "ignored": counts["ignored"] + len(left),
        },
        matches=pa.concat_tables([rows, out.cast(rows.schema)]),
        thresholds=options.iou,
        precision=report.precision[..., 0],
        dropped={**truth.dropped, **predicted.dropped},
    )


def _lvis_classes(question: Question) -> tuple[dict[int, str], dict[str, Frequency]]:
    categories = question.view.schema.field(question.truth).meta.get("coco", {}).get("categories", [])
    frequency = {c["name"]: _FREQUENCY[c["frequency"]] for c in categories if c.get("frequency") in _FREQUENCY}
    return {int(c["id"]): c["name"] for c in categories}, frequency


def _lvis_lists(
    question: Question, column: str, listed: Mapping[int, str], classes: Sequence[str]
) -> tuple[IntArray, IntArray]:
    """Sample id and class index of each entry of a JSON list column."""
    if column not in question.view.schema.sample_columns():
        raise BadValue(
            f'the samples have no column "{column}"',
            hint="LVIS files bring it along; without it nobody knows which classes were looked for: use protocol 'coco'",
        )
    place = {name: k for k, name in enumerate(classes)}
    rows = question.view.to_arrow(["id", column])
    pairs = [
        (sample, place[listed[c]])
        for sample, text in zip(rows["id"].to_pylist(), rows[column].to_pylist(), strict=True)
        for c in (msgspec.json.decode(text) if text else ())
        if listed.get(c) in place
    ]
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


# -- the list


PROTOCOLS: Final = (
    Protocol("coco", "detection", ("box",), CocoOptions(), lambda q: measure_coco(q, CocoOptions())),
    Protocol(
        "coco_masks",
        "detection",
        ("polygon",),
        CocoOptions(geometry="mask"),
        lambda q: measure_coco(q, CocoOptions(geometry="mask")),
    ),
    Protocol(
        "coco_keypoints",
        "detection",
        ("keypoint",),
        keypoint_options(),
        lambda q: measure_coco(q, keypoint_options()),
    ),
    Protocol("voc2007", "detection", (), VocOptions("2007"), lambda q: measure_voc(q, VocOptions("2007"))),
    Protocol("voc2012", "detection", (), VocOptions("2012"), lambda q: measure_voc(q, VocOptions("2012"))),
    Protocol("open_images", "detection", (), OpenImagesSettings(), measure_open_images),
    Protocol("lvis", "detection", (), LvisOptions(), lambda q: measure_lvis(q, LvisOptions())),
)
