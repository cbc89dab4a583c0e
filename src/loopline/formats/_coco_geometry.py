"""COCO's boxes, outlines, masks and points as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import BadValue
from loopline.formats._coco_rows import Rle
from loopline.kernel import rle

FloatArray = rle.FloatArray
_LIST: Final = pa.list_(pa.float64())


@dataclass(slots=True)
class Outlines:
    """Polygons and masks of n rows.

    polygons, masks   Arrow arrays of n rows, None where no row has one
    boxes             (n, 4) enclosing boxes x, y, w, h; NaN where a row has neither
    bad               rows whose segmentation cannot be kept in a column, and why
    """

    polygons: pa.Array | None
    masks: pa.Array | None
    boxes: FloatArray
    bad: dict[int, str] = field(default_factory=dict)


def flat_boxes(values: Sequence[Any]) -> tuple[FloatArray, rle.MaskArray]:
    """Boxes of 4-tuples, NaN where there is none, and which rows have one. Shapes  n -> (n, 4), (n,)."""
    if set(map(type, values)) == {tuple}:
        there = np.ones(len(values), bool)
        return np.fromiter(chain.from_iterable(values), np.float64, 4 * len(values)).reshape(-1, 4), there
    there = np.fromiter((type(v) is tuple for v in values), bool, len(values))
    out = np.full((len(values), 4), np.nan)
    given = [v for v in values if type(v) is tuple]
    out[there] = np.fromiter(chain.from_iterable(given), np.float64, 4 * len(given)).reshape(-1, 4)
    return out, there


def outlines(values: Sequence[Any], *, boxes: bool) -> Outlines:
    """Segmentations as columns: lists of polygons or `Rle`, UNSET or None elsewhere. `boxes`: compute those too."""
    out = Outlines(None, None, np.full((len(values), 4), np.nan))
    types = set(map(type, values))
    if list in types:
        out.polygons = _polygons(values, out, boxes=boxes)
    if Rle in types:
        out.masks = _masks(values, out, boxes=boxes)
    return out


def _polygons(values: Sequence[Any], out: Outlines, *, boxes: bool) -> pa.Array:
    if set(map(type, values)) == {list}:
        mine, missing = values, None
    else:
        mine = [v if type(v) is list else () for v in values]
        missing = pa.array([type(v) is not list for v in values])
    parts = list(chain.from_iterable(mine))
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    flat = np.fromiter(chain.from_iterable(parts), np.float64, int(sizes.sum()))
    outer = _offsets(np.fromiter(map(len, mine), np.int64, len(mine)))
    inner = _offsets(sizes)
    if boxes and flat.size:
        _polygon_boxes(flat, inner[outer], out.boxes)
    inner_array = pa.ListArray.from_arrays(pa.array(inner, pa.int32()), pa.array(flat))
    return pa.ListArray.from_arrays(pa.array(outer, pa.int32()), inner_array, mask=missing)


def _polygon_boxes(flat: FloatArray, bounds: rle.IntArray, boxes: FloatArray) -> None:
    """Enclosing boxes of rows flat[bounds[i]:bounds[i+1]] of x0 y0 x1 y1 ..., where there are any."""
    for row in np.flatnonzero(np.diff(bounds) >= 2).tolist():
        points = flat[bounds[row] : bounds[row + 1]]
        xs, ys = points[0::2], points[1::2]
        boxes[row] = xs.min(), ys.min(), xs.max() - xs.min(), ys.max() - ys.min()


def _masks(values: Sequence[Any], out: Outlines, *, boxes: bool) -> pa.Array:
    blobs: list[bytes | None] = [None] * len(values)
    rows, packed = [], []
    for row, value in enumerate(values):
        if type(value) is Rle:
            try:
                text = _packed(value.counts)
                form: rle.Form = "compressed" if type(value.counts) is str else "list"
                blobs[row] = rle.pack_blob(value.size[0], value.size[1], text, form)
            except (BadValue, UnicodeEncodeError, OverflowError) as error:
                out.bad[row] = getattr(error, "what", "the mask's counts are not COCO's")
            else:
                rows.append(row)
                packed.append(text)
    sizes = np.array([values[row].size for row in rows], np.int64).reshape(-1, 2)
    counts, offsets, wrong = _runs(packed)
    out.bad.update({rows[i]: what for i, what in wrong.items()})
    sums = np.add.reduceat(np.append(counts, 0), offsets[:-1]) * (np.diff(offsets) > 0) if rows else np.zeros(0)
    for i in np.flatnonzero(sums != sizes[:, 0] * sizes[:, 1]).tolist():
        out.bad.setdefault(rows[i], "the mask's runs do not add up to its size")
    if boxes and rows:
        out.boxes[rows] = rle.boxes(counts, offsets, np.maximum(sizes[:, 0], 1))
    for row in out.bad:
        blobs[row] = None
        out.boxes[row] = np.nan
    return pa.array(blobs, pa.binary())


def _packed(counts: str | list[int]) -> bytes:
    return counts.encode("ascii") if isinstance(counts, str) else rle.compress(counts)


def _runs(packed: list[bytes]) -> tuple[rle.IntArray, rle.IntArray, dict[int, str]]:
    """Counts of all masks; those that are not COCO's text count as empty and are named."""
    wrong: dict[int, str] = {}
    try:
        counts, offsets = rle.decompress_many(packed)
    except BadValue:
        good = list(packed)
        for i, text in enumerate(packed):
            try:
                rle.decompress(text)
            except BadValue as error:
                wrong[i], good[i] = error.what, b""
        counts, offsets = rle.decompress_many(good)
    return counts, offsets, wrong


def keypoints(values: Sequence[Any]) -> pa.Array | None:
    """Flat x y v triplets as a list column; None where no row has any."""
    if list not in set(map(type, values)):
        return None
    return pa.array([v if type(v) is list else None for v in values], _LIST)


def keypoint_box(points: Any) -> tuple[float, float, float, float] | None:
    """The box around the labelled points of flat x y v triplets."""
    if type(points) is not list or len(points) < 3 or len(points) % 3:
        return None
    triplets = np.array(points).reshape(-1, 3)
    seen = triplets[triplets[:, 2] > 0, :2]
    if not len(seen):
        return None
    (x, y), (x1, y1) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    return x, y, x1 - x, y1 - y


def _offsets(sizes: rle.IntArray) -> rle.IntArray:
    return np.concatenate(([0], np.cumsum(sizes)))


def plain(value: Any) -> Any:
    """A segmentation as it stood in the JSON."""
    if type(value) is Rle:
        return {"size": list(value.size), "counts": value.counts}
    return None if value is UNSET else value
