"""COCO panoptic: a JSON document and a folder of PNGs whose pixels are segment ids, R + 256 G + 65536 B.

Every segment becomes a row of a box field with its mask. The document is read and written by COCO's own reader and
writer; what is different is that segments stand under `segments_info` of their picture's annotation, and that their ids
count within the picture. An annotation's other keys stay with the sample, as JSON in the column `panoptic`.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET

from loopline.errors import BadValue, FormatError
from loopline.formats import _masks
from loopline.formats._coco_classes import categories_for
from loopline.formats._coco_read import CocoReader
from loopline.formats._coco_write import _Writer
from loopline.formats._coco_write_ids import Plan, image_ids
from loopline.formats._columns import json_text
from loopline.formats._files import new_file, new_folder
from loopline.formats._format import FileFormat
from loopline.formats._inside import read_bytes
from loopline.formats._jsonstream import Elements, JsonFile
from loopline.formats._mask_read import MOST_BYTES
from loopline.formats._media import find_root, tidy_name
from loopline.formats._shapes import Fault
from loopline.formats._support import support
from loopline.kernel import rle
from loopline.kernel.exchange import Event, Exportable, Problem, SampleRows, Sniffed, Source, Written
from loopline.kernel.schema import Column

EXTRA: Final = "panoptic"  # sample column: the annotation without its segments, as JSON; null for a picture without one
SEGMENT: Final = "segment_id"  # attribute
_HEAD: Final = 1 << 16
_TOP: Final = (1 << 24) - 1


def sniff(path: Path) -> Sniffed | None:
    """By the key segments_info in the first or last 64 kB of a JSON file, or of the only such file of a folder."""
    if path.is_dir():
        found = _files_in(path)
        return Sniffed(0.85, f"COCO panoptic: {found[0].name}") if len(found) == 1 else None
    return Sniffed(0.95, "COCO panoptic") if _is_panoptic(path) else None


def _is_panoptic(path: Path) -> bool:
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - _HEAD))
        both = head + b"\n" + file.read()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return start == b"{" and re.search(rb'"segments_info"\s*:', both) is not None


def _files_in(folder: Path) -> list[Path]:
    places = [folder, folder / "annotations"]
    return [p for f in places if f.is_dir() for p in sorted(f.glob("*.json"))[:50] if _is_panoptic(p)]


def read(source: Source, *, masks: Path | str | None = None) -> Iterator[Event]:
    """A COCO panoptic document with its PNGs as events.

    masks   the folder of the PNGs; None: named like the file, or a folder near by where they are
    Raises  FormatError where the file is not COCO panoptic.
    """
    path = source.path.absolute()
    if path.is_dir():
        found = _files_in(path)
        if len(found) != 1:
            names = ", ".join(p.name for p in found[:8])
            raise FormatError(
                f"{len(found)} COCO panoptic files in this folder: {names}", where=str(path), hint="name one file"
            )
        path = found[0]
    if not path.is_file():
        raise FormatError("there is no such file", where=str(path))
    return PanopticReader(source, path, None, folder=Path(masks).absolute() if masks is not None else None).events()


@dataclass
class PanopticReader(CocoReader):
    """COCO's reader, with segments in place of annotations."""

    folder: Path | None = None  # of the PNGs
    extra: dict[Any, str] = field(default_factory=dict)  # image id → the annotation without segments
    starts: list[int] = field(default_factory=list)  # for each annotation, how many segments came before it
    number: list[int] = field(default_factory=list)  # and its place in the file
    count: int = 0

    def events(self) -> Iterator[Event]:
        names: list[str] = []
        # Samples may come first, so what annotations say of their pictures is fetched before.
        for part in JsonFile(self.path, skip={"images"}):
            if isinstance(part, Elements) and part.key == "annotations":
                for item in part.kept():
                    if isinstance(item, dict) and isinstance(item.get("image_id"), int | str):
                        kept = {k: v for k, v in item.items() if k not in ("segments_info", "image_id")}
                        self.extra.setdefault(item["image_id"], json_text(kept))
                        if len(names) < 300 and isinstance(item.get("file_name"), str):
                            names.append(tidy_name(item["file_name"]) or "")
        self.folder = self.folder or _png_folder(self.path, names)
        self.labels.kind = "box"
        yield from CocoReader.events(self)

    def _where(self, key: str, index: int, own: Any = UNSET) -> str:
        if key != "annotations" or not self.starts:
            return CocoReader._where(self, key, index, own)
        at = bisect.bisect_right(self.starts, index) - 1
        return f"{self.path.name}: annotations[{self.number[at]}].segments_info[{index - self.starts[at]}]"

    def _samples(self, part: Elements) -> Iterator[Event]:
        for event in CocoReader._samples(self, part):
            if isinstance(event, SampleRows):
                extra = pa.array([self.extra.get(k) for k in event.table["key"].to_pylist()], pa.string())
                table = event.table.append_column(EXTRA, extra)
                event = SampleRows(table, event.root, (*event.columns, Column(EXTRA, "json")))
            yield event

    def _labels(self, part: Elements) -> Iterator[Event]:
        first = self.count
        items = [msgspec.to_builtins(i) for i in part.items] if part.typed else part.kept()
        rows: list[dict[str, Any]] = []
        for place, (item, found) in enumerate(zip(items, _masks.in_threads(self._png, items), strict=True)):
            at = f"{self.path.name}: annotations[{part.first + place}]"
            segments = item.get("segments_info") if isinstance(item, dict) else None
            if not isinstance(item, dict) or not isinstance(segments, list):
                yield Problem("skipped", "an annotation without a list segments_info", at)
                continue
            if isinstance(found, Fault):
                yield Problem("warning", f"{found.what}; its segments have no masks", at, found.hint)
            self.starts.append(self.count)
            self.number.append(part.first + place)
            self.count += len(segments)
            there = found if isinstance(found, dict) else {}
            used: set[int | str] = set()
            for number, segment in enumerate(segments):
                row, fault = _row(item, segment, there)
                rows.append(row)
                own = row.get(SEGMENT)
                if fault and not isinstance(found, Fault):
                    yield Problem("warning", fault, f"{at}.segments_info[{number}] (id {own})")
                if not isinstance(own, int | str):
                    continue
                if own in used:
                    yield Problem(
                        "warning", "a segment id is there twice in one picture; both are kept", f"{at} (id {own})"
                    )
                used.add(own)
            for code in sorted(there.keys() - used):
                yield Problem("skipped", "a segment of the PNG that segments_info does not have", f"{at} (id {code})")
        if rows:
            yield from CocoReader._labels(self, Elements("annotations", first, rows, typed=False, strict=part.strict))

    def _png(self, item: Any) -> dict[int, _masks.Segment] | Fault:
        name = (
            tidy_name(item["file_name"]) if isinstance(item, dict) and isinstance(item.get("file_name"), str) else None
        )
        if name is None or self.folder is None:
            return Fault("an annotation without the name of its PNG, or one that leads out of the folder")
        try:
            found = _masks.decode(read_bytes(f"{self.folder}/{name}", [self.folder], MOST_BYTES))
        except FormatError as error:
            return Fault(f"its PNG cannot be read: {error.what}", error.hint)
        except Fault as fault:
            return fault
        return {s.id: s for s in _masks.segments(found.ids)}


def _row(item: Mapping[str, Any], segment: Any, there: Mapping[int, _masks.Segment]) -> tuple[dict[str, Any], str]:
    """A segment as COCO's reader takes an annotation, and what is wrong with its mask."""
    if not isinstance(segment, dict):
        return {"image_id": item.get("image_id"), "bbox": segment}, ""
    row = {(SEGMENT if key == "id" else key): value for key, value in segment.items()}
    row["image_id"] = item.get("image_id")
    own = segment.get("id")
    found = there.get(own) if isinstance(own, int) else None
    if found is None:
        return row, "a segment without pixels in the PNG; it has no mask"
    mask = rle.unpack_blob(found.blob)
    row["segmentation"] = {"size": [mask.height, mask.width], "counts": mask.packed.decode()}
    return row, ""


def _png_folder(path: Path, names: Sequence[str]) -> Path:
    """The folder of PNGs: named like the file, else one with panoptic in its name, else where the names are found."""
    bases = (path.parent, path.parent.parent)
    near = [p for b in bases for p in sorted(b.glob("*panoptic*"))[:50]]
    for folder in (path.with_suffix(""), *near):
        if folder.is_dir() and any((folder / n).is_file() for n in names[:20]):
            return folder
    return find_root(names, path)


# Writing -------------------------------------------------------------------------------------------------------------


def write(what: Exportable, target: Path, *, fields: Sequence[str]) -> Written:
    """Write one box field with masks: the document, and the PNGs in a folder named like it.

    target  the file; a name without .json is a folder, and the files in it are panoptic.json and panoptic/
    Where segments overlap, the later one is on top, and the pixels are counted. Raises FormatError for other labels.
    """
    if len(fields) != 1 or what.schema.field(fields[0]).kind != "box":
        raise FormatError(
            "COCO panoptic holds exactly one field of boxes with masks", hint="name one field of kind box"
        )
    label_field = what.schema.field(fields[0])
    file = target if target.suffix.lower() == ".json" else target / "panoptic.json"
    meta = label_field.meta.get("coco", {})
    writer = _PanopticWriter(what, label_field, meta, False)
    with new_folder(file.with_suffix("")) as folder, new_file(file) as out:
        images = image_ids(what)
        writer.samples = images.samples.size
        writer.folder = folder
        categories, codes = categories_for(label_field)
        writer._document(out, images, categories, codes, Plan())
    lost = {name: n for name, n in sorted(writer.lost.items()) if n}
    return Written([file, file.with_suffix("")], writer.samples, writer.objects, lost)


@dataclass
class _PanopticWriter(_Writer):
    """COCO's writer, with the annotations of a picture as one."""

    folder: Path = Path()

    def _images(self, images: Any) -> Iterator[list[Any]]:
        for rows in _Writer._images(self, images):
            plain = [msgspec.to_builtins(row) for row in rows]
            for row in plain:
                row.pop(EXTRA, None)
            yield plain

    def _annotations(self, images: Any, codes: Mapping[str, int], plan: Any) -> Iterator[list[Any]]:
        self.objects = 0
        if self.label_field is None:
            return
        taken: set[str] = set()
        for page in self.what.pages():
            table = page.labels[self.label_field.name]
            rows: dict[int, list[dict[str, Any]]] = {}
            if table.num_rows:
                found = self._rows(table, self.label_field, images, codes, plan)
                for owner, row, blob in zip(
                    table["sample_id"].to_pylist(), found, table["mask"].to_pylist(), strict=True
                ):
                    rows.setdefault(owner, []).append({**msgspec.to_builtins(row), "segmentation": blob})
            out = []
            wanted = [n for n in ("id", "path", "width", "height", EXTRA) if n in page.samples.column_names]
            for sample in page.samples.select(wanted).to_pylist():
                mine = rows.get(sample["id"], [])
                kept = sample.get(EXTRA)
                if mine or kept is not None or EXTRA not in wanted:
                    (image,) = images.of(np.array([sample["id"]]))
                    out.append(self._annotation(sample, image, mine, kept, taken))
            yield out

    def _annotation(
        self, sample: Mapping[str, Any], image: Any, rows: list[dict[str, Any]], kept: str | None, taken: set[str]
    ) -> dict[str, Any]:
        found = msgspec.json.decode(kept) if kept else {}
        top: dict[str, Any] = found if isinstance(found, dict) else {}
        stated = top.get("file_name")
        name = tidy_name(stated) if isinstance(stated, str) else None
        if name is None or name in taken:
            base = re.sub(r"\.[^./]*\Z", "", sample["path"])
            name, number = f"{base}.png", 2
            while name in taken:
                name, number = f"{base}_{number}.png", number + 1
            stated = name
        taken.add(name)
        segments = self._paint(sample, rows, self.folder / name)
        self.objects += len(segments)
        return {**top, "file_name": stated, "image_id": image, "segments_info": segments}

    def _paint(self, sample: Mapping[str, Any], rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
        """Write the PNG; the segments as segments_info has them."""
        blobs = [row.pop("segmentation") for row in rows]
        first = next((rle.unpack_blob(b) for b in blobs if b is not None), None)
        shape = (first.height, first.width) if first else (sample.get("height") or 0, sample.get("width") or 0)
        canvas = np.zeros(shape, np.int64)
        used = {n for row in rows if isinstance(n := row.get(SEGMENT), int)}
        free = iter(n for n in range(1, _TOP) if n not in used)
        given: set[int] = set()
        out = []
        for row, blob in zip(rows, blobs, strict=True):
            own = row.pop(SEGMENT, None)
            if not isinstance(own, int) or not 0 < own <= _TOP or own in given:
                own = next(free)
            given.add(own)
            for key in ("id", "image_id"):
                row.pop(key, None)
            if blob is None:
                self.lost["objects without a mask: they have no pixels"] += 1
            else:
                try:
                    self.lost["pixels of objects under later ones"] += _masks.paint(canvas, blob, own)
                except (Fault, BadValue) as fault:
                    self.lost[fault.what] += 1
            out.append({"id": own, **row})
        file.parent.mkdir(parents=True, exist_ok=True)
        if canvas.size:
            file.write_bytes(_masks.encode_colour(canvas))
        return out


SUPPORT: Final = support(
    boxes="exact",
    masks="lossy: objects that overlap hide each other",
    keypoints="exact",
    attributes="exact",
    tracks="lossy: track ids, no frames",
    scores="exact",
    crowd="exact",
    ids="exact",
    picture_fields="exact",
)

FORMAT: Final = FileFormat("coco_panoptic", "COCO panoptic", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
