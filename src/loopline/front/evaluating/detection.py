"""Detection by the protocols of COCO (boxes, masks, keypoints) and LVIS, from label fields. Pascal VOC and Open Images
are next door, in `claiming.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.front.evaluating.protocol import Answer, Protocol, Question, how_sure, match_rows, options_of
from loopline.front.evaluating.sides import read_detections
from loopline.front.evaluating.slicing import Part, slices_of
from loopline.kernel.detections import align, take
from loopline.metrics import coco, errors, fates, lvis, resample_coco, slices
from loopline.metrics._arrays import BoolArray, IntArray
from loopline.metrics._matching import Matched
from loopline.metrics.coco import CocoOptions, keypoint_options
from loopline.metrics.lvis import Frequency, LvisOptions
from loopline.metrics.record import SliceNumbers

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
        return _matched_slices(question, parts, matched, report.classes, options.max_detections[-1])

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
        reliability=how_sure(predicted, found.det),
        thresholds=options.iou,
        precision=report.precision[..., 0],
        score=report.score[..., 0],
        dropped=report.dropped,
        slices=measured,
        weighed=lambda: resample_coco.weighed(report),
    )


def _matched_slices(
    question: Question,
    parts: Sequence[Part],
    matched: Matched,
    classes: tuple[str, ...],
    limit: int,
    unsure: BoolArray | None = None,
) -> list[SliceNumbers]:
    chosen = slices_of(question.view, parts, matched.truth, matched.predicted, (question.truth, question.predicted))
    return [
        SliceNumbers(
            one.name,
            {**one.numbers(), "samples": float(one.samples)},
            {n: coco.mean_known(one.ap[:, k]) for k, n in enumerate(classes) if one.truths[k]},
        )
        for one in slices.measure_matches(matched, chosen, limit=limit, unsure=unsure)
    ]


def _stored(rows: pa.Table) -> pa.Table:
    return rows.select(["id", "sample_id", "side", "outcome", "iou", "partner_id"])


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
        slices=lambda parts: _matched_slices(question, parts, matched, report.classes, options.most, report.unsure),
        weighed=lambda: resample_coco.weighed_matches(matched, options.iou, report.classes, options, report.unsure),
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
    Protocol("lvis", "detection", (), LvisOptions(), lambda q: measure_lvis(q, LvisOptions())),
)
