"""BDD100K and Scalabel: JSON of frames with boxes and outlines.

Read: one file with a list of frames (or {"frames": [...]}), or a folder of one file a picture as the first release has
them; written: the list. What the file says of a frame (weather, scene, ...) becomes columns of the picture, what it says
of an object becomes attributes. Closed outlines are `polygons` of the box field, open ones are polylines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from loopline.errors import FormatError
from loopline.formats._fields import chosen
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import read_bytes
from loopline.formats._media import split_named, split_of
from loopline.formats._pairs import first_files, folders_below
from loopline.formats._pictures import Label, Picture, Pictures
from loopline.formats._shapes import (
    Fault,
    around,
    mask_box,
    number,
    optional_number,
    pairs,
    rle_blob,
    size_px,
    tidy,
    whole,
)
from loopline.formats._smalljson import document, items, keys_in_head, listed, mapping, text
from loopline.formats._support import support
from loopline.formats.voc import far_side
from loopline.kernel import rle
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import FieldKind, ScalarType

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="exact",
    attributes="exact",
    tracks="lossy: as the id of an object in frames of a video",
    scores="exact",
    splits="lossy: as names of files; train, val and test only",
    ids="exact",
    picture_fields="exact",
)
OWN: Final[dict[str, ScalarType]] = {
    "bdd_id": "text",
    "poly2d_types": "json",  # for each part one letter a point: L corner, C control point of a curve
    "bdd_box": "bool",  # the object has a box of its own beside its outline
    "bdd_more": "json",  # keys that are neither attributes nor shapes: manualShape, box3d, ...
}
_KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline"})
_HOLDS: Final = frozenset({"mask", "polygons", "points", "closed", "score", "track_id"})
_FRAME: Final = ("url", "videoName", "frameIndex", "timestamp")
_KNOWN: Final = frozenset({"id", "category", "attributes", "box2d", "poly2d", "rle", "score"})
_MORE: Final = "bdd_more"
_OPEN: Final = "lane"  # categories of the first release whose outlines are lines


def sniff(path: Path) -> Sniffed | None:
    """JSON with box2d or poly2d, or a folder with such files."""
    if path.is_file():
        return Sniffed(0.95, "BDD100K JSON") if path.suffix.lower() == ".json" and _looks_ours(path) else None
    found = [file for folder in folders_below(path) for file in first_files(folder, ".json") if _looks_ours(file)]
    return Sniffed(0.9, f"BDD100K: {found[0].name}") if found else None


def _looks_ours(file: Path) -> bool:
    head, keys = keys_in_head(file)
    if head[:1] not in (b"[", b"{") or "shapes" in keys or "file_name" in keys:
        return False
    frames = "labels" in keys or "objects" in keys or "frames" in keys
    return (bool(keys & {"box2d", "poly2d"}) and frames) or {"timeofday", "scene", "weather", "labels"} <= keys


def read(source: Source) -> Iterator[Event]:
    """A file of frames, a folder of such files, or a folder of one file a picture, as events.

    Raises FormatError where there is no file of the kind.
    """
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    files = [path] if path.is_file() else [f for f in sorted(path.rglob("*.json")) if f.is_file() and _inside(f, path)]
    if not files:
        raise FormatError("no JSON files", where=str(source.path), hint="name the folder of the labels")
    gather = Gather(source, "bdd100k", path, OWN)
    total, done, near = sum(f.stat().st_size for f in files), 0, None
    for file in files:
        if gather.root is None or file.parent != near or not _is_old(file):
            # Another folder or list, another split: its pictures may lie elsewhere.
            yield from gather.flush()
            gather.root = None if source.media else _pictures_of(file)
        near, gather.near = file.parent, file
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        yield from _file(file, name, gather, source)
        done += file.stat().st_size
        source.report(done, total)
    yield from gather.end()


def _inside(file: Path, folder: Path) -> bool:
    return not file.is_symlink() or file.resolve().is_relative_to(folder.resolve())


def _file(file: Path, name: str, gather: Gather, source: Source) -> Iterator[Event]:
    head, _ = keys_in_head(file, 64)
    split = _split(file)
    if _is_old(file):
        try:
            value, odd = document(read_bytes(str(file), [file.parent]))
            if odd:
                gather.warn(odd, name)
            _old_file(mapping(value), name, split, gather)
        except Fault as fault:
            gather.skip(fault.what, name, fault.hint)
        except FormatError as error:
            gather.skip(error.what, name, error.hint)
        return
    key = "" if head[:1] == b"[" else "frames"
    others: dict[str, Any] = {}
    try:
        for index, frame in items(file, key, gather, source.report, others):
            where = f"{name}: {key}[{index}]"
            with gather.row(where):
                labels = frame.get("labels")
                _frame(frame, listed(labels), where, split, gather)
            if gather.full():
                yield from gather.flush()
    except FormatError as error:
        if source.path.is_file():
            raise
        gather.skip(error.what, name, error.hint)


def _is_old(file: Path) -> bool:
    """Whether it is one file a picture."""
    head, keys = keys_in_head(file)
    return head[:1] == b"{" and "objects" in keys


def _pictures_of(file: Path) -> Path | None:
    """images/100k/train for labels/100k/train/..., or for labels/det_20/det_train.json."""
    parts = file.parts
    if "labels" not in parts[:-1]:
        return None
    place = len(parts) - 2 - parts[:-1][::-1].index("labels")
    pictures = Path(*parts[:place], "images")
    options = [pictures / Path(*parts[place + 1 : -1]), *(pictures / "100k" / s for s in (_split(file),) if s)]
    return next((o for o in options if o != pictures and o.is_dir()), None)


def _split(file: Path) -> str | None:
    """The split in a file's name (`..._train.json`) or its folder's."""
    words = [split_named(word) for word in re.split(r"[^A-Za-z]+", file.stem)]
    return next((word for word in reversed(words) if word), None) or split_of(file.as_posix())


def _old_file(value: Mapping[str, Any], name: str, split: str | None, gather: Gather) -> None:
    """One file a picture: the frame stands in a list, its labels are called objects."""
    frames = listed(value.get("frames"))
    if len(frames) != 1 or not isinstance(frames[0], dict) or not isinstance(frames[0].get("objects"), list):
        raise Fault('not a BDD100K file: no "frames" with one list "objects"')
    picture = text(value.get("name")) or name.removesuffix(".json")
    picture = picture if re.search(r"\.\w{2,4}\Z", picture) else f"{picture}.jpg"
    frame = {**{k: v for k, v in value.items() if k not in ("frames", "name")}, **frames[0], "name": picture}
    objects = frame.pop("objects")
    _frame(frame, objects, name, split, gather)


def _frame(frame: Mapping[str, Any], labels: Sequence[Any], where: str, split: str | None, gather: Gather) -> None:
    name = text(frame.get("name"))
    if name is None:
        raise Fault("a frame without a name")
    size = mapping(frame.get("size"))
    columns: dict[str, Any] = {k: v for k, v in mapping(frame.get("attributes")).items() if v is not None}
    columns |= {key: frame[key] for key in _FRAME if frame.get(key) is not None}
    more = {k: v for k, v in frame.items() if k not in (*_FRAME, "name", "attributes", "labels", "size")}
    if more:
        columns[_MORE] = more
    key = gather.sample(
        name, where, width=size_px(size.get("width")), height=size_px(size.get("height")), split=split, columns=columns
    )
    video = text(frame.get("videoName")) is not None
    for index, label in enumerate(labels):
        place = f"{where}: labels[{index}]"
        with gather.row(place):
            if not isinstance(label, dict):
                raise Fault("a label that is not an object")
            _label(label, key, place, video, gather)


def _label(label: Mapping[str, Any], key: int, where: str, video: bool, gather: Gather) -> None:
    number_text = text(label.get("id"))
    more = {k: v for k, v in label.items() if k not in _KNOWN and v is not None}
    own = {k: v for k, v in (("bdd_id", number_text), ("bdd_more", more)) if v}
    values: dict[str, Any] = {"score": optional_number(label.get("score"))}
    if video and number_text is not None:
        values["track_id"] = whole(number_text)
    box = _box(label["box2d"]) if label.get("box2d") is not None else None
    category = text(label.get("category"))
    closed, lines, types = _outlines(label.get("poly2d"), category or "")
    attributes = mapping(label.get("attributes"))

    def add(kind: FieldKind, sides: tuple[float, float, float, float], own: Mapping[str, Any], **shape: Any) -> None:
        placed = dict(zip("xywh", sides, strict=True))
        gather.add(kind, key, category, where, own=own, attributes=attributes, **placed, **values, **shape)

    if label.get("rle") is not None:
        blob = rle_blob(mapping(label["rle"]))
        add("box", box or mask_box(blob), {**own, **({"bdd_box": True} if box else {})}, mask=blob)
    elif closed:
        own_box = {"bdd_box": True} if box else {}
        sides = box or around([n for part in closed for n in part])
        add("box", sides, {**own, **own_box, **_letters(types[True])}, polygons=closed)
    elif box is not None:
        add("box", box, own)
    elif not lines:
        raise Fault("a label without box2d, poly2d or rle")
    if lines:
        if closed or box:
            gather.warn("a label of open and closed shapes; made two", where)
        add(
            "polyline",
            around([n for part in lines for n in part]),
            {**own, **_letters(types[False])},
            points=lines,
            closed=False,
        )


def _letters(types: list[str]) -> dict[str, Any]:
    return {"poly2d_types": types} if any("C" in t for t in types) else {}


def _box(value: Any) -> tuple[float, float, float, float]:
    found = mapping(value)
    x0, y0, x1, y1 = (number(found.get(name), f"box2d.{name}") for name in ("x1", "y1", "x2", "y2"))
    if x1 < x0 or y1 < y0:
        raise Fault("corners in the wrong order", "x1, y1 is the left-top corner")
    return x0, y0, x1 - x0, y1 - y0


def _outlines(value: Any, category: str) -> tuple[list[list[float]], list[list[float]], dict[bool, list[str]]]:
    """Closed parts, open parts, and the letters of each. Raises Fault."""
    closed: list[list[float]] = []
    lines: list[list[float]] = []
    types: dict[bool, list[str]] = {True: [], False: []}
    parts = listed(value)
    if parts and isinstance(parts[0], list):
        # The first release: one part, each point with its letter, and nothing says whether it is closed.
        letters = "".join(str(p[2]) if isinstance(p, list) and len(p) > 2 else "L" for p in parts)
        parts = [{"vertices": parts, "types": letters, "closed": not category.startswith(_OPEN)}]
    for part in parts:
        found = mapping(part)
        flat = pairs(found.get("vertices"))
        whole_part = bool(found.get("closed"))
        if len(flat) < (6 if whole_part else 4):
            raise Fault("an outline of too few points", "a closed one has three, an open one two")
        (closed if whole_part else lines).append(flat)
        letters = str(found.get("types") or "")
        types[whole_part].append(letters if len(letters) == len(flat) // 2 else "L" * (len(flat) // 2))
    return closed, lines, types


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write fields of boxes and lines as a list of frames: the file, or in a folder one file for each split.

    Raises FormatError for two fields of one kind, and for kinds that BDD100K cannot hold.
    """
    mine = chosen(what.schema, fields, _KINDS, "BDD100K")
    alone = target.suffix.lower() == ".json"
    pictures = Pictures(what, mine, "bdd100k", _HOLDS, OWN, columns=None, splits=not alone)
    encoder = msgspec.json.Encoder()
    files: dict[Path, BinaryIO] = {}
    with ExitStack() as stack:
        for picture in pictures:
            split = picture.sample.get("split")
            file = target if alone else target / f"{(split or 'labels').replace('/', '_')}.json"
            if file not in files:
                files[file] = stack.enter_context(new_file(file))
                files[file].write(b"[\n")
            else:
                files[file].write(b",\n")
            files[file].write(encoder.encode(_frame_of(picture, pictures)))
        if not files:
            file = target if alone else target / "labels.json"
            files[file] = stack.enter_context(new_file(file))
            files[file].write(b"[")
        for out in files.values():
            out.write(b"\n]\n")
    return Written(list(files), pictures.samples, pictures.objects, pictures.losses())


def _frame_of(picture: Picture, pictures: Pictures) -> dict[str, Any]:
    more = picture.columns.pop(_MORE, None)
    out: dict[str, Any] = {"name": picture.path}
    out |= {key: picture.columns.pop(key) for key in _FRAME if key in picture.columns}
    width, height = picture.size
    if width and height:
        out["size"] = {"width": width, "height": height}
    if picture.columns:
        out["attributes"] = picture.columns
    if isinstance(more, dict):
        out |= {k: v for k, v in more.items() if k not in out}
    out["labels"] = [_label_of(label, index, pictures) for index, label in enumerate(picture.labels)]
    return out


def _label_of(label: Label, index: int, pictures: Pictures) -> dict[str, Any]:
    own, values = label.own, label.values
    track = values.get("track_id")
    if "bdd_id" in own and track is not None and str(track) != own["bdd_id"]:
        pictures.lost["track_id beside another id"] += 1
    out: dict[str, Any] = {"id": own.get("bdd_id", str(track) if track is not None else str(index))}
    if label.label is not None:
        out["category"] = label.label
    if label.attributes:
        out["attributes"] = label.attributes
    if "score" in values:
        out["score"] = values["score"]
    more = own.get("bdd_more")
    out |= {k: v for k, v in more.items() if k not in out} if isinstance(more, dict) else {}
    parts = values.get("polygons") if label.kind == "box" else values.get("points")
    if values.get("mask") is not None:
        mask = rle.unpack_blob(values["mask"])
        out["rle"] = {"counts": mask.packed.decode("ascii"), "size": [mask.height, mask.width]}
        if parts:
            pictures.lost["polygons beside another shape"] += 1
    elif parts:
        closed = (label.kind != "polyline" and values.get("closed") is not False) or bool(values.get("closed"))
        out["poly2d"] = [_part(part, letters, closed) for part, letters in zip(parts, _types(own, parts), strict=True)]
    if label.kind == "box" and (("mask" not in values and not parts) or own.get("bdd_box")):
        x, y, w, h = map(float, label.box)
        out["box2d"] = {"x1": tidy(x), "y1": tidy(y), "x2": tidy(far_side(x, w)), "y2": tidy(far_side(y, h))}
    return out


def _types(own: Mapping[str, Any], parts: Sequence[Sequence[float]]) -> list[str]:
    kept = listed(own.get("poly2d_types"))
    plain = ["L" * (len(part) // 2) for part in parts]
    return kept if list(map(len, kept)) == list(map(len, plain)) else plain


def _part(flat: Sequence[float], letters: str, closed: bool) -> dict[str, Any]:
    vertices = [[tidy(x), tidy(y)] for x, y in zip(flat[0::2], flat[1::2], strict=True)]
    return {"vertices": vertices, "types": letters, "closed": closed}


FORMAT: Final = FileFormat("bdd100k", "BDD100K", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
