"""What the grid draws of every object and sample, in memory: a page far down is then gathered in a millisecond or two,
where reading it from files takes a tenth of a second, and two seconds when its rows lie scattered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopline.kernel.schema import LabelField
from loopline.query import run
from loopline.query.plan import Plan
from loopline.server.arrays import Doubles, Ids, as_array, as_doubles, id_column
from loopline.server.resident import ObjectRows
from loopline.store.lake import Lake
from loopline.store.sql import literal

NO_CLASS: Final = 65_535
FULL: Final = 65_535.0
"""Places on a picture are shares of its sides in 65535ths."""

SHAPES: Final = ("points", "polygons", "keypoints")
_OTHERS: Final = ("frame", "value")
_BATCH: Final = 500_000

Shares = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSamples:
    """One row for each sample, by id. `path_starts` (n + 1,) into `path_bytes`; `video` 1 for a video; `duration_s` NaN
    for a picture, None where there is no video."""

    width: npt.NDArray[np.uint32]
    height: npt.NDArray[np.uint32]
    video: npt.NDArray[np.uint8]
    path_bytes: npt.NDArray[np.uint8]
    path_starts: Ids
    duration_s: npt.NDArray[np.float32] | None

    @property
    def nbytes(self) -> int:
        parts = (self.width, self.height, self.video, self.path_bytes, self.path_starts, self.duration_s)
        return sum(part.nbytes for part in parts if part is not None)

    def take(self, rows: Ids) -> DrawnSamples:
        """Some rows, in their order."""
        _, letters = spans(self.path_starts, rows)
        lengths = self.path_starts[rows + 1] - self.path_starts[rows]
        return DrawnSamples(
            self.width[rows],
            self.height[rows],
            self.video[rows],
            self.path_bytes[letters],
            np.concatenate(([0], np.cumsum(lengths))),
            None if self.duration_s is None else self.duration_s[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnObjects:
    """One row for each object, in the order of `ObjectRows`.

    class_code  u2, place in the field's classes
    score       f4, NaN for none
    box         (n, 4) u2 x0 y0 x1 y1, or None where the kind has no box
    mask        u1, or None where no object has one
    is_simple   nothing but these is to be drawn; else shapes are read from the store
    """

    class_code: npt.NDArray[np.uint16]
    score: npt.NDArray[np.float32]
    box: Shares | None
    mask: npt.NDArray[np.uint8] | None
    is_simple: bool

    @property
    def nbytes(self) -> int:
        found = self.class_code.nbytes + self.score.nbytes
        return found + sum(part.nbytes for part in (self.box, self.mask) if part is not None)


def read_samples(lake: Lake, plan: Plan, ids: Ids, *, among: bool) -> DrawnSamples:
    """The samples with these ids, in their order. `among`: there are more, so that they are looked up by id."""
    column = plan.rows.sample_column
    listed = [f"{column(name)} AS {name}" for name in ("width", "height", "duration_s")]
    listed += [f"{column('media')} IS NOT DISTINCT FROM 'video' AS video", f"coalesce({column('path')}, '') AS path"]
    sql = plan.select([f"{plan.key} AS id", *listed], ordered=False)
    if among:
        sql = f"SELECT * FROM ({sql}) WHERE {ids_in('id', ids)}"
    table = run.table(lake, plan.statement, sql)
    if not np.array_equal(as_array(table["id"]), ids):
        table = table.take(pc.index_in(id_column(ids), table["id"].combine_chunks()))
    paths = table["path"].combine_chunks().cast(pa.large_string())
    starts = np.frombuffer(paths.buffers()[1], np.int64)[: len(paths) + 1] if len(paths) else np.zeros(1, np.int64)
    held = paths.buffers()[2] if len(paths) else None
    return DrawnSamples(
        _whole(table["width"]),
        _whole(table["height"]),
        as_array(table["video"]).astype(np.uint8),
        np.frombuffer(held, np.uint8).copy() if held is not None else np.zeros(0, np.uint8),
        starts.copy(),
        as_doubles(table["duration_s"]).astype(np.float32) if table["duration_s"].null_count < len(table) else None,
    )


def read_objects(
    lake: Lake, plan: Plan, field: LabelField, rows: ObjectRows, samples: DrawnSamples, go_on: Callable[[], bool]
) -> DrawnObjects | None:
    """Every object of a field, read in batches of bounded size; None where `go_on` says to give up."""
    own = field.columns()
    column = plan.rows.object_column
    classes = ", ".join(map(literal, field.classes))
    listed = [
        f"{plan.key} AS id",
        f"CAST(coalesce(list_position([{classes}]::VARCHAR[], {column('label')}) - 1, {NO_CLASS}) AS USMALLINT) AS class_code",
        f"CAST({column('score')} AS FLOAT) AS score",
    ]
    has_box = "x" in own
    listed += [f"{column(name)} AS {name}" for name in ("x", "y", "w", "h") if has_box]
    if "mask" in own:
        listed.append(f"{column('mask')} IS NOT NULL AS has_mask")
    more = [f"{column(name)} IS NOT NULL" for name in (*SHAPES, *_OTHERS) if name in own]
    listed.append(f"({' OR '.join(more)}) AS has_more")
    size = len(rows)
    code = np.full(size, NO_CLASS, np.uint16)
    score = np.full(size, np.nan, np.float32)
    box = np.zeros((size, 4), np.uint16) if has_box else None
    mask = np.zeros(size, np.uint8) if "mask" in own else None
    is_simple = True
    for batch in run.batches(lake, plan.statement, plan.select(listed, ordered=False), _BATCH):
        if not go_on():
            return None
        table = pa.Table.from_batches([batch])
        at = rows.of(as_array(table["id"]))
        there = at >= 0
        if not there.all():
            table, at = table.filter(pa.array(there)), at[there]
        code[at] = as_array(table["class_code"])
        score[at] = as_doubles(table["score"])
        if box is not None:
            owner = rows.sample_row[at]
            box[at] = corners(table, samples.width[owner].astype(np.float64), samples.height[owner].astype(np.float64))
        if mask is not None:
            mask[at] = as_array(table["has_mask"])
        is_simple = is_simple and not as_array(table["has_more"]).any()
    return DrawnObjects(code, score, box, mask if mask is not None and mask.any() else None, is_simple)


def ids_in(column: str, ids: Ids) -> str:
    """Ids stand in the SQL as text: they are whole numbers, and so the engine skips files and row groups with them."""
    return f"{column} IN ({', '.join(map(str, ids.tolist()))})" if len(ids) else "FALSE"


def corners(table: pa.Table, wide: Doubles, high: Doubles) -> Shares:
    """(n, 4) from columns x, y, w, h in pixels."""
    x, y, w, h = (as_doubles(table[name]) for name in ("x", "y", "w", "h"))
    return np.column_stack((share(x, wide), share(y, high), share(x + w, wide), share(y + h, high)))


def share(place: Doubles, side: Doubles) -> Shares:
    """Part of the side, 0 … 65535; what lies outside of the picture is put on its edge, NaN at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.rint(place / side * FULL)
    found: Shares = np.clip(np.nan_to_num(part), 0, FULL).astype(np.uint16)
    return found


def spans(starts: Ids, rows: Ids) -> tuple[Ids, Ids]:
    """The stretches starts[r] … starts[r + 1] of several rows, one after another: for each item its place in `rows`,
    and its own number.

    >>> [part.tolist() for part in spans(np.array([0, 2, 2, 5]), np.array([2, 0]))]
    [[0, 0, 0, 1, 1], [2, 3, 4, 0, 1]]
    """
    counts = starts[rows + 1] - starts[rows]
    owner = np.repeat(np.arange(len(rows)), counts)
    before = np.cumsum(counts) - counts
    return owner, np.repeat(starts[rows] - before, counts) + np.arange(len(owner))


def _whole(column: pa.ChunkedArray) -> npt.NDArray[np.uint32]:
    return np.nan_to_num(as_doubles(column)).astype(np.uint32)
