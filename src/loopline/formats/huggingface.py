"""Hugging Face data sets on disk: `save_to_disk` folders (Arrow) and Parquet files with an image column.

Known by their features: Image, ClassLabel, and `objects` with `bbox` and `category`. Pictures that stand in the table as
bytes are put into a folder that the user names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from loopline.errors import FormatError
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._huggingface_maps import Maps, described, is_picture
from loopline.formats._huggingface_write import write
from loopline.formats._inside import inside, read_bytes
from loopline.formats._media import split_named, tidy_name
from loopline.formats._shapes import Fault, number, optional_number, whole
from loopline.formats._smalljson import document, listed, mapping, text
from loopline.formats._support import support
from loopline.formats._take_out import picture_name, put
from loopline.kernel.exchange import Event, FieldFound, Sniffed, Source

SUPPORT: Final = support(
    boxes="exact",
    masks="lossy: class maps of whole pictures; masks of objects are left out",
    polygons="exact",
    keypoints="lossy: without their names",
    attributes="lossy: times and JSON come back as texts",
    tracks="lossy: track ids, no frames",
    scores="exact",
    crowd="exact",
    tags="exact",
    splits="lossy: samples without a split are in one of that name, or in train",
    picture_fields="lossy: times and JSON come back as texts",
)
_ROWS: Final = 32  # pictures in memory at once
_CLASS_KEYS: Final = ("label", "labels", "class", "fine_label")
Corners = Literal["xywh", "xyxy"]


def sniff(path: Path) -> Sniffed | None:
    """A folder from save_to_disk, or Parquet files with a column of pictures."""
    if path.is_dir():
        if (path / "dataset_dict.json").is_file() or ((path / "state.json").is_file() and _arrows(path)):
            return Sniffed(0.95, "Hugging Face data set on disk")
        files = _parquets(path)[:1]
    else:
        files = [path] if path.suffix.lower() == ".parquet" and path.is_file() else []
    if files and _picture_column(_parquet_schema(files[0])):
        return Sniffed(0.9, "Hugging Face Parquet with pictures")
    return None


def _arrows(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("*.arrow")) if p.is_file() and inside(p, [folder])]


def _parquets(folder: Path) -> list[Path]:
    found = sorted({*folder.glob("*.parquet"), *folder.glob("data/*.parquet"), *folder.glob("*/*.parquet")})
    return [p for p in found if p.is_file() and inside(p, [folder])]


def _parquet_schema(file: Path) -> pa.Schema | None:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None


def _picture_column(schema: pa.Schema | None) -> str | None:
    """The first column of {bytes, path}."""
    try:
        for one in schema or ():
            if pa.types.is_struct(one.type) and {f.name for f in one.type} == {"bytes", "path"}:
                return str(one.name)
    except UnicodeDecodeError:  # a name that is no UTF-8
        return None
    return None


def read(source: Source, *, extract_to: Path | str | None = None, boxes: Corners = "xywh") -> Iterator[Event]:
    """A data set's folder, one split of it, or a Parquet file, as events.

    extract_to   folder for pictures that stand in the table as bytes; no file there is replaced
    boxes        what `bbox` means: "xywh" as in COCO, or "xyxy"

    Raises FormatError where there is no table of pictures, or no folder for the pictures is named.
    """
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    if boxes not in ("xywh", "xyxy"):
        raise FormatError(f'boxes="{boxes}" is not known', hint='one of: "xywh", "xyxy"')
    tables = list(_tables(path))
    if not tables:
        raise FormatError("no Arrow or Parquet files", where=str(path), hint="name the folder that save_to_disk made")
    gather = Gather(source, "huggingface", path / "x" if path.is_dir() else path)
    target = Path(extract_to).absolute() if extract_to is not None else None
    reader = _Reader(source, path if path.is_dir() else path.parent, target, boxes, gather)
    for number_, (file, split) in enumerate(tables):
        yield from reader.table(file, split)
        source.report(number_ + 1, len(tables))
    yield from reader.end()


def _tables(path: Path) -> Iterator[tuple[Path, str | None]]:
    """Files with their splits. Of a save_to_disk folder the Arrow files; caches beside them are left aside."""
    if path.is_file():
        yield path, _split(path.stem)
        return
    if (path / "dataset_dict.json").is_file():
        for name in listed(mapping(document(read_bytes(str(path / "dataset_dict.json"), [path]))[0]).get("splits")):
            if isinstance(name, str) and tidy_name(name) == name and (path / name).is_dir():
                yield from ((file, split_named(name) or name) for file in _data(path / name))
    elif (path / "state.json").is_file():
        split = text(mapping(document(read_bytes(str(path / "state.json"), [path]))[0]).get("_split"))
        yield from ((file, split_named(split) or split if split else None) for file in _data(path))
    else:
        yield from ((file, _split(file.stem)) for file in _parquets(path))


def _data(folder: Path) -> list[Path]:
    """The Arrow files that state.json names, else all."""
    if (folder / "state.json").is_file():
        stated = listed(mapping(document(read_bytes(str(folder / "state.json"), [folder]))[0]).get("_data_files"))
        names = [text(mapping(one).get("filename")) for one in stated]
        found = [folder / name for name in names if name and tidy_name(name) == name]
        if found:
            there = set(_arrows(folder))  # not is_file: a name may be longer than a file's can be
            return [file for file in found if file in there]
    return _arrows(folder)


def _split(stem: str) -> str | None:
    return split_named(re.split(r"[-_.]", stem)[0])


@dataclass(slots=True)
class _Reader:
    source: Source
    base: Path
    target: Path | None
    boxes: Corners
    gather: Gather
    used: set[str] = field(default_factory=set)
    maps: Maps = field(default_factory=Maps)

    def table(self, file: Path, split: str | None) -> Iterator[Event]:
        where = file.relative_to(self.base).as_posix()
        start = 0
        try:
            for batch, schema in _batches(file):
                batch.validate(full=True)  # Arrow believes offsets and texts that it is given
                column = _picture_column(schema)
                if column is None:
                    raise FormatError("no column of pictures", hint="a column with bytes and path is needed")
                features = self._features(file, schema)
                self.maps.described = self.maps.described or described(schema)
                for number_, row in enumerate(batch.to_pylist(), start=start):
                    with self.gather.row(f"{where}: row {number_}"):
                        self._row(row, column, features, f"{where}: row {number_}", split, number_)
                start += batch.num_rows
                yield from self.gather.flush()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            self.gather.skip("the file cannot be read to its end", f"{where}: {str(error)[:200]}")
        except FormatError as error:
            if error.hint.startswith("say where"):
                raise
            self.gather.skip(error.what, where, error.hint)

    def _features(self, file: Path, schema: pa.Schema) -> Mapping[str, Any]:
        raw = (schema.metadata or {}).get(b"huggingface")
        if raw:
            try:
                return mapping(mapping(mapping(msgspec.json.decode(raw)).get("info")).get("features"))
            except msgspec.DecodeError:
                self.gather.warn("features that are not JSON", file.name)
        info = file.parent / "dataset_info.json"
        if info.is_file():
            return mapping(mapping(document(read_bytes(str(info), [self.base]))[0]).get("features"))
        return {}

    def _row(
        self, row: dict[str, Any], column: str, features: Mapping[str, Any], where: str, split: str | None, number_: int
    ) -> None:
        name, root = self._picture(mapping(row.pop(column)), split, number_)
        columns: dict[str, Any] = {}
        labels: list[str] = []
        tags: list[str] = []
        blob: bytes | None = None
        objects: dict[str, Any] | list[Any] = {}
        objects_of: Any = {}
        for key, value in row.items():
            names = _class_names(features.get(key))
            if names and (type(value) is int or value is None):
                word = names[value] if value is not None and 0 <= value < len(names) else None
                if not labels and key in _CLASS_KEYS:
                    labels = [word] if word is not None else []
                elif word is not None:
                    columns[key] = word
            elif names and key in _CLASS_KEYS and isinstance(value, list):
                labels += [names[code] for code in value if type(code) is int and 0 <= code < len(names)]
            elif key == "tags" and isinstance(value, list) and all(isinstance(one, str) for one in value):
                tags = value
            elif isinstance(value, dict | list) and _has_boxes(value):
                objects, objects_of = value, features.get(key)
            elif is_picture(value) and self.maps.are_in(key):
                self.maps.column, blob = key, value["bytes"]
            elif isinstance(value, bytes) or is_picture(value):
                self.gather.warn(f'a second column of pictures or bytes; left out: "{key}"', where)
            elif value is not None:
                columns[key] = value if isinstance(value, str | int | float | bool) else _json(value)
        sides = {k: whole(columns.pop(k)) for k in ("width", "height") if type(columns.get(k)) is int}
        more = {"tags": tags} if tags else {}
        key_ = self.gather.sample(name, where, root=root, split=split, columns=columns, **sides, **more)  # type: ignore[arg-type]
        for label in labels:
            self.gather.add("class", key_, label, where)
        if blob:
            with self.gather.row(f"{where}.{self.maps.column}"):
                self.gather.add("mask", key_, None, where, mask=self.maps.blob(blob))
        for index, one in enumerate(_rows(objects)):
            place = f"{where}.objects[{index}]"
            with self.gather.row(place):
                self._object(one, objects_of, key_, place)

    def _object(self, one: Mapping[str, Any], features: Any, key: int, where: str) -> None:
        sides = [number(n) for n in listed(one.get("bbox"))]
        if len(sides) != 4:
            raise Fault("a bbox that is not four numbers")
        x, y, w, h = sides
        if self.boxes == "xyxy":
            w, h = w - x, h - y
        code = next(
            (one[k] for k in ("category", "label", "categories", "category_id") if one.get(k) is not None), None
        )
        names = next(
            (n for k in ("category", "label", "categories", "category_id") if (n := _class_names(_inner(features, k)))),
            [],
        )
        label = names[code] if type(code) is int and 0 <= code < len(names) else text(code)
        crowd = one.get("iscrowd")
        points = _numbers(one.get("keypoints"))
        outline = [_numbers(part) for part in listed(one.get("segmentation"))]
        held: dict[str, Any] = {
            "area": optional_number(one.get("area")),
            "score": optional_number(one.get("score")),
            "iscrowd": bool(crowd) if isinstance(crowd, bool | int) else None,
            "track_id": whole(one.get("track_id")),
            "rotation": optional_number(one.get("rotation")),
            "keypoints": points if points and len(points) % 3 == 0 else None,
            "polygons": outline if outline and all(len(part) >= 6 and len(part) % 2 == 0 for part in outline) else None,
        }
        columns = {"polygons": "segmentation"}
        known = {"bbox", "category", "label", "categories", "category_id"}
        known |= {columns.get(name, name) for name, value in held.items() if value is not None}
        self.gather.add(
            "box",
            key,
            label,
            where,
            x=x,
            y=y,
            w=w,
            h=h,
            **held,
            attributes={k: v for k, v in one.items() if k not in known and v is not None} or None,
        )

    def _picture(self, found: Mapping[str, Any], split: str | None, number_: int) -> tuple[str, Path]:
        raw, path = found.get("bytes"), text(found.get("path"))
        if not raw:
            if path is None:
                raise Fault("a row without a picture")
            root = self.source.media.absolute() if self.source.media is not None else self.base
            head = f"{root.as_posix()}/"
            return (path[len(head) :] if path.startswith(head) else path), root
        tidy = tidy_name(path) if path else None
        # A path from another machine would bring its folders along.
        known = (
            tidy if tidy and path and not path.startswith("/") and ":" not in path else (tidy or "").rpartition("/")[2]
        )
        name = picture_name(split or "data", known, raw, number_, self.used)
        self.used.add(name)
        folder = self.target or self.source.media
        if folder is None:
            raise FormatError(
                "the pictures are inside the table",
                where=str(self.source.path),
                hint='say where to put them: extract_to="folder"',
            )
        if self.target is not None:
            put(raw, self.target, name)
        return name, folder.absolute()

    def end(self) -> Iterator[Event]:
        for event in self.gather.end():
            if isinstance(event, FieldFound) and event.field.kind == "mask":
                yield from self.maps.as_field(event.field.name, self.base)
            else:
                yield event


def _batches(file: Path) -> Iterator[tuple[pa.RecordBatch, pa.Schema]]:
    """A few rows at a time, as pictures may stand in them."""
    if file.suffix.lower() == ".parquet":
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS):
                yield batch, table.schema_arrow
        return
    with pa.OSFile(str(file), "rb") as raw, pa.ipc.open_stream(raw) as stream:
        for batch in stream:
            for start in range(0, batch.num_rows, _ROWS):
                yield batch.slice(start, _ROWS), stream.schema


def _class_names(feature: Any) -> list[str]:
    """Names of a ClassLabel, also of a list of them."""
    while isinstance(feature, list | dict):
        if isinstance(feature, list):
            feature = feature[0] if feature else None
        elif feature.get("_type") == "ClassLabel":
            return [str(n) for n in listed(feature.get("names"))]
        else:
            feature = feature.get("feature")
    return []


def _inner(features: Any, key: str) -> Any:
    """The feature of one column of `objects`, whether it is a list of objects or an object of lists."""
    while isinstance(features, list | dict):
        if isinstance(features, list):
            features = features[0] if features else None
        elif key in features:
            return features[key]
        else:
            features = features.get("feature")
    return None


def _numbers(value: Any) -> list[float]:
    """A list of finite numbers; empty for anything else."""
    found = [optional_number(one) for one in listed(value)]
    return [] if None in found else [one for one in found if one is not None]


def _has_boxes(value: dict[str, Any] | list[Any]) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and "bbox" in first


def _rows(objects: dict[str, Any] | list[Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(objects, list):
        yield from (mapping(one) for one in objects)
        return
    columns = {k: v for k, v in objects.items() if isinstance(v, list)}
    for index in range(len(columns.get("bbox", ()))):
        yield {k: v[index] for k, v in columns.items() if index < len(v)}


def _json(value: Any) -> Any:
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError):
        return str(value)


FORMAT: Final = FileFormat("huggingface", "Hugging Face data set", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
