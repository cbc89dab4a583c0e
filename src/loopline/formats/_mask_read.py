"""Folders of masks as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import _masks
from loopline.formats._class_table import ClassRow
from loopline.formats._coco_classes import class_names
from loopline.formats._inside import read_bytes
from loopline.formats._mask_layout import MaskSet
from loopline.formats._shapes import Fault
from loopline.kernel.exchange import Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import LabelField
from loopline.media.sizes import picture_sizes

FILES: Final = 256  # masks in one batch of rows
MOST_BYTES: Final = 256 << 20  # of one mask file
MOST_CLASSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class ClassMap:
    """One mask, as a label row keeps it."""

    blob: bytes
    width: int
    height: int
    ids: tuple[int, ...]  # numbers that occur
    strange: int = 0  # pixels of a colour that the table lacks
    palette: bytes = b""


def class_map(data: bytes, colours: Sequence[tuple[int, int]]) -> ClassMap:
    """A mask file as a class map. `colours`: (colour code, id) of the class table. Raises Fault."""
    found = _masks.decode(data)
    ids, strange = found.ids, 0
    if found.colour:
        if not colours:
            raise Fault("a colour mask, and no class table gives the colours", "name the table: classes=...")
        ids, strange = _masks.by_colour(ids, colours)
    height, width = ids.shape
    seen = np.flatnonzero(np.bincount(ids.ravel(), minlength=1)) if ids.dtype == np.uint8 else np.unique(ids)
    blob = data if found.plain else _masks.encode(ids)
    return ClassMap(blob, width, height, tuple(seen.tolist()), strange, found.palette)


@dataclass(slots=True)
class MaskReader:
    """One pass over one set of pictures with class maps.

    table   classes, or None where nothing names them
    void    a number that is no class unless the table has it
    """

    source: Source
    one: MaskSet
    table: Sequence[ClassRow] | None
    inside: Sequence[Path]
    void: int | None = 255
    name: str = ""
    form: str = "semantic_masks"
    seen: dict[int, tuple[int, str]] = field(default_factory=dict)  # id → masks that have it, the first one
    palettes: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.name or self.source.name

    def events(self) -> Iterator[Event]:
        yield from self.samples_and_maps()
        yield from self.fields()

    def samples_and_maps(self) -> Iterator[Event]:
        for orphan in self.one.orphans:
            yield Problem("skipped", "a mask without a picture", str(self.one.mask_root / orphan))
        total = len(self.one.pictures)
        for start in range(0, total, FILES):
            pictures, masks = self.one.pictures[start : start + FILES], self.one.masks[start : start + FILES]
            keys = np.arange(start, start + len(pictures))
            splits = [self.source.split or self.one.splits.get(p) or self.one.split(p) for p in pictures]
            yield SampleRows(
                pa.table({"key": pa.array(keys), "path": pa.array(pictures), "split": pa.array(splits, pa.string())}),
                str(self.one.root),
            )
            yield from self._maps(keys, pictures, masks)
            self.source.report(min(start + FILES, total), total)

    def _maps(self, keys: Any, pictures: Sequence[str], masks: Sequence[str]) -> Iterator[Event]:
        colours = [(_masks.colour_code(r.colour), r.id) for r in self.table or () if r.colour is not None]
        sizes = picture_sizes([f"{self.one.root}/{p}" for p in pictures])
        owners, blobs = [], []
        found = _masks.in_threads(lambda name: self._one(name, colours), masks)
        for picture, name in zip(pictures, masks, strict=True):
            if not name:
                yield Problem("warning", "a picture without a mask; added without labels", picture)
        for key, picture, name, got, size in zip(keys.tolist(), pictures, masks, found, sizes.tolist(), strict=True):
            if got is None:
                continue
            if isinstance(got, Problem):
                yield got
                continue
            if got.strange:
                yield Problem(
                    "warning",
                    "pixels of a colour that the class table lacks; now class 0",
                    f"{name}: {got.strange} pixels",
                )
            if size[0] and (got.width, got.height) != tuple(size):
                yield Problem(
                    "warning",
                    "a mask of another size than its picture",
                    f"{name}: {got.width} x {got.height}, {picture}: {size[0]} x {size[1]}",
                )
            for code in got.ids:
                count, first = self.seen.get(code, (0, name))
                self.seen[code] = (count + 1, first)
            self.palettes.add(got.palette)
            owners.append(key)
            blobs.append(got.blob)
        if owners:
            yield LabelRows(
                self.name, pa.table({"sample_key": pa.array(owners, pa.int64()), "mask": pa.array(blobs, pa.binary())})
            )

    def _one(self, name: str, colours: Sequence[tuple[int, int]]) -> ClassMap | Problem | None:
        if not name:
            return None
        try:
            return class_map(read_bytes(f"{self.one.mask_root}/{name}", self.inside, MOST_BYTES), colours)
        except (Fault, FormatError) as fault:
            return Problem("skipped", fault.what, name, fault.hint)

    def names(self) -> tuple[dict[int, str], list[Problem]]:
        """Id → class, of the table, and of numbers that occur without being in it."""
        rows = self.table or ()
        names = class_names([{"id": r.id, "name": r.name} for r in rows])
        problems = []
        if len({r.name for r in rows}) < len(rows):
            problems.append(
                Problem("warning", "two classes have one name; the later one has its id behind it", "class table")
            )
        strangers = {i: s for i, s in sorted(self.seen.items()) if i not in names and i != self.void}
        if self.table is None and strangers:
            problems.append(
                Problem(
                    "warning",
                    'nothing names the classes of the masks; they are called "0", "1", ...',
                    str(self.source.path),
                    "put a class table beside the masks (classes.json, class_dict.csv), or name it: classes=...",
                )
            )
        taken = set(names.values())
        for code, (count, first) in list(strangers.items())[:MOST_CLASSES]:
            names[code] = str(code) if str(code) not in taken else f"{code} (unlisted)"
            if self.table is not None:
                problems.append(
                    Problem(
                        "warning",
                        f'number {code} is not in the class table; kept as class "{names[code]}"',
                        first,
                        f"{count} masks have it",
                    )
                )
        if len(strangers) > MOST_CLASSES:
            problems.append(
                Problem(
                    "warning",
                    f"more than {MOST_CLASSES:,} numbers in the masks; the rest has no class",
                    str(self.source.path),
                )
            )
        return names, problems

    def fields(self) -> Iterator[Event]:
        names, problems = self.names()
        yield from problems
        yield FieldFound(
            mask_field(
                self.name,
                names,
                self.table or (),
                self.void if self.void in self.seen and self.void not in names else None,
            )
        )


def mask_field(name: str, names: Mapping[int, str], table: Sequence[ClassRow], void: int | None) -> LabelField:
    """A field of class maps. `meta["mask"]` says which number each class has: {"ids": {number: class}, "colours":
    {number: [r, g, b]}, "void": number}."""
    meta: dict[str, Any] = {"ids": {str(i): n for i, n in sorted(names.items())}}
    colours = {str(r.id): list(r.colour) for r in table if r.colour is not None}
    if colours:
        meta["colours"] = colours
    if void is not None:
        meta["void"] = void
    return LabelField(name, "mask", tuple(names[i] for i in sorted(names)), meta={"mask": meta})


def table_of(label_field: LabelField) -> list[ClassRow]:
    """The class table of a field of class maps, the way `mask_field` keeps it; classes that it lacks get free ids."""
    meta = label_field.meta.get("mask", {})
    colours = meta.get("colours", {})
    known = {name: int(code) for code, name in meta.get("ids", {}).items() if name in label_field.classes}
    free = max([-1, *known.values()]) + 1
    rows = []
    for name in label_field.classes:
        code = known.get(name)
        if code is None:
            code, free = free, free + 1
        colour = colours.get(str(code))
        rows.append(ClassRow(code, name, tuple(colour) if colour is not None else None))
    return sorted(rows, key=lambda r: r.id)
