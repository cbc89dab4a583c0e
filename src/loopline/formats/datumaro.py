"""Datumaro JSON: annotations/<subset>.json, with pictures in images/<subset>.

Boxes, polygons, masks and ellipses (the box, `shape` = "ellipse") are rows of one box field; polylines, points, labels
and captions have fields of their own. The attributes is_crowd, track_id, score and rotation are built-in columns here.
A frame of a video is a row with `frame` of the video's sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

import msgspec

from loopline.errors import FormatError
from loopline.formats._fields import all_classes, chosen
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._media import split_named
from loopline.formats._pairs import first_files
from loopline.formats._pictures import Label, Picture, Pictures, form
from loopline.formats._shapes import Fault, around, mask_box, number, optional_number, rle_blob, size_px, tidy, whole
from loopline.formats._smalljson import items, keys_in_head, listed, mapping, text
from loopline.formats._support import support
from loopline.formats.voc import far_side
from loopline.kernel import rle
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import FieldKind, LabelField, ScalarType

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="lossy: an outline of several parts becomes several shapes",
    keypoints="lossy: an object with keypoints becomes points",
    attributes="exact",
    tracks="exact",
    scores="exact",
    crowd="exact",
    splits="exact",
    ids="exact",
    picture_fields="exact",
)
OWN: Final[dict[str, ScalarType]] = {
    "datumaro_id": "int",
    "group_id": "int",
    "object_id": "int",
    "z_order": "int",
    "shape": "text",
    "caption": "text",
}
_KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline", "keypoint", "class"})
_HOLDS: Final = frozenset(
    {"mask", "polygons", "points", "closed", "keypoints", "rotation", "score", "track_id", "iscrowd", "frame"}
)
_ID: Final = "datumaro_id"  # column: the item's id where it is not the path without extension
_TOP: Final = ("dm_format_version", "media_type", "infos", "categories", "ann_types")
_DEFAULT: Final = "default"


def sniff(path: Path) -> Sniffed | None:
    """JSON with `categories` and `items`, or dm_format_version; or a folder with such files in annotations/."""
    if path.is_file():
        return Sniffed(0.96, "Datumaro JSON") if path.suffix.lower() == ".json" and _looks_ours(path) else None
    found = [f for folder in (path / "annotations", path) for f in first_files(folder, ".json") if _looks_ours(f)]
    return Sniffed(0.96, f"Datumaro: {', '.join(f.name for f in found)}") if found else None


def _looks_ours(file: Path) -> bool:
    head, keys = keys_in_head(file)
    if head[:1] != b"{" or "images" in keys or "file_name" in keys:
        return False
    return "dm_format_version" in keys or {"infos", "categories"} <= keys or {"categories", "items", "label_id"} <= keys


def read(source: Source) -> Iterator[Event]:
    """A data set's folder with all its subsets, or one file, as events. Raises FormatError where there is none."""
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    files = [path]
    if path.is_dir():
        folders = (path / "annotations", path)
        files = next(
            (f for folder in folders if (f := [p for p in sorted(folder.glob("*.json")) if _looks_ours(p)])), []
        )
    if not files:
        raise FormatError(
            "no Datumaro JSON files", where=str(source.path), hint="name the folder that holds annotations"
        )
    gather = Gather(source, "datumaro", path, OWN)
    for file in files:
        gather.near, gather.root = file, None
        yield from _subset(file, gather, source, alone=len(files) == 1)
        yield from gather.flush()
    yield from gather.end()


def _subset(file: Path, gather: Gather, source: Source, *, alone: bool) -> Iterator[Event]:
    others: dict[str, Any] = {}
    split = None if file.stem == _DEFAULT else split_named(file.stem) or file.stem
    names: list[str] | None = None
    try:
        for index, item in items(file, "items", gather, source.report, others):
            if names is None:
                names = _categories(others, gather)
            where = f"{file.name}: items[{index}]"
            with gather.row(where):
                _item(item, names, where, split, gather)
            if gather.full():
                yield from gather.flush()
    except FormatError as error:
        if alone:
            raise
        gather.skip(error.what, error.where or file.name, error.hint)
    if names is None:
        _categories(others, gather)


def _categories(others: Mapping[str, Any], gather: Gather) -> list[str]:
    """Classes by their ids. A name that is used twice gets its id behind it."""
    categories = mapping(others.get("categories"))
    names: list[str] = []
    for number_, one in enumerate(listed(mapping(categories.get("label")).get("labels"))):
        name = text(mapping(one).get("name")) or f"label_{number_}"
        names.append(name if name not in names else f"{name} ({number_})")
    gather.classes = list(dict.fromkeys([*gather.classes, *names]))
    gather.meta.setdefault("names", names)
    for key in _TOP:
        if key in others:
            gather.meta.setdefault(key, others[key])
    points = [mapping(p) for p in listed(mapping(categories.get("points")).get("items"))]
    for point in points[:1]:
        gather.keypoint_names = tuple(str(n) for n in listed(point.get("labels")))
        size = range(len(gather.keypoint_names))
        joints = [[whole(n) for n in listed(j)] for j in listed(point.get("joints"))]
        pairs = [(j[0] - 1, j[1] - 1) for j in joints if len(j) == 2 and j[0] is not None and j[1] is not None]
        gather.skeleton = tuple(p for p in pairs if p[0] in size and p[1] in size)
    return names


def _item(item: Mapping[str, Any], names: Sequence[str], where: str, split: str | None, gather: Gather) -> None:
    number_ = text(item.get("id"))
    video, frame = mapping(item.get("video_frame")), None
    columns = {k: v for k, v in mapping(item.get("attr")).items() if v is not None}
    size = listed(mapping(item.get("image")).get("size"))
    if item.get("point_cloud") is not None:
        raise Fault("a point cloud")
    media = None
    if video:
        path, frame, media = text(video.get("video_path")), whole(video.get("frame_index")), "video"
    elif mapping(item.get("video")):
        path, media = text(mapping(item["video"]).get("path")), "video"
    else:
        path = text(mapping(item.get("image") or item.get("media")).get("path"))
        if path is None or path[:1] in ("/", "\\") or path[1:2] == ":":
            # A path of another machine: the id says where the picture lies in this set.
            path = (
                f"{number_ or ''}{PurePosixPath((path or '.jpg').replace(chr(92), '/')).suffix or '.jpg'}"
                if number_
                else path
            )
        if number_ is not None and path is not None and number_ != str(PurePosixPath(path).with_suffix("")):
            columns[_ID] = number_
    if path is None:
        raise Fault("an item without an id or a path")
    sides = [size_px(n) for n in size] if len(size) == 2 else [None, None]
    key = gather.sample(
        path, where, again=bool(video), height=sides[0], width=sides[1], split=split, media=media, columns=columns
    )
    for index, one in enumerate(listed(item.get("annotations"))):
        place = f"{where}: annotations[{index}]"
        with gather.row(place):
            if not isinstance(one, dict):
                raise Fault("an annotation that is not an object")
            kind, values, own = _shape(one)
            attributes = dict(mapping(one.get("attributes")))
            _built_in(attributes, values, kind)
            own |= {k: v for k, v in _numbers(one).items() if v}
            if (object_id := whole(one.get("object_id"))) is not None and object_id >= 0:
                own["object_id"] = object_id
            gather.add(
                kind,
                key,
                _name(one.get("label_id"), names),
                place,
                own=own,
                attributes=attributes,
                frame=frame,
                **values,
            )


def _name(code: Any, names: Sequence[str]) -> str | None:
    if code is None:
        return None
    place = whole(code)
    if place is None or not 0 <= place < len(names):
        raise Fault("a label_id that is not among the categories", "add the label to the categories")
    return names[place]


def _numbers(one: Mapping[str, Any]) -> dict[str, int | None]:
    return {
        "datumaro_id": whole(one.get("id")),
        "group_id": whole(one.get("group")),
        "z_order": whole(one.get("z_order")),
    }


def _built_in(attributes: dict[str, Any], values: dict[str, Any], kind: FieldKind) -> None:
    """Move what are columns here out of the attributes."""
    if type(attributes.get("track_id")) is int:
        values["track_id"] = attributes.pop("track_id")
    if isinstance(attributes.get("score"), int | float) and optional_number(attributes["score"]) is not None:
        values["score"] = float(attributes.pop("score"))
    if kind == "box" and isinstance(attributes.get("is_crowd"), bool):
        values["iscrowd"] = attributes.pop("is_crowd")
    if kind == "box" and optional_number(attributes.get("rotation")) is not None:
        values["rotation"] = float(attributes.pop("rotation")) or None


def _shape(one: Mapping[str, Any]) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    kind = one.get("type")
    if kind == "label":
        return "class", {}, {}
    if kind == "caption":
        caption = text(one.get("caption"))
        return "class", {}, {"caption": caption} if caption else {}
    if kind == "bbox":
        sides = [number(n) for n in listed(one.get("bbox"))]
        if len(sides) != 4:
            raise Fault("a bbox that is not x, y, width, height")
        return "box", dict(zip("xywh", sides, strict=True)), {}
    if kind == "mask":
        blob = rle_blob(mapping(one.get("rle")))
        return "box", {**dict(zip("xywh", mask_box(blob), strict=True)), "mask": blob}, {}
    least = {"polygon": 3, "polyline": 2, "points": 1, "ellipse": 2}.get(str(kind))
    if least is None:
        raise Fault("an annotation of a type that is not kept", f"the type is {kind}")
    flat = [number(n) for n in listed(one.get("points"))]
    if len(flat) % 2 or len(flat) < 2 * least:
        raise Fault(f"a {kind} of fewer than {least} points, or an odd number of coordinates")
    placed = dict(zip("xywh", around(flat), strict=True))
    if kind == "polygon":
        return "box", {**placed, "polygons": [flat]}, {}
    if kind == "ellipse":
        return "box", placed, {"shape": "ellipse"}
    if kind == "polyline":
        return "polyline", {**placed, "points": [flat], "closed": False}, {}
    seen = [whole(v) for v in listed(one.get("visibility"))]
    marks = (
        [float(v if v in (0, 1, 2) else 2) for v in seen] if len(seen) * 2 == len(flat) else [2.0] * (len(flat) // 2)
    )
    points = [n for x, y, v in zip(flat[0::2], flat[1::2], marks, strict=True) for n in (x, y, v)]
    return "keypoint", {**placed, "keypoints": points}, {}


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write fields of different kinds: annotations/<split>.json each; samples without a split go to default.json.

    Raises FormatError for two fields of one kind, and for kinds that Datumaro cannot hold.
    """
    mine = chosen(what.schema, fields, _KINDS, "Datumaro")
    meta: Mapping[str, Any] = next((f.meta["datumaro"] for f in mine if "datumaro" in f.meta), {})
    alone = target.suffix.lower() == ".json"
    pictures = Pictures(what, mine, "datumaro", _HOLDS, OWN, columns=None, splits=not alone)
    codes, head = _head(mine, meta)
    encoder = msgspec.json.Encoder()
    files: dict[Path, BinaryIO] = {}

    def opened(name: str, stack: ExitStack) -> BinaryIO:
        file = target if alone else target / "annotations" / f"{name.replace('/', '_')}.json"
        if file in files:
            files[file].write(b",\n")
        else:
            files[file] = stack.enter_context(new_file(file))
            files[file].write(encoder.encode(head)[:-1] + b',"items":[\n')
        return files[file]

    with ExitStack() as stack:
        for picture in pictures:
            split = picture.sample.get("split") or _DEFAULT
            for item in _items_of(picture, codes, pictures):
                opened(split, stack).write(encoder.encode(item))
        if not files:
            opened(_DEFAULT, stack)
        for out in files.values():
            out.write(b"\n]}\n")
    return Written(list(files), pictures.samples, pictures.objects, pictures.losses())


def _head(fields: Sequence[LabelField], meta: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Class ids, and everything before the items. Classes that came from Datumaro keep their ids."""
    names = [str(n) for n in listed(meta.get("names"))]
    names += [c for c in all_classes(fields) if c not in names]
    categories = dict(mapping(meta.get("categories")))
    label = dict(mapping(categories.get("label")))
    known = listed(label.get("labels"))
    fresh = [{"name": name, "parent": "", "attributes": []} for name in names[len(known) :]]
    categories["label"] = {"label_groups": [], "attributes": [], **label, "labels": [*known, *fresh]}
    points = next((f for f in fields if f.keypoint_names), None)
    if points is not None and "points" not in categories:
        joints = [[a + 1, b + 1] for a, b in points.skeleton]
        one = {"labels": list(points.keypoint_names), "joints": joints, "positions": []}
        categories["points"] = {"items": [{"label_id": code, **one} for code in range(len(names))]}
    head = {"dm_format_version": "1.0", "media_type": 2, "infos": {}}
    head |= {key: meta[key] for key in _TOP if key in meta}
    return {name: code for code, name in enumerate(names)}, {**head, "categories": categories}


def _items_of(picture: Picture, codes: Mapping[str, int], pictures: Pictures) -> Iterator[dict[str, Any]]:
    """The item of a picture; of a video, one for each frame that has labels."""
    path = picture.path
    number_ = picture.columns.pop(_ID, None) or str(PurePosixPath(path).with_suffix(""))
    attr = {"attr": picture.columns} if picture.columns else {}
    if picture.sample.get("media") != "video":
        width, height = picture.size
        size = {"size": [height, width]} if width and height else {}
        labels = [one for label in picture.labels for one in _annotations(label, codes, pictures)]
        yield {"id": number_, "annotations": labels, **attr, "image": {"path": path, **size}}
        return
    frames: dict[int | None, list[Any]] = {}
    for label in picture.labels:
        frames.setdefault(label.values.get("frame"), []).extend(_annotations(label, codes, pictures))
    whole_video = frames.pop(None, [])
    if whole_video or attr or not frames:
        yield {"id": number_, "annotations": whole_video, **attr, "video": {"path": path, "step": 1, "start_frame": 0}}
    for frame, labels in sorted(frames.items(), key=lambda pair: pair[0] or 0):
        place = {"video_path": path, "frame_index": frame}
        yield {"id": f"{number_}/{frame:06d}", "annotations": labels, "video_frame": place}


def _annotations(label: Label, codes: Mapping[str, int], pictures: Pictures) -> Iterator[dict[str, Any]]:
    values, own = label.values, label.own
    attributes = dict(label.attributes)
    for name, key in (("track_id", "track_id"), ("score", "score"), ("iscrowd", "is_crowd"), ("rotation", "rotation")):
        if name in values:
            attributes[key] = values[name]
    head: dict[str, Any] = {"id": own.get("datumaro_id", 0)}
    tail = {"attributes": attributes, "group": own.get("group_id", 0)}
    if "object_id" in own:
        tail["object_id"] = own["object_id"]
    if label.kind == "class" and "caption" in own and label.label is None:
        yield {**head, "type": "caption", **tail, "caption": own["caption"]}
        return
    tail["label_id"] = codes[label.label] if label.label is not None else None
    if label.kind == "class":
        yield {**head, "type": "label", **tail}
        return
    found = list(_shapes(label, pictures))
    pictures.lost["outlines of several parts, written as several shapes"] += len(found) > 1
    if not found:
        pictures.lost["objects left out: a label without a shape"] += 1
        pictures.objects -= 1
    for shape in found:
        yield {**head, "type": shape.pop("type"), **tail, **shape, "z_order": own.get("z_order", 0)}


def _shapes(label: Label, pictures: Pictures) -> Iterator[dict[str, Any]]:
    values = label.values
    if label.kind == "polyline" or (label.kind == "polygon" and values.get("closed") is False):
        for part in values.get("points") or []:
            yield {"type": "polyline", "points": [*part, *(part[:2] if values.get("closed") else [])]}
        return
    if label.kind == "polygon":
        for part in values.get("points") or []:
            yield {"type": "polygon", "points": part}
        return
    shape = "keypoints" if label.kind == "keypoint" else form(label, ("keypoints", "polygons", "mask"), pictures.lost)
    if shape == "keypoints":
        flat = values.get("keypoints") or []
        points = [n for x, y in zip(flat[0::3], flat[1::3], strict=True) for n in (x, y)]
        if points:
            yield {"type": "points", "points": points, "visibility": [int(v) for v in flat[2::3]]}
    elif shape == "polygons":
        for part in values["polygons"]:
            yield {"type": "polygon", "points": part}
    elif shape == "mask":
        mask = rle.unpack_blob(values["mask"])
        yield {"type": "mask", "rle": {"counts": mask.packed.decode("ascii"), "size": [mask.height, mask.width]}}
    else:
        x, y, w, h = map(float, label.box)
        if label.own.get("shape") in ("ellipse", "circle"):
            yield {"type": "ellipse", "points": [tidy(n) for n in (x, y, far_side(x, w), far_side(y, h))]}
        else:
            yield {"type": "bbox", "bbox": [x, y, w, h]}


FORMAT: Final = FileFormat("datumaro", "Datumaro", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
