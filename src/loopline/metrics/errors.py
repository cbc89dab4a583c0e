"""What kind of mistakes a detector makes, and what mending each kind would return.

Every false positive has one kind, every missed object may be one, in TIDE's order (t: the IoU that counts as found,
b: the IoU below which a box is on nothing):

    loc    overlaps an object of its class by b … t
    cls    overlaps an object of another class by t or more
    dupe   overlaps an object of its class that another prediction has found
    bkg    overlaps nothing by more than b
    both   everything else: the wrong class, and badly placed
    miss   an object that nobody found, and that no cls or loc mistake could have found

Mending: cls and loc take the highest-scoring mistake about an object that nobody found as a hit, others vanish; both,
dupe and bkg vanish; missed objects no longer count. Gains are of AP at IoU t, each kind mended alone: they do not add up.

Source  D. Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors, ECCV 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue
from loopline.kernel.detections import Detections, take
from loopline.metrics._ap import average_precision
from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray, IntArray, mean_of_known
from loopline.metrics._matching import Matched, match
from loopline.metrics._pairs import Geometry, find_pairs
from loopline.metrics.fates import OUTCOMES, Fates, fates

ErrorKind = Literal["cls", "loc", "both", "dupe", "bkg", "miss"]
KINDS: Final[tuple[ErrorKind, ...]] = ("cls", "loc", "both", "dupe", "bkg", "miss")
NO_ERROR: Final = 255


@dataclass(frozen=True, slots=True, eq=False)
class ErrorReport:
    """Mistakes of n predictions about k objects at one IoU.

    kind     (n,) uint8, index into KINDS, 255: no mistake · about (n,) int32, row of the truth it concerns, -1: none
    overlap  (n,) with that object; NaN: none · missed (k,) bool
    ap       the mean AP as it is, gain: by kind what mending returns, `fp`: without any false positive, `fn`: without
             any missed object
    """

    matched: Matched
    iou: float
    kind: AnyArray
    about: AnyArray
    overlap: FloatArray
    missed: BoolArray
    ap: float
    gain: dict[str, float]

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {name: int((self.kind == i).sum()) for i, name in enumerate(KINDS)}
        return {**found, "miss": int(self.missed.sum())}

    def numbers(self) -> dict[str, float]:
        return {"AP": self.ap, **{f"gain_{name}": value for name, value in self.gain.items()}}


def error_report(
    matched: Matched, *, iou: float = 0.5, background: float = 0.1, geometry: Geometry = "box"
) -> ErrorReport:
    """Kinds of mistakes and what each costs. Raises BadValue where nothing was matched at `iou`, or background ≥ iou."""
    if not 0 < background < iou:
        raise BadValue(f"background must lie between 0 and the IoU of a hit, {iou:g}, not at {background:g}")
    found = fates(matched, iou=iou)
    tp, fp = OUTCOMES.index("tp"), OUTCOMES.index("fp")
    wrong = found.det == fp
    kind, about, overlap = _kinds(matched, wrong, found, iou, background, geometry)
    mendable = (kind == KINDS.index("cls")) | (kind == KINDS.index("loc"))
    open_ = (found.gt == OUTCOMES.index("fn")) & ~matched.ignored
    claimed = np.zeros(len(matched.truth), bool)
    claimed[about[mendable & (about >= 0)]] = True
    missed = open_ & ~claimed
    base = _ap(matched, found.det == tp, wrong, matched.predicted.class_id, ~matched.ignored)
    mended = {name: _mended(matched, found, kind, about, open_, name) for name in ("cls", "loc", "both", "dupe", "bkg")}
    hits = found.det == tp
    mended["miss"] = _ap(matched, hits, wrong, matched.predicted.class_id, ~matched.ignored & ~missed)
    mended["fp"] = _ap(matched, hits, wrong & False, matched.predicted.class_id, ~matched.ignored)
    mended["fn"] = _ap(matched, hits, wrong, matched.predicted.class_id, ~matched.ignored & ~open_)
    return ErrorReport(
        matched=matched,
        iou=iou,
        kind=kind,
        about=about,
        overlap=overlap,
        missed=missed,
        ap=base,
        gain={name: value - base for name, value in mended.items()},
    )


def gain_of(report: ErrorReport, mistakes: BoolArray | None = None, missed: BoolArray | None = None) -> float:
    """AP that mending some mistakes of any kind, (n,), and some missed objects, (k,), returns."""
    return mean_of_known(_class_ap_without(report, mistakes, missed)) - report.ap


def gain_by_class(
    report: ErrorReport, mistakes: BoolArray | None = None, missed: BoolArray | None = None
) -> FloatArray:
    """AP that mending them in one class alone returns, for each class, (classes,). Not for mistakes of the class."""
    before, after = _class_ap_without(report), _class_ap_without(report, mistakes, missed)
    one = np.where(np.eye(len(before), dtype=bool), after[None, :], before[None, :])
    return np.array([mean_of_known(row) for row in one]) - report.ap


def _class_ap_without(
    report: ErrorReport, mistakes: BoolArray | None = None, missed: BoolArray | None = None
) -> FloatArray:
    matched, found = report.matched, fates(report.matched, iou=report.iou)
    n, k = len(matched.predicted), len(matched.truth)
    mine = np.zeros(n, bool) if mistakes is None else mistakes & (report.kind != NO_ERROR)
    gone = np.zeros(k, bool) if missed is None else missed
    open_ = (found.gt == OUTCOMES.index("fn")) & ~matched.ignored
    hits, labels = _with_mended(matched, found, report.kind, report.about, open_, mine)
    wrong = (found.det == OUTCOMES.index("fp")) & ~mine
    return _class_ap(matched, hits, wrong, labels, ~matched.ignored & ~(gone & open_))


def _kinds(
    matched: Matched, wrong: BoolArray, found: Fates, iou: float, background: float, geometry: Geometry
) -> tuple[AnyArray, AnyArray, FloatArray]:
    truth, predicted = matched.truth, matched.predicted
    pairs = find_pairs(truth, predicted, geometry=geometry, by_class=False, least=0, rows=wrong)
    real = ~matched.ignored[pairs.gt]
    det, gt, overlap = (column[real] for column in pairs)
    same = np.ones(len(det), bool)
    if matched.by_class:
        same = truth.class_id[gt] == predicted.class_id[det]
    own_gt, own = _best(det[same], gt[same], overlap[same], len(predicted))
    other_gt, other = _best(det[~same], gt[~same], overlap[~same], len(predicted))
    used = same & (found.gt[gt] == OUTCOMES.index("tp"))
    used_gt, used_best = _best(det[used], gt[used], overlap[used], len(predicted))
    any_gt, best = _best(det, gt, overlap, len(predicted))
    kind = np.full(len(predicted), NO_ERROR, np.uint8)
    about = np.full(len(predicted), -1, np.int32)
    at = np.full(len(predicted), np.nan)
    rest = wrong.copy()
    for name, applies, object_, how in (
        ("loc", (own >= background) & (own <= iou), own_gt, own),
        ("cls", other >= iou, other_gt, other),
        ("dupe", used_best >= iou, used_gt, used_best),
        ("bkg", best <= background, any_gt, best),
        ("both", np.ones_like(rest), any_gt, best),
    ):
        chosen = rest & applies
        kind[chosen] = KINDS.index(name)
        about[chosen] = object_[chosen] if name != "bkg" else -1
        at[chosen] = np.where(object_[chosen] >= 0, how[chosen], np.nan)
        rest &= ~chosen
    return kind, about, at


def _best(det: AnyArray, gt: AnyArray, overlap: FloatArray, n: int) -> tuple[AnyArray, FloatArray]:
    """Each prediction's largest overlap, 0 where there is none, and with which object. `det` rises, best come first."""
    row, best = np.full(n, -1, np.int32), np.zeros(n)
    heads = np.flatnonzero(np.diff(det, prepend=-1))
    row[det[heads]], best[det[heads]] = gt[heads], overlap[heads]
    return row, best


def _mended(
    matched: Matched, found: Fates, kind: AnyArray, about: AnyArray, open_: BoolArray, name: ErrorKind
) -> float:
    mine = kind == KINDS.index(name)
    wrong = (found.det == OUTCOMES.index("fp")) & ~mine
    hits, labels = _with_mended(matched, found, kind, about, open_, mine)
    return _ap(matched, hits, wrong, labels, ~matched.ignored)


def _with_mended(
    matched: Matched, found: Fates, kind: AnyArray, about: AnyArray, open_: BoolArray, mine: BoolArray
) -> tuple[BoolArray, AnyArray]:
    """Hits and classes of the predictions once the mistakes `mine` are mended."""
    hits = found.det == OUTCOMES.index("tp")
    labels = matched.predicted.class_id.copy()
    mendable = (kind == KINDS.index("cls")) | (kind == KINDS.index("loc"))
    rows = np.flatnonzero(mine & mendable & (about >= 0))
    rows = rows[open_[about[rows]]]
    rows = rows[np.lexsort((rows, -matched.predicted.scores()[rows]))]
    _, first = np.unique(about[rows], return_index=True)
    best = rows[first]
    hits[best] = True
    labels[best] = matched.truth.class_id[about[best]]
    return hits, labels


def _ap(matched: Matched, hits: BoolArray, wrong: BoolArray, labels: AnyArray, counted: BoolArray) -> float:
    return mean_of_known(_class_ap(matched, hits, wrong, labels, counted))


def _class_ap(matched: Matched, hits: BoolArray, wrong: BoolArray, labels: AnyArray, counted: BoolArray) -> FloatArray:
    rows = np.flatnonzero(hits | wrong)
    kinds = labels[rows] if matched.by_class else np.zeros(len(rows), np.int32)
    truths = np.bincount(matched.truth_kind()[counted], minlength=matched.kinds)
    by_class = average_precision(kinds, matched.predicted.scores()[rows], hits[rows], truths, rule="coco")
    # As in TIDE, a class all of whose objects were mended away has an AP of 0 while it has predictions.
    predicted = np.bincount(kinds, minlength=matched.kinds) > 0
    known = np.bincount(matched.truth_kind()[~matched.ignored], minlength=matched.kinds) > 0
    return np.asarray(np.where((truths == 0) & predicted & known, 0, by_class))


def error_table(report: ErrorReport) -> pa.Table:
    """One row a mistake: side, id, sample_id, kind, about_id (the object it concerns, null: none), overlap, score."""
    truth, predicted = report.matched.truth, report.matched.predicted
    wrong, missed = np.flatnonzero(report.kind != NO_ERROR), np.flatnonzero(report.missed)
    about = report.about[wrong]
    ids = truth.object_id[np.maximum(about, 0)] if len(truth) else np.zeros(len(wrong), np.int64)
    none = len(missed)
    return pa.table(
        {
            "side": pa.array(["predicted"] * len(wrong) + ["truth"] * none, pa.string()),
            "id": np.concatenate([predicted.object_id[wrong], truth.object_id[missed]]),
            "sample_id": np.concatenate(
                [predicted.sample_id[predicted.unit()[wrong]], truth.sample_id[truth.unit()[missed]]]
            ),
            "kind": pa.array([KINDS[k] for k in report.kind[wrong]] + ["miss"] * none, pa.string()),
            "about_id": pa.concat_arrays([pa.array(ids, mask=about < 0), pa.nulls(none, pa.int64())]),
            "overlap": pa.array(np.append(report.overlap[wrong], np.full(none, np.nan)), from_pandas=True),
            "score": pa.array(np.append(predicted.scores()[wrong], np.full(none, np.nan)), from_pandas=True),
        }
    )


# -- which class is taken for which


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """counts (k + 1, k + 1) int64: row the true class, column the predicted one; the last of each is the background.

    Row of the background: made up. Column of the background: missed.
    """

    classes: tuple[str, ...]
    counts: IntArray


def confusion(
    truth: Detections, predicted: Detections, *, iou: float = 0.5, least_score: float = 0.0, geometry: Geometry = "box"
) -> Confusion:
    """Which class is taken for which, where predictions take objects by falling score whatever their class.

    A prediction that only matches a crowd counts nowhere.
    """
    kept = take(predicted, predicted.scores() >= least_score)
    most = int(np.diff(kept.offsets).max(initial=1))
    matched = match(truth, kept, [iou], max_detections=max(most, 1), geometry=geometry, by_class=False)
    truth, kept = matched.truth, matched.predicted
    found = fates(matched, iou=iou)
    k = len(truth.classes)
    counts = np.zeros((k + 1, k + 1), np.int64)
    hit = found.det == OUTCOMES.index("tp")
    np.add.at(counts, (truth.class_id[found.gt_of[hit]], kept.class_id[hit]), 1)
    np.add.at(counts[k], kept.class_id[found.det == OUTCOMES.index("fp")], 1)
    np.add.at(counts[:, k], truth.class_id[found.gt == OUTCOMES.index("fn")], 1)
    return Confusion(truth.classes, counts)
