"""A COCO file as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import FormatError
from loopline.formats import _coco_geometry as geometry
from loopline.formats._coco_classes import category_problems, class_names, keypoints_of
from loopline.formats._coco_rows import ANNOTATION_KEYS, IMAGE_KEYS, Fault, RowType
from loopline.formats._columns import ARROW, OpenColumns, json_text
from loopline.formats._jsonstream import WINDOW, Broken, Elements, JsonFile, Value
from loopline.formats._media import find_root, tidy_name
from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, Problem, SampleRows, Source
from loopline.kernel.schema import LABEL_COLUMNS, SAMPLE_COLUMNS, Column, FieldKind, LabelField

ID: Final = "coco_id"  # sample column and attribute: the file's own ids
REST: Final = "coco_rest"  # the same: keys whose value did not fit their column, as one JSON object
DERIVED: Final = "coco_box_derived"  # attribute: the file had no bbox; it is the box of the mask, outline or points
NESTED_BUILT_IN: Final = {"rotation": "float", "track_id": "int"}  # keys in "attributes" that are built-in columns
MOST_EXTRA_BYTES: Final = 4 << 20

_IMAGE_NEEDED: Final = frozenset({"id", "file_name"})
_ANNOTATION_NEEDED: Final = frozenset({"image_id", "bbox"})


@dataclass(slots=True)
class Truth:
    """What a results file refers to: categories, and how its image ids are matched with samples."""

    categories: list[Any]
    match: str
    paths: Mapping[int | str, str] | None = None  # image id → path, where `match` is "path"


@dataclass(slots=True)
class CocoReader:
    """One pass over one file."""

    source: Source
    path: Path
    truth: Truth | None
    images: RowType = field(default_factory=lambda: RowType(IMAGE_KEYS, _IMAGE_NEEDED))
    annotations: RowType = field(default_factory=lambda: RowType(ANNOTATION_KEYS, _ANNOTATION_NEEDED))
    image_columns: OpenColumns = field(init=False)
    attributes: OpenColumns = field(init=False)
    nested: OpenColumns = field(init=False)
    nested_used: set[str] = field(default_factory=set)
    top: dict[str, Any] = field(default_factory=dict)
    categories: list[Any] | None = None
    root: Path | None = None
    image_ids: _Ids = field(default_factory=lambda: _Ids())
    annotation_ids: list[Any] = field(default_factory=list)
    codes: dict[int, tuple[int, str, int]] = field(default_factory=dict)  # category id → first index, its id, count
    image_keys: set[str] = field(default_factory=set)
    kind: FieldKind | None = None
    any_derived: bool = False
    too_long: set[str] = field(default_factory=set)  # lists that were not kept

    def __post_init__(self) -> None:
        schema, name = self.source.schema, self.source.name
        fields = {f.name for f in schema.fields} | {name}
        names = {"id": ID, REST: REST}
        self.image_columns = OpenColumns(set(SAMPLE_COLUMNS) | fields, schema.columns, names)
        mine = schema.field(name) if schema.has_field(name) else None
        known = mine.attributes if mine else ()
        inner = set(mine.meta.get("coco", {}).get("nested", ())) if mine else set()
        taken = set(LABEL_COLUMNS["box"]) | {DERIVED}
        self.attributes = OpenColumns(taken, [c for c in known if c.name not in inner], names)
        self.nested = OpenColumns(taken, [c for c in known if c.name in inner])

    def events(self) -> Iterator[Event]:
        array = "" if self.truth else "annotations"
        file = JsonFile(
            self.path,
            {"images": self.images.decode, array: self.annotations.decode},
            skip={"annotations"} - {array if self.truth else ""},
            report=self.source.report,
            window=WINDOW,
        )
        for part in file:
            if isinstance(part, Value):
                yield from self._value(part)
            elif isinstance(part, Broken):
                yield self._broken(part)
            elif part.key == array:
                yield from self._labels(part)
            elif part.key == "images":
                yield from self._samples(part)
                # From here on annotations can be checked against the pictures, so they are read as they come.
                file.skip.discard("annotations")
            else:
                yield from self._other(part)
        if "annotations" in file.skipped:
            for part in file.array("annotations", file.skipped["annotations"]):
                if isinstance(part, Elements):
                    yield from self._labels(part)
                elif isinstance(part, Broken):
                    yield self._broken(part)
        yield from self._end()

    def _where(self, key: str, index: int, own: Any = UNSET) -> str:
        tail = "" if own is UNSET else f" (id {own})"
        return f"{self.path.name}: {key}[{index}]{tail}"

    def _broken(self, part: Broken) -> Problem:
        if not part.fatal:
            return Problem("skipped", part.what, self._where(part.key, part.index) + f" at byte {part.byte}")
        return Problem(
            "skipped",
            f"{part.what}; the rest of the file is missing",
            f"{self._where(part.key, part.index)} at byte {part.byte}",
            "what came before it was read; mend the file and add it again",
        )

    def _value(self, part: Value) -> Iterator[Event]:
        if part.key in ("images", "annotations", "categories", ""):
            yield Problem("skipped", f'"{part.key}" is not a list of objects', f"{self.path.name}: {part.key}")
            return
        self.top[part.key] = part.value

    def _other(self, part: Elements) -> Iterator[Event]:
        """Categories, licences, and arrays that COCO does not have: kept with the field as they are."""
        if part.key == "categories":
            self.categories = [*(self.categories or []), *part.items]
            return
        if part.key in self.too_long:
            return
        kept = self.top.setdefault(part.key, [])
        kept += part.items
        if len(json_text(kept)) > MOST_EXTRA_BYTES:
            del self.top[part.key]
            self.too_long.add(part.key)
            yield Problem(
                "skipped", "a list that COCO does not have is too long to keep", f"{self.path.name}: {part.key}"
            )

    # Pictures ------------------------------------------------------------------------------------------------------

    def _samples(self, part: Elements) -> Iterator[Event]:
        rows, left, faults = self._rows(self.images, part)
        yield from self._faults(faults, "images", part)
        index = [i for i, row in enumerate(rows) if row is not None]
        rows = [rows[i] for i in index]
        keep, paths = [], []
        fresh = self.image_ids.add(_column(rows, "id"))
        names = self._file_names(rows)
        for place, (row, name, new) in enumerate(zip(rows, names, fresh, strict=True)):
            path = tidy_name(name) if type(name) is str else None
            if path is not None and new:
                keep.append(place)
                paths.append(path)
                if path != name:
                    left.setdefault(index[place], {})["file_name"] = name
                continue
            what, hint = _image_fault(row.id, name, new=new)
            yield Problem("skipped", what, self._where("images", part.first + index[place], row.id), hint)
        if len(keep) < len(rows):
            rows, index = [rows[i] for i in keep], [index[i] for i in keep]
        if not rows:
            return
        if self.root is None:
            self.root = find_root(paths, self.path, self.source.media)
        columns: dict[str, Any] = {"key": self.image_ids.array(_column(rows, "id")), "path": pa.array(paths)}
        rest = {new: left[old] for new, old in enumerate(index) if old in left}
        for key in ("width", "height"):
            values = _column(rows, key)
            if not _all_missing(values):
                self.image_keys.add(key)
                columns[key] = _numbers(values, "int", rest, key)
        if not _all_missing(_column(rows, "file_name")):
            self.image_keys.add("file_name")
        if self.source.split is not None:
            columns["split"] = pa.array([self.source.split] * len(rows))
        _extra(self.image_columns, "id", _column(rows, "id"), columns, rest)
        for key in self.images.extras:
            _extra(self.image_columns, key, self.images.column(rows, key), columns, rest)
        _put_rest(self.image_columns, columns, rest)
        yield from _batches(
            pa.table(columns), lambda table: SampleRows(table, str(self.root), self.image_columns.columns)
        )

    def _file_names(self, rows: Sequence[Any]) -> list[Any]:
        """Each picture's name; from its URL where the file has only that (as LVIS)."""
        names = _column(rows, "file_name")
        if UNSET in names and "coco_url" in self.images.extras:
            urls = self.images.column(rows, "coco_url")
            names = [
                "/".join(url.split("/")[-2:]) if name is UNSET and type(url) is str else name
                for name, url in zip(names, urls, strict=True)
            ]
        return names

    # Annotations ---------------------------------------------------------------------------------------------------

    def _labels(self, part: Elements) -> Iterator[Event]:
        if self.kind is None and len(part.items):
            self.kind = self._kind_of(part.items[0], part.typed)
        key = part.key
        rows, left, faults = self._rows(self.annotations, part)
        yield from self._faults(faults, key, part)
        index = np.array([i for i, row in enumerate(rows) if row is not None], np.int64)
        rows = [row for row in rows if row is not None]
        if not rows:
            return
        bad, found = self._checked(rows)
        for place in sorted(bad):
            what, hint = bad[place]
            yield Problem("skipped", what, self._where(key, part.first + int(index[place]), rows[place].id), hint)
        if bad:
            keep = [i for i in range(len(rows)) if i not in bad]
            if not keep:
                return
            rows, index = [rows[i] for i in keep], index[keep]
            _, found = self._checked(rows)
        rest = {new: left[old] for new, old in enumerate(index.tolist()) if old in left} if left else {}
        columns: dict[str, Any] = {"sample_key": self._sample_keys(_column(rows, "image_id"))}
        yield from self._codes(rows, columns, rest, key, part.first + index)
        if self.kind == "box":
            yield from self._geometry(rows, found, columns, rest, key, part.first + index)
        self._plain_columns(rows, columns, rest)
        ids = _column(rows, "id")
        whole = len(index) == len(part.items)
        places = part.first if whole else part.first + index  # a million rows need not each keep their place
        self.annotation_ids.append((places, ids if str in set(map(type, ids)) else _int_or_low(ids)))
        match = self.truth.match if self.truth else ""
        yield from _batches(pa.table(columns), lambda table: LabelRows(self.source.name, table, match))

    def _kind_of(self, first: Any, typed: bool) -> FieldKind:
        item = first if isinstance(first, dict) else msgspec.to_builtins(first) if typed else {}
        if "segments_info" in item:
            raise FormatError(
                "this is COCO panoptic: segments in PNG files", where=str(self.path), hint="format='coco_panoptic'"
            )
        return "class" if "caption" in item and not {"bbox", "segmentation", "keypoints"} & set(item) else "box"

    def _rows(self, kind: RowType, part: Elements) -> tuple[list[Any], dict[int, dict[str, Any]], list[Fault]]:
        if part.typed:
            return list(part.items), {}, []
        return kind.convert(part.items, strict=part.strict)

    def _faults(self, faults: Sequence[Fault], key: str, part: Elements) -> Iterator[Problem]:
        for fault in faults:
            item = part.items[fault.row]
            own = item.get("id", UNSET) if isinstance(item, dict) else UNSET
            yield Problem(
                "skipped" if fault.fatal else "warning", fault.what, self._where(key, part.first + fault.row, own)
            )

    def _checked(self, rows: Sequence[Any]) -> tuple[dict[int, tuple[str, str]], _Geometry | None]:
        """Rows that cannot stay, with what and hint; and the geometry of the rows."""
        bad: dict[int, tuple[str, str]] = {}
        images = _column(rows, "image_id")
        if self.truth is None:
            for i in np.flatnonzero(~self.image_ids.contains(images)).tolist():
                absent = images[i] is UNSET or images[i] is None
                bad[i] = ("no image_id", "") if absent else ("its image_id is not among the images", "add the image")
        else:
            for i, value in enumerate(images):
                if value is UNSET or value is None:
                    bad[i] = "no image_id", ""
                elif self.truth.paths is not None and value not in self.truth.paths:
                    bad[i] = "its image_id is not among the images", "name the truth that it belongs to"
        if self.kind != "box":
            return bad, None
        boxes, there = geometry.flat_boxes(_column(rows, "bbox"))
        shapes = geometry.outlines(_column(rows, "segmentation"), boxes=not there.all())
        derived = ~there
        if derived.any():
            boxes[derived] = shapes.boxes[derived]
            for i in np.flatnonzero(derived & np.isnan(boxes[:, 0])).tolist():
                around = geometry.keypoint_box(rows[i].keypoints)
                if around is None:
                    bad.setdefault(i, ("no bbox, and no outline, mask or points to take it from", "draw it again"))
                else:
                    boxes[i] = around
        for i in np.flatnonzero((boxes[:, 2:] < 0).any(axis=1)).tolist():
            bad.setdefault(i, ("a bbox of negative size", "bbox is x, y, width, height"))
        return bad, _Geometry(boxes, derived, shapes)

    def _sample_keys(self, images: list[Any]) -> pa.Array:
        if self.truth is not None and self.truth.paths is not None:
            return pa.array([self.truth.paths[i] for i in images], pa.string())
        return pa.array(images, pa.string() if type(images[0]) is str else pa.int64())

    def _codes(
        self, rows: Sequence[Any], columns: dict[str, Any], rest: dict[int, dict[str, Any]], key: str, index: Any
    ) -> Iterator[Problem]:
        values = _column(rows, "category_id")
        if UNSET in values or None in values:
            if all(v is UNSET for v in values) and self.kind == "class":
                return
            for i, value in enumerate(values):
                if value is UNSET or value is None:
                    if value is None:
                        rest.setdefault(i, {})["category_id"] = None
                    yield Problem(
                        "warning", "no category_id; kept without a class", self._where(key, int(index[i]), rows[i].id)
                    )
            values = [None if v is UNSET else v for v in values]
        columns["class_code"] = pa.array(values, pa.int64())
        codes, places, counts = np.unique(
            np.array([v for v in values if v is not None], np.int64), return_index=True, return_counts=True
        )
        for code, place, count in zip(codes.tolist(), places.tolist(), counts.tolist(), strict=True):
            known = self.codes.get(code)
            at = (int(index[place]), str(rows[place].id), 0) if known is None else known
            self.codes[code] = (at[0], at[1], at[2] + count)

    def _geometry(
        self,
        rows: Sequence[Any],
        found: _Geometry | None,
        columns: dict[str, Any],
        rest: dict[int, dict[str, Any]],
        key: str,
        index: Any,
    ) -> Iterator[Problem]:
        if found is None:
            return
        for place, name in enumerate("xywh"):
            columns[name] = pa.array(np.ascontiguousarray(found.boxes[:, place]))
        for i in np.flatnonzero((found.boxes[:, 2:] == 0).any(axis=1)).tolist():
            yield Problem("warning", "a box without area", self._where(key, int(index[i]), rows[i].id))
        if found.derived.any():
            self.any_derived = True
            columns[DERIVED] = pa.array(found.derived.tolist(), pa.bool_(), mask=~found.derived)
            for i in np.flatnonzero(found.derived).tolist():
                if rows[i].bbox is None:
                    rest.setdefault(i, {})["bbox"] = None
        shapes = found.shapes
        for i, what in shapes.bad.items():
            rest.setdefault(i, {})["segmentation"] = geometry.plain(rows[i].segmentation)
            yield Problem(
                "warning", f"{what}; the mask is kept as it is, out of use", self._where(key, int(index[i]), rows[i].id)
            )
        if shapes.polygons is not None:
            columns["polygons"] = shapes.polygons
        if shapes.masks is not None:
            columns["mask"] = shapes.masks
        key_points = _column(rows, "keypoints")
        for name, values in (("segmentation", _column(rows, "segmentation")), ("keypoints", key_points)):
            if None in values:
                for i in [i for i, v in enumerate(values) if v is None]:
                    rest.setdefault(i, {})[name] = None
        points = geometry.keypoints(key_points)
        if points is not None:
            columns["keypoints"] = points

    def _plain_columns(self, rows: Sequence[Any], columns: dict[str, Any], rest: dict[int, dict[str, Any]]) -> None:
        numbers: dict[str, Any] = {"score": "float", "track_id": "int"}
        if self.kind == "box":
            numbers["area"] = "float"
            crowd = _column(rows, "iscrowd")
            if set(crowd) <= {0, 1}:
                columns["iscrowd"] = pa.array(np.array(crowd, bool))
            elif not _all_missing(crowd):
                for i, value in enumerate(crowd):
                    if value not in (0, 1, UNSET):
                        rest.setdefault(i, {})["iscrowd"] = value
                columns["iscrowd"] = pa.array([bool(v) if v in (0, 1) else None for v in crowd], pa.bool_())
        for name, kind in numbers.items():
            values = _column(rows, name)
            if not _all_missing(values):
                columns[name] = _numbers(values, kind, rest, name)
        _extra(self.attributes, "id", _column(rows, "id"), columns, rest)
        for key in self.annotations.extras:
            values = self.annotations.column(rows, key)
            if key == "attributes":
                values = self._nested(values, columns, rest)
            _extra(self.attributes, key, values, columns, rest)
        _put_rest(self.attributes, columns, rest)

    def _nested(self, values: list[Any], columns: dict[str, Any], rest: dict[int, dict[str, Any]]) -> list[Any]:
        """Spread the objects under "attributes" (as CVAT writes them) over columns; what is no object stays."""
        keys = dict.fromkeys(k for v in values if type(v) is dict for k in v)
        for key in keys:
            inner = [v.get(key, UNSET) if type(v) is dict else UNSET for v in values]
            out: dict[int, dict[str, Any]] = {}
            kind = NESTED_BUILT_IN.get(key)
            if kind is not None and key not in columns and self.kind == "box":
                columns[key] = _numbers(inner, kind, out, key)
                self.nested_used.add(key)
            else:
                _extra(self.nested, key, inner, columns, out)
            for i, odd in out.items():
                rest.setdefault(i, {}).setdefault("attributes", {}).update(odd)
        for i, value in enumerate(values):
            if value == {}:
                rest.setdefault(i, {}).setdefault("attributes", {})
        return [UNSET if type(v) is dict else v for v in values]

    # The end -------------------------------------------------------------------------------------------------------

    def _end(self) -> Iterator[Event]:
        if self.categories is not None:
            yield from category_problems(self.categories, self.path.name)
        categories = self.truth.categories if self.truth else (self.categories or [])
        names = class_names(categories)
        unlisted = {}
        taken = set(names.values())
        for code, (first, own, count) in sorted(self.codes.items()):
            if code not in names:
                unlisted[code] = (
                    f"category_{code}" if f"category_{code}" not in taken else f"category_{code} (unlisted)"
                )
                yield Problem(
                    "warning",
                    f'category_id {code} is not among the categories; kept as class "{unlisted[code]}"',
                    self._where("" if self.truth else "annotations", first, own),
                    f"{count} annotations have it",
                )
        yield from self._twice()
        if self.truth is None and self.categories is None and not self.codes and self.kind is None:
            return
        meta: dict[str, Any] = {"categories": categories} if self.truth or self.categories is not None else {}
        nested = sorted(self.nested_used | {c.name for c in self.nested.columns})
        absent = sorted({"file_name", "width", "height"} - self.image_keys) if self.root is not None else []
        more = {"top": self.top, "nested": nested, "absent": absent, "unlisted": [[c, n] for c, n in unlisted.items()]}
        meta |= {key: value for key, value in more.items() if value}
        if self.truth:
            meta["results"] = True
        points, bones = keypoints_of(categories)
        size = range(len(points))
        kind = self.kind or "box"
        derived = (Column(DERIVED, "bool"),) if self.any_derived else ()
        yield FieldFound(
            LabelField(
                self.source.name,
                kind,
                classes=(*names.values(), *unlisted.values()),
                attributes=(*self.attributes.columns, *self.nested.columns, *derived),
                keypoint_names=points if kind == "box" else (),
                skeleton=tuple(b for b in bones if b[0] in size and b[1] in size) if kind == "box" else (),
                meta={"coco": meta},
            ),
            {**names, **unlisted},
        )

    def _twice(self) -> Iterator[Problem]:
        """Annotation ids that were there before. Nothing but the ids is held until one is."""
        parts = self.annotation_ids
        if any(isinstance(ids, list) for _, ids in parts):
            every: Any = np.array(
                [str(v) for _, ids in parts for v in (ids if isinstance(ids, list) else ids.tolist())]
            )
        else:
            every = np.concatenate([np.zeros(0, np.int64), *(ids for _, ids in parts)])
        ranked = np.sort(every)
        if not (ranked[1:] == ranked[:-1]).any():
            return
        order = np.argsort(every, kind="stable")
        ranked = every[order]
        without = [_NO_ID] if every.dtype == np.int64 else [str(UNSET), str(None), str(_NO_ID)]
        again = order[1:][(ranked[1:] == ranked[:-1]) & ~np.isin(ranked[1:], without)]
        places = np.concatenate([p + np.arange(len(ids)) if isinstance(p, int) else p for p, ids in parts])
        for row in np.sort(again).tolist():
            yield Problem(
                "warning",
                "an annotation id is there twice; both are kept",
                self._where("" if self.truth else "annotations", int(places[row]), every[row]),
            )


_NO_ID: Final = np.iinfo(np.int64).min


@dataclass(slots=True)
class _Geometry:
    boxes: geometry.FloatArray
    derived: Any  # (n,) bool
    shapes: geometry.Outlines


class _Ids:
    """Ids seen so far: whole numbers in NumPy, texts in a set."""

    def __init__(self) -> None:
        self._numbers = np.zeros(0, np.int64)
        self._texts: set[str] = set()
        self._kind: type | None = None

    def add(self, values: Sequence[Any]) -> list[bool]:
        """Which of them are usable and new."""
        if self._kind is None:
            self._kind = next((type(v) for v in values if type(v) in (int, str)), None)
        if self._kind is int and set(map(type, values)) == {int}:
            ids = np.array(values, np.int64)
            first = np.zeros(ids.size, bool)
            first[np.unique(ids, return_index=True)[1]] = True
            fresh: list[bool] = (first & ~np.isin(ids, self._numbers)).tolist()
            self._numbers = np.concatenate((self._numbers, ids[fresh]))
            return fresh
        out = []
        for value in values:
            good = type(value) is self._kind and self._kind is not None
            new = good and not self.contains([value])[0]
            if new and self._kind is int:
                self._numbers = np.append(self._numbers, value)
            elif new:
                self._texts.add(value)
            out.append(bool(new))
        return out

    def contains(self, values: Sequence[Any]) -> Any:
        """Shapes  n -> (n,) bool."""
        if self._kind is int and set(map(type, values)) == {int}:
            return np.isin(np.array(values, np.int64), self._numbers)
        if self._kind is int:
            known = set(self._numbers.tolist())
            return np.array([type(v) is int and v in known for v in values], bool)
        return np.array([type(v) is str and v in self._texts for v in values], bool)

    def array(self, values: Sequence[Any]) -> pa.Array:
        return pa.array(values, pa.int64() if self._kind is int else pa.string())


def _column(rows: Sequence[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows))


def _all_missing(values: list[Any]) -> bool:
    return values.count(UNSET) == len(values)


def _image_fault(own: Any, name: Any, *, new: bool) -> tuple[str, str]:
    if own is UNSET or own is None:
        return "an image without an id", ""
    if name is UNSET or name is None:
        return "an image without a file_name", ""
    if not new:
        return "an image id is there twice, or is of another type than the first", "the first one counts"
    return "its file_name is empty or leads out of the picture folder", "name it relative to the folder"


def _int_or_low(ids: Sequence[Any]) -> Any:
    if set(map(type, ids)) == {int}:
        return np.array(ids, np.int64)
    return np.array([v if type(v) is int else _NO_ID for v in ids], np.int64)


def _numbers(values: Sequence[Any], kind: str, rest: dict[int, dict[str, Any]], key: str) -> pa.Array:
    """A column of a built-in number; null and what does not fit go to the leftovers."""
    good = {int} if kind == "int" else {int, float}
    types = set(map(type, values))
    if not types <= good:
        for i, value in enumerate(values):
            if value is not UNSET and type(value) not in good:
                rest.setdefault(i, {})[key] = value
        values = [v if type(v) in good else None for v in values]
    return pa.array(values, ARROW[kind])


def _extra(
    columns: OpenColumns, key: str, values: Sequence[Any], table: dict[str, Any], rest: dict[int, dict[str, Any]]
) -> None:
    name, array, odd = columns.add(key, values)
    if array is not None:
        table[name] = array
    for i in odd:
        rest.setdefault(i, {})[key] = values[i]


def _put_rest(columns: OpenColumns, table: dict[str, Any], rest: Mapping[int, dict[str, Any]]) -> None:
    if rest:
        size = len(next(iter(table.values())))
        name, array, _ = columns.add(REST, [rest.get(i, UNSET) for i in range(size)])
        table[name] = array


def _batches(table: pa.Table, make: Any) -> Iterator[Event]:
    for start in range(0, table.num_rows, BATCH_ROWS):
        yield make(table.slice(start, BATCH_ROWS))
