"""CLEAR: errors frame by frame.

In each frame a truth keeps the prediction it had in the frame before, if their IoU still passes; the others are
assigned for the greatest total IoU. A truth that gets another prediction than the last it ever had is a switch.

Source   Bernardin, Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics, 2008; the
         rules of TrackEval where the paper leaves a choice.
Quirks   A frame without any truth or any prediction does not touch the memory of the frame before. Frag counts each
         time a truth is found again after a frame in which it was not, whether it was missed or not there at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loopline.metrics._arrays import FloatArray, IntArray, share
from loopline.metrics._overlap import EPS, Frame, best_assignment
from loopline.metrics.metric import flat_numbers

_STICKY = 1000.0  # no sum of IoUs in a frame outweighs keeping a track


@dataclass(frozen=True, slots=True)
class ClearTerms:
    """Counts of one video, and the IoUs of its matches added up."""

    true: int
    tp: int
    fp: int
    fn: int
    idsw: int
    frag: int
    mt: int
    pt: int
    ml: int
    iou: float
    frames: int


@dataclass(frozen=True, slots=True)
class ClearReport:
    """CLEAR over all videos.

    mota           1 - (fn + fp + idsw) / truths; can be negative
    motp_iou       mean IoU of the matches (TrackEval's MOTP; high is good)
    motp_distance  mean of 1 - IoU (the paper's and py-motmetrics' MOTP; low is good)
    idsw           switches of identity; frag: interruptions
    mt, pt, ml     truths found in > 80 %, in 20 to 80 %, in < 20 % of their frames
    """

    mota: float
    motp_iou: float
    motp_distance: float
    recall: float
    precision: float
    true: int
    tp: int
    fp: int
    fn: int
    idsw: int
    frag: int
    mt: int
    pt: int
    ml: int

    def numbers(self) -> dict[str, float]:
        return flat_numbers(self)


@dataclass(frozen=True, slots=True, eq=False)
class ClearPairs:
    """The p matches of one video. true, predicted: which box of its side, counted through all frames · iou: of the two."""

    true: IntArray
    predicted: IntArray
    iou: FloatArray


def clear_terms(frames: Sequence[Frame], true_tracks: int, threshold: float) -> tuple[ClearTerms, ClearPairs]:
    """The counts and the matches of one video. True tracks are indices 0 … true_tracks - 1."""
    present, found, pieces = (np.zeros(true_tracks, np.int64) for _ in range(3))
    last_ever, last_frame = np.full(true_tracks, -1), np.full(true_tracks, -1)
    tp = fp = fn = idsw = 0
    total: list[float] = []
    pairs: list[tuple[IntArray, IntArray]] = []
    next_true = next_predicted = 0
    for frame in frames:
        first_true, first_predicted = next_true, next_predicted
        next_true, next_predicted = next_true + frame.true.size, next_predicted + frame.predicted.size
        present[frame.true] += 1
        if not frame.true.size or not frame.predicted.size:
            fn, fp = fn + frame.true.size, fp + frame.predicted.size
            continue
        passes = frame.iou >= threshold - EPS
        same = last_frame[frame.true][:, None] == frame.predicted[None, :]
        rows, columns = best_assignment(np.where(passes, frame.iou + _STICKY * same, 0.0))
        good = passes[rows, columns]
        rows, columns = rows[good], columns[good]
        true, predicted = frame.true[rows], frame.predicted[columns]
        idsw += int(((last_ever[true] >= 0) & (last_ever[true] != predicted)).sum())
        pieces[true] += last_frame[true] < 0
        last_frame[:] = -1
        last_frame[true] = last_ever[true] = predicted
        found[true] += 1
        tp, fn, fp = tp + rows.size, fn + frame.true.size - rows.size, fp + frame.predicted.size - rows.size
        total.extend(frame.iou[rows, columns].tolist())
        pairs.append((rows + first_true, columns + first_predicted))
    part = found / np.maximum(present, 1)
    mostly, partly = int((part > 0.8).sum()), int((part >= 0.2).sum())
    terms = ClearTerms(
        true=int(present.sum()),
        tp=tp,
        fp=fp,
        fn=fn,
        idsw=idsw,
        frag=int(np.maximum(pieces - 1, 0).sum()),
        mt=mostly,
        pt=partly - mostly,
        ml=true_tracks - partly,
        iou=math.fsum(total),
        frames=len(frames),
    )
    nothing = np.zeros(0, np.int64)
    true_boxes, guesses = (np.concatenate([nothing, *(pair[side] for pair in pairs)]) for side in (0, 1))
    return terms, ClearPairs(true_boxes, guesses, np.array(total, np.float64))


def clear_report(videos: Sequence[ClearTerms]) -> ClearReport:
    def total(name: str) -> int:
        return sum(int(getattr(video, name)) for video in videos)

    tp, fp, fn, idsw = (total(name) for name in ("tp", "fp", "fn", "idsw"))
    overlap = share(math.fsum(video.iou for video in videos), tp)
    return ClearReport(
        mota=1 - share(fn + fp + idsw, tp + fn),
        motp_iou=overlap,
        motp_distance=1 - overlap,
        recall=share(tp, tp + fn),
        precision=share(tp, tp + fp),
        true=total("true"),
        tp=tp,
        fp=fp,
        fn=fn,
        idsw=idsw,
        frag=total("frag"),
        mt=total("mt"),
        pt=total("pt"),
        ml=total("ml"),
    )
