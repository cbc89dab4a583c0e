"""Some Pascal VOC files as one batch of rows: pictures and their objects."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from operator import lt
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import FormatError
from loopline.formats import _voc_quick, _xml
from loopline.formats._columns import OpenColumns, json_text
from loopline.formats._inside import read_bytes
from loopline.formats._media import tidy_name
from loopline.formats._shapes import size_px
from loopline.formats._voc_layout import VocSet
from loopline.kernel.exchange import Event, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import LABEL_COLUMNS, Column

IMAGE_REST: Final = "voc"  # sample column: what the file says of the picture beyond its name and size, as JSON
FLAGS: Final = ("difficult", "truncated", "occluded")

_FLAG: Final = {"0": False, "1": True, "false": False, "true": True}
_CORNERS: Final = list(_voc_quick.CORNERS)
_SCORES: Final = ("score", "confidence")
_OWN_COLUMNS: Final = frozenset({"name", *_SCORES, *_CORNERS})  # what does not become an attribute


@dataclass(slots=True)
class SoFar:
    """What goes on from one batch to the next."""

    source: Source
    attributes: OpenColumns = field(init=False)
    classes: set[str] = field(default_factory=set)
    key: int = 0  # of the next picture
    form: _voc_quick.Form | None = None  # of the objects in the last file that was read as a tree

    def __post_init__(self) -> None:
        schema, name = self.source.schema, self.source.name
        known = schema.field(name).attributes if schema.has_field(name) else ()
        self.attributes = OpenColumns(set(LABEL_COLUMNS["box"]), known)


@dataclass(slots=True)
class Batch:
    """Lists that grow by file and by object, and the columns of them. `used`: pictures that have a file already."""

    so_far: SoFar
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
    corners: tuple[list[float], ...] = field(default_factory=lambda: ([], [], [], []))  # x0, y0, x1, y1
    scores: list[float | None] = field(default_factory=list)
    turned: list[float | None] = field(default_factory=list)
    extras: dict[str, list[Any]] = field(default_factory=dict)  # key → value of each row up to the last that has one

    def add(self, name: str) -> None:
        """One XML file. What is wrong with it becomes problems."""
        try:
            text = read_bytes(f"{self.one.xml_root}/{name}", [self.so_far.source.path])
            root, texts = self._parsed(text)
        except FormatError as error:
            where = f"{name}: {error.where}" if error.where else name
            self.problems.append(Problem("skipped", error.what, where, error.hint))
            return
        row = len(self.paths)
        key = self.so_far.key
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
                width, height = _side(child.findtext("width")), _side(child.findtext("height"))
                depth = child.findtext("depth")
                if depth is not None:
                    notes["depth"] = depth
            else:
                notes[tag] = [*notes[tag], _xml.as_value(child)] if tag in notes else [_xml.as_value(child)]
        path = self._picture(stem, stated, name)
        if path is None:
            return
        if stated != path.rpartition("/")[2]:
            notes["filename"] = stated
        if not width or not height:
            self.problems.append(Problem("warning", "no size; the picture's own counts", name))
            width = height = None
        self.so_far.key += 1
        self.keys.append(key)
        self.paths.append(path)
        self.widths.append(width)
        self.heights.append(height)
        self.splits.append(self.so_far.source.split or self.one.split(stem))
        self.notes.append(json_text(notes) if notes else None)
        if texts is not None:
            if self._sound(texts, key, width, height):
                return
            objects = _xml.parse(text).findall("object")
        for number, element in enumerate(objects):
            self._object(element, key, self.widths[row], self.heights[row], f"{name}: object[{number}]")
        self.so_far.form = (_voc_quick.form_of(objects[0]) if objects else None) or self.so_far.form

    def _parsed(self, text: bytes) -> tuple[Element, dict[str, list[str]] | None]:
        """The root, and the objects' texts by tag where they were taken out of it. Raises FormatError."""
        found = _voc_quick.taken_out(text, self.so_far.form) if self.so_far.form else None
        root = None
        if found is not None:
            with suppress(FormatError):  # then the whole file has to tell where it is broken
                root = _xml.parse(found[0])
        if root is None or found is None:
            found, root = None, _xml.parse(text)
        if root.tag != "annotation":
            raise FormatError(f"not Pascal VOC: the root is <{root.tag}>")
        return root, found[1] if found else None

    def _sound(self, texts: Mapping[str, list[str]], key: int, width: int | None, height: int | None) -> bool:
        """Add the objects of a file if not one of them gives a reason to look closer."""
        try:
            corners = [list(map(float, texts[tag])) for tag in _voc_quick.CORNERS]
        except ValueError:
            return False
        x0, y0, x1, y1 = corners
        ordered = all(map(lt, x0, x1)) and all(map(lt, y0, y1))  # false for a NaN, too
        if not (ordered and min(x0) >= 0 and min(y0) >= 0 and max(x1) < math.inf and max(y1) < math.inf):
            return False
        if width and height and (max(x1) > width or max(y1) > height):
            return False
        labels = list(map(str.strip, texts["name"]))
        if "" in labels:
            return False
        row, count = len(self.labels), len(labels)
        self.owners += [key] * count
        self.labels += labels
        for column, more in zip(self.corners, corners, strict=True):
            column += more
        scores = next((texts[tag] for tag in _SCORES if tag in texts), None)
        self.scores += [None] * count if scores is None else map(_number, scores)
        self.turned += [None] * count
        for tag, values in texts.items():
            if tag not in _OWN_COLUMNS:
                self._extra(tag, row).extend(map(_flag, values) if tag in FLAGS else values)
        return True

    def _extra(self, tag: str, row: int) -> list[Any]:
        """A tag's values so far, up to this row."""
        column = self.extras.setdefault(tag, [])
        column += [UNSET] * (row - len(column))
        return column

    def _picture(self, stem: str, stated: str, name: str) -> str | None:
        """The picture of an XML file: the one with its stem; where there are several or none, the <filename>."""
        folder = stem.rpartition("/")[0]
        given = tidy_name(stated) if stated else None
        bare = given.rpartition("/")[2] if given else None
        beside = f"{folder}/{bare}" if given and folder else given
        mine = self.one.pictures.get(stem, [])
        if len(mine) == 1:
            path = mine[0]
            if given and given != path and beside != path and self._there(beside):
                self.problems.append(
                    Problem("warning", "named like one picture, with the <filename> of another", f"{name} ({stated})",
                            "the picture named like the XML file counts")
                )  # fmt: skip
        else:
            options = [p for p in (beside, given, bare) if p]
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
                    values[tag] = _flag(child.text or "")
                elif tag in _SCORES and score is None and "score" not in values:
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
        for column, corner in zip(self.corners, (x0, y0, x1, y1), strict=True):
            column.append(corner)
        self.scores.append(score)
        self.turned.append(turned)
        for tag, value in values.items():
            self._extra(tag, row).append(value)

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
            self.so_far.classes.update(set(self.labels) - {None})  # type: ignore[arg-type]
            yield LabelRows(self.so_far.source.name, pa.table(self._columns()))

    def _columns(self) -> dict[str, Any]:
        x0, y0, x1, y1 = (np.array(column, np.float64) for column in self.corners)
        columns: dict[str, Any] = {
            "sample_key": pa.array(self.owners, pa.int64()),
            "label": pa.array(self.labels, pa.string()),
            "x": pa.array(x0),
            "y": pa.array(y0),
            "w": pa.array(x1 - x0),
            "h": pa.array(y1 - y0),
        }
        if self.scores.count(None) < len(self.scores):
            columns["score"] = pa.array(self.scores, pa.float64())
        if self.turned.count(None) < len(self.turned):
            columns["rotation"] = pa.array(self.turned, pa.float64())
        size = len(self.labels)
        odd: dict[int, dict[str, Any]] = {}
        for key in (*(k for k in FLAGS if k in self.extras), *(k for k in self.extras if k not in FLAGS)):
            values = self._extra(key, size)
            name, array, left = self.so_far.attributes.add(key, values)
            if array is not None:
                columns[name] = array
            for i in left:
                odd.setdefault(i, {})[key] = values[i]
        if odd:
            name, array, _ = self.so_far.attributes.add("voc_rest", [odd.get(i, UNSET) for i in range(size)])
            columns[name] = array
        return columns


@lru_cache(maxsize=256)
def _flag(text: str) -> bool | str:
    return _FLAG.get(text.strip().lower(), text)


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


def _side(text: str | None) -> int | None:
    value = _number(text)
    return size_px(int(value)) if value is not None else None
