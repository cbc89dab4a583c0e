"""Pascal VOC's segmentation: JPEGImages, SegmentationClass and SegmentationObject, as palette pictures.

The class map goes into a mask field. Objects (numbers of SegmentationObject) go into a box field with their masks; an
object's class is the one that most of its pixels have in the class map. 255 is void in both. The box field has the
name that the user gave, and the mask field has it with `_mask` behind; where there are no objects, the mask field has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa

from loopline.errors import BadValue, FormatError
from loopline.formats import _masks
from loopline.formats._class_table import ClassRow, read_table
from loopline.formats._fields import base_kind, chosen, field_name
from loopline.formats._files import new_file, new_folder
from loopline.formats._format import FileFormat
from loopline.formats._inside import read_bytes
from loopline.formats._mask_layout import MaskSet
from loopline.formats._mask_read import MOST_BYTES, MaskReader, table_of
from loopline.formats._media import FOLDER_NAMES, IMAGES, files_under, split_named
from loopline.formats._place import Media, checked, place
from loopline.formats._shapes import Fault
from loopline.formats._support import support
from loopline.formats._unheld import count_columns, count_labels
from loopline.kernel import rle
from loopline.kernel.exchange import (
    Event,
    Exportable,
    FieldFound,
    LabelRows,
    Page,
    Problem,
    Sniffed,
    Source,
    Written,
)
from loopline.kernel.schema import Column, FieldKind, LabelField

CLASS: Final = "SegmentationClass"
OBJECT: Final = "SegmentationObject"
VOID: Final = 255
INSTANCE: Final = "instance"  # attribute: the number in SegmentationObject
LABELMAP: Final = "labelmap.txt"
VOC_CLASSES: Final = (
    *(
        "background",
        "aeroplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "diningtable",
    ),
    *("dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_PICTURES: Final = ("JPEGImages", *FOLDER_NAMES)


def sniff(path: Path) -> Sniffed | None:
    """A folder with SegmentationClass in it; less sure where there are VOC's boxes too."""
    if not path.is_dir() or not (path / CLASS).is_dir():
        return None
    boxes = (path / "Annotations").is_dir()
    also = " and objects" if (path / OBJECT).is_dir() else ""
    return Sniffed(0.7 if boxes else 0.9, f"Pascal VOC segmentation: classes{also}")


def read(source: Source) -> Iterator[Event]:
    """A VOC folder's masks as events: pictures that have one, or that a list in ImageSets/Segmentation names.

    Classes come from labelmap.txt (as CVAT writes it); without one they are VOC's own where the masks have VOC's palette
    and no number above 20, else numbers.
    Raises FormatError where there is no SegmentationClass folder or no mask in it.
    """
    path = source.path.absolute()
    if not (path / CLASS).is_dir():
        raise FormatError("no folder SegmentationClass", where=str(path), hint="name the folder that holds it")
    masks = {
        n[: -len(PurePosixPath(n).suffix)]: n
        for n in sorted(files_under(path / CLASS))
        if n.lower().endswith(_masks.SUFFIXES)
    }
    if not masks:
        raise FormatError("no masks in SegmentationClass", where=str(path))
    root = (source.media or next((path / n for n in _PICTURES if (path / n).is_dir()), path)).absolute()
    splits = _splits(path)
    found: dict[str, str] = {}
    for name in sorted(files_under(root)):
        pure = PurePosixPath(name)
        if pure.suffix.lower() in IMAGES:
            found.setdefault(name[: -len(pure.suffix)], name)
    stems = [s for s in found if s in masks or s in splits]
    pictures = [found[s] for s in stems]
    one = MaskSet(
        root,
        path / CLASS,
        pictures,
        [masks.get(s, "") for s in stems],
        [n for s, n in masks.items() if s not in found],
        {found[s]: splits[s] for s in stems if s in splits},
    )
    table = read_table(path / LABELMAP) if (path / LABELMAP).is_file() else None
    return _Reader(source, path, one, stems, table).events()


def _splits(path: Path) -> dict[str, str]:
    """Split of each stem that a list in ImageSets/Segmentation names; train and val count before trainval."""
    out: dict[str, str] = {}
    folder = path / "ImageSets" / "Segmentation"
    for file in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
        split = split_named(file.stem) or (file.stem if file.stem.lower() != "trainval" else None)
        if split is not None:
            for line in read_bytes(str(file), [path]).decode("utf-8-sig", "replace").splitlines():
                if line.strip():
                    out.setdefault(line.strip(), split)
    return out


@dataclass(slots=True)
class _Reader:
    source: Source
    path: Path
    one: MaskSet
    stems: Sequence[str]
    table: Sequence[ClassRow] | None
    codes: set[int] = field(default_factory=set)

    def events(self) -> Iterator[Event]:
        objects = self.path / OBJECT
        there = (
            {n[: -len(PurePosixPath(n).suffix)]: n for n in sorted(files_under(objects))} if objects.is_dir() else {}
        )
        kinds: set[FieldKind] = {"mask", "box"} if there else {"mask"}
        base = base_kind(self.source.name, kinds, self.source.schema)
        boxes = field_name(self.source.name, "box", base, self.source.schema)
        maps = field_name(self.source.name, "mask", base, self.source.schema)
        reader = MaskReader(self.source, self.one, self.table, [self.path, self.one.root], VOID, maps)
        for event in reader.samples_and_maps():
            yield event
            if isinstance(event, LabelRows):
                owners, blobs = event.table["sample_key"].to_pylist(), event.table["mask"].to_pylist()
                yield from self._objects(boxes, owners, blobs, there)
        if (
            self.table is None
            and set(reader.seen) - {VOID} <= set(range(21))
            and _masks.voc_palette() in {p.ljust(768, b"\0") for p in reader.palettes}
        ):
            reader.table = [ClassRow(i, n, _colour(i)) for i, n in enumerate(VOC_CLASSES)]
        names, _ = reader.names()
        yield from reader.fields()
        if there:
            classes = [n for i, n in sorted(names.items()) if i]
            yield FieldFound(
                LabelField(boxes, "box", tuple(classes), (Column(INSTANCE, "int"),), meta={"voc_masks": {}}),
                {i: names[i] for i in self.codes if i in names},
            )

    def _objects(
        self, name: str, owners: Sequence[int], blobs: Sequence[bytes], there: Mapping[str, str]
    ) -> Iterator[Event]:
        rows: dict[str, list[Any]] = {
            n: [] for n in ("sample_key", "class_code", "x", "y", "w", "h", "area", "mask", INSTANCE)
        }
        for owner, blob in zip(owners, blobs, strict=True):
            file = there.get(self.stems[owner])
            if file is None:
                if there:
                    yield Problem("warning", "a class map without a SegmentationObject picture", self.stems[owner])
                continue
            try:
                yield from self._one(owner, blob, file, rows)
            except (Fault, FormatError) as fault:
                yield Problem("skipped", fault.what, f"{OBJECT}/{file}", fault.hint)
        if rows["sample_key"]:
            kinds = {"sample_key": pa.int64(), "class_code": pa.int64(), "mask": pa.binary(), INSTANCE: pa.int64()}
            yield LabelRows(name, pa.table({n: pa.array(v, kinds.get(n, pa.float64())) for n, v in rows.items()}))

    def _one(self, owner: int, blob: bytes, file: str, rows: dict[str, list[Any]]) -> Iterator[Problem]:
        classes = _masks.decode(blob).ids
        found = _masks.decode(read_bytes(f"{self.path / OBJECT}/{file}", [self.path], MOST_BYTES))
        if found.ids.shape != classes.shape:
            raise Fault("an object map of another size than its class map")
        for one in _masks.segments(found.ids, skip=(0,) if found.colour else (0, VOID)):
            inside = classes[found.ids == one.id]
            counts = np.bincount(inside[(inside != 0) & (inside != VOID)])
            code = int(counts.argmax()) if counts.size else None
            if code is None:
                yield Problem("warning", "an object without a class in the class map", f"{OBJECT}/{file}: {one.id}")
            else:
                self.codes.add(code)
            values = (owner, code, *map(float, one.box), float(one.area), one.blob, one.id)
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)


def _colour(number: int) -> tuple[int, int, int]:
    r, g, b = _masks.voc_palette()[3 * number : 3 * number + 3]
    return r, g, b


# Writing -------------------------------------------------------------------------------------------------------------


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write a mask field, a box field with masks, or both: SegmentationClass, SegmentationObject, lists, labelmap.txt.

    media   copy the pictures into JPEGImages, link them, or leave them
    A box field alone makes the class map too. Where objects overlap, the later one is on top, and the pixels are counted.
    Raises  FormatError for other kinds of labels, or more than 254 classes.
    """
    labels = {one.kind: one for one in chosen(what.schema, fields, ("mask", "box"), "VOC segmentation")}
    if not labels:
        raise FormatError("VOC segmentation needs a field of masks", hint="name a field of kind mask, box, or both")
    table = _table(labels)
    writer = _Writer(labels, {r.name: r.id for r in table}, _palette(table), checked(media))
    target.mkdir(parents=True, exist_ok=True)
    with new_folder(target / CLASS) as classes, new_folder(target / OBJECT) as objects:
        for page in what.pages():
            count_columns(writer.lost, page.samples, what)
            writer.page(page, classes, objects if "box" in labels else None, target / "JPEGImages")
    if "box" not in labels:
        (target / OBJECT).rmdir()
    with new_folder(target / "ImageSets") as sets:
        (sets / "Segmentation").mkdir()
        for split, stems in sorted(writer.splits.items()):
            (sets / "Segmentation" / f"{split}.txt").write_text("".join(f"{s}\n" for s in stems), "utf-8", newline="\n")
    with new_file(target / LABELMAP) as out:
        lines = [f"{r.name}:{','.join(map(str, r.colour or _colour(r.id)))}::" for r in table]
        out.write(("# label:color_rgb:parts:actions\n" + "\n".join(lines) + "\n").encode())
    files = [target / n for n in (CLASS, *([OBJECT] if "box" in labels else []), "ImageSets", LABELMAP)]
    return Written(files, writer.samples, writer.objects, {n: c for n, c in sorted(writer.lost.items()) if n and c})


def _table(labels: Mapping[FieldKind, LabelField]) -> list[ClassRow]:
    """Numbers of the classes, dense from 0, as labelmap.txt has only the order: 0 is the background."""
    known = table_of(labels["mask"]) if "mask" in labels else []
    if [r.id for r in known] != list(range(len(known))):
        # Numbers with holes: each hole gets a name, so that every class keeps its number.
        by_id = {r.id: r for r in known}
        known = [by_id.get(i, ClassRow(i, f"unused {i}")) for i in range(max(by_id) + 1)]
    names = [r.name for r in known] or ["background"]
    more = [c for c in (labels["box"].classes if "box" in labels else ()) if c not in names]
    table = [*(known or [ClassRow(0, "background")]), *(ClassRow(len(names) + i, c) for i, c in enumerate(more))]
    if len(table) > VOID:
        raise FormatError(f"{len(table)} classes; VOC's palette pictures have room for 255 and void")
    bad = next(
        (
            r.name
            for r in table
            if ":" in r.name or "\n" in r.name or r.name != r.name.strip() or r.name[:1] in ("", "#")
        ),
        None,
    )
    if bad is not None:
        raise FormatError(f'labelmap.txt cannot hold the class "{bad}"', hint="rename it: no colon, no # in front")
    return table


def _palette(table: Sequence[ClassRow]) -> bytes:
    out = bytearray(_masks.voc_palette())
    for row in table:
        if row.colour is not None:
            out[3 * row.id : 3 * row.id + 3] = bytes(row.colour)
    return bytes(out)


@dataclass(slots=True)
class _Writer:
    labels: Mapping[FieldKind, LabelField]
    ids: Mapping[str, int]
    palette: bytes
    media: Media
    lost: Counter[str] = field(default_factory=Counter)
    splits: dict[str, list[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    samples: int = 0
    objects: int = 0

    def page(self, page: Page, classes: Path, objects: Path | None, pictures: Path) -> None:
        maps: dict[int, bytes] = {}
        things: dict[int, list[dict[str, Any]]] = {}
        if "mask" in self.labels:
            table = page.labels[self.labels["mask"].name]
            count_labels(self.lost, table, self.labels["mask"], {"mask"})
            for owner, blob in zip(table["sample_id"].to_pylist(), table["mask"].to_pylist(), strict=True):
                self.lost["further masks of one picture"] += owner in maps
                maps.setdefault(owner, blob)
        if "box" in self.labels:
            table = page.labels[self.labels["box"].name]
            count_labels(self.lost, table, self.labels["box"], {"mask", "area", INSTANCE})
            wanted = [n for n in ("sample_id", "label", "mask", INSTANCE) if n in table.column_names]
            for row in table.select(wanted).to_pylist():
                things.setdefault(row["sample_id"], []).append(row)
        for sample in page.samples.select(["id", "path", "root", "split", "tags"]).to_pylist():
            self._sample(sample, maps.get(sample["id"]), things.get(sample["id"], []), classes, objects, pictures)
        self.samples += page.samples.num_rows

    def _sample(
        self,
        sample: Mapping[str, Any],
        blob: bytes | None,
        rows: Sequence[Mapping[str, Any]],
        classes: Path,
        objects: Path | None,
        pictures: Path,
    ) -> None:
        stem, suffix = self._stem(sample["path"])
        if sample["split"]:
            self.splits.setdefault(sample["split"].replace("/", "_"), []).append(stem)
        self.lost["tags of samples"] += bool(sample["tags"])
        why = place(sample["root"], sample["path"], pictures / f"{stem}{suffix}", self.media)
        self.lost[why] += bool(why)
        good = [r for r in rows if r["mask"] is not None and r["label"] is not None]
        self.lost["objects without a mask or a class"] += len(rows) - len(good)
        try:
            ids = _masks.decode(blob).ids if blob is not None else None
            if ids is not None and ids.size and ids.max() > VOID:
                raise Fault("class maps with numbers above 255")
            if objects is not None and (good or ids is not None):
                ids = self._things(good, ids, objects / f"{stem}.png")
        except (Fault, BadValue) as fault:
            self.lost[fault.what] += 1
            return
        if ids is not None:
            file = classes / f"{stem}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_masks.encode_palette(ids, self.palette))
            self.objects += blob is not None

    def _things(self, rows: Sequence[Mapping[str, Any]], ids: Any, file: Path) -> Any:
        """Write the objects' picture; the class map, made of the objects where there is none."""
        shape = ids.shape if ids is not None else (0, 0)
        if rows and ids is None:
            mask = rle.unpack_blob(rows[0]["mask"])
            shape = (mask.height, mask.width)
        stated = [n for r in rows if isinstance(n := r.get(INSTANCE), int) and 0 < n < VOID]
        numbers = stated if len(set(stated)) == len(rows) else list(range(1, len(rows) + 1))
        if len(rows) >= VOID:
            raise Fault("pictures with more than 254 objects")
        canvas = np.zeros(shape, np.uint8)
        made = np.zeros(shape, np.uint8)
        for row, number in zip(rows, numbers, strict=True):
            self.lost["pixels of objects under later ones"] += _masks.paint(canvas, row["mask"], number)
            _masks.paint(made, row["mask"], self.ids[row["label"]])
            self.objects += 1
        if ids is not None:
            # Void of the class map is void of the objects, as VOC has it, where no object lies.
            canvas[(ids == VOID) & (canvas == 0)] = VOID
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_masks.encode_palette(canvas, _masks.voc_palette()))
        return ids if ids is not None else made

    def _stem(self, path: str) -> tuple[str, str]:
        parts = path.split("/")
        while len(parts) > 1 and parts[0] in _PICTURES:
            parts = parts[1:]
        pure = PurePosixPath(*parts)
        stem, number = str(pure.with_suffix("")), 2
        while stem.lower() in self.taken:
            stem, number = f"{pure.with_suffix('')}_{number}", number + 1
        self.taken.add(stem.lower())
        return stem, pure.suffix


SUPPORT: Final = support(
    boxes="lossy: the bounds of the mask",
    masks="lossy: objects that overlap hide each other",
    splits="exact",
)

FORMAT: Final = FileFormat("voc_masks", "Pascal VOC segmentation", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
