"""Detected objects as columns: boxes with class, score and, where there are any, masks, outlines and keypoints.

A *unit* is what objects are matched within: a picture, or one frame of a video. Rows offsets[i]:offsets[i+1] belong to
unit i. Units rise by (sample_id, frame), the rows of a unit by object id, whatever order the source had: a number never
depends on the order of rows, and where scores tie the object with the lower id comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loopline.errors import BadValue

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

BadRows = Literal["raise", "drop"]
"""What happens to a row that cannot be evaluated: an error that names the first, or it is left out and counted."""

WHOLE_PICTURE: Final = -1
"""The frame of a unit that is not a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Objects of m units, n rows.

    sample_id  (m,)      int64, rising with `frame`
    frame      (m,)      int64, 0-based; -1 for a whole picture
    offsets    (m+1,)    int64, starts at 0, ends at n
    box        (n, 4)    float64 x y w h, pixels, w and h ≥ 0
    class_id   (n,)      int32, index into `classes`
    object_id  (n,)      int64, rising within a unit
    iscrowd    (n,)      bool, a region of many objects
    area       (n,)      float64, square pixels: as annotated, else w * h
    score      (n,)      float64, finite; None for ground truth
    mask       (n,)      Arrow binary, blobs of kernel/rle.py, null where a row has none; or None
    polygons   (n,)      Arrow list of lists of float64 x0 y0 x1 y1 …; or None
    keypoints  (n, p, 3) float64 x y v, zeros where a row has none; or None
    size_px    (m, 2)    int64 height and width of each unit; needed where polygons are drawn; or None
    dropped    what was left out at the door, by reason
    """

    sample_id: IntArray
    frame: IntArray
    offsets: IntArray
    box: FloatArray
    class_id: npt.NDArray[np.int32]
    object_id: IntArray
    iscrowd: BoolArray
    area: FloatArray
    classes: tuple[str, ...]
    score: FloatArray | None = None
    mask: pa.Array | None = None
    polygons: pa.Array | None = None
    keypoints: FloatArray | None = None
    size_px: IntArray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.box)

    @property
    def units(self) -> int:
        return len(self.sample_id)

    def unit(self) -> IntArray:
        """The unit of each row, (n,)."""
        return np.repeat(np.arange(self.units), np.diff(self.offsets))

    def scores(self) -> FloatArray:
        """Scores; 1 for objects without one."""
        return np.ones(len(self)) if self.score is None else self.score

    def xyxy(self) -> FloatArray:
        """Corners, (n, 4)."""
        return np.concatenate([self.box[:, :2], self.box[:, :2] + self.box[:, 2:]], axis=1)


def detections(
    sample_id: npt.ArrayLike,
    box: npt.ArrayLike,
    class_id: npt.ArrayLike,
    *,
    classes: Sequence[str],
    score: npt.ArrayLike | None = None,
    object_id: npt.ArrayLike | None = None,
    frame: npt.ArrayLike | None = None,
    iscrowd: npt.ArrayLike | None = None,
    area: npt.ArrayLike | None = None,
    mask: pa.Array | None = None,
    polygons: pa.Array | None = None,
    keypoints: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
    sizes_px: Mapping[int, tuple[int, int]] | None = None,
    bad_rows: BadRows = "raise",
) -> Detections:
    """Columns of n rows, in any order, checked and sorted.

    box        (n, 4) x y w h in pixels; a box may reach outside the picture and may have no area
    object_id  unique; 1 … n where not given
    area       NaN where it is not annotated
    samples    ids of all samples, also those without a row; those of the rows where not given
    sizes_px   height and width by sample id

    A score may be any finite number, logits included. Raises BadValue where columns differ in length; with
    bad_rows="raise" also for a box, score, area or class that is not possible, else such rows are dropped and counted.
    """
    rows = np.asarray(box, np.float64).reshape(-1, 4)
    n = len(rows)
    samples_of_rows: IntArray = _column("sample_id", sample_id, n).astype(np.int64)
    frames: IntArray = np.full(n, WHOLE_PICTURE) if frame is None else _column("frame", frame, n).astype(np.int64)
    ids: IntArray = np.arange(1, n + 1) if object_id is None else _column("object_id", object_id, n).astype(np.int64)
    codes: IntArray = _column("class_id", class_id, n).astype(np.int64)
    crowd: BoolArray = np.zeros(n, bool) if iscrowd is None else _column("iscrowd", iscrowd, n).astype(np.bool_)
    scores: FloatArray | None = None if score is None else _column("score", score, n).astype(np.float64)
    annotated: FloatArray = np.full(n, np.nan) if area is None else _column("area", area, n).astype(np.float64)
    areas = np.where(np.isnan(annotated), rows[:, 2] * rows[:, 3], annotated)
    points = None if keypoints is None else np.asarray(keypoints, np.float64)
    if points is not None and (points.ndim != 3 or points.shape[0] != n or points.shape[2] != 3):
        raise BadValue(f"keypoints must have the shape ({n}, points, 3), not {points.shape}")
    in_order = np.sort(ids)
    if (in_order[1:] == in_order[:-1]).any():
        raise BadValue("an object id is there twice", hint="ids are unique within a label field")

    faults = _faults(rows, codes, scores, annotated, len(classes))
    keep = np.flatnonzero(_without(faults, ids, bad_rows))
    units, unit = _units(samples_of_rows[keep], frames[keep], samples)
    order = np.lexsort((ids[keep], unit))
    at = keep[order]
    return Detections(
        sample_id=units[:, 0],
        frame=units[:, 1],
        offsets=np.searchsorted(unit[order], np.arange(len(units) + 1)),
        box=rows[at],
        class_id=codes[at].astype(np.int32),
        object_id=ids[at],
        iscrowd=crowd[at],
        area=areas[at],
        classes=tuple(classes),
        score=None if scores is None else scores[at],
        mask=None if mask is None else _arrow(mask).take(pa.array(at)),
        polygons=None if polygons is None else _arrow(polygons).take(pa.array(at)),
        keypoints=None if points is None else points[at],
        size_px=_sizes(units[:, 0], sizes_px),
        dropped={what: int(bad.sum()) for what, bad in faults.items() if bad.any()},
    )


def take(these: Detections, rows: npt.NDArray[np.bool_] | IntArray) -> Detections:
    """Some rows, by mask or by rising index, of all units."""
    index = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, np.int64)
    picked = pa.array(index)
    return replace(
        these,
        offsets=np.searchsorted(index, these.offsets),
        box=these.box[index],
        class_id=these.class_id[index],
        object_id=these.object_id[index],
        iscrowd=these.iscrowd[index],
        area=these.area[index],
        score=None if these.score is None else these.score[index],
        mask=None if these.mask is None else these.mask.take(picked),
        polygons=None if these.polygons is None else these.polygons.take(picked),
        keypoints=None if these.keypoints is None else these.keypoints[index],
    )


def align(truth: Detections, predicted: Detections) -> tuple[Detections, Detections]:
    """Both on the same units, those of either. Raises BadValue where their classes differ."""
    if truth.classes != predicted.classes:
        raise BadValue(
            "truth and predictions list different classes",
            hint="build both with the same `classes`; from_rows(other_classes='drop') leaves the rest out",
        )
    mine, theirs = _pairs(truth), _pairs(predicted)
    if mine.shape == theirs.shape and (mine == theirs).all():
        return truth, predicted
    both = np.concatenate([mine, theirs])
    units, _ = _distinct(both[:, 0], both[:, 1], 0)
    sizes = _merged_sizes(units[:, 0], truth, predicted)
    return _on_units(truth, units, sizes), _on_units(predicted, units, sizes)


def concat(parts: Sequence[Detections]) -> tuple[Detections, IntArray]:
    """Parts that share no unit, as one; and for each of its rows, which row it was of the parts laid end to end.

    Raises BadValue where parts list different classes, or a unit comes in two of them.
    """
    if not parts:
        raise BadValue("there is nothing to join")
    first = parts[0]
    if any(part.classes != first.classes for part in parts):
        raise BadValue("the parts list different classes")
    units = np.concatenate([_pairs(part) for part in parts])
    order = np.lexsort((units[:, 1], units[:, 0]))
    if len(units) > 1 and (units[order][1:] == units[order][:-1]).all(axis=1).any():
        raise BadValue("a sample comes in two batches", hint="a batch holds every row of its samples")
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    starts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    rows = spread(starts[order], counts[order])

    def joined(name: str) -> FloatArray | None:
        columns = [getattr(part, name) for part in parts]
        return None if any(c is None for c in columns) else np.concatenate(columns)

    def arrow(name: str) -> pa.Array | None:
        columns = [getattr(part, name) for part in parts]
        return None if any(c is None for c in columns) else pa.concat_arrays(columns).take(pa.array(rows))

    score, keypoints, size = joined("score"), joined("keypoints"), joined("size_px")
    dropped: dict[str, int] = {}
    for part in parts:
        for what, count in part.dropped.items():
            dropped[what] = dropped.get(what, 0) + count
    whole = Detections(
        sample_id=units[order, 0],
        frame=units[order, 1],
        offsets=np.concatenate(([0], np.cumsum(counts[order]))),
        box=np.concatenate([part.box for part in parts])[rows],
        class_id=np.concatenate([part.class_id for part in parts])[rows],
        object_id=np.concatenate([part.object_id for part in parts])[rows],
        iscrowd=np.concatenate([part.iscrowd for part in parts])[rows],
        area=np.concatenate([part.area for part in parts])[rows],
        classes=first.classes,
        score=None if score is None else score[rows],
        mask=arrow("mask"),
        polygons=arrow("polygons"),
        keypoints=None if keypoints is None else keypoints[rows],
        size_px=None if size is None else size[order].astype(np.int64),
        dropped=dropped,
    )
    return whole, rows


def spread(starts: IntArray, counts: IntArray) -> IntArray:
    """starts[i], starts[i] + 1, … counts[i] of them, for each i.

    >>> spread(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    total = int(counts.sum())
    if not total:
        return np.zeros(0, np.int64)
    return np.arange(total) - np.repeat(np.cumsum(counts) - counts - starts, counts)


# -- checks at the door


def _column(name: str, values: npt.ArrayLike, n: int) -> npt.NDArray[Any]:
    out = np.asarray(values)
    if out.shape != (n,):
        raise BadValue(f"{name} must have one value for each of the {n} boxes, not the shape {out.shape}")
    return out


def _faults(
    box: FloatArray, codes: IntArray, score: FloatArray | None, area: FloatArray, classes: int
) -> dict[str, BoolArray]:
    """Which rows cannot be evaluated, by reason."""
    found: dict[str, BoolArray] = {
        "a box has a coordinate that is NaN, infinite or missing": np.asarray(~np.isfinite(box).all(axis=1)),
        "a box has a negative width or height": np.asarray((box[:, 2:] < 0).any(axis=1)),
        "an area is negative or infinite": np.asarray((area < 0) | np.isinf(area)),
        "a class index names no class": np.asarray((codes < 0) | (codes >= classes)),
    }
    if score is not None:
        found["a score is NaN, infinite or missing"] = ~np.isfinite(score)
    return found


def _without(faults: Mapping[str, BoolArray], ids: IntArray, bad_rows: BadRows) -> BoolArray:
    bad: BoolArray = np.logical_or.reduce(list(faults.values()))
    if bad.any() and bad_rows == "raise":
        what, rows = next((what, rows) for what, rows in faults.items() if rows.any())
        raise BadValue(
            f"{what}: {int(rows.sum())} rows, the first is object {int(ids[np.flatnonzero(rows)[0]])}",
            hint="mend those rows, or pass bad_rows='drop' to leave them out and have them counted",
        )
    return ~bad


def _arrow(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


# -- units


def _pairs(these: Detections) -> IntArray:
    return np.stack([these.sample_id, these.frame], axis=1)


def _units(sample: IntArray, frame: IntArray, samples: npt.ArrayLike | None) -> tuple[IntArray, IntArray]:
    """All units, (m, 2), and the unit of each row. A sample without rows is a picture."""
    extra = np.zeros(0, np.int64)
    if samples is not None:
        known = np.unique(np.asarray(samples, np.int64))
        strangers = np.setdiff1d(sample, known)
        if strangers.size:
            raise BadValue(
                f"{strangers.size} samples of the rows are not among `samples`, the first is {int(strangers[0])}",
                hint="read rows and samples from the same view",
            )
        extra = np.setdiff1d(known, sample)
    everything = np.concatenate([sample, extra])
    frames = np.concatenate([frame, np.full(extra.size, WHOLE_PICTURE)])
    return _distinct(everything, frames, sample.size)


def _distinct(sample: IntArray, frame: IntArray, rows: int) -> tuple[IntArray, IntArray]:
    """Distinct (sample, frame), sorted, and the place among them of each of the first `rows`."""
    if (frame == WHOLE_PICTURE).all():
        found, place = np.unique(sample, return_inverse=True)
        return np.stack([found, np.full(found.size, WHOLE_PICTURE)], axis=1), place.reshape(-1)[:rows]
    pairs, place = np.unique(np.stack([sample, frame], axis=1), axis=0, return_inverse=True)
    return pairs, place.reshape(-1)[:rows]


def _find(units: IntArray, wanted: IntArray) -> IntArray:
    """The place of each wanted (sample, frame) among the sorted units, all of which it is among."""
    both = np.concatenate([wanted, units])
    return _distinct(both[:, 0], both[:, 1], len(wanted))[1]


def _on_units(these: Detections, units: IntArray, sizes: IntArray | None) -> Detections:
    counts = np.zeros(len(units), np.int64)
    used = np.diff(these.offsets) > 0
    counts[_find(units, _pairs(these)[used])] = np.diff(these.offsets)[used]
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return replace(these, sample_id=units[:, 0], frame=units[:, 1], offsets=offsets, size_px=sizes)


def _sizes(sample: IntArray, sizes_px: Mapping[int, tuple[int, int]] | None) -> IntArray | None:
    if sizes_px is None:
        return None
    first = next((int(s) for s in sample if int(s) not in sizes_px), None)
    if first is not None:
        raise BadValue(f"sizes_px lacks the height and width of sample {first}")
    return np.array([sizes_px[int(s)] for s in sample], np.int64).reshape(-1, 2)


def _merged_sizes(sample: IntArray, *parts: Detections) -> IntArray | None:
    known: dict[int, tuple[int, int]] = {}
    for part in parts:
        if part.size_px is not None:
            pairs = zip(part.sample_id.tolist(), part.size_px.tolist(), strict=True)
            known |= {s: (height, width) for s, (height, width) in pairs}
    return _sizes(sample, known) if known else None
