"""Pascal VOC files as events."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import FormatError
from loopline.formats import _xml
from loopline.formats._columns import OpenColumns, json_text
from loopline.formats._media import tidy_name
from loopline.formats._voc_layout import VocSet
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import LABEL_COLUMNS, Column, LabelField

IMAGE_REST: Final = "voc"  # sample column: what the file says of the picture beyond its name and size, as JSON
FLAGS: Final = ("difficult", "truncated", "occluded")
BATCH: Final = 4096  # files

_FLAG: Final = {"0": False, "1": True, "false": False, "true": True}
_ROOT: Final = re.compile(rb"<annotation[\s>]")  # not <annotations>: that is CVAT
_CORNERS: Final = ["xmin", "ymin", "xmax", "ymax"]


@dataclass(slots=True)
class VocReader:
    """One pass over some sets."""

    source: Source
    sets: list[VocSet]
    attributes: OpenColumns = field(init=False)
    classes: set[str] = field(default_factory=set)
    key: int = 0

    def __post_init__(self) -> None:
        schema, name = self.source.schema, self.source.name
        known = schema.field(name).attributes if schema.has_field(name) else ()
        self.attributes = OpenColumns(set(LABEL_COLUMNS["box"]), known)

    def events(self) -> Iterator[Event]:
        total = sum(len(s.xmls) for s in self.sets)
        done = 0
        for one in self.sets:
            used: set[str] = set()
            for start in range(0, len(one.xmls), BATCH):
                batch = _Batch(self, one, used)
                for name in one.xmls[start : start + BATCH]:
                    batch.add(name)
                yield from batch.events()
                done += min(BATCH, len(one.xmls) - start)
                self.source.report(done, total)
            yield from self._without_labels(one, used)
        yield FieldFound(
            LabelField(self.source.name, "box", tuple(sorted(self.classes)), self.attributes.columns, meta={"voc": {}})
        )

    def _without_labels(self, one: VocSet, used: set[str]) -> Iterator[Event]:
        """Pictures that no XML file tells of."""
        if not one.xmls or one.xml_root.is_file():
            return
        left = [name for names in one.pictures.values() for name in names if name not in used]
        if len(one.xmls) == 1 and one.xml_root != one.root and not one.splits:
            left = [] if self.source.path.is_file() else left
        if self.source.path.is_file() or not left:
            return
        splits = [self.source.split or one.split(os.path.splitext(name)[0]) for name in left]  # noqa: PTH122
        table = pa.table(
            {
                "key": pa.array(range(self.key, self.key + len(left)), pa.int64()),
                "path": pa.array(left),
                "split": pa.array(splits, pa.string()),
            }
        )
        self.key += len(left)
        yield SampleRows(table, str(one.root))
        yield Problem(
            "warning", "pictures without an XML file; added without labels", f"{one.root}: {len(left)}, first {left[0]}"
        )


@dataclass(slots=True)
class _Batch:
    reader: VocReader
    one: VocSet
    used: set[str]
    problems: list[Problem] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    widths: list[int | None] = field(default_factory=list)
    heights: list[int | None] = field(default_factory=list)
    splits: list[str | None] = field(default_factory=list)
    notes: list[str | None] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # corners
    scores: list[float | None] = field(default_factory=list)
    turned: list[float | None] = field(default_factory=list)
    extras: dict[str, dict[int, Any]] = field(default_factory=dict)  # key → row → value

    def add(self, name: str) -> None:
        """One XML file. What is wrong with it becomes problems."""
        try:
            with open(f"{self.one.xml_root}/{name}", "rb") as file:  # noqa: PTH123  a Path for each of a million files
                root = _xml.parse(file.read())
            if root.tag != "annotation":
                raise FormatError(f"not Pascal VOC: the root is <{root.tag}>")
        except FormatError as error:
            where = f"{name}: {error.where}" if error.where else name
            self.problems.append(Problem("skipped", error.what, where, error.hint))
            return
        except OSError as error:
            self.problems.append(Problem("skipped", f"the file cannot be read: {error.strerror}", name))
            return
        row = len(self.paths)
        key = self.reader.key
        stem = name[:-4]
        width: int | None = None
        height: int | None = None
        stated = ""
        notes: dict[str, Any] = {}
        objects: list[Element] = []
        for child in root:
            tag = child.tag
            if tag == "object":
                objects.append(child)
            elif tag == "filename":
                stated = (child.text or "").strip()
            elif tag == "size":
                width, height = _whole(child.findtext("width")), _whole(child.findtext("height"))
                depth = child.findtext("depth")
                if depth is not None:
                    notes["depth"] = depth
            else:
                notes[tag] = [*notes[tag], _xml.as_value(child)] if tag in notes else [_xml.as_value(child)]
        path = self._picture(stem, stated, name)
        if path is None:
            return
        if stated != PurePosixPath(path).name:
            notes["filename"] = stated
        if not width or not height:
            self.problems.append(Problem("warning", "no size; the picture's own counts", name))
            width = height = None
        self.reader.key += 1
        self.keys.append(key)
        self.paths.append(path)
        self.widths.append(width)
        self.heights.append(height)
        self.splits.append(self.reader.source.split or self.one.split(stem))
        self.notes.append(json_text(notes) if notes else None)
        for number, element in enumerate(objects):
            self._object(element, key, self.widths[row], self.heights[row], f"{name}: object[{number}]")

    def _picture(self, stem: str, stated: str, name: str) -> str | None:
        """The picture of an XML file: the one with its stem; where there are several or none, the <filename>."""
        folder = stem.rpartition("/")[0]
        given = tidy_name(stated) if stated else None
        beside = f"{folder}/{PurePosixPath(given).name}" if given and folder else given
        mine = self.one.pictures.get(stem, [])
        if len(mine) == 1:
            path = mine[0]
            if given and given != path and beside != path and self._there(beside):
                self.problems.append(
                    Problem("warning", "named like one picture, with the <filename> of another", f"{name} ({stated})",
                            "the picture named like the XML file counts")
                )  # fmt: skip
        else:
            options = [p for p in (beside, given, PurePosixPath(given).name if given else None) if p]
            path = next((p for p in options if self._there(p)), "") or (mine[0] if mine else "")
            path = path or (options[0] if options else f"{stem}.jpg")
        if path in self.used:
            self.problems.append(Problem("skipped", "a second XML file for one picture", f"{name} ({path})"))
            return None
        self.used.add(path)
        return path

    def _there(self, path: str | None) -> bool:
        return path is not None and path in self.one.pictures.get(os.path.splitext(path)[0], ())  # noqa: PTH122

    def _object(self, element: Element, key: int, width: int | None, height: int | None, where: str) -> None:
        row = len(self.labels)
        label: str | None = None
        box: tuple[float, float, float, float] | None = None
        turned: float | None = None
        score: float | None = None
        values: dict[str, Any] = {}
        try:
            for child in element:
                tag = child.tag
                if tag == "name" and label is None:
                    label = (child.text or "").strip() or None
                elif tag == "bndbox" and box is None:
                    box = _corners(child)
                elif tag == "robndbox" and box is None:
                    box, turned = _turned(child)
                elif tag in FLAGS and tag not in values and not len(child):
                    text = child.text or ""
                    flag = _FLAG.get(text)
                    values[tag] = flag if flag is not None else _FLAG.get(text.strip().lower(), text)
                elif tag in ("score", "confidence") and score is None and "score" not in values:
                    score = _number(child.text)
                elif tag in values:
                    known = values[tag]
                    values[tag] = [*(known if isinstance(known, list) else [known]), _xml.as_value(child)]
                elif not len(child) and not child.attrib:
                    values[tag] = child.text or ""
                else:
                    value = _xml.as_value(child)
                    values[tag] = [value] if tag == "part" else value
        except ValueError as error:
            self.problems.append(Problem("skipped", str(error), where))
            return
        if box is None:
            self.problems.append(Problem("skipped", "an object without a bndbox", where))
            return
        if label is None:
            self.problems.append(Problem("warning", "an object without a name; kept without a class", where))
        x0, y0, x1, y1 = box
        if x1 < x0 or y1 < y0:
            self.problems.append(Problem("warning", "corners in the wrong order; exchanged", where))
            x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        if x0 == x1 or y0 == y1:
            self.problems.append(Problem("warning", "a box without area", where))
        if width and height and turned is None and (x0 < 0 or y0 < 0 or x1 > width or y1 > height):
            self.problems.append(Problem("warning", "a box that reaches outside the picture", where))
        self.owners.append(key)
        self.labels.append(label)
        self.boxes.append((x0, y0, x1, y1))
        self.scores.append(score)
        self.turned.append(turned)
        for tag, value in values.items():
            self.extras.setdefault(tag, {})[row] = value

    def events(self) -> Iterator[Event]:
        yield from self.problems
        if not self.paths:
            return
        columns: dict[str, Any] = {
            "key": pa.array(self.keys, pa.int64()),
            "path": pa.array(self.paths),
            "width": pa.array(self.widths, pa.int64()),
            "height": pa.array(self.heights, pa.int64()),
            "split": pa.array(self.splits, pa.string()),
            IMAGE_REST: pa.array(self.notes, pa.string()),
        }
        yield SampleRows(pa.table(columns), str(self.one.root), (Column(IMAGE_REST, "json"),))
        if self.labels:
            self.reader.classes.update(label for label in self.labels if label is not None)
            yield LabelRows(self.reader.source.name, pa.table(self._columns()))

    def _columns(self) -> dict[str, Any]:
        corners = np.array(self.boxes, np.float64).reshape(-1, 4)
        columns: dict[str, Any] = {
            "sample_key": pa.array(self.owners, pa.int64()),
            "label": pa.array(self.labels, pa.string()),
            "x": pa.array(corners[:, 0].copy()),
            "y": pa.array(corners[:, 1].copy()),
            "w": pa.array(corners[:, 2] - corners[:, 0]),
            "h": pa.array(corners[:, 3] - corners[:, 1]),
        }
        if any(v is not None for v in self.scores):
            columns["score"] = pa.array(self.scores, pa.float64())
        if any(v is not None for v in self.turned):
            columns["rotation"] = pa.array(self.turned, pa.float64())
        size = len(self.labels)
        odd: dict[int, dict[str, Any]] = {}
        for key in (*(k for k in FLAGS if k in self.extras), *(k for k in self.extras if k not in FLAGS)):
            rows = self.extras[key]
            name, array, left = self.reader.attributes.add(key, [rows.get(i, UNSET) for i in range(size)])
            if array is not None:
                columns[name] = array
            for i in left:
                odd.setdefault(i, {})[key] = rows[i]
        if odd:
            name, array, _ = self.reader.attributes.add("voc_rest", [odd.get(i, UNSET) for i in range(size)])
            columns[name] = array
        return columns


def _corners(element: Element) -> tuple[float, float, float, float]:
    """Corners of a bndbox. Raises ValueError with the fault."""
    try:
        if len(element) == 4 and [child.tag for child in element] == _CORNERS:
            x0, y0, x1, y1 = (float(child.text or "") for child in element)
        else:
            found = {child.tag: float(child.text or "") for child in element}
            x0, y0, x1, y1 = (found[name] for name in _CORNERS)
    except (KeyError, ValueError):
        raise ValueError("a bndbox needs the numbers xmin, ymin, xmax, ymax") from None
    if not math.isfinite(x0 + y0 + x1 + y1):
        raise ValueError("a bndbox with a corner that is not finite")
    return x0, y0, x1, y1


def _turned(element: Element) -> tuple[tuple[float, float, float, float], float]:
    """A robndbox (centre, size, angle in radians) as the corners before the turn, and degrees."""
    cx, cy, w, h, angle = (_number(element.findtext(name)) for name in ("cx", "cy", "w", "h", "angle"))
    if cx is None or cy is None or w is None or h is None or angle is None:
        raise ValueError("a robndbox needs the numbers cx, cy, w, h, angle")
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), math.degrees(angle)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value > 0 else None


def here(path: Path) -> bool:
    """Whether the file's first kB look like a VOC annotation."""
    with path.open("rb") as file:
        head = file.read(2048)
    return _ROOT.search(head) is not None and (b"<object" in head or b"<size" in head)
