"""The matching rule of Pascal VOC and Open Images: each prediction claims the object that it overlaps most.

It claims that one and no other: where the object is taken already the prediction is wrong, though a free object may lie
beside it. (COCO would give it the free one.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loopline.metrics._arrays import AnyArray, BoolArray, FloatArray
from loopline.metrics._pairs import Pairs


class Claims(NamedTuple):
    """gt (n,) int32: the object that each prediction overlaps most, -1: none · overlap (n,): how much."""

    gt: AnyArray
    overlap: FloatArray


def claims(pairs: Pairs, n: int, objects: BoolArray) -> Claims:
    """What each of n predictions claims among `objects` (k,). Of equal overlaps the object with the lower row."""
    kept = objects[pairs.gt]
    det, gt, overlap = (column[kept] for column in pairs)
    order = np.lexsort((gt, -overlap, det))
    det, gt, overlap = det[order], gt[order], overlap[order]
    heads = np.flatnonzero(np.diff(det, prepend=-1))
    chosen, best = np.full(n, -1, np.int32), np.zeros(n)
    chosen[det[heads]], best[det[heads]] = gt[heads], overlap[heads]
    return Claims(chosen, best)


def first_claims(gt: AnyArray, rank: AnyArray) -> BoolArray:
    """Which predictions are the first, by rank, to claim their object; `gt` (n,) -1: claims none."""
    rows = np.flatnonzero(gt >= 0)
    rows = rows[np.lexsort((rank[rows], gt[rows]))]
    out = np.zeros(len(gt), bool)
    out[rows[np.diff(gt[rows], prepend=-1) != 0]] = True
    return out
