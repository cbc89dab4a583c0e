"""A view as a COCO document, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import _arrow
from loopline.formats._arrow import ABSENT
from loopline.formats._coco_chunk import DERIVED, ID, REST
from loopline.formats._coco_classes import categories_for
from loopline.formats._coco_write_ids import ImageIds, Plan, image_ids
from loopline.formats._files import new_file, new_folder
from loopline.formats._media import tidy_name
from loopline.formats._parts import by_split, folder_names
from loopline.formats._split_files import OURS
from loopline.kernel import rle
from loopline.kernel.exchange import Exportable, Written
from loopline.kernel.schema import Column, LabelField

_HELD: Final = ("box", "polygon", "keypoint", "class")
_FILE_NAME: Final = "annotations.json"
_CROWD: Final = {False: 0, True: 1, ABSENT: ABSENT}

Values: TypeAlias = list[Any] | None
"""A key's value in each row, ABSENT where a row has none; None where no row has one."""


def write_coco(what: Exportable, target: Path, *, fields: Sequence[str], results: bool | None = None) -> Written:
    """Write one label field as COCO.

    target    the file; a name without .json is a folder. The file in it is annotations.json, or, where samples have
              splits, annotations/instances_<split>.json of each
    results   write a results list (detections only), not a whole document. None: as the labels came.

    Ids are those the labels came with (`coco_id`) where they are unique; new rows get the ids after them.
    Raises FormatError for more than one field, or a kind of label that COCO cannot hold.
    """
    if len(fields) > 1:
        raise FormatError(f"a COCO file holds one field, not {', '.join(fields)}", hint="export one field at a time")
    label_field = what.schema.field(fields[0]) if fields else None
    if label_field is not None and not _holds(label_field):
        raise FormatError(
            f'COCO cannot hold field "{label_field.name}": {label_field.kind} labels',
            hint="export boxes, polygons, keypoints or captions",
        )
    meta = label_field.meta.get("coco", {}) if label_field else {}
    if results is None:
        results = bool(meta.get("results"))
    lost: Counter[str] = Counter()
    made: list[_Writer] = []

    def put(file: Path, part: Exportable) -> None:
        made.append(_Writer(part, label_field, meta, results))
        with new_file(file) as out:
            made[-1].write(out)
        lost.update(made[-1].lost)

    parts = {} if target.suffix.lower() == ".json" else by_split(what)
    if parts:
        files = [target / "annotations" / f"{OURS}_{name}.json" for name in folder_names(parts).values()]
        with new_folder(target / "annotations") as folder:  # files of other splits, from an older export, go
            for file, part in zip(files, parts.values(), strict=True):
                put(folder / file.name, part)
    else:
        files = [target if target.suffix.lower() == ".json" else target / _FILE_NAME]
        put(files[0], what)
    counts = sum(one.samples for one in made), sum(one.objects for one in made)
    return Written(files, *counts, {name: n for name, n in sorted(lost.items()) if n})


def _holds(label_field: LabelField) -> bool:
    if label_field.kind == "class":
        return any(a.name == "caption" for a in label_field.attributes)
    return label_field.kind in _HELD


@dataclass(slots=True)
class _Writer:
    what: Exportable
    label_field: LabelField | None
    meta: Mapping[str, Any]
    results: bool
    lost: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0

    @property
    def from_coco(self) -> bool:
        return self.label_field is not None and "coco" in self.label_field.meta

    def write(self, out: BinaryIO) -> None:
        images = image_ids(self.what)
        self.samples = images.samples.size
        categories, codes = categories_for(self.label_field) if self.label_field else ([], {})
        start = out.tell()
        plan = Plan()
        while True:
            # The first try takes the ids as they are; the second knows which ones to replace.
            if self.results:
                self._array(out, "", self._annotations(images, codes, plan))
            else:
                self._document(out, images, categories, codes, plan)
            if self.results or plan.settled():
                return
            out.seek(start)
            out.truncate()
            self.lost.clear()

    def _document(self, out: BinaryIO, images: ImageIds, categories: Any, codes: Any, plan: Plan) -> None:
        out.write(b"{\n")
        for key, value in self.meta.get("top", {}).items():
            out.write(msgspec.json.encode(key) + b": " + msgspec.json.encode(value) + b",\n")
        if categories or "categories" in self.meta or not self.from_coco:
            self._array(out, "categories", iter([categories]))
            out.write(b",\n")
        self._array(out, "images", self._images(images))
        out.write(b",\n")
        self._array(out, "annotations", self._annotations(images, codes, plan))
        out.write(b"\n}\n")

    def _array(self, out: BinaryIO, key: str, batches: Iterator[Sequence[Any]]) -> None:
        out.write(f'"{key}": [\n'.encode() if key else b"[\n")
        first = True
        encoder = msgspec.json.Encoder()
        for rows in batches:
            if rows:
                # JSON text has no raw line ends inside, so each one here ends a row.
                lines = encoder.encode_lines(rows)[:-1].replace(b"\n", b",\n")
                out.write(lines if first else b",\n" + lines)
                first = False
        out.write(b"]" if first else b"\n]")
        if not key:
            out.write(b"\n")

    def _images(self, images: ImageIds) -> Iterator[list[Any]]:
        own = {c.name: c for c in self.what.schema.columns}
        absent = set(self.meta.get("absent", ()))
        done = 0
        for table in self.what.samples():
            size = table.num_rows
            names = table.column_names
            from_coco = [v is not ABSENT for v in _arrow.values(table[ID], "int")] if ID in names else [False] * size
            columns: dict[str, list[Any]] = {"id": images.ids[done : done + size].tolist()}
            paths = _arrow.values(table["path"], "text")
            for key, values in (
                ("file_name", paths),
                ("width", _arrow.values(table["width"], "int")),
                ("height", _arrow.values(table["height"], "int")),
            ):
                if key in absent:
                    values = [ABSENT if known else v for v, known in zip(values, from_coco, strict=True)]
                columns[key] = values
            for name, column in own.items():
                if name not in (ID, REST) and name in names:
                    columns.setdefault(_key(column), _arrow.values(table[name], column.type))
            rows = _structs(columns)
            if REST in names and table[REST].null_count < size:
                for i, rest in enumerate(_arrow.values(table[REST], "json")):
                    if isinstance(rest, dict):
                        rows[i] = _merged(rest, rows[i])
                        stated = rest.get("file_name")
                        if isinstance(stated, str) and tidy_name(stated) == paths[i]:
                            rows[i]["file_name"] = stated
            for name in ("tags", "split"):
                self.lost[f"{name} of samples"] += _arrow.count_filled(table, name)
            done += size
            yield rows

    def _annotations(self, images: ImageIds, codes: Mapping[str, int], plan: Plan) -> Iterator[list[Any]]:
        self.objects = 0
        if self.label_field is None:
            return
        for table in self.what.labels(self.label_field.name):
            if table.num_rows:
                self.objects += table.num_rows
                yield self._rows(table, self.label_field, images, codes, plan)

    def _rows(
        self, table: pa.Table, label_field: LabelField, images: ImageIds, codes: Mapping[str, int], plan: Plan
    ) -> list[Any]:
        kinds = label_field.columns()
        names = set(table.column_names) & set(kinds)

        def get(name: str) -> Values:
            filled = name in names and table[name].null_count < table.num_rows
            return _arrow.values(table[name], kinds[name]) if filled else None

        stated = get(ID)
        no_ids = self.from_coco and all(a.name != ID for a in label_field.attributes)
        columns: dict[str, Values] = {"id": stated if self.results else plan.ids(stated, table.num_rows)}
        columns["image_id"] = images.of(_arrow.one(table["sample_id"]).to_numpy())
        columns["category_id"] = _coded(table["label"], codes)
        if label_field.kind != "class":
            known = None if no_ids else [v is not ABSENT for v in stated or [ABSENT] * table.num_rows]
            self._shapes(table, label_field, get, columns, known)
        nested = set(self.meta.get("nested", ()))
        inside: dict[str, Values] = {}
        for name in ("score", "track_id", "rotation"):
            if name in names:
                # COCO has no rotation; CVAT and others keep it under "attributes", and so it is read.
                (inside if name in nested or name == "rotation" else columns)[name] = get(name)
        for attribute in label_field.attributes:
            if attribute.name not in (ID, REST, DERIVED):
                (inside if attribute.name in nested else columns).setdefault(_key(attribute), get(attribute.name))
        filled = {key: values for key, values in inside.items() if values is not None}
        if filled:
            columns["attributes"] = _nested(filled, columns.get("attributes"))
        self.lost["tags of objects"] += _arrow.count_filled(table, "tags")
        self.lost["frame"] += _arrow.count_filled(table, "frame")
        rows = _structs(columns)
        if REST in names and table[REST].null_count < table.num_rows:
            for i, rest in enumerate(_arrow.values(table[REST], "json")):
                if isinstance(rest, dict):
                    rows[i] = _merged(rest, rows[i])
        return rows

    def _shapes(
        self, table: pa.Table, label_field: LabelField, get: Any, columns: dict[str, Values], as_is: list[bool] | None
    ) -> None:
        """bbox, segmentation, keypoints, area and crowd. A row that did not come from COCO gets the area and the crowd
        flag that COCO's own tools ask for; one that did keeps what it had (`as_is`; None: all of them)."""
        boxes = np.column_stack([_arrow.one(table[n]).to_numpy(zero_copy_only=False) for n in "xywh"]).tolist()
        derived = get(DERIVED)
        columns["bbox"] = boxes
        if derived is not None or table["x"].null_count:
            made = [v is True for v in derived or [ABSENT] * len(boxes)]
            empty = _arrow.one(table["x"]).is_null().to_pylist()
            columns["bbox"] = [
                ABSENT if null or no_box else box for box, null, no_box in zip(boxes, empty, made, strict=True)
            ]
        outlines = get("points" if label_field.kind == "polygon" else "polygons")
        masks = get("mask") if label_field.kind == "box" else None
        columns["segmentation"] = outlines
        if masks is not None:
            outlines = outlines or [ABSENT] * len(boxes)
            columns["segmentation"] = [_segmentation(p, m) for p, m in zip(outlines, masks, strict=True)]
            both = sum(p is not ABSENT and m is not ABSENT for p, m in zip(outlines, masks, strict=True))
            self.lost["masks beside an outline"] += both
        if label_field.kind != "polygon":
            columns["keypoints"] = get("keypoints")
        area, crowd = get("area"), get("iscrowd")
        if crowd is not None:
            crowd = list(map(_CROWD.__getitem__, crowd))
        if as_is is not None and not all(as_is) and not self.results:
            crowd, area = crowd or [ABSENT] * len(boxes), area or [ABSENT] * len(boxes)
            shapes = columns["segmentation"] or [ABSENT] * len(boxes)
            for i, known in enumerate(as_is):
                if not known:
                    crowd[i] = 0 if crowd[i] is ABSENT else crowd[i]
                    area[i] = _area(boxes[i], shapes[i]) if area[i] is ABSENT else area[i]
        columns["area"], columns["iscrowd"] = area, crowd


def _key(column: Column) -> str:
    return column.source_name or column.name


def _coded(labels: Any, codes: Mapping[str, int]) -> Values:
    """The category id of each label."""
    found = _arrow.one(labels).dictionary_encode()
    ids = [codes[label] for label in found.dictionary.to_pylist()]
    return [ABSENT if place is None else ids[place] for place in found.indices.to_pylist()] if ids else None


def _structs(columns: Mapping[str, Values]) -> list[Any]:
    """Rows with the columns' keys; a key whose value is ABSENT is not written."""
    used = {key: values for key, values in columns.items() if values and any(v is not ABSENT for v in values)}
    if not used:
        return []
    names = {f"k{i}": key for i, key in enumerate(used)}
    row = msgspec.defstruct("Row", [(n, Any) for n in names], rename=names, gc=False)
    return list(map(row, *used.values()))


def _merged(rest: Mapping[str, Any], row: Any) -> dict[str, Any]:
    """The row with the leftovers of its source beside it; what stands in a column counts."""
    typed: dict[str, Any] = msgspec.to_builtins(row)
    out = {**rest, **typed}
    inner = rest.get("attributes"), typed.get("attributes")
    if isinstance(inner[0], dict) and isinstance(inner[1], dict):
        out["attributes"] = {**inner[0], **inner[1]}
    return out


def _nested(inside: Mapping[str, list[Any]], beside: Values) -> list[Any]:
    rows = []
    for i, values in enumerate(zip(*inside.values(), strict=True)):
        row = {key: v for key, v in zip(inside, values, strict=True) if v is not ABSENT}
        rows.append(row or (beside[i] if beside else ABSENT))
    return rows


def _segmentation(polygons: Any, blob: Any) -> Any:
    if polygons is not ABSENT or blob is ABSENT:
        return polygons
    mask = rle.unpack_blob(blob)
    if mask.form == "compressed":
        return {"size": [mask.height, mask.width], "counts": mask.packed.decode("ascii")}
    return {"size": [mask.height, mask.width], "counts": rle.decompress(mask.packed).tolist()}


def _area(box: Sequence[float], segmentation: Any) -> float:
    """Pixels of the mask, else of the polygons, else of the box."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = rle.decompress(counts.encode()) if isinstance(counts, str) else np.array(counts)
        return rle.area(runs)
    if segmentation is not ABSENT and segmentation:
        total = 0.0
        for part in segmentation:
            xs, ys = np.array(part[0::2]), np.array(part[1::2])
            total += abs(float(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1)))) / 2
        return total
    return box[2] * box[3]
