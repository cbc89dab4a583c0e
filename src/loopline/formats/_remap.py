"""Other classes on the way out: renamed, joined, left out, put in order. Once, for every format.

A writer is given `Remapped` in place of the view, and sees labels that always had these classes. Ids that the labels
came with named the old classes, so numbers follow the order of the new ones: YOLO counts from 0, COCO from 1.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopline.errors import BadValue, near
from loopline.formats import _masks
from loopline.formats._coco_classes import class_names
from loopline.formats._mask_read import table_of
from loopline.formats._smalljson import listed, mapping
from loopline.kernel.exchange import Exportable, Page
from loopline.kernel.schema import DatasetSchema, LabelField

OTHERS: Final = "*"
"""In a class map: every class that it does not name."""
_VOID: Final = 255


def remapped(
    what: Exportable, classes: Mapping[str, str | None] | None, class_order: Sequence[str] | None
) -> Exportable:
    """The view with other classes; itself where nothing is asked for.

    classes      old class → new one, or None (also ""): its objects are left out, and counted in `left_out`. "*" stands
                 for all classes that are not named. A class that is not in the map stays as it is.
    class_order  new classes that come first, in this order; one that no object has gets its place all the same. The
                 others follow in the order of the data set.

    Raises BadValue for a class that no field has, or one that is twice in the order.
    """
    if not classes and class_order is None:
        return what
    wanted = {old: new or None for old, new in (classes or {}).items()}
    known = dict.fromkeys(c for f in what.schema.fields for c in f.classes)
    for old in wanted:
        if old != OTHERS and old not in known:
            raise BadValue(f'no class "{old}" in {_names(what.schema)}', hint=near(old, known))
    order = tuple(class_order or ())
    if len(set(order)) < len(order):
        twice = sorted({c for c in order if order.count(c) > 1})
        raise BadValue(f"the order of classes names one twice: {', '.join(twice)}")
    fields = {f.name: _new_field(f, wanted, order) for f in what.schema.fields}
    return Remapped(what, wanted, fields, {name: _pixels(what.schema.field(name), f) for name, f in fields.items()})


def _names(schema: DatasetSchema) -> str:
    return ", ".join(f"field {f.name}" for f in schema.fields) or "the data set, which has no label fields"


def _to(wanted: Mapping[str, str | None], label: str) -> str | None:
    return wanted[label] if label in wanted else wanted.get(OTHERS, label)


@dataclass(frozen=True, slots=True)
class _Found:
    """A field before and after."""

    old: LabelField
    new: LabelField
    to: Mapping[str, str | None]  # every old class → new class


@dataclass(frozen=True, slots=True)
class Remapped:
    """Implements `Exportable` over another one."""

    what: Exportable
    wanted: Mapping[str, str | None]
    fields: Mapping[str, _Found]
    pixels: Mapping[str, tuple[Any, Mapping[int, str]]]  # field of class maps → new number of each, and which go
    left: dict[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> DatasetSchema:
        whole = self.what.schema
        return dataclasses.replace(whole, fields=tuple(self.fields[f.name].new for f in whole.fields))

    def count(self) -> int:
        return self.what.count()

    def samples(self) -> Iterator[pa.Table]:
        return self.what.samples()

    def labels(self, field: str) -> Iterator[pa.Table]:
        met: Counter[str] = Counter()
        for table in self.what.labels(field):
            yield self._mapped(field, table, met)
        self._saw(met)

    def pages(self) -> Iterator[Page]:
        met: Counter[str] = Counter()
        for page in self.what.pages():
            yield Page(page.samples, {name: self._mapped(name, table, met) for name, table in page.labels.items()})
        self._saw(met)

    def _saw(self, met: Mapping[str, int]) -> None:
        # A writer may look at the labels several times, and sees the same ones each time.
        for name, number in met.items():
            self.left[name] = max(number, self.left.get(name, 0))

    def _mapped(self, name: str, table: pa.Table, met: Counter[str]) -> pa.Table:
        found = self.fields[name]
        if found.old.kind == "mask":
            return self._repainted(name, table, met)
        if not table.num_rows:
            return table
        coded = table["label"].combine_chunks().dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        old = coded.dictionary.to_pylist()
        new = [_to(self.wanted, label) for label in old]
        if new == old:
            return table
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        counts = np.bincount(codes[codes >= 0], minlength=len(old))
        for label, other, number in zip(old, new, counts.tolist(), strict=True):
            if other is None and number:
                met[f"objects of class {label}, as asked"] += number
        labels = pa.array([*new, None], pa.string()).take(pa.array(np.where(codes < 0, len(new), codes)))
        table = table.set_column(table.column_names.index("label"), "label", labels)
        keep = np.array([n is not None for n in new] + [True])[codes]
        return table if keep.all() else table.filter(pa.array(keep))

    def _repainted(self, name: str, table: pa.Table, met: Counter[str]) -> pa.Table:
        lookup, gone = self.pixels[name]
        if not table.num_rows or (np.array_equal(lookup, np.arange(lookup.size)) and not gone):
            return table
        masks: list[bytes | None] = []
        for blob in table["mask"].to_pylist():
            if blob is None:
                masks.append(None)
                continue
            ids = _masks.decode(blob).ids
            counts = np.bincount(ids.ravel(), minlength=1)
            for number, label in gone.items():
                if number < counts.size and counts[number]:
                    met[f"pixels of class {label}, as asked"] += int(counts[number])
            masks.append(_masks.encode(np.take(lookup, ids)))
        return table.set_column(table.column_names.index("mask"), "mask", pa.array(masks, table["mask"].type))


def left_out(what: Exportable) -> Mapping[str, int]:
    """What the class map left out of the labels that a writer has seen."""
    return what.left if isinstance(what, Remapped) else {}


def _new_field(old: LabelField, wanted: Mapping[str, str | None], order: Sequence[str]) -> _Found:
    to = {c: _to(wanted, c) for c in old.classes}
    classes = tuple(dict.fromkeys([*order, *(c for c in to.values() if c is not None)]))
    meta = {**old.meta}
    if "coco" in meta:
        meta["coco"] = {**_without(meta["coco"], "unlisted"), "categories": _categories(old, classes)}
    if "yolo" in meta:
        meta["yolo"] = {**meta["yolo"], "names": {str(code): name for code, name in enumerate(classes)}}
    if "datumaro" in meta:
        others = _without(mapping(meta["datumaro"].get("categories")), "label", "points")
        meta["datumaro"] = {**_without(meta["datumaro"], "names"), "categories": others}
    if old.kind == "mask":
        meta["mask"] = _mask_meta(old, to, classes, ordered=bool(order))
    return _Found(old, dataclasses.replace(old, classes=classes, meta=meta), to)


def _without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k not in keys}


def _categories(old: LabelField, classes: Sequence[str]) -> list[dict[str, Any]]:
    """COCO's categories, numbered from 1; a class that keeps its name keeps what else was said of it."""
    came = listed(old.meta["coco"].get("categories"))
    names = class_names(came)
    known = {names[c["id"]]: c for c in came if isinstance(c, dict) and c.get("id") in names}
    points: dict[str, Any] = {}
    if old.keypoint_names:
        bones = [[a + 1, b + 1] for a, b in old.skeleton]
        points = {"keypoints": list(old.keypoint_names), "skeleton": bones}
    return [{**known.get(name, points), "id": code, "name": name} for code, name in enumerate(classes, start=1)]


def _mask_meta(
    old: LabelField, to: Mapping[str, str | None], classes: Sequence[str], *, ordered: bool
) -> dict[str, Any]:
    """Numbers of the new classes: their places where an order was asked for, else the least number of those that they
    are made of."""
    meta = mapping(old.meta.get("mask"))
    numbers = {row.name: row.id for row in table_of(old)}
    made: dict[str, int] = {}
    for name, code in sorted(numbers.items(), key=lambda item: item[1]):
        new = to.get(name, name)
        if new is not None:
            made.setdefault(new, code)
    if ordered:
        made = {name: place for place, name in enumerate(classes)}
    colours = mapping(meta.get("colours"))
    kept = {str(made[n]): colours[str(c)] for n, c in numbers.items() if n in made and str(c) in colours}
    out = {**_without(meta, "colours"), "ids": {str(c): n for n, c in sorted(made.items(), key=lambda i: i[1])}}
    return {**out, "colours": kept} if kept else out


def _pixels(old: LabelField, found: _Found) -> tuple[Any, Mapping[int, str]]:
    """New number of each number up to 65,535, and the numbers of classes that go."""
    lookup = np.arange(1 << 16)
    gone: dict[int, str] = {}
    if old.kind != "mask":
        return lookup, gone
    before = {row.id: row.name for row in table_of(old)}
    after = {name: int(code) for code, name in found.new.meta["mask"]["ids"].items()}
    void = mapping(old.meta.get("mask")).get("void")
    free = 0 if 0 not in after.values() or before.get(0, "") in ("", "background", "unlabeled") else _VOID
    nothing = void if isinstance(void, int) else free
    for code in set(after.values()) - set(before):
        lookup[code] = nothing  # a number without a class must not become one
    for code, name in before.items():
        new = found.to.get(name, name)
        lookup[code] = nothing if new is None else after[new]
        if new is None:
            gone[code] = name
    return lookup, gone
