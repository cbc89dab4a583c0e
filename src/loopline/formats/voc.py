"""Pascal VOC: one XML file of boxes a picture.

The pixel rule: x = xmin, y = ymin, w = xmax - xmin, h = ymax - ymin, in both directions. (VOC's own devkit counts
pixels from 1 with xmax inside the box; that is not corrected, as hardly any tool that writes the format does so.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.etree.ElementTree import Element, indent, tostring

import msgspec
import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats import _arrow, _voc_layout, _xml
from loopline.formats._arrow import ABSENT
from loopline.formats._files import new_folder
from loopline.formats._format import FileFormat
from loopline.formats._unheld import count_columns
from loopline.formats._voc_batch import FLAGS, IMAGE_REST
from loopline.formats._voc_read import VocReader, here
from loopline.kernel.exchange import Event, Exportable, Page, Sniffed, Source, Written
from loopline.kernel.schema import LabelField

_LOST: Final = {"mask": "masks", "polygons": "polygons", "keypoints": "keypoints", "track_id": "track_id",
                "frame": "frame", "area": "stated areas", "tags": "tags of objects"}  # fmt: skip


def sniff(path: Path) -> Sniffed | None:
    """One VOC file, or a folder where the first XML files are VOC."""
    if path.is_file():
        if path.suffix.lower() == ".xml" and here(path):
            return Sniffed(0.9, "one Pascal VOC file")
        return None
    for folder in (path, *(path / n for n in ("Annotations", "annotations", "xmls")), *_inner(path)):
        found = next((p for p in _first(folder) if p.suffix.lower() == ".xml"), None)
        if found is not None:
            return Sniffed(0.9, f"Pascal VOC: XML files in {folder.name}") if here(found) else None
    return None


def _inner(path: Path) -> list[Path]:
    """Sub-folders, and their annotation folders: VOCdevkit/VOC2007/Annotations, train/, ..."""
    subs = [p for p in sorted(path.iterdir())[:50] if p.is_dir() and not p.name.startswith(".")]
    return [inner for p in subs for inner in (p, p / "Annotations", p / "annotations")]


def _first(folder: Path) -> list[Path]:
    """Some files of a folder, without listing a million of them."""
    if not folder.is_dir():
        return []
    out = []
    for number, path in enumerate(folder.iterdir()):
        if path.suffix.lower() == ".xml":
            return [path]
        out.append(path)
        if number > 5_000:
            break
    return out


def read(source: Source) -> Iterator[Event]:
    """A VOC folder (devkit, Annotations + JPEGImages, XML beside pictures) or one XML file, as events.

    Pictures without an XML file arrive without labels. Raises FormatError where there is no XML file.
    """
    if not source.path.exists():
        raise FormatError("there is no such file or folder", where=str(source.path))
    sets = _voc_layout.find_sets(source.path, source.media)
    if not sets:
        raise FormatError("no XML files", where=str(source.path), hint="name the folder that holds Annotations")
    return VocReader(source, sets).events()


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write one box field: Annotations/*.xml, and ImageSets/Main/<split>.txt where samples have a split.

    Raises FormatError for more than one field or another kind than boxes.
    """
    if len(fields) != 1:
        raise FormatError("Pascal VOC holds exactly one field", hint="export one field at a time")
    label_field = what.schema.field(fields[0])
    if label_field.kind != "box":
        raise FormatError(f'Pascal VOC holds boxes; field "{label_field.name}" has {label_field.kind} labels')
    writer = _Writer(what, label_field)
    target.mkdir(parents=True, exist_ok=True)
    with new_folder(target / "Annotations") as folder:
        for page in what.pages():
            writer.page(page, folder)
    files = [target / "Annotations"]
    if writer.splits:
        with new_folder(target / "ImageSets") as folder:
            (folder / "Main").mkdir()
            for split, stems in sorted(writer.splits.items()):
                (folder / "Main" / f"{split}.txt").write_text("".join(f"{s}\n" for s in stems), encoding="utf-8")
        files.append(target / "ImageSets")
    lost = {name: n for name, n in sorted(writer.lost.items()) if n}
    return Written(files, writer.samples, writer.objects, lost)


@dataclass(slots=True)
class _Writer:
    what: Exportable
    label_field: LabelField
    lost: Counter[str] = field(default_factory=Counter)
    splits: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    samples: int = 0
    objects: int = 0

    def page(self, page: Page, folder: Path) -> None:
        labels = page.labels[self.label_field.name]
        by_sample: dict[int, list[int]] = {}
        for row, owner in enumerate(_arrow.one(labels["sample_id"]).to_pylist()):
            by_sample.setdefault(owner, []).append(row)
        objects = self._objects(labels)
        samples = page.samples.to_pylist()
        for name, words in _LOST.items():
            self.lost[words] += _arrow.count_filled(labels, name)
        if labels.num_rows:
            self.lost["crowd flags"] += sum(v is True for v in _arrow.values(labels["iscrowd"], "bool"))
        self.lost["tags of samples"] += _arrow.count_filled(page.samples, "tags")
        count_columns(self.lost, page.samples, self.what, {IMAGE_REST})
        for sample in samples:
            rows = by_sample.get(sample["id"], [])
            stem = self._stem(sample["path"])
            file = folder / f"{stem}.xml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_document(sample, [objects[row] for row in rows]))
            if sample.get("split"):
                self.splits.setdefault(sample["split"].replace("/", "_"), []).append(stem)
            self.objects += len(rows)
        self.samples += len(samples)

    def _stem(self, path: str) -> str:
        """The picture's path without extension; with it, where two pictures differ in nothing else."""
        pure = PurePosixPath(path)
        stem = str(pure.with_suffix(""))
        name = path if stem in self.names else stem
        self.names.add(name)
        return name

    def _objects(self, labels: pa.Table) -> list[Element]:
        names = labels.column_names
        own = [
            (a.source_name or a.name, _arrow.values(labels[a.name], a.type))
            for a in self.label_field.attributes
            if a.name in names
        ]
        own.sort(key=lambda item: FLAGS.index(item[0]) if item[0] in FLAGS else len(FLAGS))
        columns = {n: _arrow.one(labels[n]).to_pylist() for n in ("label", "x", "y", "w", "h", "score", "rotation")}
        out = []
        for row in range(labels.num_rows):
            element = Element("object")
            values = {n: v[row] for n, v in columns.items()}
            if values["label"] is not None:
                element.extend(_xml.from_value("name", values["label"]))
            rest: Mapping[str, Any] = {}
            for key, column in own:
                value = column[row]
                if key == "voc_rest":
                    rest = value if isinstance(value, dict) else {}
                elif value is not ABSENT:
                    element.extend(_xml.from_value(key, _text(value)))
            for key, value in rest.items():
                element.extend(_xml.from_value(key, value))
            if values["score"] is not None:
                element.extend(_xml.from_value("score", number_text(values["score"])))
            element.append(_box(values))
            out.append(element)
        return out


def _document(sample: Mapping[str, Any], objects: Sequence[Element]) -> bytes:
    root = Element("annotation")
    notes = msgspec.json.decode(sample[IMAGE_REST]) if sample.get(IMAGE_REST) else {}
    notes = notes if isinstance(notes, dict) else {}
    name = notes.pop("filename", PurePosixPath(sample["path"]).name)
    depth = notes.pop("depth", None)
    for key in ("folder",):
        root.extend(_xml.from_value(key, notes.pop(key, [])))
    root.extend(_xml.from_value("filename", name))
    if sample.get("width") and sample.get("height"):
        size = {"width": str(sample["width"]), "height": str(sample["height"])}
        root.extend(_xml.from_value("size", size | ({"depth": depth} if depth is not None else {})))
    for key, value in notes.items():
        root.extend(_xml.from_value(key, value))
    root.extend(objects)
    indent(root, "\t")
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return text + b"\n"


def _box(values: Mapping[str, Any]) -> Element:
    x, y, w, h = (values[n] for n in "xywh")
    if values["rotation"] is not None:
        angle = math.radians(values["rotation"])
        turned = {"cx": x + w / 2, "cy": y + h / 2, "w": w, "h": h, "angle": angle}
        return _xml.from_value("robndbox", {k: number_text(v) for k, v in turned.items()})[0]
    corners = {"xmin": x, "ymin": y, "xmax": far_side(x, w), "ymax": far_side(y, h)}
    return _xml.from_value("bndbox", {k: number_text(v) for k, v in corners.items()})[0]


def far_side(start: float, size: float) -> float:
    """The end of a side, so that end - start is `size` again where a float can say so.

    >>> far_side(0.1, 0.3 - 0.1)
    0.3
    """
    end = start + size
    options = [end, *(round(end, digits) for digits in range(1, 15)), math.nextafter(end, math.inf)]
    options.append(math.nextafter(end, -math.inf))
    if end.is_integer() and end - start == size:
        return end
    exact = [e for e in options if e - start == size]
    return min(exact, key=lambda e: len(repr(e))) if exact else end


def number_text(value: float) -> str:
    """The shortest text that is read as the same number; whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "1" if value else "0"
    return number_text(value) if isinstance(value, float) else value


SUPPORT: Final = {
    "boxes": "exact",
    "masks": "no",
    "polygons": "no",
    "keypoints": "no",
    "attributes": "lossy: numbers and truths come back as texts, but for difficult, truncated, occluded",
    "tracks": "no",
    "scores": "exact",
    "crowd": "no",
    "tags": "no",
    "splits": "exact",
    "ids": "no",
    "picture_fields": "no",
}

FORMAT: Final = FileFormat("voc", "Pascal VOC", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "far_side", "number_text", "read", "sniff", "write"]
