"""HOTA: how well objects are found and how well they keep their identity, over a range of IoU thresholds (alphas).

In each frame boxes are assigned for the greatest total of IoU times the similarity of their whole tracks; for each
alpha the pairs with IoU >= alpha are the matches. AssA weighs each match by how well its two tracks agree.

Source   Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021; figures over several
         videos pool the matches, as TrackEval's COMBINED row does.
Quirk    At an alpha without a match LocA is 1, and the mean over the alphas counts it, as in TrackEval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loopline.metrics._arrays import NAN, FloatArray, IntArray, exact_mean, ratio
from loopline.metrics._overlap import EPS, Frame, best_assignment


@dataclass(frozen=True, slots=True)
class HotaTerms:
    """Sums of one video, a number for each alpha."""

    tp: tuple[int, ...]
    true: int
    predicted: int
    iou: tuple[float, ...]  # of the matches, added up
    ass_a: tuple[float, ...]  # association accuracy of each match, added up; and its recall and precision
    ass_re: tuple[float, ...]
    ass_pr: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HotaReport:
    """Means over the alphas, and the curves (a number for each alpha).

    hota    geometric mean of det_a and ass_a at each alpha, then the mean
    det_*   detection: accuracy tp / (tp + fp + fn), recall, precision
    ass_*   association: the same for the tracks of each match
    loc_a   mean IoU of the matches; 1 at an alpha without a match
    """

    hota: float
    det_a: float
    ass_a: float
    det_re: float
    det_pr: float
    ass_re: float
    ass_pr: float
    loc_a: float
    alphas: tuple[float, ...]
    hota_curve: tuple[float, ...]
    det_a_curve: tuple[float, ...]
    ass_a_curve: tuple[float, ...]
    loc_a_curve: tuple[float, ...]

    def numbers(self) -> dict[str, float]:
        names = "hota det_a ass_a det_re det_pr ass_re ass_pr loc_a"
        return {name: float(getattr(self, name)) for name in names.split()}


def hota_terms(frames: Sequence[Frame], true_tracks: int, predicted_tracks: int, alphas: Sequence[float]) -> HotaTerms:
    true_length, predicted_length = np.zeros(true_tracks), np.zeros(predicted_tracks)
    might = np.zeros((true_tracks, predicted_tracks))
    for frame in frames:
        true_length[frame.true] += 1
        predicted_length[frame.predicted] += 1
        around = frame.iou.sum(axis=0)[None, :] + frame.iou.sum(axis=1)[:, None] - frame.iou
        might[np.ix_(frame.true, frame.predicted)] += ratio(frame.iou, np.where(around > EPS, around, 0), empty=0)
    either = true_length[:, None] + predicted_length[None, :]
    alike = ratio(might, either - might, empty=0)

    pairs, overlaps = [np.zeros(0, np.int64)], [np.zeros(0)]
    for frame in frames:
        rows, columns = best_assignment(alike[np.ix_(frame.true, frame.predicted)] * frame.iou)
        pairs.append(frame.true[rows] * predicted_tracks + frame.predicted[columns])
        overlaps.append(frame.iou[rows, columns])
    pair, iou = np.concatenate(pairs), np.concatenate(overlaps)

    sums = [
        _at_alpha(pair[good], iou[good], true_length, predicted_length) for good in (iou >= a - EPS for a in alphas)
    ]
    overlap, ass_a, ass_re, ass_pr = zip(*(s[1:] for s in sums), strict=True)
    return HotaTerms(
        tp=tuple(s[0] for s in sums),
        true=int(true_length.sum()),
        predicted=int(predicted_length.sum()),
        iou=overlap,
        ass_a=ass_a,
        ass_re=ass_re,
        ass_pr=ass_pr,
    )


def _at_alpha(
    pair: IntArray, iou: FloatArray, true_length: FloatArray, predicted_length: FloatArray
) -> tuple[int, float, float, float, float]:
    """tp, and the sums of HotaTerms, of the matches at one alpha; pair is true track * predicted tracks + predicted."""
    which, matches = np.unique(pair, return_counts=True)
    true, predicted = (
        length[at] for length, at in zip((true_length, predicted_length), _split(which, predicted_length), strict=True)
    )
    weights = (true + predicted - matches, true, predicted)
    return (pair.size, math.fsum(iou.tolist()), *(math.fsum((matches * matches / w).tolist()) for w in weights))  # type: ignore[return-value]


def _split(pair: IntArray, predicted_length: FloatArray) -> tuple[IntArray, IntArray]:
    count = max(1, len(predicted_length))
    return pair // count, pair % count


def hota_report(videos: Sequence[HotaTerms], alphas: Sequence[float]) -> HotaReport:
    tp = np.array([v.tp for v in videos]).reshape(-1, len(alphas)).sum(axis=0)
    true, predicted = sum(v.true for v in videos), sum(v.predicted for v in videos)
    iou, ass_a, ass_re, ass_pr = (
        np.array([math.fsum(getattr(v, name)[a] for v in videos) for a in range(len(alphas))])
        for name in ("iou", "ass_a", "ass_re", "ass_pr")
    )
    empty = 0.0 if true or predicted else NAN
    det_a = ratio(tp, true + predicted - tp, empty=empty)
    association = ratio(ass_a, tp, empty=empty)
    loc_a = ratio(iou, tp, empty=1.0 if true or predicted else NAN)
    hota = np.sqrt(det_a * association)
    return HotaReport(
        hota=exact_mean(hota),
        det_a=exact_mean(det_a),
        ass_a=exact_mean(association),
        det_re=exact_mean(ratio(tp, np.full(len(alphas), true), empty=empty)),
        det_pr=exact_mean(ratio(tp, np.full(len(alphas), predicted), empty=empty)),
        ass_re=exact_mean(ratio(ass_re, tp, empty=empty)),
        ass_pr=exact_mean(ratio(ass_pr, tp, empty=empty)),
        loc_a=exact_mean(loc_a),
        alphas=tuple(alphas),
        hota_curve=tuple(hota.tolist()),
        det_a_curve=tuple(det_a.tolist()),
        ass_a_curve=tuple(association.tolist()),
        loc_a_curve=tuple(loc_a.tolist()),
    )
