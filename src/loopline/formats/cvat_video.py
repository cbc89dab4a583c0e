"""CVAT for video 1.1: tracks of boxes and outlines through one video, as XML.

Every shape is a row with `frame` (as the file counts, from 0) and `track_id`; `keyframe` says which ones a person
drew. A shape that is marked outside is not in the picture, so it is no row: it is kept with the row before it in
`cvat_outside`, and written again from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from loopline.errors import FormatError
from loopline.formats import _cvat, _xml
from loopline.formats._fields import chosen
from loopline.formats._files import new_file
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather
from loopline.formats._pictures import Label, Picture, Pictures, form
from loopline.formats._shapes import Fault, size_px, whole
from loopline.formats._support import support
from loopline.formats._xmlstream import elements, lines
from loopline.formats.cvat import count_parts, one_file, sniff_for
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import FieldKind, LabelField

SUPPORT: Final = support(
    boxes="exact",
    masks="exact",
    polygons="lossy: an outline of several parts becomes several shapes",
    keypoints="lossy: an object with keypoints loses a box of its own",
    attributes="exact",
    tracks="exact",
    ids="exact",
)
_KINDS: Final[frozenset[FieldKind]] = _cvat.KINDS - {"class"}


def sniff(path: Path) -> Sniffed | None:
    """XML whose root is <annotations> and that has tracks; or a folder with such a file."""
    return sniff_for(path, b"<track", b"<mode>interpolation</mode>", "CVAT for video")


@dataclass(slots=True)
class _Reader:
    gather: Gather
    file: str
    videos: dict[str, int] = field(default_factory=dict)  # task id ("" for the only one) → key
    sizes: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    skeletons: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0

    def meta(self, element: Element) -> None:
        _cvat.take_labels(element, self.gather)
        self.skeletons = self.gather.meta.get("skeletons", {})
        tasks = [
            task for task in element.iter("task") if task.find("size") is not None or task.find("source") is not None
        ]
        alone = element if len(tasks) < 2 else None
        for task in tasks[:1] if alone is not None else tasks:
            self._video(task, alone, task.findtext("id") or "")

    def _video(self, task: Element | None, around: Element | None, number: str) -> None:
        """The video of one task. What the head says of it may stand in the task or beside it."""
        places = [p for p in (task, around) if p is not None]
        name = next((t for p in places if (t := (p.findtext("source") or "").strip())), "")
        where = f"{self.file}: meta"
        if not name:
            name = PurePosixPath(self.file).stem
            self.gather.warn("no <source>; the video is named like the file", where)
        size = next((s for p in places if (s := p.find("original_size")) is not None), None)
        sides = [size_px(size.findtext(n)) if size is not None else None for n in ("width", "height")]
        columns = {"cvat_task_id": whole(number)} if whole(number) is not None else {}
        with self.gather.row(where):
            key = self.gather.sample(name, where, width=sides[0], height=sides[1], media="video", columns=columns)
            self.videos[number] = key
            self.sizes[number] = (sides[0], sides[1])

    def track(self, element: Element) -> None:
        where = f"{self.file}: track[{self.count}]"
        self.count += 1
        task = element.get("task_id") or ""
        if task not in self.videos:
            if not self.videos:
                self._video(None, None, "")
            if len(self.videos) > 1:
                raise Fault("a track of a task that the file's head does not list")
            task = next(iter(self.videos), "")
        track_id = whole(element.get("id"))
        if track_id is None:
            raise Fault("a track without a whole number as its id")
        rows: list[tuple[FieldKind, dict[str, Any], dict[str, Any], dict[str, Any], str]] = []
        outside: list[Any] = []  # before the first shape that is in the picture
        label = element.get("label") or None
        for number, child in enumerate(element):
            place = f"{where} (id {track_id}): {child.tag}[{number}]"
            with self.gather.row(place):
                frame = whole(child.get("frame"))
                if frame is None or frame < 0:
                    raise Fault("a shape without a frame number")
                if child.get("outside") == "1":
                    later = rows[-1][2].setdefault("cvat_outside", []) if rows else outside
                    later.append({"tag": child.tag, "value": _xml.as_value(child)})
                    continue
                if child.tag == "skeleton":
                    names = self.skeletons.setdefault(label or "", [])
                    kind, values, own = _cvat.skeleton(child, names, self.gather.declared)
                else:
                    kind, values, own = _cvat.shape(child, self.sizes[task])
                for key in ("source", "group_id"):
                    if key not in own and element.get(key) is not None:
                        own[key] = element.get(key) if key == "source" else whole(element.get(key))
                own["keyframe"] = child.get("keyframe") == "1"
                values["frame"], values["track_id"] = frame, track_id
                rows.append((kind, values, own, _cvat.attributes_of(child, self.gather.declared), place))
        if not rows:
            raise Fault("a track that is never in the picture")
        if outside:
            rows[0][2]["cvat_outside"] = [*outside, *rows[0][2].get("cvat_outside", [])]
        for kind, values, own, attributes, place in rows:
            with self.gather.row(place):
                self.gather.add(kind, self.videos[task], label, place, own=own, attributes=attributes, **values)


def read(source: Source) -> Iterator[Event]:
    """A CVAT for video file, or the folder that holds it, as events.

    Raises FormatError where the file is not XML from its start, or has a DOCTYPE. XML that breaks off later is a
    problem; the tracks before the fault arrive.
    """
    path = one_file(source.path, b"<track", b"<mode>interpolation</mode>", "CVAT for video")
    gather = Gather(source, "cvat", path, _cvat.OWN)
    reader = _Reader(gather, path.name)
    try:
        for element in elements(path, frozenset({"meta", "track"}), source.report):
            if element.tag == "meta":
                reader.meta(element)
            else:
                with gather.row(f"{path.name}: track[{reader.count}]"):
                    reader.track(element)
            if gather.full():
                yield from gather.flush()
    except FormatError as error:
        if not reader.count:
            raise
        gather.skip(f"{error.what}; the rest of the file is missing", error.where, "mend the file and add it again")
    if reader.skeletons:
        gather.meta["skeletons"] = reader.skeletons
        gather.keypoint_names = tuple(next(iter(reader.skeletons.values())))
    yield from gather.end()


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write the videos of a view, one XML file each; a target with .xml is the file of the only video.

    Pictures are counted as lost, as the form has no place for them: CVAT for images does. A label without `track_id`
    becomes a track of one frame. Where a track was not made by CVAT, the frames behind which it is gone get the
    `outside` shape that ends it there.
    Raises FormatError for kinds that cannot be written, or several videos and one file.
    """
    mine = chosen(what.schema, fields, _KINDS, "CVAT for video")
    pictures = Pictures(what, mine, "cvat", {*_cvat.HOLDS, "frame", "track_id"}, _cvat.OWN, columns=("cvat_task_id",))
    skeletons = _cvat.skeleton_names(mine)
    files: list[Path] = []
    for picture in pictures:
        if picture.sample.get("media") != "video":
            pictures.lost["pictures that are no video"] += 1
            pictures.samples -= 1
            pictures.objects -= len(picture.labels)
            continue
        one = target.suffix.lower() == ".xml"
        if one and files:
            raise FormatError("one file holds one video", where=str(target), hint="name a folder")
        file = target if one else target / f"{PurePosixPath(picture.path).with_suffix('')}.xml"
        if file in files:
            file = target / f"{picture.path}.xml"
        with new_file(file) as out:
            out.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            out.write(lines(_meta(picture, mine, skeletons), 1))
            for track in _tracks(picture, pictures):
                out.write(lines(_track_element(track, picture, pictures, skeletons, mine), 1))
            out.write(b"</annotations>\n")
        files.append(file)
    return Written(files, pictures.samples, pictures.objects, pictures.losses())


def _meta(picture: Picture, fields: Sequence[LabelField], skeletons: Mapping[str, Sequence[str]]) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    if "cvat_task_id" in picture.columns:
        SubElement(task, "id").text = str(picture.columns["cvat_task_id"])
    last = max((label.values.get("frame", 0) for label in picture.labels), default=-1)
    SubElement(task, "size").text = str(picture.sample.get("frame_count") or last + 1)
    SubElement(task, "mode").text = "interpolation"
    task.append(_cvat.label_elements(fields, skeletons))
    width, height = picture.size
    if width and height:
        size = SubElement(task, "original_size")
        SubElement(size, "width").text = str(width)
        SubElement(size, "height").text = str(height)
    SubElement(task, "source").text = picture.path
    return meta


def _tracks(picture: Picture, pictures: Pictures) -> list[tuple[int, list[Label]]]:
    """The labels of each track, by frame; a label without a track gets a number of its own."""
    known: dict[tuple[int, str | None, FieldKind], list[Label]] = {}
    free = max((label.values.get("track_id", -1) for label in picture.labels), default=-1) + 1
    for label in picture.labels:
        track = label.values.get("track_id")
        if track is None:
            track, free = free, free + 1
            pictures.lost["labels without a track, written as tracks of one frame"] += 1
        known.setdefault((track, label.label, label.kind), []).append(label)
    return [(key[0], sorted(rows, key=lambda r: r.values.get("frame", 0))) for key, rows in known.items()]


def _track_element(
    track: tuple[int, list[Label]],
    picture: Picture,
    pictures: Pictures,
    skeletons: Mapping[str, Sequence[str]],
    fields: Sequence[LabelField],
) -> Element:
    number, rows = track
    first = rows[0]
    out = Element("track", {"id": str(number), "label": first.label or ""})
    for key in ("source", "group_id"):
        if first.own.get(key) is not None:
            out.set(key, str(first.own[key]))
    general = next((f.keypoint_names for f in fields if f.kind == "box"), ())
    ours = any("keyframe" in row.own for row in rows)
    last = picture.sample.get("frame_count")
    shapes: list[tuple[int, Element]] = []
    for place, row in enumerate(rows):
        frame = row.values.get("frame", 0)
        count_parts(row.kind, form(row, ("keypoints", "polygons", "mask"), pictures.lost), row.values, pictures)
        try:
            made = list(_cvat.shape_elements(row, skeletons.get(row.label or "", general)))
            if not made:
                raise Fault("a label without a shape")
        except Fault as fault:
            pictures.lost[f"objects left out: {fault.what}"] += 1
            pictures.objects -= 1
            continue
        drawn = row.own.get("keyframe", True)
        shapes += [(frame, _framed(element, frame, keyframe=drawn, outside=False)) for element in made]
        for gone in row.own.get("cvat_outside") or ():
            shapes += _outside(gone)
        following = rows[place + 1].values.get("frame", 0) if place + 1 < len(rows) else last
        if not ours and (following is None or following > frame + 1) and made:
            again = list(_cvat.shape_elements(row, skeletons.get(row.label or "", general)))
            shapes.append((frame + 1, _framed(again[0], frame + 1, keyframe=True, outside=True)))
    out.extend(element for _, element in sorted(shapes, key=lambda pair: pair[0]))
    return out


def _outside(gone: Any) -> list[tuple[int, Element]]:
    """A shape that was outside the picture, as it came."""
    value = gone.get("value") if isinstance(gone, dict) else None
    frame = whole(value.get("@frame")) if isinstance(value, dict) else None
    if frame is None or not isinstance(value, dict):
        return []
    made = _xml.from_value(str(gone.get("tag", "box")), value)
    return [(frame, _framed(one, frame, keyframe=one.get("keyframe") == "1", outside=True)) for one in made]


def _framed(element: Element, frame: int, *, keyframe: Any, outside: bool) -> Element:
    rest = {
        k: v
        for k, v in element.attrib.items()
        if k not in ("label", "source", "group_id", "frame", "keyframe", "outside")
    }
    element.attrib.clear()
    element.attrib.update(
        {"frame": str(frame), "keyframe": "1" if keyframe else "0", "outside": "1" if outside else "0"}
    )
    element.attrib.update(rest)
    return element


FORMAT: Final = FileFormat("cvat_video", "CVAT for video", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
