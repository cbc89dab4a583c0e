"""FiftyOne's export (`FiftyOneDataset`): metadata.json, samples.json, frames.json and the pictures in data/.

Every label field keeps its name. Boxes, polylines and keypoints are shares of the picture; its size is taken from the
picture, else from `metadata` of the sample. What Loopline has no labels for (temporal detections, heatmaps,
geolocations) is kept as JSON columns of the samples.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats._fiftyone import (
    FRAMES,
    HOUSE,
    LABELS,
    OWN,
    RUNS,
    beside,
    deep,
    packed_array,
    placed,
    plain,
    values_of,
)
from loopline.formats._fiftyone_write import write
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import read_bytes
from loopline.formats._mask_read import mask_field
from loopline.formats._masks import decode, encode
from loopline.formats._shapes import Fault, mask_box, optional_number, size_px, whole
from loopline.formats._smalljson import document, items, keys_in_head, listed, mapping, text
from loopline.formats._support import support
from loopline.kernel.exchange import Event, FieldFound, Sniffed, Source
from loopline.kernel.schema import SAMPLE_COLUMNS, FieldKind, LabelField, unique_name
from loopline.media.sizes import picture_sizes

SUPPORT: Final = support(
    boxes="lossy: the last bit, as shares of the picture",
    masks="lossy: the part inside the box",
    polygons="lossy: polylines that are closed; outlines of boxes are left out",
    keypoints="lossy: hidden points are as visible ones; keypoints of boxes are left out",
    attributes="exact",
    tracks="exact",
    scores="exact",
    crowd="exact",
    tags="exact",
    splits="exact",
    ids="exact",
    picture_fields="exact",
)
_SAMPLES: Final = "samples.json"
_ID: Final = "fiftyone_id"
_MEDIA: Final = ("filepath", "tags", "metadata", "created_at", "last_modified_at", "split", *HOUSE)
_METADATA: Final = frozenset(
    {"_cls", "size_bytes", "mime_type", "width", "height", "num_channels", "frame_width", "frame_height"}
    | {"frame_rate", "total_frame_count", "duration", "encoding_str"}
)
"""What the media file says of itself."""
_DEFAULT_NAME: Final = "ground_truth"


def _says_more(one: Mapping[str, Any], usual: Collection[str]) -> bool:
    """Whether a field of frames holds something that is no label."""
    form = str(one.get("embedded_doc_type")).rpartition(".")[2]
    if form not in LABELS:
        return one.get("name") not in usual
    inner = {text(mapping(f).get("name")) for f in listed(one.get("fields"))}
    return bool(LABELS[form][1]) and bool(inner - {LABELS[form][1], "id", "tags", None})


def _entries(value: Any) -> list[str]:
    """Names of what a key of the head lists."""
    if isinstance(value, dict):
        return [str(key) for key in value]
    return [str(number_) for number_ in range(len(listed(value)))]


def sniff(path: Path) -> Sniffed | None:
    """A folder with metadata.json and samples.json (or samples/, a document a file), whose samples have `filepath`; or
    that samples.json."""
    file = path / _SAMPLES if path.is_dir() else path
    if path.is_dir() and not file.is_file() and (path / "metadata.json").is_file():
        documents = _documents(path, "samples")
        ours = bool(documents) and "filepath" in keys_in_head(documents[0])[1]
        return Sniffed(0.97, "FiftyOne's export, in folders of documents") if ours else None
    if file.name != _SAMPLES or not file.is_file():
        return None
    head, keys = keys_in_head(file)
    ours = head[:1] == b"{" and "samples" in keys and ("filepath" in keys or (file.parent / "metadata.json").is_file())
    return Sniffed(0.97, "FiftyOne's export") if ours else None


def _documents(folder: Path, key: str) -> list[Path]:
    """Files of an export that was made with `use_dirs=True`: one a document."""
    return sorted(p for p in (folder / key).glob("*.json") if p.is_file() and not p.is_symlink())


def _items(folder: Path, key: str, gather: Gather, source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents of a collection, each with where it stands."""
    file = folder / f"{key}.json"
    if file.is_file():
        for index, item in items(file, key, gather, source.report, {}):
            yield f"{file.name}: {key}[{index}]", item
        return
    for one in _documents(folder, key):
        where = f"{key}/{one.name}"
        try:
            item, odd = document(read_bytes(str(one), [folder]))
        except FormatError as error:
            gather.skip(error.what, where, error.hint)
            continue
        if odd:
            gather.warn(odd, where)
        if isinstance(item, dict):
            yield where, item
        else:
            gather.skip("not an object", where)


def read(source: Source) -> Iterator[Event]:
    """The exported folder, or its samples.json, as events. Raises FormatError where there is none.

    Label fields keep their names; a set with one label field fills the field that the user named, if any.
    """
    path = source.path.absolute()
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise no_file(source.path)
    if not (folder / _SAMPLES).is_file() and not _documents(folder, "samples"):
        raise FormatError(
            "no samples.json in this folder",
            where=str(source.path),
            hint="name the folder of a FiftyOneDataset export",
        )
    reader = _Reader(source, folder, Gather(source, "fiftyone", folder / _SAMPLES))
    reader.frame_values()
    for key, take in (("samples", reader.sample), ("frames", reader.frame)):
        for where, item in _items(folder, key, reader.gather, source):
            with reader.gather.row(where):
                take(item, where)
            if reader.full():
                yield from reader.flush()
    yield from reader.end()


@dataclass(slots=True)
class _Field:
    kind: FieldKind
    form: str  # Detections, Detection, ...
    gather: Gather
    met: bool = False
    names: dict[int, str] = field(default_factory=dict)  # of a class map


@dataclass(slots=True)
class _Reader:
    source: Source
    base: Path
    gather: Gather
    head: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, _Field] = field(default_factory=dict)
    keys: dict[str, tuple[int, tuple[int, int]]] = field(default_factory=dict)  # FiftyOne's id → key, size
    columns: set[str] = field(default_factory=set)  # names of sample fields that are no labels
    framed: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # FiftyOne's id → frame → values
    looked: bool = False  # frames were read for values already

    def __post_init__(self) -> None:
        file = self.base / "metadata.json"
        if file.is_file():
            try:
                self.head = mapping(document(read_bytes(str(file), [self.base]))[0])  # type: ignore[assignment]
            except FormatError as error:
                self.gather.warn(f"metadata.json cannot be read: {error.what}", file.name)
        for key in RUNS:
            for one in _entries(self.head.get(key)):
                self.gather.warn(f"{key.replace('_', ' ')} are kept as JSON only", f"metadata.json: {key}.{one}")
        declared: dict[str, str] = {}
        for key in ("sample_fields", "frame_fields"):
            for one in listed(self.head.get(key)):
                name, kind = text(mapping(one).get("name")), text(mapping(one).get("embedded_doc_type"))
                form = (kind or "").rpartition(".")[2]
                if name and form in LABELS:
                    declared.setdefault(name, form)
                elif name and key == "sample_fields":
                    self.columns.add(name)
        for name, form in declared.items():
            self._field(name, form, alone=len(declared) == 1)

    def _field(self, name: str, form: str, *, alone: bool = False) -> _Field:
        schema, kind = self.source.schema, LABELS[form][0]
        taken = {f.gather.source.name for f in self.fields.values()} | set(SAMPLE_COLUMNS) | self.columns
        taken |= {f.name for f in schema.fields if f.kind != kind} | {c.name for c in schema.columns}
        given = self.source.name
        own = unique_name(given if alone and given != _DEFAULT_NAME else name, taken)
        gather = Gather(replace(self.source, name=own), "fiftyone", self.base / _SAMPLES, OWN)
        found = self.fields[name] = _Field(kind, form, gather)
        self.gather.columns.taken.add(own)
        gather.meta = {"form": form, "name": name}
        if len(self.fields) == 1 and self.head:
            gather.meta["dataset"] = {k: v for k, v in self.head.items() if k not in HOUSE}
        classes = mapping(self.head.get("classes")).get(name) or self.head.get("default_classes")
        gather.classes = list(dict.fromkeys(c for one in listed(classes) if (c := text(one))))
        bones = mapping(mapping(self.head.get("skeletons")).get(name) or self.head.get("default_skeleton"))
        if kind == "keypoint" and bones:
            gather.keypoint_names = tuple(str(n) for n in listed(bones.get("labels")))
            size = range(len(gather.keypoint_names))
            paths = [[whole(plain(n)) for n in listed(edge)] for edge in listed(bones.get("edges"))]
            pairs = [(a, b) for path in paths for a, b in pairwise(path) if a is not None and b is not None]
            gather.skeleton = tuple(p for p in pairs if p[0] in size and p[1] in size)
        targets = mapping(mapping(self.head.get("mask_targets")).get(name) or self.head.get("default_mask_targets"))
        for code, label in targets.items():
            number_ = whole(code)
            if kind == "mask" and number_ is not None and isinstance(label, str) and number_ >= 0:
                found.names[number_] = label
        return found

    def frame_values(self) -> None:
        """Read what frames say that is no label. It belongs to the videos, and those come first."""
        usual = {*HOUSE, *_MEDIA, "frame_number"}
        declared = [mapping(one) for one in listed(self.head.get("frame_fields"))]
        if declared and not any(_says_more(one, usual) for one in declared):
            return
        self.looked = True
        nobody = Gather(self.source, "fiftyone", self.base / _SAMPLES)  # what is wrong is told when labels are read
        for _, item in _items(self.base, "frames", nobody, self.source):
            owner, number_ = plain(item.get("_sample_id")), whole(plain(item.get("frame_number")))
            found: dict[str, Any] = {}
            for name, value in item.items():
                if isinstance(value, dict) and value.get("_cls") in LABELS:
                    inner = LABELS[value["_cls"]][1]
                    found |= {f"{name}.{k}": v for k, v in beside(value, inner).items()} if inner else {}
                elif name not in usual and value is not None:
                    found[name] = deep(value)
            if found and isinstance(owner, str) and number_ is not None:
                self.framed.setdefault(owner, {})[str(number_)] = found

    # One document -------------------------------------------------------------------------------------------------

    def sample(self, item: Mapping[str, Any], where: str) -> None:
        name, root = self._place(text(item.get("filepath")) or "")
        size, built_in = self._metadata(item)
        if root is not None and not all(size):
            ((width, height),) = picture_sizes([str(root / name)]).tolist()
            size = (width, height)
        columns: dict[str, Any] = {}
        labels: dict[str, Mapping[str, Any]] = {}
        for key, value in item.items():
            value = plain(value)
            form = text(value.get("_cls")) if isinstance(value, dict) else None
            if form is not None and form in LABELS:
                labels[key] = value
                inner = LABELS[form][1]
                columns |= {f"{key}.{k}": v for k, v in beside(value, inner).items()} if inner else {}
            elif key not in _MEDIA and value is not None and key not in self.fields:
                if form is not None:
                    self.gather.warn(f"labels of a kind that is kept as JSON only: {form}", where)
                columns[key] = deep(value) if not isinstance(value, dict) else value
        own_id = plain(item.get("_id", item.get("id")))
        if isinstance(own_id, str):
            columns[_ID] = own_id
            if own_id in self.framed:
                columns[FRAMES] = self.framed.pop(own_id)
        if isinstance(item.get("split"), dict | list | bool):
            columns["split_value"] = deep(item["split"])
        for key, value in mapping(item.get("metadata")).items():
            if key not in _METADATA and value is not None:
                columns[f"metadata.{key}"] = deep(value)
        tags = [t for tag in listed(item.get("tags")) if (t := text(tag))]
        if tags:
            built_in["tags"] = tags
        key_ = self.gather.sample(
            name,
            where,
            root=root,
            width=size[0] or None,
            height=size[1] or None,
            split=text(item.get("split")),
            columns=columns,
            **built_in,
        )
        if isinstance(own_id, str):
            self.keys[own_id] = key_, size
        for key, value in labels.items():
            self._labels(key, value, key_, size, f"{where}.{key}", None)

    def frame(self, item: Mapping[str, Any], where: str) -> None:
        owner, number_ = plain(item.get("_sample_id")), whole(plain(item.get("frame_number")))
        if owner not in self.keys:
            raise Fault("a frame of a sample that is not there")
        if number_ is None or number_ < 1:
            raise Fault("a frame without a frame_number from 1 on")
        key, size = self.keys[owner]
        for name, value in item.items():
            if isinstance(value, dict) and value.get("_cls") in LABELS:
                self._labels(name, value, key, size, f"{where}.{name}", number_ - 1)
                inner = LABELS[value["_cls"]][1]
                left = [f"{name}.{k}" for k in beside(value, inner)] if inner else []
            else:
                left = (
                    [name] if name not in HOUSE and name not in ("frame_number", *_MEDIA) and value is not None else []
                )
            for one in left if not self.looked else ():
                self.gather.warn(
                    f'values of single frames that metadata.json does not list are left out: "{one}"', where
                )

    def _place(self, path: str) -> tuple[str, Path | None]:
        """A picture's name, and the folder that it is relative to."""
        text_ = path.replace("\\", "/")
        media = self.source.media.absolute() if self.source.media is not None else None
        if text_[:1] == "/" or text_[1:2] == ":":
            folder = media or self.base / "data"
            if text_.startswith(f"{folder.as_posix()}/"):
                return text_[len(folder.as_posix()) + 1 :], folder
            tail = text_.rpartition("/")[2]  # of another machine
            return (tail if (folder / tail).is_file() else text_.lstrip("/")), folder
        if text_.startswith("data/") and ".." not in text_:
            return text_[len("data/") :], media or self.base / "data"
        return text_, media or (self.base if ".." not in text_ else None)

    def _metadata(self, item: Mapping[str, Any]) -> tuple[tuple[int, int], dict[str, Any]]:
        known = {k: plain(v) for k, v in mapping(item.get("metadata")).items()}
        width = size_px(known.get("width", known.get("frame_width")))
        height = size_px(known.get("height", known.get("frame_height")))
        out: dict[str, Any] = {}
        if item.get("_media_type") == "video" or known.get("_cls") == "VideoMetadata":
            out = {"media": "video", "fps": optional_number(known.get("frame_rate"))}
            out |= {"frame_count": whole(known.get("total_frame_count"))}
            out |= {"duration_s": optional_number(known.get("duration"))}
        return (width or 0, height or 0), {k: v for k, v in out.items() if v is not None}

    def _labels(
        self, name: str, value: Mapping[str, Any], key: int, size: tuple[int, int], where: str, frame: int | None
    ) -> None:
        form = str(value["_cls"])
        kind, inner = LABELS[form]
        found = self.fields.get(name) or self._field(name, form)
        if found.kind != kind:
            self.gather.skip("labels of another kind than their field", where, f"the field has {found.form}")
            return
        for index, one in enumerate(listed(value.get(inner)) if inner else [value]):
            place = f"{where}[{index}]" if inner else where
            with self.gather.row(place):
                if not isinstance(one, dict):
                    raise Fault("a label that is not an object")
                self._label(found, one, key, size, place, frame)

    def _label(
        self, found: _Field, one: Mapping[str, Any], key: int, size: tuple[int, int], where: str, frame: int | None
    ) -> None:
        values, own, others = values_of(one, found.kind, size)
        values["frame"] = frame
        array = self._array(one) if found.kind in ("box", "mask") else None
        if found.kind == "mask":
            if array is None:
                raise Fault("a segmentation without a mask")
            values["mask"] = encode(array)
        elif array is not None:
            box = (values["x"], values["y"], values["w"], values["h"])
            values["mask"] = placed(array, box, *size)
            mask_box(values["mask"])
        found.met = True
        found.gather.add(
            found.kind, key, text(one.get("label")), where, own=own or None, attributes=others or None, **values
        )

    def _array(self, one: Mapping[str, Any]) -> Any:
        if one.get("mask") is not None:
            return packed_array(one["mask"])
        path = text(one.get("mask_path"))
        if path is None:
            return None
        try:
            raw = read_bytes(str(self.base / path.replace("\\", "/")), [self.base])
        except FormatError as error:
            raise Fault(f"the mask's file: {error.what}") from None
        return decode(raw).ids

    # What goes on -------------------------------------------------------------------------------------------------

    def full(self) -> bool:
        return self.gather.full() or any(one.gather.full() for one in self.fields.values())

    def flush(self) -> Iterator[Event]:
        yield from self.gather.flush()
        for one in self.fields.values():
            yield from one.gather.flush()

    def end(self) -> Iterator[Event]:
        yield from self.gather.flush()
        for one in self.fields.values():
            name = one.gather.source.name
            if one.kind == "mask":
                yield FieldFound(mask_field(name, one.names, (), None))
            if one.met:
                yield from one.gather.end()
            else:
                classes = tuple(one.gather.classes)
                yield FieldFound(LabelField(name, one.kind, classes, meta={"fiftyone": one.gather.meta}))


FORMAT: Final = FileFormat("fiftyone", "FiftyOne", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
