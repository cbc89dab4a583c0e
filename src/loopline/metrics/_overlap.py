"""One frame of a video as the tracking metrics see it, IoU of its boxes, and the best assignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loopline.metrics._arrays import FloatArray, ratio

EPS = float(np.finfo(np.float64).eps)
"""TrackEval's tolerance: an IoU this little below a threshold still passes."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """true (g,) and predicted (p,): indices of the tracks in the frame; iou (g, p)."""

    true: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]
    iou: FloatArray


def pair_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """IoU of boxes (n, 4) and (m, 4) as left, top, width, height -> (n, m). A box without area has IoU 0."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    either = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None] - both
    return ratio(both, np.maximum(either, 0), empty=0.0)


def best_assignment(gain: FloatArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The pairs (rows, columns) of a finite matrix with the greatest total, each row and column at most once.

    As many pairs as the shorter side has. hotcoco solves it as SciPy does, equal totals included, without the 140 MB.
    """
    if 0 in gain.shape:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    from hotcoco.primitives import lsap  # heavy: only where something is tracked

    rows, columns = lsap(gain, maximize=True)
    return np.asarray(rows, np.intp), np.asarray(columns, np.intp)
