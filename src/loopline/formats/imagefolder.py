"""Picture classification by folder: <class>/*.jpg, or <split>/<class>/*.jpg.

The first folder below the split is the class. A `classes.txt` at the top gives the order of the classes: one line a
class, the folder's name, and behind a tab or space the class it stands for where that differs.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats._files import new_folder
from loopline.formats._format import FileFormat
from loopline.formats._inside import read_bytes
from loopline.formats._mask_layout import in_mask_folder
from loopline.formats._media import FOLDER_NAMES, IMAGES, files_under, split_named
from loopline.formats._place import Media, checked, place
from loopline.formats._support import support
from loopline.formats._unheld import count_columns, count_labels
from loopline.kernel.exchange import (
    BATCH_ROWS,
    Event,
    Exportable,
    FieldFound,
    LabelRows,
    Problem,
    SampleRows,
    Sniffed,
    Source,
    Written,
)
from loopline.kernel.schema import LabelField

CLASSES: Final = "classes.txt"
_LOOK: Final = 200
_LABEL_FILES: Final = frozenset((".json", ".xml", ".txt", ".yaml", ".yml", ".csv"))
_NOT_CLASSES: Final = frozenset(n.lower() for n in (*FOLDER_NAMES, "JPEGImages", "ImageSets", "leftImg8bit"))
_MOST_LIST: Final = 16 << 20


def sniff(path: Path) -> Sniffed | None:
    """Two or more folders of pictures that are not called as folders of label sets are; never quite sure."""
    if not path.is_dir():
        return None
    tops, files = _listing(path)
    if not tops or any(_is_picture(n) or Path(n).suffix.lower() in (".json", ".yaml", ".yml") for n in files):
        return None
    if all(split_named(t) for t in tops):
        inner = [(t, _listing(path / t)) for t in tops]
        if any(_is_picture(n) for _, (_, names) in inner for n in names):
            return None
        classes = {c for _, (folders, _) in inner for c in folders}
        places = [path / t / c for t, (folders, _) in inner for c in folders]
    else:
        classes, places = set(tops), [path / t for t in tops]
    if len(classes) < 2 or any(
        c.lower() in _NOT_CLASSES or split_named(c) or in_mask_folder(f"{c}/a") for c in classes
    ):
        return None
    for place_ in places[:20]:
        folders, names = _listing(place_)
        if any(Path(n).suffix.lower() in _LABEL_FILES for n in names) or any(
            f.lower() in _NOT_CLASSES for f in folders
        ):
            return None
        if not any(_is_picture(n) for n in names):
            return None
    return Sniffed(0.47, f"folders of pictures for {len(classes)} classes")


def _listing(path: Path) -> tuple[list[str], list[str]]:
    """Some folders and files in a folder."""
    try:
        with os.scandir(path) as entries:
            some = [(e.name, e.is_dir(follow_symlinks=False)) for e in islice(entries, _LOOK) if e.name[0] != "."]
    except OSError:
        return [], []
    return sorted(n for n, folder in some if folder), sorted(n for n, folder in some if not folder)


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGES  # noqa: PTH122


def read(source: Source, *, classes: Path | str | None = None) -> Iterator[Event]:
    """A folder of class folders as events. Pictures outside a class folder arrive without a label.

    classes   a list of class folders in their order; None: classes.txt at the top, else the folders' names, sorted
    Raises    FormatError where there is no such folder, or no picture in it.
    """
    path = source.path.absolute()
    if not path.is_dir():
        raise FormatError("there is no such folder", where=str(path))
    names = sorted(n for n in files_under(path) if _is_picture(n))
    if not names:
        raise FormatError("no pictures", where=str(path))
    file = Path(classes).absolute() if classes is not None else path / CLASSES
    listed = _list(file) if classes is not None or file.is_file() else None
    return _events(source, path, names, listed)


def _list(file: Path) -> list[str]:
    text = read_bytes(str(file), [file.parent], _MOST_LIST).decode("utf-8-sig", "replace")
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


def _events(source: Source, path: Path, names: Sequence[str], listed: list[str] | None) -> Iterator[Event]:
    places = [_place(n) for n in names]
    folders = sorted({c for _, c in places if c is not None})
    shown, order, problems = _shown(folders, listed)
    yield from problems
    for start in range(0, len(names), BATCH_ROWS):
        some, at = names[start : start + BATCH_ROWS], places[start : start + BATCH_ROWS]
        keys = range(start, start + len(some))
        yield SampleRows(
            pa.table(
                {
                    "key": pa.array(keys, pa.int64()),
                    "path": pa.array([n.encode("utf-8", "backslashreplace").decode() for n in some], pa.string()),
                    "split": pa.array([source.split or s for s, _ in at], pa.string()),
                }
            ),
            str(path),
        )
        owners = [key for key, (_, c) in zip(keys, at, strict=True) if c is not None]
        if owners:
            labels = [shown[c] for _, c in at if c is not None]
            yield LabelRows(
                source.name,
                pa.table({"sample_key": pa.array(owners, pa.int64()), "label": pa.array(labels, pa.string())}),
            )
        for name, (_, c) in zip(some, at, strict=True):
            if c is None:
                yield Problem("warning", "a picture outside a class folder; added without a label", name)
        source.report(start + len(some), len(names))
    yield FieldFound(LabelField(source.name, "class", tuple(order)))


def _place(name: str) -> tuple[str | None, str | None]:
    """Split and class folder of a picture."""
    parts = name.split("/")[:-1]
    split = split_named(parts[0]) if parts else None
    inner = parts[1:] if split else parts
    return split, inner[0] if inner else None


def _shown(folders: Sequence[str], listed: Sequence[str] | None) -> tuple[dict[str, str], list[str], list[Problem]]:
    """Class of each folder, the classes in their order, and what is wrong with the list."""
    if listed is None:
        return {f: f for f in folders}, list(folders), []
    shown: dict[str, str] = {}
    order: list[str] = []
    problems = []
    there = set(folders)
    for number, line in enumerate(listed, 1):
        folder, tab, name = line.partition("\t")
        if not tab and line not in there:
            first, _, rest = line.partition(" ")
            if first in there and rest.strip():
                folder, name = first, rest
        folder, name = folder.strip() if not tab else folder, name.strip() or folder.strip()
        if folder in shown:
            problems.append(
                Problem("warning", "a class folder is listed twice; the first line counts", f"class list:{number}")
            )
            continue
        shown[folder] = name
        if name not in order:
            order.append(name)
    for folder in folders:
        if folder not in shown:
            problems.append(
                Problem("warning", "a class folder that the class list lacks; added behind the others", folder)
            )
            shown[folder] = folder
            if folder not in order:
                order.append(folder)
    return shown, order, problems


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "copy") -> Written:
    """Write one class field: <split>/<class>/<picture>, and classes.txt.

    media   copy the pictures, link them, or (with "none") write classes.txt alone
    Pictures without a label lie beside the class folders. Of several labels of a picture, the first counts.
    Raises  FormatError for more than one field, or another kind than classes.
    """
    if len(fields) != 1 or what.schema.field(fields[0]).kind != "class":
        raise FormatError("class folders hold exactly one field of classes", hint="name one field of kind class")
    label_field = what.schema.field(fields[0])
    how = checked(media)
    folders = class_folders(label_field.classes)
    tree = _Tree()
    with new_folder(target) as top:
        lines = [f if f == c else f"{f}\t{c}" for c, f in folders.items()]
        (top / CLASSES).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        for page in what.pages():
            labels = page.labels[label_field.name]
            first: dict[int, str] = {}
            for owner, label in zip(labels["sample_id"].to_pylist(), labels["label"].to_pylist(), strict=True):
                if label is None or owner in first:
                    tree.lost["labels without a class" if label is None else "further labels of one picture"] += 1
                else:
                    first[owner] = label
            count_labels(tree.lost, labels, label_field, ())
            count_columns(tree.lost, page.samples, what)
            for sample in page.samples.select(["id", "path", "root", "split", "tags"]).to_pylist():
                label = first.get(sample["id"])
                name = tree.name(sample["path"], sample["split"], folders[label] if label is not None else None)
                why = place(sample["root"], sample["path"], top / name, how)
                if not why and how == "none" and label is not None:
                    why = "labels, as their pictures were left"
                if why:
                    tree.lost[why] += 1
                tree.objects += label is not None and not why
                tree.lost["tags of samples"] += bool(sample["tags"])
            tree.samples += page.samples.num_rows
    lost = {n: c for n, c in sorted(tree.lost.items()) if n and c}
    return Written([target], tree.samples, tree.objects, lost)


@dataclass(slots=True)
class _Tree:
    taken: set[str] = field(default_factory=set)
    lost: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0

    def name(self, path: str, split: str | None, folder: str | None) -> PurePosixPath:
        """Where a picture goes; with a number where another one has the place."""
        top = split_folder(split)
        if split and split_named(top) != split:
            self.lost["splits other than train, val, test"] += 1
            top = ""
        pure = PurePosixPath(*([top] if top else []), *([folder] if folder else []), PurePosixPath(path).name)
        name, number = pure, 2
        while str(name).lower() in self.taken:
            name, number = pure.with_name(f"{pure.stem}_{number}{pure.suffix}"), number + 1
        self.taken.add(str(name).lower())
        return name


def split_folder(split: str | None) -> str:
    """The folder of a split; "" for none."""
    return re.sub(r"[^\w.-]+|\A\.+", "_", split) if split else ""


def class_folders(classes: Sequence[str]) -> Mapping[str, str]:
    """A folder for each class: its name where that can be one, else one like it."""
    out: dict[str, str] = {}
    taken = {CLASSES}
    for name in classes:
        good = re.sub(r"[/\\\0-\x1f:*?\"<>|]+", "_", name).strip(" .")[:100] or "class"
        if split_named(good):
            good += "_"
        folder, number = good, 2
        while folder.lower() in taken:
            folder, number = f"{good}_{number}", number + 1
        taken.add(folder.lower())
        out[name] = folder
    return out


SUPPORT: Final = support(splits="lossy: train, val and test", picture_fields="no")

FORMAT: Final = FileFormat("imagefolder", "Folders of classes", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
