"""Cityscapes: leftImg8bit/<split>/<city>/*_leftImg8bit.png with gtFine/<split>/<city>/*_gtFine_{labelIds,instanceIds}.png
and *_gtFine_polygons.json. The class map goes into the mask field; objects (instance masks, else outlines) into a box
field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import _masks
from loopline.formats._class_table import ClassRow
from loopline.formats._fields import base_kind, field_name
from loopline.formats._inside import read_bytes
from loopline.formats._mask_layout import MaskSet
from loopline.formats._mask_read import MOST_BYTES, MaskReader
from loopline.formats._media import files_under, split_named
from loopline.formats._shapes import Fault, around, pairs
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import Column, LabelField

PICTURES: Final = "leftImg8bit"
LABELS: Final = ("gtFine", "gtCoarse")

# The label table of the benchmark: name, colour; the number of a class is its place.
_TABLE: Final = (
    ("unlabeled", 0x000000), ("ego vehicle", 0x000000), ("rectification border", 0x000000), ("out of roi", 0x000000),
    ("static", 0x000000), ("dynamic", 0x6F4A00), ("ground", 0x510051), ("road", 0x804080), ("sidewalk", 0xF423E8),
    ("parking", 0xFAAAA0), ("rail track", 0xE6968C), ("building", 0x464646), ("wall", 0x66669C), ("fence", 0xBE9999),
    ("guard rail", 0xB4A5B4), ("bridge", 0x966464), ("tunnel", 0x96785A), ("pole", 0x999999), ("polegroup", 0x999999),
    ("traffic light", 0xFAAA1E), ("traffic sign", 0xDCDC00), ("vegetation", 0x6B8E23), ("terrain", 0x98FB98),
    ("sky", 0x4682B4), ("person", 0xDC143C), ("rider", 0xFF0000), ("car", 0x00008E), ("truck", 0x000046),
    ("bus", 0x003C64), ("caravan", 0x00005A), ("trailer", 0x00006E), ("train", 0x005064), ("motorcycle", 0x0000E6),
    ("bicycle", 0x770B20),
)  # fmt: skip
CLASSES: Final = tuple(ClassRow(i, n, (c >> 16, c >> 8 & 255, c & 255)) for i, (n, c) in enumerate(_TABLE))
_THINGS: Final = range(24, 34)  # classes whose objects are told apart


def is_root(path: Path) -> bool:
    """Whether a folder holds both pictures and labels of Cityscapes."""
    return (path / PICTURES).is_dir() and any((path / name).is_dir() for name in LABELS)


@dataclass(slots=True)
class _Objects:
    owners: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    boxes: list[Sequence[float]] = field(default_factory=list)
    masks: list[bytes | None] = field(default_factory=list)
    outlines: list[list[list[float]] | None] = field(default_factory=list)
    crowds: list[bool] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)

    def table(self) -> pa.Table:
        return pa.table(
            {
                "sample_key": pa.array(self.owners, pa.int64()),
                "label": pa.array(self.labels, pa.string()),
                **{n: pa.array([float(b[i]) for b in self.boxes], pa.float64()) for i, n in enumerate("xywh")},
                "mask": pa.array(self.masks, pa.binary()),
                "polygons": pa.array(self.outlines, pa.list_(pa.list_(pa.float64()))),
                "iscrowd": pa.array(self.crowds, pa.bool_()),
                "instance": pa.array(self.numbers, pa.int64()),
            }
        )


def read(source: Source, path: Path) -> Iterator[Event]:
    """All of it as events."""
    folder = next(name for name in LABELS if (path / name).is_dir())
    there = dict.fromkeys(sorted(files_under(path / folder)))
    pictures = sorted(n for n in files_under(path / PICTURES) if n.lower().endswith(".png"))
    stems = [n.removesuffix(".png").removesuffix(f"_{PICTURES}") + f"_{folder}_" for n in pictures]
    maps = [f"{folder}/{s}labelIds.png" if f"{s}labelIds.png" in there else "" for s in stems]
    if not pictures:
        raise FormatError("no pictures in leftImg8bit", where=str(path))
    names = [f"{PICTURES}/{n}" for n in pictures]
    splits = {n: split_named(n.split("/")[1]) or n.split("/")[1] for n in names if n.count("/") > 1}
    orphans = [f"{folder}/{n}" for n in there if n.endswith("_labelIds.png") and f"{folder}/{n}" not in set(maps)]
    kinds = {"mask"} if any(maps) else set()
    shapes = [
        s + "instanceIds.png"
        if s + "instanceIds.png" in there
        else s + "polygons.json"
        if s + "polygons.json" in there
        else ""
        for s in stems
    ]
    kinds |= {"box"} if any(shapes) else set()
    base = base_kind(source.name, kinds, source.schema)  # type: ignore[arg-type]
    boxes = field_name(source.name, "box", base, source.schema)
    one = MaskSet(path, path, names, maps, orphans, splits)
    reader = MaskReader(source, one, CLASSES, [path], None, field_name(source.name, "mask", base, source.schema))
    labels: set[str] = set()
    for event in reader.samples_and_maps() if any(maps) else _samples(source, one):
        yield event
        if isinstance(event, SampleRows):
            found = _Objects()
            for key in event.table["key"].to_pylist():
                if shapes[key]:
                    yield from _objects(path, f"{folder}/{shapes[key]}", key, found)
            if found.owners:
                labels.update(found.labels)
                yield LabelRows(boxes, found.table())
    if any(maps):
        yield from reader.fields()
    if any(shapes):
        order = [r.name for r in CLASSES] + sorted(labels - {r.name for r in CLASSES})
        yield FieldFound(LabelField(boxes, "box", tuple(order), (Column("instance", "int"),), meta={"cityscapes": {}}))


def _samples(source: Source, one: MaskSet) -> Iterator[Event]:
    splits = [source.split or one.splits.get(p) for p in one.pictures]
    yield SampleRows(
        pa.table(
            {
                "key": pa.array(range(len(splits)), pa.int64()),
                "path": pa.array(one.pictures),
                "split": pa.array(splits, pa.string()),
            }
        ),
        str(one.root),
    )


def _objects(path: Path, name: str, key: int, out: _Objects) -> Iterator[Problem]:
    try:
        data = read_bytes(str(path / name), [path], MOST_BYTES)
        if name.endswith(".json"):
            yield from _outlines(data, name, key, out)
        else:
            _instances(data, key, out)
    except (Fault, FormatError) as fault:
        yield Problem("skipped", fault.what, name, fault.hint)


def _instances(data: bytes, key: int, out: _Objects) -> None:
    """Numbers from 1,000 on are class * 1000 + object; a bare class that has objects is a group of them."""
    for one in _masks.segments(_masks.decode(data).ids, skip=()):
        code = one.id // 1000 if one.id >= 1000 else one.id
        if code not in _THINGS:
            continue
        out.owners.append(key)
        out.labels.append(CLASSES[code].name)
        out.boxes.append(one.box)
        out.masks.append(one.blob)
        out.outlines.append(None)
        out.crowds.append(one.id < 1000)
        out.numbers.append(one.id)


def _outlines(data: bytes, name: str, key: int, out: _Objects) -> Iterator[Problem]:
    try:
        document: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Fault(f"not JSON: {error}") from None
    items = document.get("objects") if isinstance(document, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else []):
        try:
            label = item.get("label") if isinstance(item, dict) else None
            if not isinstance(label, str):
                raise Fault("an object without a label")
            flat = pairs(item.get("polygon"))
            if len(flat) < 6:
                raise Fault("an outline of fewer than three points")
        except Fault as fault:
            yield Problem("skipped", fault.what, f"{name}: objects[{number}]", fault.hint)
            continue
        known = {r.name for r in CLASSES}
        group = label.endswith("group") and label not in known and label.removesuffix("group") in known
        out.owners.append(key)
        out.labels.append(label.removesuffix("group") if group else label)
        out.boxes.append(around(flat))
        out.masks.append(None)
        out.outlines.append([flat])
        out.crowds.append(group)
        out.numbers.append(None)
