"""YOLO label files as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import _yolo_text
from loopline.formats._coco_classes import class_names
from loopline.formats._inside import read_bytes
from loopline.formats._media import split_of
from loopline.formats._yolo_layout import YoloLayout, YoloSet
from loopline.formats._yolo_text import Rows
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.rle import FloatArray, IntArray, MaskArray
from loopline.kernel.schema import LabelField
from loopline.media.sizes import picture_sizes

Task: TypeAlias = Literal["detect", "segment", "pose", "obb"]
TASKS: Final[tuple[Task, ...]] = ("detect", "segment", "pose", "obb")
FILES: Final = 4096  # label files at once
_FAR: Final = 2.0  # a coordinate further out is not normalised
_EDGE: Final = 1e-5  # files have six digits, so a box at the edge may reach a little over it
_MOST_UNNAMED: Final = 10_000
_MOST_CLASS: Final = 1 << 31


@dataclass(slots=True)
class YoloReader:
    """One pass over the label files."""

    source: Source
    layout: YoloLayout
    task: Task | None
    points: tuple[int, int] | None  # kpt_shape: keypoints, and numbers of each (2 or 3)
    names: dict[int, str] = field(default_factory=dict)
    seen: dict[int, tuple[int, str]] = field(default_factory=dict)  # class id → count, first place
    key: int = 0

    def events(self) -> Iterator[Event]:
        yield from self.layout.problems
        stated = self.layout.names
        self.names = class_names([{"id": i, "name": n} for i, n in (stated or {}).items()])
        total = sum(len(s.pictures) for s in self.layout.sets)
        for one in self.layout.sets:
            for start in range(0, len(one.pictures), FILES):
                yield from self._batch(one, one.pictures[start : start + FILES], one.labels[start : start + FILES])
                self.source.report(self.key, total)
        yield from self._field(stated is not None)

    def _batch(self, one: YoloSet, pictures: Sequence[str], labels: Sequence[str]) -> Iterator[Event]:
        texts, problems = self._texts(one, pictures, labels)
        yield from problems
        with_rows = [i for i, text in enumerate(texts) if text]
        sizes = np.zeros((len(pictures), 2), np.int64)
        if with_rows:
            sizes[with_rows] = picture_sizes([f"{one.root}/{pictures[i]}" for i in with_rows])
        known = sizes[:, 0] > 0
        split = [self.source.split or one.split or (split_of(p) if one.split is None else None) for p in pictures]
        yield SampleRows(
            pa.table(
                {
                    "key": pa.array(np.arange(self.key, self.key + len(pictures))),
                    "path": pa.array([_text(p) for p in pictures], pa.string()),
                    "width": pa.array(sizes[:, 0], mask=~known),
                    "height": pa.array(sizes[:, 1], mask=~known),
                    "split": pa.array(split, pa.string()),
                }
            ),
            str(one.root),
        )
        for i in with_rows:
            if not known[i]:
                yield Problem(
                    "skipped",
                    "labels of a picture that is missing or not readable: without its size they have no place",
                    f"{labels[i]}",
                    f"mend {pictures[i]} and add it again",
                )
                texts[i] = b""
        rows = _yolo_text.parse(texts)
        for text, line, what in rows.bad:
            yield Problem(
                "skipped", what, f"{labels[text]}:{line}", "a row is: class x y ..., numbers with spaces between"
            )
        if len(rows.text):
            yield from self._rows(rows, labels, sizes)
        self.key += len(pictures)

    def _texts(self, one: YoloSet, pictures: Sequence[str], labels: Sequence[str]) -> tuple[list[bytes], list[Problem]]:
        texts: list[bytes] = []
        problems: list[Problem] = []
        top = f"{one.label_root}/"
        for picture, name in zip(pictures, labels, strict=True):
            text = b""
            if not name:
                problems.append(Problem("warning", "a picture without a label file; added without labels", picture))
            else:
                try:
                    text = read_bytes(top + name, self.layout.inside)
                except FormatError as error:
                    problems.append(Problem("skipped", error.what, name, error.hint))
            texts.append(text)
        return texts, problems

    # Rows ------------------------------------------------------------------------------------------------------------

    def _rows(self, rows: Rows, labels: Sequence[str], sizes: IntArray) -> Iterator[Event]:
        if self.task is None:
            self.task, self.points = task_of(rows, self.points)
            if self.task == "obb":
                yield Problem(
                    "warning",
                    "every row has four corners: read as turned boxes",
                    labels[int(rows.text[0])],
                    'if they are outlines, say task="segment"',
                )
        good = np.ones(rows.text.size, bool)
        for wrong, what, hint in self._faults(rows):
            for i in np.flatnonzero(wrong & good).tolist():
                yield Problem("skipped", what, f"{labels[int(rows.text[i])]}:{int(rows.line[i])}", hint)
            good &= ~wrong
        if not good.any():
            return
        place = np.flatnonzero(good)
        classes = rows.numbers[rows.offsets[:-1][place]].astype(np.int64)
        text, line = rows.text[place], rows.line[place]
        self._count(classes, text, line, labels)
        shape = _Shapes(rows, place, sizes[text].astype(float), self.task, self.points)
        columns: dict[str, Any] = {
            "sample_key": pa.array(self.key + text),
            "class_code": pa.array(classes),
            **shape.columns(),
        }
        yield LabelRows(self.source.name, pa.table(columns))
        for i in np.flatnonzero(shape.outside()).tolist():
            yield Problem("warning", "a box that reaches outside the picture", f"{labels[text[i]]}:{line[i]}")
        for i in np.flatnonzero(shape.flat()).tolist():
            yield Problem("warning", "a box without area", f"{labels[text[i]]}:{line[i]}")

    def _faults(self, rows: Rows) -> Iterator[tuple[MaskArray, str, str]]:
        """Rows that cannot stay: which, what, hint."""
        heads = rows.offsets[:-1]
        numbers = rows.numbers
        finite = np.logical_and.reduceat(np.isfinite(numbers), heads)
        yield ~finite, "a row with a number that is not finite", ""
        wrong, counts = _wrong_size(rows.sizes, self.task or "detect", self.points)
        yield wrong, f"a row whose count of numbers is not that of {self.task} labels", counts
        first = numbers[heads]
        with np.errstate(invalid="ignore"):
            odd = ~((first >= 0) & (first < _MOST_CLASS) & (np.floor(first) == first))
            yield odd, "a class that is no whole number from 0 on", "the first number of a row is its class"
            size = np.abs(numbers)
            size[heads] = 0
            if self.task == "pose" and self.points is not None and self.points[1] == 3:
                flags = heads[~wrong][:, None] + 7 + 3 * np.arange(self.points[0])[None, :]
                size[flags.ravel()] = 0
            far = np.maximum.reduceat(size, heads) > _FAR
            yield (
                far,
                "coordinates that are not shares of the picture (0 … 1)",
                "divide by the picture's width and height",
            )
            boxes = heads[~wrong & ((rows.sizes <= 6) | (self.task == "pose"))]
            below = boxes[(numbers[boxes + 3] < 0) | (numbers[boxes + 4] < 0)]
            yield np.isin(heads, below), "a box of negative size", ""

    def _count(self, classes: IntArray, text: IntArray, line: IntArray, labels: Sequence[str]) -> None:
        codes, places, counts = np.unique(classes, return_index=True, return_counts=True)
        for code, at, count in zip(codes.tolist(), places.tolist(), counts.tolist(), strict=True):
            before, first = self.seen.get(code, (0, f"{labels[text[at]]}:{line[at]}"))
            self.seen[code] = (before + count, first)

    def _field(self, named: bool) -> Iterator[Event]:
        names = dict(self.names)
        taken = set(names.values())
        if not named and self.seen:
            yield Problem(
                "warning",
                'no file names the classes; they are called "0", "1", ...',
                str(self.source.path),
                "put the names in data.yaml or classes.txt, or say names=...",
            )
            # Without holes, as other readers of YOLO want them.
            names = {i: str(i) for i in range(min(max(self.seen) + 1, _MOST_UNNAMED))}
        for code, (count, first) in sorted(self.seen.items()):
            if code not in names:
                names[code] = str(code) if str(code) not in taken else f"{code} (unlisted)"
                if named:
                    yield Problem(
                        "warning",
                        f'class {code} is not among the names; kept as class "{names[code]}"',
                        first,
                        f"{count} rows have it; the names go from {min(self.names, default=0)} to {max(self.names, default=0)}",
                    )
        task: Task = self.task or "detect"
        meta: dict[str, Any] = {"task": task, "names": {str(i): n for i, n in sorted(names.items())}}
        if not named:
            meta["unnamed"] = True
        keypoint_names: tuple[str, ...] = ()
        if task == "pose" and self.points is not None:
            meta["kpt_shape"] = list(self.points)
            keypoint_names = _point_names(self.layout.kept.get("kpt_names"), self.points[0])
            flips = self.layout.kept.get("flip_idx")
            if isinstance(flips, list) and all(isinstance(f, str) and f.isdecimal() for f in flips):
                meta["flip_idx"] = [int(f) for f in flips]
        yield FieldFound(
            LabelField(
                self.source.name,
                "box",
                tuple(names[i] for i in sorted(names)),
                keypoint_names=keypoint_names,
                meta={"yolo": meta},
            ),
            names,
        )


def task_of(rows: Rows, points: tuple[int, int] | None) -> tuple[Task, tuple[int, int] | None]:
    """The task that the rows are for, and the shape of keypoints.

    Rows of 5 or 6 numbers are boxes; rows that all have 4 corners (9 or 10 numbers) turned boxes; rows of equal size
    where each third number behind the box is 0, 1 or 2 are poses; the rest is outlines.
    """
    if points is not None:
        return "pose", points
    sizes = np.unique(rows.sizes)
    if (sizes <= 6).all():
        return "detect", None
    if set(sizes.tolist()) <= {9, 10}:
        return "obb", None
    if sizes.size == 1 and sizes[0] >= 8 and (sizes[0] - 5) % 3 == 0:
        flags = rows.numbers.reshape(-1, sizes[0])[:, 7::3]
        if np.isin(flags, (0, 1, 2)).all():
            return "pose", (int(sizes[0] - 5) // 3, 3)
    return "segment", None


def _wrong_size(sizes: IntArray, task: Task, points: tuple[int, int] | None) -> tuple[MaskArray, str]:
    """Rows whose count of numbers does not fit, and what would."""
    if task == "detect":
        return (sizes != 5) & (sizes != 6), "5 numbers, or 6 with a score"
    if task == "obb":
        return (sizes != 9) & (sizes != 10), '9 numbers, or 10 with a score; outlines: task="segment"'
    if task == "pose":
        count, dims = points or (0, 3)
        wanted = 5 + count * dims
        return (sizes != wanted) & (sizes != wanted + 1), f"{wanted} numbers, or one more with a score"
    return sizes < 5, "a class and three or more points, or a box"


def _point_names(stated: Any, count: int) -> tuple[str, ...]:
    """Keypoint names of data.yaml: a list, or lists by class id, of which the first counts; else numbers."""
    if isinstance(stated, Mapping):
        stated = next(iter(stated.values()), None)
    if isinstance(stated, list) and len(stated) == count and all(isinstance(n, str) for n in stated):
        return tuple(stated)
    return tuple(str(i) for i in range(count))


def _text(path: str) -> str:
    """A file name that is not UTF-8 is shown with its odd bytes escaped; the import reports that it is not there."""
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode()


# Geometry ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Shapes:
    """Rows in pixels. `place`: the rows that stay; `size`: (n, 2) width and height of each one's picture."""

    rows: Rows
    place: IntArray
    size: FloatArray
    task: Task
    points: tuple[int, int] | None
    box: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))  # x, y, w, h in pixels
    extent: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))  # of what is drawn: x0, y0, x1, y1 as shares

    def columns(self) -> dict[str, Any]:
        if self.task == "segment":
            more = self._outlines()
        elif self.task == "obb":
            more = self._turned()
        else:
            self._centred(np.arange(self.place.size))
            more = self._pose() if self.task == "pose" else {}
        score = self._scores()
        columns = {name: pa.array(np.ascontiguousarray(self.box[:, i])) for i, name in enumerate("xywh")}
        return {**columns, **({"score": score} if score is not None else {}), **more}

    def outside(self) -> MaskArray:
        low, high = self.extent[:, :2], self.extent[:, 2:]
        found: MaskArray = np.any((low < -_EDGE) | (high > 1 + _EDGE), axis=1)
        return found

    def flat(self) -> MaskArray:
        found: MaskArray = (self.box[:, 2:] == 0).any(axis=1)
        return found

    def _take(self, which: IntArray, first: int, count: int) -> FloatArray:
        """Numbers first … first + count of some rows, as a table."""
        at = self.rows.offsets[:-1][self.place[which]]
        found: FloatArray = self.rows.numbers[at[:, None] + np.arange(first, first + count)[None, :]]
        return found

    def _centred(self, which: IntArray) -> None:
        """Rows of class, centre, size."""
        if not self.box.size:
            self.box, self.extent = np.zeros((self.place.size, 4)), np.zeros((self.place.size, 4))
        shares = self._take(which, 1, 4)
        corner = shares[:, :2] - shares[:, 2:] / 2
        self.extent[which] = np.hstack([corner, corner + shares[:, 2:]])
        size = self.size[which]
        self.box[which] = np.hstack([corner * size, shares[:, 2:] * size])

    def _scores(self) -> pa.Array | None:
        sizes = self.rows.sizes[self.place]
        if self.task == "segment":
            scored = (sizes % 2 == 0) & (sizes >= 6)
        else:
            count, dims = self.points or (0, 3)
            plain = {"detect": 5, "obb": 9, "pose": 5 + count * dims}[self.task]
            scored = sizes == plain + 1
        if not scored.any():
            return None
        last = self.rows.numbers[self.rows.offsets[1:][self.place] - 1]
        return pa.array(np.where(scored, last, 0.0), mask=~scored)

    def _pose(self) -> dict[str, Any]:
        count, dims = self.points or (0, 3)
        every = np.arange(self.place.size)
        found = self._take(every, 5, count * dims).reshape(-1, count, dims)
        out = np.empty((self.place.size, count, 3))
        out[:, :, :2] = found[:, :, :2] * self.size[:, None, :]
        # Two numbers a point: one at 0, 0 was not labelled.
        out[:, :, 2] = found[:, :, 2] if dims == 3 else np.where((found == 0).all(axis=2), 0.0, 2.0)
        offsets = np.arange(self.place.size + 1) * count * 3
        return {"keypoints": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(out.ravel()))}

    def _turned(self) -> dict[str, Any]:
        corners = self._take(np.arange(self.place.size), 1, 8)
        self._extent_of(corners.reshape(-1, 4, 2))
        px = corners.reshape(-1, 4, 2) * self.size[:, None, :]
        centre = px.mean(axis=1)
        side = np.linalg.norm(px - np.roll(px, -1, axis=1), axis=2)
        size = np.column_stack([side[:, 0] + side[:, 2], side[:, 1] + side[:, 3]]) / 2
        self.box = np.hstack([centre - size / 2, size])
        along = px[:, 1] - px[:, 0] + px[:, 2] - px[:, 3]
        turn = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
        return {"rotation": pa.array(turn), "polygons": _parts(px.ravel(), np.arange(self.place.size + 1) * 8, None)}

    def _outlines(self) -> dict[str, Any]:
        sizes = self.rows.sizes[self.place]
        plain = sizes <= 6
        self.box, self.extent = np.zeros((self.place.size, 4)), np.zeros((self.place.size, 4))
        if plain.any():
            self._centred(np.flatnonzero(plain))
        if plain.all():
            return {}
        counts = np.where(plain, 0, (sizes - 1) // 2 * 2)  # a last odd number is the score
        offsets = np.concatenate(([0], np.cumsum(counts)))
        inner = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        shares = self.rows.numbers[np.repeat(self.rows.offsets[:-1][self.place] + 1, counts) + inner]
        heads = offsets[:-1][~plain]
        for axis in (0, 1):
            low = np.minimum.reduceat(np.where(inner % 2 == axis, shares, np.inf), heads)
            high = np.maximum.reduceat(np.where(inner % 2 == axis, shares, -np.inf), heads)
            self.extent[~plain, axis], self.extent[~plain, 2 + axis] = low, high
        flat = shares * np.repeat(self.size, counts, axis=0)[np.arange(shares.size), inner % 2]
        size = np.tile(self.size, 2)[~plain]
        edges = self.extent[~plain] * size
        self.box[~plain] = np.hstack([edges[:, :2], edges[:, 2:] - edges[:, :2]])
        return {"polygons": _parts(flat, offsets, plain)}

    def _extent_of(self, corners: FloatArray) -> None:
        self.extent = np.hstack([corners.min(axis=1), corners.max(axis=1)])


def _parts(flat: FloatArray, offsets: IntArray, missing: MaskArray | None) -> pa.Array:
    """One part for each row; none, and null, where `missing`."""
    bounds = np.concatenate(([0], offsets[1:][np.diff(offsets) > 0]))
    outer = np.concatenate(([0], np.cumsum(np.diff(offsets) > 0)))
    inner = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pa.array(flat))
    mask = pa.array(missing) if missing is not None and missing.any() else None
    return pa.ListArray.from_arrays(pa.array(outer, pa.int32()), inner, mask=mask)
