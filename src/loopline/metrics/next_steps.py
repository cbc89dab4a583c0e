"""What to do next, ranked by what it would gain: labels to look at, mistakes to mend, data to collect.

Every step carries the objects it is about, so that its number is a door to them, and says how its gain was estimated
and what that assumes. Gains are of mean AP at one IoU, each step taken alone: they do not add up.

    labels     suspects of one kind and class: the labels are changed as the suspect says and everything is measured
               again. `gain` takes every suspect to be right, `expected` is that times their mean score
    boxes      all predictions moved by the rule that annotated boxes seem to follow, measured again
    mistakes   TIDE's mending, for one class or one pair of classes instead of all of them
    data       the part of the data where more is missed than elsewhere: as many of its missed objects are mended as
               would bring its share of missed objects down to that of the rest
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, detections
from loopline.metrics import coco
from loopline.metrics._arrays import FloatArray, IntArray
from loopline.metrics.box_rule import BoxRule, corrected
from loopline.metrics.coco import CocoOptions, CocoReport
from loopline.metrics.discovery import DiscoveryOptions, discover_slices, rows_inside
from loopline.metrics.errors import KINDS as ERRORS
from loopline.metrics.errors import ErrorReport, error_report, gain_by_class, gain_of
from loopline.metrics.fates import OUTCOMES, fates
from loopline.metrics.suspects import KINDS as SUSPECTS
from loopline.metrics.suspects import Suspects, find_suspects

Side = Literal["truth", "predicted"]
Family = Literal["labels", "boxes", "mistakes", "data"]

LIKELY: Final = 0.5  # a suspect's score from which on it is part of a step
LEAST_GAIN: Final = 5e-4  # AP; less is not worth a line
MOST_STEPS: Final = 20
MOST_PAIRS: Final = 20  # of classes taken for one another


@dataclass(frozen=True, slots=True, eq=False)
class NextStep:
    """One thing to do.

    title      what, in words · family: see above · kind: of the suspect or mistake
    gain       AP at the report's IoU, in [-1, 1], if everything it assumes is true; expected: as far as that is likely
    side, ids  the objects to look at, the most promising first · score (s,) of each
    where      a condition on samples or objects of the truth that names them; None: only the ids do
    how        how the gain was estimated · assumes: what has to be true for it
    """

    title: str
    family: Family
    kind: str
    gain: float
    expected: float
    side: Side
    ids: IntArray
    score: FloatArray
    how: str
    assumes: str
    where: str | None = None

    @property
    def count(self) -> int:
        """Number of objects to look at."""
        return len(self.ids)


def next_steps(
    report: CocoReport,
    *,
    iou: float = 0.5,
    suspects: Suspects | None = None,
    attributes: pa.Table | None = None,
    least_gain: float = LEAST_GAIN,
    limit: int = MOST_STEPS,
) -> list[NextStep]:
    """Steps by falling expected gain.

    suspects    of this truth and these predictions; None: looked for here, where boxes are measured
    attributes  a row for each row of `report.matched.truth`, columns named by query text: where more data may help
    Raises BadValue where nothing was matched at `iou`, or the attributes have another number of rows.
    """
    matched = report.matched
    if attributes is not None and attributes.num_rows != len(matched.truth):
        raise BadValue(f"there are {len(matched.truth)} annotated objects and {attributes.num_rows} rows of attributes")
    if not len(matched.truth) or not len(matched.predicted):
        return []
    mistakes = error_report(matched, iou=iou, geometry=report.options.geometry)
    steps = _mistake_steps(mistakes)
    if report.options.geometry == "box":
        if suspects is None:
            suspects = find_suspects(matched.truth, matched.predicted, by_class=matched.by_class)
        steps += _label_steps(report, suspects, iou)
        if suspects.rule is not None:
            steps += _box_steps(report, suspects.rule, iou)
    if attributes is not None:
        steps += _data_steps(mistakes, attributes)
    worth = [step for step in steps if step.expected >= least_gain and step.count]
    return sorted(worth, key=lambda step: (-step.expected, step.title))[:limit]


# -- labels


def _label_steps(report: CocoReport, suspects: Suspects, iou: float) -> list[NextStep]:
    """A step for each kind of suspect and class. One measurement a kind gives the gain of each of its classes."""
    options = _at(report, iou)
    truth, predicted = report.matched.truth, report.matched.predicted
    before = _class_ap(truth, predicted, options)
    known = int(np.isfinite(before).sum())
    steps = []
    for code, kind in enumerate(SUSPECTS):
        rows = np.flatnonzero((suspects.kind == code) & (suspects.score >= LIKELY))
        if not len(rows):
            continue
        after = before if kind == "mislabelled" else _class_ap(_mended(truth, suspects, rows, kind), predicted, options)
        is_missing = kind == "missing"
        label_of = suspects.predicted.class_id[suspects.det[rows]] if is_missing else truth.class_id[suspects.gt[rows]]
        for label in np.unique(label_of).tolist():
            mine = rows[label_of == label]
            if kind == "mislabelled" or not report.matched.by_class:
                # Two classes change, the one that loses the object and the one that gets it; or all are one.
                gain = _mean(_class_ap(_mended(truth, suspects, mine, kind), predicted, options)) - _mean(before)
            else:
                gain = float(np.nan_to_num(after[label]) - np.nan_to_num(before[label])) / max(known, 1)
            score = suspects.score[mine]
            steps.append(
                NextStep(
                    title=_label_title(kind, len(mine), truth.classes[label]),
                    family="labels",
                    kind=kind,
                    gain=gain,
                    expected=gain * float(score.mean()),
                    side="predicted" if is_missing else "truth",
                    ids=suspects.predicted.object_id[suspects.det[mine]]
                    if is_missing
                    else truth.object_id[suspects.gt[mine]],
                    score=score,
                    how=f"the labels changed as the suspects say, and AP at IoU {iou:g} measured again",
                    assumes=f"all are wrong as suspected; expected: a share of {score.mean():.2f} is, their mean score",
                )
            )
    return steps


def _label_title(kind: str, count: int, label: str) -> str:
    return {
        "missing": f"look at {_many(count, 'likely missing label')} of class {label}",
        "misplaced": f"look at {_many(count, 'likely misplaced label')} of class {label}",
        "mislabelled": f"look at {_many(count, 'label')} of class {label} where likely another class is",
        "spurious": f"look at {_many(count, 'label')} of class {label} where likely nothing is",
    }[kind]


def _mended(truth: Detections, suspects: Suspects, rows: IntArray, kind: str) -> Detections:
    """The truth, boxes only, as it is if these suspects are right."""
    box, label = truth.box.copy(), truth.class_id.copy()
    area, keep = truth.area.copy(), np.ones(len(truth), bool)
    unit = truth.unit()
    sample, frame = truth.sample_id[unit], truth.frame[unit]
    ids, crowd = truth.object_id, truth.iscrowd
    gt, det = suspects.gt[rows], suspects.det[rows]
    claimed = suspects.predicted
    if kind == "misplaced":
        box[gt], area[gt] = claimed.box[det], np.nan
    elif kind == "mislabelled":
        label[gt] = claimed.class_id[det]
    elif kind == "spurious":
        keep[gt] = False
    else:
        where = claimed.unit()[det]
        fresh = int(ids.max(initial=0)) + 1 + np.arange(len(det))
        box, label = np.concatenate([box, claimed.box[det]]), np.concatenate([label, claimed.class_id[det]])
        area, keep = np.append(area, np.full(len(det), np.nan)), np.append(keep, np.ones(len(det), bool))
        sample, frame = np.append(sample, claimed.sample_id[where]), np.append(frame, claimed.frame[where])
        ids, crowd = np.append(ids, fresh), np.append(crowd, np.zeros(len(det), bool))
    return detections(
        sample[keep],
        box[keep],
        label[keep],
        classes=truth.classes,
        object_id=ids[keep],
        frame=frame[keep],
        iscrowd=crowd[keep],
        area=area[keep],
    )


# -- boxes


def _box_steps(report: CocoReport, rule: BoxRule, iou: float) -> list[NextStep]:
    matched, options = report.matched, _at(report, iou)
    before = _mean(_class_ap(matched.truth, matched.predicted, options))
    moved = corrected(matched.predicted, rule.shift, rule.unit)
    gain = _mean(_class_ap(matched.truth, moved, options)) - before
    found = fates(matched, iou=iou)
    wrong = np.flatnonzero(found.det == OUTCOMES.index("fp"))
    order = wrong[np.argsort(-matched.predicted.scores()[wrong], kind="stable")]
    return [
        NextStep(
            title=f"make boxes follow one rule: {rule.sentence()}",
            family="boxes",
            kind="rule",
            gain=gain,
            expected=gain,
            side="predicted",
            ids=matched.predicted.object_id[order],
            score=matched.predicted.scores()[order],
            how=f"all predictions moved by the rule, and AP at IoU {iou:g} measured again; the AP over all IoU in the "
            "title was measured on the half of the samples that the rule was not fitted to",
            assumes="every box differs by the same share of its sides; train on boxes of one rule, or correct either side",
        )
    ]


# -- mistakes


def _mistake_steps(report: ErrorReport) -> list[NextStep]:
    predicted = report.matched.predicted
    steps = _confused(report)
    for kind in ("loc", "dupe", "bkg"):
        mine = report.kind == ERRORS.index(kind)
        gains = gain_by_class(report, mine)
        for label in np.unique(predicted.class_id[mine]).tolist():
            rows = np.flatnonzero(mine & (predicted.class_id == label))
            words = _mistake_words(kind, len(rows), predicted.classes[label])
            gain = float(gains[label if report.matched.by_class else 0])
            steps.append(_mistake_step(report, kind, rows, gain, words))
    truth = report.matched.truth
    gains = gain_by_class(report, missed=report.missed)
    for label in np.unique(truth.class_id[report.missed]).tolist():
        gone = np.flatnonzero(report.missed & (truth.class_id == label))
        gain = float(gains[label if report.matched.by_class else 0])
        steps.append(
            NextStep(
                title=f"find {_many(len(gone), 'missed object')} of class {truth.classes[label]}: more training data of them",
                family="mistakes",
                kind="miss",
                gain=gain,
                expected=gain,
                side="truth",
                ids=truth.object_id[gone],
                score=np.ones(len(gone)),
                how=f"the missed objects left out of AP at IoU {report.iou:g}, as TIDE does",
                assumes="the model learns to find all of them, and their labels are right",
            )
        )
    return steps


def _confused(report: ErrorReport) -> list[NextStep]:
    """The commonest pairs of classes that are taken for one another."""
    truth, predicted = report.matched.truth, report.matched.predicted
    mine = np.flatnonzero(report.kind == ERRORS.index("cls"))
    pair = truth.class_id[report.about[mine]].astype(np.int64) * len(truth.classes) + predicted.class_id[mine]
    keys, counts = np.unique(pair, return_counts=True)
    steps = []
    for key in keys[np.argsort(-counts, kind="stable")[:MOST_PAIRS]].tolist():
        rows = mine[pair == key]
        mask = np.zeros(len(predicted), bool)
        mask[rows] = True
        real, taken = (truth.classes[place] for place in divmod(key, len(truth.classes)))
        words = (
            f"tell {real} from {taken}: {real} was taken for {taken} {_many(len(rows), 'time')}",
            "the class is mended and the box stays; look first whether the labels of the two classes agree",
        )
        steps.append(_mistake_step(report, "cls", rows, gain_of(report, mask), words))
    return steps


def _mistake_step(report: ErrorReport, kind: str, rows: IntArray, gain: float, words: tuple[str, str]) -> NextStep:
    predicted = report.matched.predicted
    rows = rows[np.argsort(-predicted.scores()[rows], kind="stable")]
    return NextStep(
        title=words[0],
        family="mistakes",
        kind=kind,
        gain=gain,
        expected=gain,
        side="predicted",
        ids=predicted.object_id[rows],
        score=predicted.scores()[rows],
        how=f"these mistakes mended as TIDE does at IoU {report.iou:g}, all else left as it is",
        assumes=words[1],
    )


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _mistake_words(kind: str, count: int, label: str) -> tuple[str, str]:
    return {
        "loc": (
            f"place boxes of class {label} better: {count} overlap their object too little",
            "each box overlaps its object enough; look whether annotators draw this class by one rule",
        ),
        "dupe": (
            f"suppress second boxes on objects of class {label}: {count}",
            "the duplicates go and nothing else: a lower overlap in non-maximum suppression",
        ),
        "bkg": (
            f"look at {count} predicted {label} on background: add pictures without {label} that look like it",
            "all of them go; some may be objects that nobody labelled",
        ),
    }[kind]


# -- data


def _data_steps(report: ErrorReport, attributes: pa.Table) -> list[NextStep]:
    """Where the model misses more than elsewhere, as conditions of the query language."""
    truth, ignored = report.matched.truth, report.matched.ignored
    found = fates(report.matched, iou=report.iou)
    open_ = (found.gt == OUTCOMES.index("fn")) & ~ignored
    counted = np.flatnonzero(~ignored)
    if not open_.any():
        return []
    known, options = attributes.take(pa.array(counted)), DiscoveryOptions(conditions=2)
    discovered = discover_slices(open_[counted].astype(float), known, options=options)
    steps = []
    total = int(open_.sum())
    for one in discovered.slices:
        rows = counted[rows_inside(one, known, options=options)]
        mine = rows[open_[rows]]
        if not len(mine):
            continue
        mended = np.zeros(len(truth), bool)
        # Every so manieth one by id, so that the choice leans on nothing.
        excess = min(len(mine), round(one.excess * total))
        mended[mine[np.linspace(0, len(mine) - 1, excess).astype(int)]] = True
        gain = gain_of(report, missed=mended)
        steps.append(
            NextStep(
                title=f"collect more where {one.condition}: {one.share:.0%} of the objects, "
                f"{one.mean:.0%} missed instead of {one.elsewhere:.0%}",
                family="data",
                kind="slice",
                gain=gain,
                expected=gain * (1 - one.p_value),
                side="truth",
                ids=truth.object_id[mine],
                score=np.ones(len(mine)),
                where=one.condition,
                how=f"{excess} of its {len(mine)} missed objects mended, so that its share equals that of the rest",
                assumes="more data brings this part up to the rest; it is worse by more than chance "
                f"(p = {one.p_value:.1g} after correction)",
            )
        )
    return steps


# -- numbers


def _at(report: CocoReport, iou: float) -> CocoOptions:
    options = report.options
    return CocoOptions(
        iou=(iou,), areas=options.areas[:1], max_detections=options.max_detections[-1:], by_class=options.by_class
    )


def _class_ap(truth: Detections, predicted: Detections, options: CocoOptions) -> FloatArray:
    """AP of each class, (k,); NaN where it has no object."""
    precision = coco.evaluate(truth, predicted, options=options).precision[0, :, :, 0]
    return np.asarray(precision.mean(axis=0))


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
