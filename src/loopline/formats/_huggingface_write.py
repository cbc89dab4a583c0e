"""A view as a Hugging Face data set: Parquet files with a README that `load_dataset` reads, or Arrow files that
`load_from_disk` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from loopline.errors import FormatError, MediaError
from loopline.formats._columns import json_text
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._mask_read import table_of
from loopline.formats._parts import by_split, folder_names
from loopline.formats._pictures import Label, Picture, Pictures, key_of
from loopline.formats._place import MISSING, REMOTE, Media, checked
from loopline.formats._smalljson import pretty
from loopline.kernel.exchange import Exportable, Written
from loopline.kernel.schema import LabelField, unique_name
from loopline.media.opening import open_media
from loopline.media.references import is_url, media_file

Layout = Literal["parquet", "disk"]

MAPS: Final = "annotation"
"""The column of class maps, as data sets of the hub call it."""
ID2LABEL: Final = "id2label.json"
OURS: Final = b"loopline"  # key of the table's metadata

_ROWS: Final = 64  # pictures in memory at once, and in a row group
_SHARD_BYTES: Final = 500_000_000
_HOLDS: Final = frozenset({"score", "area", "iscrowd", "track_id", "rotation", "polygons", "keypoints", "mask"})
_DTYPES: Final = {"text": "string", "int": "int64", "float": "float64", "bool": "bool", "time": "string"}
_ARROW: Final = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
_BUILT_IN: Final = {"area": "float", "iscrowd": "bool", "score": "float", "track_id": "int", "rotation": "float"}
_FIXED: Final = ("image", "width", "height", "tags", "objects", "label", "labels", MAPS)

Feature = Mapping[str, Any]


def write(
    what: Exportable,
    target: Path,
    *,
    fields: Sequence[str],
    layout: Layout = "parquet",
    media: Media = "copy",
) -> Written:
    """Write a box field, a class field and a field of class maps, each or together.

    layout  "parquet": data/<split>-00000-of-00001.parquet and README.md, for load_dataset(folder) and for the hub;
            "disk": Arrow files as save_to_disk makes them, for load_from_disk(folder)
    media   "copy": the bytes of the pictures stand in the table; "link": their absolute paths; "none": their paths as
            they are

    Split val is called validation, as there. Where no sample has a split, all are "train". One class a picture is a
    ClassLabel `label`, several are a list of them, `labels`. Class maps are a second column of pictures, `annotation`;
    their classes are in id2label.json.
    Raises FormatError for other kinds of labels, or two fields of one kind.
    """
    if layout not in ("parquet", "disk"):
        raise FormatError(f'layout="{layout}" is not known', hint='one of: "parquet", "disk"')
    mine = chosen(what.schema, fields, {"box", "class", "mask"}, "Hugging Face")
    writer = _Writer(what, mine, _shape(what, mine), checked(media))
    parts = by_split(what) or {"train": what}
    names = folder_names("validation" if split == "val" else split for split in parts)
    with new_folder(target) as folder:
        for name, part in zip(names.values(), parts.values(), strict=True):
            writer.split(part, folder, name.replace("-", "_"), layout)
        if layout == "disk":
            (folder / "dataset_dict.json").write_bytes(pretty({"splits": list(writer.rows)}))
        else:
            (folder / "README.md").write_bytes(_readme(list(writer.rows)))
        if (maps := writer.shape.maps) is not None:
            (folder / ID2LABEL).write_bytes(pretty({str(row.id): row.name for row in table_of(maps)}))
    return Written([target], writer.samples, writer.objects, {k: n for k, n in sorted(writer.lost.items()) if n})


@dataclass(frozen=True, slots=True)
class _Shape:
    """The columns of the table: of pictures, and of the objects on them, each with its feature."""

    top: Mapping[str, Feature]
    objects: Mapping[str, Feature]
    columns: Mapping[str, str]  # user's column of samples, by its name in the file → name in the table
    attributes: Mapping[str, str]
    box: LabelField | None
    classes: LabelField | None
    maps: LabelField | None

    @property
    def features(self) -> dict[str, Feature]:
        found = dict(self.top)
        if self.box is not None:
            found["objects"] = {name: _list(feature) for name, feature in self.objects.items()}
        return found

    @property
    def schema(self) -> pa.Schema:
        head = msgspec.json.encode({"info": {"features": self.features}})
        kinds = [(name, _arrow_type(feature)) for name, feature in self.features.items()]
        more = {} if self.maps is None else {OURS: msgspec.json.encode({MAPS: dict(self.maps.meta.get("mask", {}))})}
        return pa.schema(kinds, metadata={b"huggingface": head, **more})


def _value(dtype: str) -> Feature:
    return {"dtype": dtype, "_type": "Value"}


def _list(feature: Feature) -> Feature:
    return {"feature": feature, "_type": "Sequence"}


def _arrow_type(feature: Feature) -> pa.DataType:
    kind = feature.get("_type")
    if kind == "Image":
        return pa.struct({"bytes": pa.binary(), "path": pa.string()})
    if kind == "ClassLabel":
        return pa.int64()
    if kind == "Sequence":
        return pa.list_(_arrow_type(feature["feature"]))
    if kind == "Value":
        return _ARROW[feature["dtype"]]
    return pa.struct({name: _arrow_type(inner) for name, inner in feature.items()})


def _shape(what: Exportable, fields: Sequence[LabelField]) -> _Shape:
    box = next((f for f in fields if f.kind == "box"), None)
    classes = next((f for f in fields if f.kind == "class"), None)
    maps = next((f for f in fields if f.kind == "mask"), None)
    top: dict[str, Feature] = {"image": {"_type": "Image"}, "width": _value("int64"), "height": _value("int64")}
    if classes is not None:
        names = {"names": list(classes.classes), "_type": "ClassLabel"}
        top |= {"labels": _list(names)} if _several(what, classes.name) else {"label": names}
    if maps is not None:
        top[MAPS] = {"_type": "Image"}
    top["tags"] = _list(_value("string"))
    columns: dict[str, str] = {}
    for column in what.schema.columns:
        columns[key_of(column)] = name = unique_name(key_of(column), {*top, *_FIXED})
        top[name] = _value(_DTYPES.get(column.type, "string"))
    objects: dict[str, Feature] = {}
    attributes: dict[str, str] = {}
    if box is not None:
        objects["bbox"] = _list(_value("float64"))
        objects["category"] = {"names": list(box.classes), "_type": "ClassLabel"}
        filled = _filled(what, box)
        objects |= {name: _value(_DTYPES[kind]) for name, kind in _BUILT_IN.items() if name in filled}
        if "polygons" in filled:
            objects["segmentation"] = _list(_list(_value("float64")))
        if "keypoints" in filled:
            objects["keypoints"] = _list(_value("float64"))
        for attribute in box.attributes:
            taken = {*objects, "bbox", "category", "segmentation", "keypoints", *_BUILT_IN}
            attributes[key_of(attribute)] = name = unique_name(key_of(attribute), taken)
            objects[name] = _value(_DTYPES.get(attribute.type, "string"))
    return _Shape(top, objects, columns, attributes, box, classes, maps)


def _filled(what: Exportable, box: LabelField) -> set[str]:
    """Built-in columns that some object has a value in."""
    found: set[str] = set()
    for table in what.labels(box.name):
        found |= {n for n in _HOLDS if n in table.column_names and table[n].null_count < table.num_rows}
    return found


def _several(what: Exportable, name: str) -> bool:
    """Whether a picture has more than one class."""
    seen: set[int] = set()
    for table in what.labels(name):
        for owner in table["sample_id"].to_pylist():
            if owner in seen:
                return True
            seen.add(owner)
    return False


@dataclass(slots=True)
class _Writer:
    what: Exportable
    fields: Sequence[LabelField]
    shape: _Shape
    media: Media
    lost: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)  # by split
    samples: int = 0
    objects: int = 0

    def split(self, part: Exportable, folder: Path, name: str, layout: Layout) -> None:
        pictures = Pictures(part, self.fields, "huggingface", _HOLDS, columns=None, tags=True)
        self.rows[name] = 0
        inner = folder / (name if layout == "disk" else "data")
        inner.mkdir(exist_ok=True)
        stem = "data" if layout == "disk" else name
        shards = _Shards(inner, stem, self.shape.schema, layout)
        with ExitStack() as stack:
            for rows in self._batches(pictures):
                shards.write(pa.Table.from_pylist(rows, schema=self.shape.schema), stack)
                self.rows[name] += len(rows)
            files = shards.end(stack)
        if layout == "disk":
            self._state(inner, name, files)
        self.samples, self.objects = self.samples + pictures.samples, self.objects + pictures.objects
        for what, number in pictures.lost.items():
            self.lost[what] = self.lost.get(what, 0) + number

    def _state(self, folder: Path, split: str, files: Sequence[str]) -> None:
        digest = blake2b(digest_size=8)
        for file in files:
            with (folder / file).open("rb") as content:
                while block := content.read(1 << 20):
                    digest.update(block)
        state: dict[str, Any] = {
            "_data_files": [{"filename": file} for file in files],
            "_fingerprint": digest.hexdigest(),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split,
        }
        (folder / "state.json").write_bytes(pretty(state))
        info = {"citation": "", "description": "", "features": self.shape.features, "homepage": "", "license": ""}
        (folder / "dataset_info.json").write_bytes(pretty(info))

    def _batches(self, pictures: Pictures) -> Iterator[list[dict[str, Any]]]:
        rows: list[dict[str, Any]] = []
        for picture in pictures:
            rows.append(self._row(picture, pictures))
            if len(rows) == _ROWS:
                yield rows
                rows = []
        if rows:
            yield rows

    def _row(self, picture: Picture, pictures: Pictures) -> dict[str, Any]:
        shape = self.shape
        row: dict[str, Any] = {"image": self._image(picture, pictures), "tags": picture.sample.get("tags") or []}
        row |= {"width": picture.sample.get("width"), "height": picture.sample.get("height")}
        for key, value in picture.columns.items():
            if key in shape.columns:
                row[shape.columns[key]] = _plain(value, shape.top[shape.columns[key]])
            else:
                pictures.lost[f"column {key}"] += 1
        if shape.classes is not None:
            codes = [_code(shape.classes, one) for one in picture.labels if one.kind == "class"]
            if "labels" in shape.top:
                row["labels"] = [code for code in codes if code is not None]
            else:
                row["label"] = codes[0] if codes else None
            for one in picture.labels:
                if one.kind == "class":
                    pictures.lost["scores"] += "score" in one.values
                    for name in one.attributes:
                        pictures.lost[f"attribute {name}"] += 1
        if shape.maps is not None:
            blobs = [one.values["mask"] for one in picture.labels if one.kind == "mask" and one.values.get("mask")]
            row[MAPS] = {"bytes": blobs[0], "path": None} if blobs else None
            pictures.lost["masks"] += max(0, len(blobs) - 1)
        if shape.box is not None:
            made = [self._object(one, shape.box) for one in picture.labels if one.kind == "box"]
            pictures.lost["masks"] += sum("mask" in one.values for one in picture.labels if one.kind == "box")
            row["objects"] = {name: [one.get(name) for one in made] for name in shape.objects}
        return row

    def _object(self, one: Label, box: LabelField) -> dict[str, Any]:
        values = one.values
        found: dict[str, Any] = {"bbox": list(one.box), "category": _code(box, one)}
        found |= {name: values.get(name) for name in _BUILT_IN}
        found |= {"segmentation": values.get("polygons"), "keypoints": values.get("keypoints")}
        for key, value in one.attributes.items():
            name = self.shape.attributes.get(key)
            if name is not None:
                found[name] = _plain(value, self.shape.objects[name])
        return found

    def _image(self, picture: Picture, pictures: Pictures) -> dict[str, Any]:
        root, path = picture.sample.get("root"), picture.path
        if self.media == "copy":
            if root is None or is_url(root):
                pictures.lost[REMOTE] += 1
            else:
                try:
                    with open_media(root, path) as content:
                        return {"bytes": content.read(), "path": path}
                except (MediaError, OSError):
                    pictures.lost[MISSING] += 1
        return {"bytes": None, "path": media_file(root, path) if self.media == "link" and root else path}


def _code(one: LabelField, label: Label) -> int | None:
    return one.classes.index(label.label) if label.label in one.classes else None


def _plain(value: Any, feature: Feature) -> Any:
    """A value as its column takes it: JSON as text."""
    return json_text(value) if feature.get("dtype") == "string" and not isinstance(value, str) else value


@dataclass(slots=True)
class _Shards:
    """Files of about half a gigabyte; their number is in each one's name, so names are given at the end."""

    folder: Path
    stem: str
    schema: pa.Schema
    layout: Layout
    count: int = 0
    size: int = 0
    sink: Any = None

    def write(self, table: pa.Table, stack: ExitStack) -> None:
        if self.sink is not None and self.size > _SHARD_BYTES:
            self.sink.close()
            self.sink = None
        if self.sink is None:
            self._open(stack)
        self.sink.write_table(table)
        self.size += table.nbytes

    def _open(self, stack: ExitStack) -> None:
        file = str(self.folder / f"part-{self.count}")
        if self.layout == "parquet":
            self.sink = stack.enter_context(pq.ParquetWriter(file, self.schema, compression="zstd"))
        else:
            out = stack.enter_context(pa.OSFile(file, "wb"))
            self.sink = stack.enter_context(pa.ipc.new_stream(out, self.schema))
        self.count, self.size = self.count + 1, 0

    def end(self, stack: ExitStack) -> list[str]:
        """Close, and name the files; there is always one."""
        if not self.count:
            self._open(stack)
        stack.close()
        ending = "parquet" if self.layout == "parquet" else "arrow"
        names = [f"{self.stem}-{n:05d}-of-{self.count:05d}.{ending}" for n in range(self.count)]
        for number, name in enumerate(names):
            (self.folder / f"part-{number}").rename(self.folder / name)
        return names


def _readme(splits: Sequence[str]) -> bytes:
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f"    path: data/{split}-*"]
    return "\n".join([*lines, "---", ""]).encode()
