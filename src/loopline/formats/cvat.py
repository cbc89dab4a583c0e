"""CVAT for images 1.1: one XML file of all pictures, with boxes, outlines, lines, points, masks, tags, skeletons.

Boxes, turned boxes, ellipses (the box, `shape` = "ellipse"), polygons, masks and skeletons are rows of one box field;
polylines, points and tags have fields of their own (see `_fields`). A picture's id is kept as the column `cvat_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from loopline.errors import FormatError
from loopline.formats import _cvat
from loopline.formats._fields import chosen
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._media import split_named
from loopline.formats._pairs import first_files
from loopline.formats._pictures import Picture, Pictures, column_values, completed, form
from loopline.formats._shapes import Fault, size_px, whole
from loopline.formats._support import support
from loopline.formats._xmlstream import elements, lines, root_tag
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import LabelField

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="lossy: an outline of several parts becomes several shapes",
    keypoints="lossy: an object with keypoints loses a box of its own",
    attributes="exact",
    tracks="no",
    scores="no",
    crowd="no",
    tags="no",
    splits="exact",
    ids="exact",
    picture_fields="no",
)
_FILE: Final = "annotations.xml"
_COLUMNS: Final = ("cvat_id", "task_id")


def sniff(path: Path) -> Sniffed | None:
    """XML whose root is <annotations> and that has pictures, not tracks; or a folder with one such file."""
    return sniff_for(path, b"<image", b"<mode>annotation</mode>", "CVAT for images")


def sniff_for(path: Path, element: bytes, mode: bytes, title: str) -> Sniffed | None:
    if path.is_dir():
        found = [file for file in first_files(path, ".xml", 20) if sniff_for(file, element, mode, title)]
        return Sniffed(0.95, f"{title}: {', '.join(f.name for f in found[:3])}") if found else None
    if path.suffix.lower() != ".xml" or not path.is_file():
        return None
    root, head = root_tag(path)
    if root != "annotations" or (b"<version>" not in head and b"<meta" not in head and element + b" " not in head):
        return None
    first = min((at, name) for name in (b"<image ", b"<track ", b"~") if (at := _place(head, name)) >= 0)[1]
    mine = first.startswith(element) if first != b"~" else mode in head
    return Sniffed(0.97, title) if mine else None


def _place(head: bytes, name: bytes) -> int:
    return len(head) if name == b"~" else head.find(name)


def one_file(path: Path, element: bytes, mode: bytes, title: str) -> Path:
    """The file to read. Raises FormatError where there is none, or several."""
    if not path.exists():
        raise no_file(path)
    if path.is_file():
        return path
    if (path / _FILE).is_file():
        return path / _FILE
    found = [file for file in first_files(path, ".xml", 50) if sniff_for(file, element, mode, title)]
    if len(found) != 1:
        raise FormatError(f"{len(found)} {title} files in this folder", where=str(path), hint="name one file")
    return found[0]


def read(source: Source) -> Iterator[Event]:
    """A CVAT for images file, or the folder that holds it, as events.

    Raises FormatError where the file is not XML from its start, or has a DOCTYPE. XML that breaks off later is a
    problem; the pictures before the fault arrive.
    """
    path = one_file(source.path, b"<image", b"<mode>annotation</mode>", "CVAT for images")
    gather = Gather(source, "cvat", path, _cvat.OWN)
    count = 0
    skeletons: dict[str, list[str]] = {}
    try:
        for element in elements(path, frozenset({"meta", "image"}), source.report):
            if element.tag == "meta":
                _cvat.take_labels(element, gather)
                skeletons = gather.meta.get("skeletons", {})
            else:
                with gather.row(f"{path.name}: image[{count}]"):
                    _image(element, gather, skeletons, f"{path.name}: image[{count}]")
                count += 1
            if gather.full():
                yield from gather.flush()
    except FormatError as error:
        if not count:
            raise
        gather.skip(f"{error.what}; the rest of the file is missing", error.where, "mend the file and add it again")
    if skeletons:
        gather.meta["skeletons"] = skeletons
        gather.keypoint_names = tuple(next(iter(skeletons.values())))
    yield from gather.end()


def _image(element: Element, gather: Gather, skeletons: dict[str, list[str]], place: str) -> None:
    name = element.get("name") or ""
    place = f"{place} ({name})"
    width, height = size_px(element.get("width")), size_px(element.get("height"))
    if width is None or height is None:
        width = height = None
        gather.warn("no size; the picture's own counts", place)
    subset = element.get("subset") or None
    columns = {"cvat_id": whole(element.get("id")), "task_id": whole(element.get("task_id"))}
    key = gather.sample(
        name,
        place,
        width=width,
        height=height,
        split=(split_named(subset) or subset) if subset else None,
        columns={k: v for k, v in columns.items() if v is not None},
    )
    for number, child in enumerate(element):
        where = f"{place}: {child.tag}[{number}]"
        with gather.row(where):
            label = child.get("label") or None
            if child.tag == "skeleton":
                names = skeletons.setdefault(label or "", [])
                kind, values, own = _cvat.skeleton(child, names, gather.declared)
            else:
                kind, values, own = _cvat.shape(child, (width, height))
            attributes = _cvat.attributes_of(child, gather.declared)
            gather.add(kind, key, label, where, own=own, attributes=attributes, **values)


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write fields of different kinds as one file; a target without .xml is a folder, the file in it annotations.xml.

    Raises FormatError for two fields of one kind, and for value and class-map fields.
    """
    mine = chosen(what.schema, fields, _cvat.KINDS, "CVAT")
    file = target if target.suffix.lower() == ".xml" else target / _FILE
    pictures = Pictures(what, mine, "cvat", _cvat.HOLDS, _cvat.OWN, columns=_COLUMNS, splits=True)
    ids = completed([whole(v) for v in column_values(what, "cvat_id")])
    skeletons = _cvat.skeleton_names(mine)
    with new_file(file) as out:
        out.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        out.write(lines(_meta(mine, skeletons, what.count()), 1))
        for number, picture in zip(ids, pictures, strict=True):
            out.write(lines(_image_element(picture, number, pictures, skeletons, mine), 1))
        out.write(b"</annotations>\n")
    return Written([file], pictures.samples, pictures.objects, pictures.losses())


def _meta(fields: Sequence[LabelField], skeletons: dict[str, list[str]], size: int) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    SubElement(task, "size").text = str(size)
    SubElement(task, "mode").text = "annotation"
    task.append(_cvat.label_elements(fields, skeletons))
    return meta


def _image_element(
    picture: Picture, number: int, pictures: Pictures, skeletons: dict[str, list[str]], fields: Sequence[LabelField]
) -> Element:
    image = Element("image", {"id": str(number), "name": picture.path})
    split = picture.sample.get("split")
    if split:
        image.set("subset", split)
    if "task_id" in picture.columns:
        image.set("task_id", str(picture.columns["task_id"]))
    width, height = picture.size
    if width and height:
        image.set("width", str(width))
        image.set("height", str(height))
    general = next((f.keypoint_names for f in fields if f.kind == "box"), ())
    for label in picture.labels:
        count_parts(label.kind, form(label, ("keypoints", "polygons", "mask"), pictures.lost), label.values, pictures)
        names = skeletons.get(label.label or "", general)
        try:
            made = list(_cvat.shape_elements(label, names))
            if not made:
                raise Fault("a label without a shape")
            image.extend(made)
        except Fault as fault:
            pictures.lost[f"objects left out: {fault.what}"] += 1
            pictures.objects -= 1
    return image


def count_parts(kind: str, shape: str, values: dict[str, object], pictures: Pictures) -> None:
    """Count an outline of several parts, which becomes several shapes."""
    parts = values.get("polygons") if kind == "box" else values.get("points")
    if isinstance(parts, list) and len(parts) > 1 and (shape == "polygons" or kind == "polyline"):
        pictures.lost["outlines of several parts, written as several shapes"] += 1


FORMAT: Final = FileFormat("cvat", "CVAT for images", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
