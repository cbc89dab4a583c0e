"""LabelMe: one JSON file a picture.

Rectangles, polygons, circles (the box, `shape` = "circle"), oriented rectangles and masks are rows of one box field;
lines and line strips are polylines, points are keypoints. Flags of the picture that are set become its tags, flags of
a shape become attributes. `imageData`, the picture inside the label file, is not read: the picture file counts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from loopline.errors import BadValue, FormatError
from loopline.formats import _png
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._media import tidy_name
from loopline.formats._pairs import Pairs, find_pairs, first_files, label_folders, walk
from loopline.formats._pictures import Label, Picture, Pictures, form
from loopline.formats._place import Media, checked
from loopline.formats._shapes import (
    Fault,
    around,
    box_of_corners,
    mask_box,
    mask_crop,
    optional_number,
    pairs,
    placed_mask,
    size_px,
    tidy,
    triplets,
    turned_corners,
    unflat,
    whole,
)
from loopline.formats._smalljson import document, keys_in_head, mapping, pretty, text
from loopline.formats._support import support
from loopline.formats.voc import far_side
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import FieldKind, ScalarType

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="lossy: an outline of several parts becomes several shapes",
    keypoints="lossy: loose points only; named points lose their names",
    attributes="exact",
    scores="exact",
    tags="exact",
    splits="lossy: as folders; train, val and test only",
    picture_fields="exact",
)
OWN: Final[dict[str, ScalarType]] = {"shape": "text", "group_id": "int", "description": "text"}
FLAGS: Final = "labelme_flags"  # column: the picture's flags, those that are not set too

_KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline", "keypoint"})
_HOLDS: Final = frozenset({"mask", "polygons", "points", "closed", "keypoints", "score", "rotation"})
_HEAD: Final = frozenset({"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"})
_SHAPE: Final = frozenset({"label", "points", "group_id", "description", "shape_type", "flags", "mask", "score"})
_TURNED: Final = ("oriented_rectangle", "rotation")
_LEAST: Final = {
    "polygon": 3,
    "rectangle": 2,
    "circle": 2,
    "line": 2,
    "linestrip": 2,
    "point": 1,
    "points": 1,
    "mask": 2,
}
_LABELS: Final = ("annotations", "labels", "label", "json", "jsons", "labelme")
_VERSION: Final = "5.5.0"


def sniff(path: Path) -> Sniffed | None:
    """A JSON file with `shapes` and `imagePath`, or a folder with such files."""
    if path.is_file():
        return Sniffed(0.95, "one LabelMe file") if path.suffix.lower() == ".json" and _looks_ours(path) else None
    for folder in label_folders(path, _LABELS):
        for file in first_files(folder, ".json"):
            if _looks_ours(file):
                return Sniffed(0.93, f"LabelMe: JSON files in {folder.name}")
    return None


def _looks_ours(file: Path) -> bool:
    head, keys = keys_in_head(file)
    if head[:1] != b"{":
        return False
    return ("shapes" in keys and ("imagePath" in keys or "shape_type" in keys)) or {"imagePath", "imageData"} <= keys


def read(source: Source) -> Iterator[Event]:
    """A folder of LabelMe files, with the pictures beside them or in a folder near by, or one file, as events.

    Raises FormatError where there is no JSON file.
    """
    if not source.path.exists():
        raise no_file(source.path)
    sets = find_pairs(source.path, source.media, labels=_LABELS, pictures=(), suffix=".json")
    if not sets:
        raise FormatError("no JSON files", where=str(source.path), hint="name the folder of the LabelMe files")
    gather = Gather(source, "labelme", source.path / "x", OWN)
    flags: set[str] = set()

    def take(one: Pairs, name: str, where: str, raw: bytes) -> str | None:
        found, odd = document(raw)
        if not isinstance(found, dict) or not isinstance(found.get("shapes"), list):
            raise FormatError('not a LabelMe file: no list "shapes"')
        if odd:
            gather.warn(odd, where)
        return _picture(found, one, name, where, gather, flags)

    yield from walk(sets, gather, take, only=source.path.is_file(), report=source.report)


def _picture(found: dict[str, Any], one: Pairs, name: str, where: str, gather: Gather, flags: set[str]) -> str:
    path = _path(found.get("imagePath"), one, name)
    width, height = size_px(found.get("imageWidth")), size_px(found.get("imageHeight"))
    columns = {key: value for key, value in found.items() if key not in _HEAD}
    marks = mapping(found.get("flags"))
    if marks:
        columns[FLAGS] = dict(marks)
    if found.get("imageData") is not None:
        gather.warn("imageData is left out; the picture file counts", where)
    key = gather.sample(
        path,
        where,
        root=one.root,
        width=width,
        height=height,
        split=one.split(name),
        tags=[mark for mark, value in marks.items() if value is True],
        columns=columns,
    )
    for number, shape in enumerate(found["shapes"]):
        place = f"{where}: shapes[{number}]"
        with gather.row(place):
            if not isinstance(shape, dict):
                raise Fault("a shape that is not an object")
            kind, values, own = _shape(shape, (width, height))
            group = whole(shape.get("group_id"))
            own |= {
                k: v for k, v in (("group_id", group), ("description", text(shape.get("description")))) if v is not None
            }
            inner = dict(mapping(shape.get("flags")))
            if not flags.issuperset(inner):
                flags.update(inner)
                gather.meta["flags"] = sorted(flags)
            others = {k: v for k, v in shape.items() if k not in _SHAPE and k not in inner}
            score = optional_number(shape.get("score"))
            gather.add(
                kind,
                key,
                text(shape.get("label")),
                place,
                own=own,
                attributes={**inner, **others},
                score=score,
                **values,
            )
    return path


def _path(stated: Any, one: Pairs, name: str) -> str:
    """The picture of a label file: the one that it names if it is there, else the one that is named like it."""
    stem = name[: -len(".json")]
    folder = stem.rpartition("/")[0]
    given = str(stated).replace("\\", "/") if isinstance(stated, str) else ""
    base = PurePosixPath(given).name
    inside = tidy_name(given)
    beside = f"{folder}/{base}" if folder else base
    options = [o for o in (f"{folder}/{inside}" if folder and inside else inside, beside, base) if o]
    for option in options:
        if option in one.pictures.get(str(PurePosixPath(option).with_suffix("")), ()):
            return option
    return one.picture(stem) or (beside if base else f"{stem}.jpg")


def _shape(
    shape: Mapping[str, Any], size: tuple[int | None, int | None]
) -> tuple[FieldKind, dict[str, Any], dict[str, Any]]:
    """Kind, columns and own attributes of a shape. Raises Fault."""
    kind = str(shape.get("shape_type") or "polygon")
    flat = pairs(shape.get("points"))
    if kind in _TURNED:
        if len(flat) != 8:
            raise Fault("an oriented rectangle without four corners")
        box, degrees = box_of_corners(flat)
        return "box", {**_sides(box), "rotation": degrees or None, "polygons": [flat]}, {"shape": kind}
    if kind not in _LEAST:
        raise Fault("a shape of an unknown shape_type", f"known: {', '.join(_LEAST)}; this is {kind}")
    if len(flat) < 2 * _LEAST[kind]:
        raise Fault(f"a {kind} of fewer than {_LEAST[kind]} points")
    sides = _sides(around(flat))
    if kind == "rectangle":
        return "box", sides, {}
    if kind == "circle":
        (x, y), (ex, ey) = flat[:2], flat[2:4]
        r = ((ex - x) ** 2 + (ey - y) ** 2) ** 0.5
        return "box", _sides((x - r, y - r, 2 * r, 2 * r)), {"shape": "circle"}
    if kind == "polygon":
        return "box", {**sides, "polygons": [flat]}, {}
    if kind in ("line", "linestrip"):
        return "polyline", {**sides, "points": [flat], "closed": False}, {"shape": "line"} if kind == "line" else {}
    if kind in ("point", "points"):
        return "keypoint", {**sides, "keypoints": triplets(flat)}, {}
    blob = _mask(shape, flat, size)
    return "box", {**_sides(mask_box(blob)), "mask": blob}, {}


def _mask(shape: Mapping[str, Any], flat: Sequence[float], size: tuple[int | None, int | None]) -> bytes:
    if not size[0] or not size[1]:
        raise Fault("a mask on a picture of unknown size", "give imageWidth and imageHeight")
    crop = _png.mask_of_png(_png.from_base64(shape.get("mask")))
    try:
        return placed_mask(crop, int(min(flat[0::2])), int(min(flat[1::2])), size[0], size[1])
    except BadValue as error:
        raise Fault(error.what) from error


def _sides(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip("xywh", box, strict=True))


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write fields of different kinds as one JSON file a picture, in a folder of each split where samples have one.

    media   copy or link the pictures beside the JSON files, or leave them

    Raises FormatError for two fields of one kind, and for kinds that LabelMe cannot hold.
    """
    mine = chosen(what.schema, fields, _KINDS, "LabelMe")
    meta = next((f.meta["labelme"] for f in mine if "labelme" in f.meta), None)
    flags = None if meta is None else frozenset(meta.get("flags", ()))
    pictures = Pictures(what, mine, "labelme", _HOLDS, OWN, columns=None, tags=True, splits=True)
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost, checked(media))
        for picture in pictures:
            split = picture.sample.get("split")
            part = f"{split.replace('/', '_')}/" if split and not picture.path.startswith(f"{split}/") else ""
            stem = folders.stem(picture, part)
            folders.write(f"{part}{stem}.json", pretty(_document(picture, pictures, flags)))
            folders.picture(picture, f"{part}{picture.path}")
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _document(picture: Picture, pictures: Pictures, flags: frozenset[str] | None) -> dict[str, Any]:
    tags = picture.sample.get("tags") or []
    known = mapping(picture.columns.pop(FLAGS, None))
    width, height = picture.size
    return {
        "version": _VERSION,
        "flags": {
            **{k: v if k not in tags and v is not True else k in tags for k, v in known.items()},
            **dict.fromkeys(tags, True),
        },
        "shapes": [shape for label in picture.labels for shape in _shapes(label, pictures, flags)],
        "imagePath": PurePosixPath(picture.path).name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        **picture.columns,
    }


def _shapes(label: Label, pictures: Pictures, flags: frozenset[str] | None) -> Iterator[dict[str, Any]]:
    try:
        found = list(_points(label, pictures))
        if not found:
            raise Fault("a label without a shape")
    except Fault as fault:
        pictures.lost[f"objects left out: {fault.what}"] += 1
        pictures.objects -= 1
        return
    if len(found) > 1:
        pictures.lost["outlines of several parts, written as several shapes"] += 1
    for kind, flat, mask in found:
        inner = {
            k: v for k, v in label.attributes.items() if (k in flags if flags is not None else isinstance(v, bool))
        }
        out = {
            "label": label.label or "",
            "points": unflat(flat),
            "group_id": label.own.get("group_id"),
            "description": label.own.get("description", ""),
            "shape_type": kind,
            "flags": inner,
            "mask": mask,
        }
        if "score" in label.values:
            out["score"] = label.values["score"]
        yield {**out, **{k: v for k, v in label.attributes.items() if k not in inner and k not in out}}


def _points(label: Label, pictures: Pictures) -> Iterator[tuple[str, list[float], str | None]]:
    """shape_type, points and mask of each shape that a label is written as. Raises Fault."""
    values, own = label.values, label.own
    x, y, w, h = map(float, label.box)
    if label.kind == "keypoint":
        flat = values.get("keypoints") or []
        points = [n for a, b in zip(flat[0::3], flat[1::3], strict=True) for n in (a, b)]
        yield "point" if len(points) == 2 else "points", points, None
    elif label.kind == "polyline" or (label.kind == "polygon" and values.get("closed") is False):
        for part in values.get("points") or []:
            flat = [*part, *part[:2]] if values.get("closed") else part
            yield "line" if own.get("shape") == "line" and len(flat) == 4 else "linestrip", flat, None
    elif label.kind == "polygon":
        for part in values.get("points") or []:
            yield "polygon", part, None
    else:
        if values.get("keypoints"):
            pictures.lost["keypoints"] += 1
        shape = form(label, ("polygons", "mask"), pictures.lost)
        if shape == "polygons":
            turned = own.get("shape") in _TURNED
            for part in values["polygons"]:
                yield own["shape"] if turned and len(part) == 8 else "polygon", part, None
        elif shape == "mask":
            crop, left, top, _ = mask_crop(values["mask"])
            if not crop.size:
                raise Fault("an empty mask")
            png = base64.b64encode(_png.png_of_mask(crop)).decode()
            yield "mask", [float(n) for n in (left, top, left + crop.shape[1] - 1, top + crop.shape[0] - 1)], png
        elif values.get("rotation"):
            yield "oriented_rectangle", turned_corners((x, y, w, h), values["rotation"]), None
        elif own.get("shape") == "circle":
            yield "circle", [x + w / 2, y + h / 2, x + w, y + h / 2], None
        else:
            if own.get("shape") == "ellipse":
                pictures.lost["ellipses, written as rectangles"] += 1
            yield "rectangle", [tidy(x), tidy(y), far_side(x, w), far_side(y, h)], None


FORMAT: Final = FileFormat("labelme", "LabelMe", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
