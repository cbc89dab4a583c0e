"""Identity: one predicted track stands for one true track through a whole video.

The pairs of tracks are chosen for the least number of wrong boxes (idfp + idfn); a box counts where its partner track
is in the frame with an IoU that passes.

Source   Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loopline.metrics._arrays import share
from loopline.metrics._overlap import EPS, Frame, best_assignment
from loopline.metrics.metric import flat_numbers


@dataclass(frozen=True, slots=True)
class IdentityTerms:
    idtp: int
    idfp: int
    idfn: int


@dataclass(frozen=True, slots=True)
class IdentityReport:
    """idf1 = 2 idtp / (truths + predictions), idp = idtp / predictions, idr = idtp / truths."""

    idf1: float
    idp: float
    idr: float
    idtp: int
    idfp: int
    idfn: int

    def numbers(self) -> dict[str, float]:
        return flat_numbers(self)


def identity_terms(frames: Sequence[Frame], true_tracks: int, predicted_tracks: int, threshold: float) -> IdentityTerms:
    together = np.zeros((true_tracks, predicted_tracks))
    true = predicted = 0
    for frame in frames:
        rows, columns = np.nonzero(frame.iou >= threshold - EPS)
        together[frame.true[rows], frame.predicted[columns]] += 1  # a pair is in a frame once
        true, predicted = true + frame.true.size, predicted + frame.predicted.size
    # Each frame that a pair shares saves one miss and one false alarm, so the least errors are the most shared frames.
    idtp = int(together[best_assignment(together)].sum())
    return IdentityTerms(idtp, predicted - idtp, true - idtp)


def identity_report(videos: Sequence[IdentityTerms]) -> IdentityReport:
    idtp, idfp, idfn = (sum(getattr(v, name) for v in videos) for name in ("idtp", "idfp", "idfn"))
    return IdentityReport(
        idf1=share(2 * idtp, 2 * idtp + idfp + idfn),
        idp=share(idtp, idtp + idfp),
        idr=share(idtp, idtp + idfn),
        idtp=idtp,
        idfp=idfp,
        idfn=idfn,
    )
