"""Folders of semantic masks: one picture of class numbers (palette, grey of 8 or 16 bits) or class colours a picture.

Known layouts: images/ and masks/ (also annotations/, labels/, train/ and train_labels/, ...; splits inside or
outside), masks beside their pictures (a.jpg, a_mask.png: Roboflow), CamVid (colours and class_dict.csv), Cityscapes (leftImg8bit and gtFine), or a folder of masks alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from loopline.errors import FormatError
from loopline.formats import _cityscapes, _masks
from loopline.formats._class_table import find_table, read_table, table_text
from loopline.formats._files import new_file, new_folder
from loopline.formats._format import FileFormat
from loopline.formats._mask_layout import beside_pictures, find_masks, in_mask_folder, some_masks
from loopline.formats._mask_read import MaskReader, table_of
from loopline.formats._place import Media, checked, place
from loopline.formats._shapes import Fault
from loopline.formats._split_files import split_folders
from loopline.formats._support import support
from loopline.formats._unheld import count_columns, count_labels
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written

ROBOFLOW: Final = "_classes.csv"
_MOST_SNIFFED: Final = 16 << 20
_LOOK: Final = 300  # files of a folder


def sniff(path: Path) -> Sniffed | None:
    """Cityscapes by its folders; else folders of pictures and of masks, told by their names and by one mask."""
    if not path.is_dir():
        return None
    if _cityscapes.is_root(path):
        return Sniffed(0.95, "Cityscapes: leftImg8bit and gtFine")
    for folder in split_folders(path):
        if (folder / ROBOFLOW).is_file() and beside_pictures(sorted(p.name for p in islice(folder.iterdir(), _LOOK))):
            return Sniffed(0.9, f"semantic masks beside their pictures, classes in {ROBOFLOW}")
    for mask in some_masks(path):
        try:
            found = _masks.decode(mask.read_bytes()) if mask.stat().st_size < _MOST_SNIFFED else None
        except (Fault, OSError):
            continue
        table = find_table([mask.parent, path, path.parent])
        if found is not None and (table is not None or not found.colour):
            return Sniffed(
                0.6, f"semantic masks in {mask.parent.name}" + (f", classes in {table.name}" if table else "")
            )
    return None


def read(source: Source, *, classes: Path | str | None = None, void: int | None = 255) -> Iterator[Event]:
    """A folder of pictures and masks, or of masks whose pictures lie near by, as events.

    classes   the class table (JSON, CSV or text: id, name, colour); None: one that lies beside the masks
    void      the number that stands for no class where the table does not have it
    Raises    FormatError where there are no pairs of pictures and masks.
    """
    path = source.path.absolute()
    if not path.is_dir():
        raise FormatError("there is no such folder", where=str(path))
    if _cityscapes.is_root(path):
        return _cityscapes.read(source, path)
    one = find_masks(path, source.media)
    if one is None or not any(one.masks):
        raise FormatError(
            "no pictures with masks of the same names",
            where=str(path),
            hint="name the folder that holds images/ and masks/",
        )
    near = [one.mask_root / Path(name).parent for name in one.masks if name][:1]
    file = Path(classes) if classes is not None else find_table([one.mask_root, one.root, one.mask_root.parent, *near])
    table = read_table(file) if file is not None else None
    return MaskReader(source, one, table, [path, one.root], void).events()


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write one field of class maps: masks/<split>/*.png (grey) and classes.json.

    media   copy the pictures into images/, link them, or leave them
    Raises  FormatError for more than one field, or another kind than masks.
    """
    if len(fields) != 1 or what.schema.field(fields[0]).kind != "mask":
        raise FormatError("a folder of masks holds exactly one field of class maps", hint="name one field of kind mask")
    label_field, how = what.schema.field(fields[0]), checked(media)
    target.mkdir(parents=True, exist_ok=True)
    lost: Counter[str] = Counter()
    names: set[str] = set()
    samples = objects = 0
    with new_folder(target / "masks") as masks:
        images = target / "images"
        for page in what.pages():
            labels = page.labels[label_field.name]
            blobs: dict[int, bytes] = {}
            for owner, blob in zip(labels["sample_id"].to_pylist(), labels["mask"].to_pylist(), strict=True):
                if owner in blobs or blob is None:
                    lost["further masks of one picture"] += 1
                    continue
                blobs[owner] = blob
            count_labels(lost, labels, label_field, {"mask"})
            count_columns(lost, page.samples, what)
            for sample in page.samples.select(["id", "path", "root", "split", "tags"]).to_pylist():
                name = _name(sample["path"], sample["split"], names)
                if sample["id"] in blobs:
                    file = masks / f"{name.with_suffix('')}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(blobs[sample["id"]])
                    objects += 1
                lost["tags of samples"] += bool(sample["tags"])
                why = place(sample["root"], sample["path"], images / name, how)
                lost[why] += bool(why)
            samples += page.samples.num_rows
    with new_file(target / "classes.json") as out:
        out.write(table_text(table_of(label_field)))
    return Written(
        [target / "masks", target / "classes.json"],
        samples,
        objects,
        {n: c for n, c in sorted(lost.items()) if n and c},
    )


def _name(path: str, split: str | None, taken: set[str]) -> PurePosixPath:
    """Where a picture goes below images/, its mask below masks/."""
    parts = path.split("/")
    folder = re.sub(r"[^\w.-]+|\A\.+", "_", split) if split else ""
    while len(parts) > 1 and (parts[0].lower() in ("images", "image", "imgs") or parts[0] == folder):
        parts = parts[1:]
    pure = PurePosixPath(
        *([folder] if folder else []), *(f"{p}_" if in_mask_folder(f"{p}/a") else p for p in parts[:-1]), parts[-1]
    )
    name, number = pure, 2
    while str(name.with_suffix("")).lower() in taken:
        name, number = pure.with_name(f"{pure.stem}_{number}{pure.suffix}"), number + 1
    taken.add(str(name.with_suffix("")).lower())
    return name


SUPPORT: Final = support(masks="exact", splits="lossy: train, val and test", ids="no")

FORMAT: Final = FileFormat("semantic_masks", "Folder of semantic masks", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
