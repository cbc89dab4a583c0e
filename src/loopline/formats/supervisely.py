"""Supervisely projects: meta.json, and folders of data sets with `img` and `ann`.

Rectangles, polygons (inner parts in the attribute `holes`), bitmaps and graphs (keypoints) are rows of one box field,
lines are polylines, points are keypoints. Tags of an object become attributes; a tag of a picture becomes a tag where
it has no value, else a column. Rectangle: w = right - left, h = bottom - top, in both directions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats import _supervisely
from loopline.formats._columns import EXACT
from loopline.formats._fields import all_classes, chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import read_bytes
from loopline.formats._media import IMAGES, files_under, split_named
from loopline.formats._pictures import Label, Picture, Pictures
from loopline.formats._place import Media, checked
from loopline.formats._shapes import Fault, size_px, whole
from loopline.formats._smalljson import document, keys_in_head, listed, mapping, pretty, text
from loopline.formats._support import support
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import Column, FieldKind, LabelField, ScalarType

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="lossy: an outline of several parts becomes several shapes",
    keypoints="lossy: single points, and graphs that meta.json describes",
    attributes="lossy: as tags; a truth that is false is left out, whole numbers come back as numbers",
    tags="exact",
    splits="lossy: as the data set's folder; train, val and test only",
    ids="lossy: ids of objects only",
    picture_fields="lossy: as tags with a text or a number",
)
OWN: Final[dict[str, ScalarType]] = {
    "supervisely_id": "int",
    "description": "text",
    "holes": "json",
    "labelerLogin": "text",
    "createdAt": "text",
    "updatedAt": "text",
}
_KINDS: Final[frozenset[FieldKind]] = frozenset({"box", "polygon", "polyline", "keypoint"})
_HOLDS: Final = frozenset({"mask", "polygons", "points", "closed", "keypoints", "rotation"})
_TYPES: Final = {"any_number": "float", "any_string": "text", "oneof_string": "text", "none": "bool"}
_MOST_DEEP: Final = 6


def sniff(path: Path) -> Sniffed | None:
    """A folder whose meta.json lists classes and tags, and that has a data set with `ann`."""
    file = path / "meta.json"
    if not path.is_dir() or not file.is_file():
        return None
    head, keys = keys_in_head(file)
    if head[:1] != b"{" or "classes" not in keys or not ({"tags", "projectType"} & keys):
        return None
    found = [folder for folder, _ in _sets(path)]
    return Sniffed(0.97, f"Supervisely: {len(found)} data sets") if found else None


def _sets(project: Path) -> list[tuple[Path, str]]:
    """Folders with `ann` in them, and their paths in the project; data sets may lie in data sets."""
    out: list[tuple[Path, str]] = []
    level = [(project, "")]
    for _ in range(_MOST_DEEP):
        below = []
        for folder, name in level:
            for one in sorted(folder.iterdir()):
                if one.is_dir() and not one.is_symlink() and not one.name.startswith("."):
                    inner = f"{name}/{one.name}" if name else one.name
                    if (one / "ann").is_dir():
                        out.append((one, inner))
                    if one.name not in ("img", "ann", "seg"):
                        below.append((one, inner))
        level = below
    return sorted(out, key=lambda pair: pair[1])


def read(source: Source) -> Iterator[Event]:
    """A project folder, as events. A picture without a label file arrives without labels.

    Raises FormatError where there is no meta.json, or no data set.
    """
    project = source.path.absolute()
    if not project.exists():
        raise no_file(source.path)
    if not (project / "meta.json").is_file():
        raise FormatError("no meta.json", where=str(source.path), hint="name the folder of the project")
    meta = mapping(document(read_bytes(str(project / "meta.json"), [project]))[0])
    sets = _sets(project)
    if not sets:
        raise FormatError("no data set: a folder with ann and img", where=str(source.path))
    gather = Gather(source, "supervisely", project / "x", OWN)
    _take_meta(meta, gather)
    nodes = _nodes(meta)
    if nodes:
        gather.keypoint_names = tuple(name for _, name in next(iter(nodes.values())))
    names = [(folder, inner, sorted(files_under(folder / "ann"))) for folder, inner in sets]
    total, done = sum(len(found) for _, _, found in names), 0
    for folder, inner, found in names:
        there = files_under(folder / "img") if (folder / "img").is_dir() else ()
        pictures = {p for p in there if PurePosixPath(p).suffix.lower() in IMAGES}
        split = split_named(inner) or split_named(PurePosixPath(inner).name)
        for name in found:
            done += 1
            where = f"{inner}/ann/{name}"
            if not name.lower().endswith(".json"):
                continue
            picture = name[: -len(".json")]
            pictures.discard(picture)
            try:
                value, odd = document(read_bytes(str(folder / "ann" / name), [project]))
                if not isinstance(value, dict) or not isinstance(value.get("objects"), list):
                    raise FormatError('not a Supervisely file: no list "objects"')
                if odd:
                    gather.warn(odd, where)
                _picture(value, _place(source, project, inner, picture), split, where, gather, nodes)
            except Fault as fault:
                gather.skip(fault.what, where, fault.hint)
            except FormatError as error:
                gather.skip(error.what, where, error.hint)
            if gather.full():
                yield from gather.flush()
                source.report(done, total)
        for picture in sorted(pictures):
            path, root = _place(source, project, inner, picture)
            gather.sample(path, path, root=root, split=split)
            gather.warn("a picture without a label file; added without labels", f"{inner}/img/{picture}")
    source.report(total, total)
    yield from gather.end()


def _place(source: Source, project: Path, inner: str, picture: str) -> tuple[str, Path]:
    return (picture, source.media.absolute()) if source.media else (f"{inner}/img/{picture}", project)


def _take_meta(meta: Mapping[str, Any], gather: Gather) -> None:
    classes = [c for c in listed(meta.get("classes")) if isinstance(c, dict) and isinstance(c.get("title"), str)]
    gather.classes = list(dict.fromkeys(str(c["title"]) for c in classes))
    tags = [t for t in listed(meta.get("tags")) if isinstance(t, dict) and isinstance(t.get("name"), str)]
    gather.meta = {"classes": classes, "tags": tags}
    for tag in tags:
        name, kind = text(mapping(tag).get("name")), _TYPES.get(str(mapping(tag).get("value_type")))
        if name and kind:
            values = [str(v) for v in listed(tag.get("values"))] if kind == "text" else []
            gather.declared[name] = Column("x", kind, values=tuple(dict.fromkeys(values)))  # type: ignore[arg-type]


def _nodes(meta: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    out: dict[str, list[tuple[str, str]]] = {}
    for one in listed(meta.get("classes")):
        config = mapping(mapping(one).get("geometry_config"))
        nodes = mapping(config.get("nodes"))
        if nodes:
            out[str(one.get("title"))] = [(key, str(mapping(v).get("label") or key)) for key, v in nodes.items()]
    return out


def _picture(
    value: Mapping[str, Any],
    place: tuple[str, Path],
    split: str | None,
    where: str,
    gather: Gather,
    nodes: _supervisely.Nodes,
) -> None:
    size = mapping(value.get("size"))
    width, height = size_px(size.get("width")), size_px(size.get("height"))
    tags: list[str] = []
    columns: dict[str, Any] = {}
    for tag in listed(value.get("tags")):
        name, content = text(mapping(tag).get("name")), mapping(tag).get("value")
        if name and content is None:
            tags.append(name)
        elif name:
            columns[name] = float(content) if type(content) is int else content
    if text(value.get("description")):
        columns["description"] = value["description"]
    key = gather.sample(
        place[0], where, root=place[1], width=width, height=height, split=split, tags=tags, columns=columns
    )
    for index, figure in enumerate(value["objects"]):
        spot = f"{where}: objects[{index}]"
        with gather.row(spot):
            if not isinstance(figure, dict):
                raise Fault("an object that is not one")
            kind, values, own = _supervisely.shape_of(figure, (width, height), nodes)
            own["supervisely_id"] = whole(figure.get("id"))
            for name in ("description", "labelerLogin", "createdAt", "updatedAt"):
                own[name] = text(figure.get(name))
            attributes = _tags(figure)
            kept = {k: v for k, v in own.items() if v is not None}
            gather.add(kind, key, text(figure.get("classTitle")), spot, own=kept, attributes=attributes, **values)


def _tags(figure: Mapping[str, Any]) -> dict[str, Any]:
    """Tags of an object: one without a value is True; of several with one name all values, as a list."""
    out: dict[str, Any] = {}
    for tag in listed(figure.get("tags")):
        name, value = text(mapping(tag).get("name")), mapping(tag).get("value")
        if name:
            value = True if value is None else _plain(value)
            out[name] = [*(out[name] if isinstance(out[name], list) else [out[name]]), value] if name in out else value
    return out


def _plain(value: Any) -> Any:
    """A number as a float, where a float can be that number."""
    return float(value) if type(value) is int and value in EXACT else value


@dataclass(slots=True)
class _Project:
    """What is met while the pictures are written, and has to stand in meta.json."""

    shapes: dict[str, set[str]] = field(default_factory=dict)  # class → geometryTypes
    tags: dict[str, str] = field(default_factory=dict)  # tag → value_type
    used: set[str] = field(default_factory=set)

    def tag(self, name: str, value: Any) -> dict[str, Any]:
        kind = "none" if value is None else "any_number" if isinstance(value, float) else "any_string"
        self.tags[name] = kind if self.tags.get(name, kind) == kind else "any_string"
        return {"name": name, "value": value}


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write fields of different kinds as a project. A picture that came from a project goes to its data set again, any
    other to the data set named like its split, or "ds".

    media   copy or link the pictures into `img`, or leave them

    Raises FormatError for two fields of one kind, and for kinds that Supervisely cannot hold.
    """
    mine = chosen(what.schema, fields, _KINDS, "Supervisely")
    meta: Mapping[str, Any] = next((f.meta["supervisely"] for f in mine if "supervisely" in f.meta), {})
    pictures = Pictures(what, mine, "supervisely", _HOLDS, OWN, columns=None, tags=True, splits=True)
    project = _Project()
    nodes = _nodes(meta)
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost, checked(media))
        for picture in pictures:
            inner, name = _home(picture, project, pictures)
            folders.write(f"{inner}/ann/{name}.json", pretty(_document(picture, pictures, project, nodes)))
            folders.picture(picture, f"{inner}/img/{name}")
        folders.write("meta.json", pretty(_meta(mine, meta, project)))
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _home(picture: Picture, project: _Project, pictures: Pictures) -> tuple[str, str]:
    """Data set and name of a picture's files; names have no folders there."""
    inner, found, name = picture.path.rpartition("/img/")
    if not found or "/" in name or not inner:
        inner, name = (picture.sample.get("split") or "ds").replace("/", "_"), picture.path
        if "/" in name:
            pictures.lost['folders in names of pictures, written as "_"'] += 1
            name = name.replace("/", "_")
    base, number = name, 2
    while f"{inner}/{name}" in project.used:
        name, number = f"{number}_{base}", number + 1
    project.used.add(f"{inner}/{name}")
    return inner, name


def _document(picture: Picture, pictures: Pictures, project: _Project, nodes: _supervisely.Nodes) -> dict[str, Any]:
    width, height = picture.size
    told = picture.columns.get("description")
    description = picture.columns.pop("description") if isinstance(told, str) else ""
    tags = [project.tag(name, None) for name in picture.sample.get("tags") or []]
    for name, value in picture.columns.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            tags.append(project.tag(name, value if isinstance(value, str) else float(value)))
        else:
            pictures.lost[f"column {name}"] += 1
    objects = [figure for label in picture.labels for figure in _figures(label, pictures, project, nodes)]
    size = {"height": height, "width": width}
    return {"description": description, "tags": tags, "size": size, "objects": objects}


def _figures(
    label: Label, pictures: Pictures, project: _Project, nodes: _supervisely.Nodes
) -> Iterator[dict[str, Any]]:
    try:
        found = _supervisely.figures(label, nodes, pictures)
        if not found:
            raise Fault("a label without a shape")
    except Fault as fault:
        pictures.lost[f"objects left out: {fault.what}"] += 1
        pictures.objects -= 1
        return
    name = label.label or "unknown"
    if label.label is None:
        pictures.lost['labels without a class, written as "unknown"'] += 1
    tags = []
    for key, value in label.attributes.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not False and isinstance(one, str | int | float):
                tags.append(project.tag(key, None if one is True else _plain(one)))
            else:
                pictures.lost[f"attribute {key}" + (" that is false" if one is False else "")] += 1
    own = {k: v for k, v in label.own.items() if k != "holes"}
    if "supervisely_id" in own:
        own = {"id": own.pop("supervisely_id"), **own}
    for figure in found:
        project.shapes.setdefault(name, set()).add(figure["geometryType"])
        yield {"classTitle": name, "description": "", **own, "tags": tags, **figure}


def _meta(fields: Sequence[LabelField], meta: Mapping[str, Any], project: _Project) -> dict[str, Any]:
    classes = [c for c in listed(meta.get("classes")) if c.get("title") in all_classes(fields)]
    known = {c.get("title") for c in classes}
    for name in dict.fromkeys([*all_classes(fields), *project.shapes]):
        if name not in known:
            shapes = project.shapes.get(name, set())
            classes.append(
                {"title": name, "shape": next(iter(shapes)) if len(shapes) == 1 else "any", "color": _colour(name)}
            )
    tags = listed(meta.get("tags"))
    listed_tags = {mapping(t).get("name") for t in tags}
    fresh = [
        {"name": name, "value_type": kind, "color": _colour(name)}
        for name, kind in sorted(project.tags.items())
        if name not in listed_tags
    ]
    return {"classes": classes, "tags": [*tags, *fresh], "projectType": "images"}


def _colour(name: str) -> str:
    """A colour of its own for each name, the same every time."""
    return f"#{hashlib.blake2b(name.encode(), digest_size=3).hexdigest().upper()}"


FORMAT: Final = FileFormat("supervisely", "Supervisely", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
