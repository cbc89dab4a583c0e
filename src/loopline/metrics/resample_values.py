"""How regression and tracking resample: numbers over the drawn samples, and over the drawn videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from loopline.metrics._arrays import NAN, AnyArray, FloatArray, share
from loopline.metrics.bootstrap import Judged, Weighed
from loopline.metrics.tracking import TrackingOptions, VideoTerms, finish

REGRESSION: Final = ("mae", "rmse", "median_absolute_error", "bias", "r2", "pearson", "spearman")
"""Not the largest error: what is largest among drawn samples says little about the largest of all."""

TRACKING: Final = ("hota", "det_a", "ass_a", "loc_a", "mota", "motp_iou", "idf1", "idp", "idr")


def weighed_values(sample_id: AnyArray, truth: FloatArray, predicted: FloatArray) -> Weighed:
    """One number a sample, (m,) each, samples rising: those numbers of `regression_report` in REGRESSION; judged is
    each sample, by how far it is off."""
    error = predicted - truth
    off = np.abs(error)
    by_off = np.argsort(off, kind="stable")
    groups = [np.unique(values, return_inverse=True)[1] for values in (truth, predicted)]

    def measure(weight: AnyArray) -> FloatArray:
        total = float(weight.sum())
        if not total:
            return np.full(len(REGRESSION), NAN)
        squares = float(weight @ error**2)
        rank_true, rank_guess = (_mean_ranks(group, weight) for group in groups)
        return np.array(
            [
                float(weight @ off) / total,
                np.sqrt(squares / total),
                _median(off[by_off], weight[by_off]),
                float(weight @ error) / total,
                _r2(truth, squares, weight),
                _correlation(truth, predicted, weight),
                _correlation(rank_true, rank_guess, weight),
            ]
        )

    return Weighed(sample_id, REGRESSION, (), measure, Judged(sample_id, np.arange(len(truth)), -off))


def _constant(values: FloatArray, weight: AnyArray) -> bool:
    drawn = values[weight > 0]
    return bool(drawn.min() == drawn.max())


def _r2(truth: FloatArray, squares: float, weight: AnyArray) -> float:
    if _constant(truth, weight):
        return NAN
    mean = float(weight @ truth) / float(weight.sum())
    return 1 - share(squares, float(weight @ (truth - mean) ** 2))


def _correlation(a: FloatArray, b: FloatArray, weight: AnyArray) -> float:
    if _constant(a, weight) or _constant(b, weight):
        return NAN
    x, y = (values - float(weight @ values) / float(weight.sum()) for values in (a, b))
    x, y = (values / np.abs(values).max() for values in (x, y))
    return float(weight @ (x * y)) / float(np.sqrt((weight @ x**2) * (weight @ y**2)))


def _mean_ranks(group: AnyArray, weight: AnyArray) -> FloatArray:
    """Rank of each sample among the drawn ones; equal values, group by group, have the mean of their ranks."""
    count = np.bincount(group, weights=weight)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[group], np.float64)


def _median(values: FloatArray, weight: AnyArray) -> float:
    """Of rising values, each there `weight` times."""
    upto = np.cumsum(weight)
    middle = (int(upto[-1]) - 1) / 2
    low, high = (
        values[np.searchsorted(upto, np.floor(middle), "right")],
        values[np.searchsorted(upto, np.ceil(middle), "right")],
    )
    return float(low + (high - low) * (middle - np.floor(middle)))


def weighed_videos(terms: Sequence[VideoTerms], video: AnyArray, options: TrackingOptions) -> Weighed:
    """Whole videos: the numbers of `tracking.finish`; judged is each video, by its HOTA. `video` (t,): which video
    each of the terms, one a video and class, is of."""
    ids, at = np.unique(video, return_inverse=True)

    of_video: list[list[VideoTerms]] = [[] for _ in ids]
    for one, place in zip(terms, at.tolist(), strict=True):
        of_video[place].append(one)

    def measure(weight: AnyArray) -> FloatArray:
        drawn = (one for some, times in zip(of_video, weight.tolist(), strict=True) for one in times * some)
        numbers = finish(tuple(drawn), options).numbers()
        return np.array([numbers[name] for name in TRACKING])

    alone = np.array([finish(tuple(some), options).numbers()["hota"] for some in of_video], np.float64)
    return Weighed(ids, TRACKING, (), measure, Judged(ids, np.arange(len(ids)), np.nan_to_num(alone)), options)
