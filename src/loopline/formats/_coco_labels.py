"""A COCO file's annotations as label rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import FormatError
from loopline.formats import _evenrows
from loopline.formats._coco_boxes import Boxes, boxes_of, put_boxes
from loopline.formats._coco_chunk import (
    DERIVED,
    ID,
    REST,
    Rest,
    Where,
    all_missing,
    batches,
    column,
    extra,
    fault_problems,
    numbers,
    put_rest,
    rows_of,
)
from loopline.formats._coco_ids import AllIds, Ids, fit
from loopline.formats._coco_rows import ANNOTATION_KEYS, RowType
from loopline.formats._columns import OpenColumns
from loopline.formats._evenrows import EvenRows
from loopline.formats._jsonstream import Elements
from loopline.kernel.exchange import Event, LabelRows, Problem, Source
from loopline.kernel.schema import LABEL_COLUMNS, Column, FieldKind

NESTED_BUILT_IN: Final = {"rotation": "float", "track_id": "int"}  # keys in "attributes" that are built-in columns

_NEEDED: Final = frozenset({"image_id", "bbox"})
_EVEN: Final[dict[str, _evenrows.Number]] = {
    **dict.fromkeys(("id", "image_id", "category_id", "iscrowd", "track_id"), "int"),
    **dict.fromkeys(("area", "score"), "float"),
    "bbox": "box",
}


@dataclass(slots=True)
class Truth:
    """What a results file refers to: categories, and how its image ids are matched with samples."""

    categories: list[Any]
    match: str
    paths: Mapping[int | str, str] | None = None  # image id → path, where `match` is "path"


@dataclass(slots=True)
class Labels:
    """The annotations of one file, chunk by chunk."""

    source: Source
    path: Path
    where: Where
    truth: Truth | None
    pictures: Ids  # those read so far: all of them
    type: RowType = field(default_factory=lambda: RowType(ANNOTATION_KEYS, _NEEDED))
    attributes: OpenColumns = field(init=False)
    nested: OpenColumns = field(init=False)  # attributes that stood under "attributes"
    nested_used: set[str] = field(default_factory=set)
    ids: AllIds = field(default_factory=AllIds)
    codes: dict[int, tuple[int, str, int]] = field(default_factory=dict)  # category id → first index, its id, count
    kind: FieldKind | None = None
    any_derived: bool = False

    def __post_init__(self) -> None:
        schema, name = self.source.schema, self.source.name
        names = {"id": ID, REST: REST}
        mine = schema.field(name) if schema.has_field(name) else None
        known = mine.attributes if mine else ()
        inner = set(mine.meta.get("coco", {}).get("nested", ())) if mine else set()
        taken = set(LABEL_COLUMNS["box"]) | {DERIVED}
        self.attributes = OpenColumns(taken, [c for c in known if c.name not in inner], names)
        self.nested = OpenColumns(taken, [c for c in known if c.name in inner])

    def decode(self, raw: bytes) -> Sequence[Any]:
        """Rows of a JSON array. Raises msgspec.ValidationError where a row has an unknown key or a wrong type."""
        table = _evenrows.columns(raw, _EVEN)
        return self.type.decode(raw) if table is None else EvenRows(table, raw, self.type.decode)

    def events(self, part: Elements) -> Iterator[Event]:
        if self.kind is None and len(part.items):
            # Rows of numbers have no caption and no segments, and asking for one would decode them all.
            self.kind = "box" if isinstance(part.items, EvenRows) else self._kind_of(part.items[0], part.typed)
        if isinstance(part.items, EvenRows):
            columns = self._even(part.items.table, part.first)
            if columns is not None:
                yield from self._batches(columns)
                return
        rows, left, faults = rows_of(self.type, part)
        yield from fault_problems(faults, part, self.where)
        index = np.array([i for i, row in enumerate(rows) if row is not None], np.int64)
        rows = [row for row in rows if row is not None] if index.size < len(rows) else rows
        if not rows:
            return
        bad, boxes = self._checked(rows)
        for place in sorted(bad):
            what, hint = bad[place]
            yield Problem("skipped", what, self.where(part.key, part.first + int(index[place]), rows[place].id), hint)
        if bad:
            keep = [i for i in range(len(rows)) if i not in bad]
            if not keep:
                return
            rows, index = [rows[i] for i in keep], index[keep]
            _, boxes = self._checked(rows)
        rest = {new: left[old] for new, old in enumerate(index.tolist()) if old in left} if left else {}
        columns = {"sample_key": self._sample_keys(column(rows, "image_id"))}
        for i, what in self._codes(rows, columns, rest, part.first + index):
            yield Problem("warning", what, self.where(part.key, part.first + int(index[i]), rows[i].id))
        if boxes is not None:
            self.any_derived = self.any_derived or bool(boxes.derived.any())
            for i, what in put_boxes(rows, boxes, columns, rest):
                yield Problem("warning", what, self.where(part.key, part.first + int(index[i]), rows[i].id))
        self._plain_columns(rows, columns, rest)
        whole = len(index) == len(part.items)
        self.ids.add(part.first if whole else part.first + index, column(rows, "id"))
        yield from self._batches(columns)

    def _batches(self, columns: Mapping[str, Any]) -> Iterator[Event]:
        match = self.truth.match if self.truth else ""
        yield from batches(pa.table(columns), lambda table: LabelRows(self.source.name, table, match))

    def _kind_of(self, first: Any, typed: bool) -> FieldKind:
        item = first if isinstance(first, dict) else msgspec.to_builtins(first) if typed else {}
        if "segments_info" in item:
            raise FormatError(
                "this is COCO panoptic: segments in PNG files", where=str(self.path), hint="format='coco_panoptic'"
            )
        return "class" if "caption" in item and not {"bbox", "segmentation", "keypoints"} & set(item) else "box"

    def _even(self, table: pa.Table, first: int) -> dict[str, Any] | None:
        """Columns of rows without a fault, made without a look at any single one; None where there may be one."""
        names = set(table.column_names)
        if self.kind != "box" or not {"image_id", "category_id", "bbox0"} <= names:
            return None
        array = {name: table[name].combine_chunks() for name in table.column_names}
        images, size = array["image_id"].to_numpy(), np.minimum(array["bbox2"].to_numpy(), array["bbox3"].to_numpy())
        if not (size > 0).all() or (self.truth is None and not self.pictures.contains(images).all()):
            return None
        if self.truth is not None and self.truth.paths is not None:
            found = array["image_id"].dictionary_encode()
            paths = [self.truth.paths.get(i) for i in found.dictionary.to_pylist()]
            if None in paths:
                return None
            columns = {"sample_key": pa.array(paths, pa.string()).take(found.indices)}
        else:
            columns = {"sample_key": array["image_id"]}
        columns["class_code"] = array["category_id"]
        columns |= {name: array[f"bbox{place}"] for place, name in enumerate("xywh")}
        if "iscrowd" in names:
            crowd = array["iscrowd"].to_numpy()
            if ((crowd != 0) & (crowd != 1)).any():
                return None
            columns["iscrowd"] = pa.array(crowd == 1)
        columns |= {name: array[name] for name in ("area", "score", "track_id") if name in names}
        ids = array.get("id")
        if ids is not None:
            whole = self.attributes.add_whole("id", ids)
            if whole is None:
                return None
            columns |= dict([whole])
            self.ids.add(first, ids.to_numpy())
        self._count_codes(array["category_id"].to_numpy(), range(first, first + table.num_rows), ids)
        return columns

    def _checked(self, rows: Sequence[Any]) -> tuple[dict[int, tuple[str, str]], Boxes | None]:
        """Rows that cannot stay, with what and hint; and the boxes of the rows."""
        bad: dict[int, tuple[str, str]] = {}
        images = column(rows, "image_id")
        known = self.pictures.contains(images) if self.truth is None else self._known_to_truth(images)
        for i in np.flatnonzero(~known).tolist():
            if images[i] is UNSET or images[i] is None:
                bad[i] = "no image_id", ""
            elif self.truth is None:
                bad[i] = "its image_id is not among the images", "add the image"
            else:
                bad[i] = "its image_id is not among the images", "name the truth that it belongs to"
        return bad, boxes_of(rows, bad) if self.kind == "box" else None

    def _known_to_truth(self, images: Sequence[Any]) -> Any:
        assert self.truth is not None
        if self.truth.paths is not None:
            return np.fromiter((i in self.truth.paths for i in images), bool, len(images))
        kind = next((type(i) for i in images if type(i) in (int, str)), None)
        return np.fromiter((type(i) is kind and fit([i]) for i in images), bool, len(images))

    def _sample_keys(self, images: list[Any]) -> pa.Array:
        if self.truth is not None and self.truth.paths is not None:
            return pa.array([self.truth.paths[i] for i in images], pa.string())
        return pa.array(images, pa.string() if type(images[0]) is str else pa.int64())

    def _codes(
        self, rows: Sequence[Any], columns: dict[str, Any], rest: Rest, places: Any
    ) -> Iterator[tuple[int, str]]:
        """Make the column of classes; gives (row, what to know of it). `places`: (n,) index of each row in the file."""
        values = column(rows, "category_id")
        if UNSET in values or None in values:
            if self.kind == "class" and all_missing(values):
                return
            for i, value in enumerate(values):
                if value is UNSET or value is None:
                    if value is None:
                        rest.setdefault(i, {})["category_id"] = None
                    yield i, "no category_id; kept without a class"
            values = [None if v is UNSET else v for v in values]
        if not fit(values):
            for i, value in enumerate(values):
                if not fit([value]):
                    rest.setdefault(i, {})["category_id"] = value
                    values[i] = None
                    yield i, "a category_id of more than 64 bits; kept without a class"
        columns["class_code"] = pa.array(values, pa.int64())
        given = np.fromiter((v is not None for v in values), bool, len(values))
        codes = np.array([v for v in values if v is not None], np.int64)
        self._count_codes(codes, places[given], [row.id for row, there in zip(rows, given, strict=True) if there])

    def _count_codes(self, values: Any, places: Any, ids: Any) -> None:
        """Remember of each category where it was used first, and count. Shapes  (n,) each; `ids` None: rows have none."""
        codes, firsts, counts = np.unique(values, return_index=True, return_counts=True)
        for code, row, count in zip(codes.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            known = self.codes.get(code)
            at = (int(places[row]), str(UNSET if ids is None else ids[row]), 0) if known is None else known
            self.codes[code] = (at[0], at[1], at[2] + count)

    def _plain_columns(self, rows: Sequence[Any], columns: dict[str, Any], rest: Rest) -> None:
        kinds = {"score": "float", "track_id": "int"}
        if self.kind == "box":
            kinds["area"] = "float"
            crowd = column(rows, "iscrowd")
            if set(crowd) <= {0, 1}:
                columns["iscrowd"] = pa.array(np.array(crowd, bool))
            elif not all_missing(crowd):
                for i, value in enumerate(crowd):
                    if value not in (0, 1, UNSET):
                        rest.setdefault(i, {})["iscrowd"] = value
                columns["iscrowd"] = pa.array([bool(v) if v in (0, 1) else None for v in crowd], pa.bool_())
        for name, kind in kinds.items():
            values = column(rows, name)
            if not all_missing(values):
                columns[name] = numbers(values, kind, rest, name)
        extra(self.attributes, "id", column(rows, "id"), columns, rest)
        for key in self.type.extras:
            values = self.type.column(rows, key)
            if key == "attributes":
                values = self._nested(values, columns, rest)
            extra(self.attributes, key, values, columns, rest)
        put_rest(self.attributes, columns, rest)

    def _nested(self, values: list[Any], columns: dict[str, Any], rest: Rest) -> list[Any]:
        """Spread the objects under "attributes" (as CVAT writes them) over columns; what is no object stays."""
        keys = dict.fromkeys(k for v in values if type(v) is dict for k in v)
        for key in keys:
            inner = [v.get(key, UNSET) if type(v) is dict else UNSET for v in values]
            out: Rest = {}
            kind = NESTED_BUILT_IN.get(key)
            if kind is not None and key not in columns and self.kind == "box":
                columns[key] = numbers(inner, kind, out, key)
                self.nested_used.add(key)
            else:
                extra(self.nested, key, inner, columns, out)
            for i, odd in out.items():
                rest.setdefault(i, {}).setdefault("attributes", {}).update(odd)
        for i, value in enumerate(values):
            if value == {}:
                rest.setdefault(i, {}).setdefault("attributes", {})
        return [UNSET if type(v) is dict else v for v in values]

    def attribute_columns(self) -> tuple[Column, ...]:
        """Every attribute that the file has."""
        derived = (Column(DERIVED, "bool"),) if self.any_derived else ()
        return (*self.attributes.columns, *self.nested.columns, *derived)

    def nested_names(self) -> list[str]:
        """Columns that stood under "attributes"."""
        return sorted(self.nested_used | {c.name for c in self.nested.columns})
