"""Class tables that lie beside masks: id, name and colour of each class, in the ways people write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import msgspec

from loopline.errors import FormatError
from loopline.formats._inside import read_bytes
from loopline.formats._shapes import whole

NAMES: Final = (
    *("classes.json", "class_dict.csv", "classes.csv", "classes.txt", "labelmap.txt", "label_colors.txt"),
    *("label_map.json", "labels.json", "labels.csv", "labels.txt", "class_names.txt", "codes.txt", "_classes.csv"),
)
"""Files that are looked for, the likeliest first."""
_MOST_BYTES: Final = 4 << 20
_COLOUR_FIRST: Final = re.compile(r"(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\S.*)\Z")
_ID_FIRST: Final = re.compile(r"(\d{1,5})\s*[:=,\t ]\s*(\S.*)\Z")
_LABELMAP: Final = re.compile(r"([^:]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*\Z")


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class; `colour` is RGB where the table has one."""

    id: int
    name: str
    colour: tuple[int, int, int] | None = None


def find_table(folders: Sequence[Path]) -> Path | None:
    """The first class table in the folders."""
    return next((f / n for f in folders for n in NAMES if (f / n).is_file() and not (f / n).is_symlink()), None)


def read_table(file: Path) -> list[ClassRow]:
    """The classes of a JSON, CSV or text table. Rows without an id are numbered from 0.

    Raises FormatError where there is no such file or it is no class table.
    """
    text = read_bytes(str(file), [file.parent], _MOST_BYTES).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    suffix = file.suffix.lower()
    rows = _json(text, file) if suffix == ".json" else _csv(text) if suffix == ".csv" else _lines(text)
    if not rows:
        raise FormatError(
            "no class table: it must give the name of each class",
            where=str(file),
            hint="a CSV with the columns id,name or name,r,g,b; a JSON list of names; or one name a line",
        )
    if len({r.id for r in rows}) < len(rows):
        raise FormatError("the class table has an id twice", where=str(file))
    return rows


def _json(text: str, file: Path) -> list[ClassRow]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}", where=str(file)) from None
    if isinstance(found, dict) and isinstance(found.get("classes", found.get("labels")), list):
        found = found.get("classes", found.get("labels"))
    rows: list[ClassRow] = []
    if isinstance(found, list):
        for number, item in enumerate(found):
            if isinstance(item, str):
                rows.append(ClassRow(number, item))
            elif isinstance(item, dict) and isinstance(name := item.get("name", item.get("label")), str):
                code = next((c for k in ("id", "value", "index") if (c := whole(item.get(k))) is not None), number)
                rows.append(ClassRow(code, name, colour_of(item.get("color", item.get("colour")))))
    elif isinstance(found, dict):
        for number, (key, value) in enumerate(found.items()):
            if isinstance(value, str) and key.isdecimal():
                rows.append(ClassRow(int(key), value))
            elif whole(value) is not None:
                rows.append(ClassRow(whole(value) or 0, key))
            elif (colour := colour_of(value)) is not None:
                rows.append(ClassRow(number, key, colour))
    return [r for r in rows if r.id >= 0]


def _csv(text: str) -> list[ClassRow]:
    lines = [[cell.strip() for cell in row] for row in csv.reader(StringIO(text), skipinitialspace=True) if any(row)]
    if not lines:
        return []
    head = [cell.lower() for cell in lines[0]]
    names = ("name", "class", "label", "class_name", "category")
    name = next((head.index(n) for n in names if n in head), None)
    if name is None:
        return _lines(text)
    code = next((head.index(n) for n in ("id", "pixel value", "pixel_value", "index", "value") if n in head), None)
    colour = [head.index(c) for c in "rgb"] if {"r", "g", "b"} <= set(head) else []
    rows = []
    for number, cells in enumerate(lines[1:]):
        if len(cells) <= max([name, *([code] if code is not None else []), *colour]):
            continue
        value = whole(cells[code]) if code is not None else number
        if value is not None and value >= 0 and cells[name]:
            rows.append(ClassRow(value, cells[name], colour_of([cells[i] for i in colour]) if colour else None))
    return rows


def _lines(text: str) -> list[ClassRow]:
    """One class a line: `name`, `id name`, `r g b name`, or CVAT's `name:r,g,b:parts:actions`."""
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    for pattern in (_LABELMAP, _COLOUR_FIRST, _ID_FIRST):
        found = [pattern.match(line) for line in lines]
        if not lines or not all(found):
            continue
        parts = [m.groups() for m in found if m]
        if pattern is _ID_FIRST:
            return [ClassRow(int(code), name.strip()) for code, name in parts]
        if pattern is _LABELMAP:
            return [ClassRow(i, name.strip(), colour_of(rgb)) for i, (name, *rgb) in enumerate(parts)]
        return [ClassRow(i, name.strip(), colour_of(rgb)) for i, (*rgb, name) in enumerate(parts)]
    return [ClassRow(i, line) for i, line in enumerate(lines)]


def colour_of(value: Any) -> tuple[int, int, int] | None:
    """A colour as files state it: #rrggbb, or a list that begins with three numbers from 0 to 255; else None."""
    if isinstance(value, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
    if isinstance(value, Mapping) or not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 3:
        return None
    r, g, b = (whole(v) for v in value[:3])
    if r is None or g is None or b is None or not (min(r, g, b) >= 0 and max(r, g, b) < 256):
        return None
    return r, g, b


def table_text(rows: Sequence[ClassRow]) -> bytes:
    """A table as classes.json, which `read_table` reads again as the same rows."""
    items = [{"id": r.id, "name": r.name, **({"color": list(r.colour)} if r.colour is not None else {})} for r in rows]
    return b"[\n" + b",\n".join(b"  " + msgspec.json.encode(item) for item in items) + b"\n]\n"
