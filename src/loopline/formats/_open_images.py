"""Which file of an Open Images folder is which, and the pictures that its ids mean."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from loopline.errors import FormatError
from loopline.formats import _table_csv
from loopline.formats._gather import Gather
from loopline.formats._inside import inside, read_bytes
from loopline.formats._media import FOLDER_NAMES, IMAGES, files_under, split_named, tidy_name
from loopline.formats._pairs import child
from loopline.formats._smalljson import document
from loopline.media.references import media_file
from loopline.media.sizes import picture_sizes

Role = Literal["boxes", "predictions", "labels", "list"]

CORNERS: Final = ("XMin", "XMax", "YMin", "YMax")
IDS_FILE: Final = "image_ids.json"
_FOLDERS: Final = ("", "annotations", "labels", "metadata", "csv", "detections")
_SPLITS: Final = ("train", "validation", "val", "test")


@dataclass(slots=True)
class Layout:
    """The label files, the class names and the pictures."""

    tables: list[tuple[Role, Path]]
    names: dict[str, str]  # LabelName → class
    hierarchy: dict[str, Any]
    root: Path
    files: dict[str, str] = field(default_factory=dict)  # ImageID → path relative to root
    listed: frozenset[str] = frozenset()  # ids that image_ids.json names


def role_of(path: Path) -> Role | None:
    """What a CSV file holds, by its header. None: nothing of Open Images."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return None
    try:
        names = set(_table_csv.header(path)[0])
    except FormatError:
        return None
    if "ImageID" not in names:
        return None
    if "LabelName" in names and names.issuperset(CORNERS):
        return "predictions" if "Score" in names else "boxes"
    if {"LabelName", "Confidence"} <= names and "MaskPath" not in names and "XMin" not in names:
        return "labels"
    return "list" if names & {"Subset", "OriginalURL"} else None


def tables_in(folder: Path) -> list[tuple[Role, Path]]:
    """Files with a role in a folder or the sub-folder that they have: boxes first, then sorted by name."""
    found: list[tuple[Role, Path]] = []
    for name in _FOLDERS:
        inner = folder / name if not name else child(folder, (name,))
        if inner is not None:
            found += [(role, file) for file in sorted(inner.glob("*.csv"))[:200] if (role := role_of(file))]
    order = ("list", "boxes", "labels", "predictions")
    return sorted(found, key=lambda pair: (order.index(pair[0]), str(pair[1])))


def split_in(name: str) -> str | None:
    """The split that a file's name starts with: oidv6-train-annotations-bbox.csv.

    >>> split_in("oidv6-train-annotations-bbox.csv"), split_in("class-descriptions.csv")
    ('train', None)
    """
    for word in re.split(r"[^a-z]+", name.lower())[:3]:
        if word in _SPLITS:
            return split_named(word)
    return None


def find_layout(path: Path, media: Path | None, gather: Gather) -> Layout:
    """The files that belong to a folder or to one CSV file. Raises FormatError where there is none."""
    path = path.absolute()
    if path.is_dir():
        tables, base = tables_in(path), path
    else:
        role, base = role_of(path), path.parent
        tables = [(role, path)] if role is not None and role != "list" else []
    if not any(role != "list" for role, _ in tables):
        raise FormatError(
            "no CSV file of Open Images", where=str(path), hint="the header needs ImageID, LabelName and XMin … YMax"
        )
    places = list(dict.fromkeys([base, base.parent, *(file.parent for _, file in tables)]))
    if path.is_dir():
        places.remove(base.parent)
    names = _class_names(places, gather)
    hierarchy = _hierarchy(places, names, gather)
    stated = _image_ids(places, gather)
    root = media.absolute() if media is not None else _root(base, stated)
    found = {PurePosixPath(name).stem: name for name in sorted(files_under(root)) if _is_image(name)}
    return Layout(tables, names, hierarchy, root, {**found, **stated}, frozenset(stated))


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGES  # noqa: PTH122  a million short names


def _root(base: Path, stated: Mapping[str, str]) -> Path:
    """The folder of pictures: where the stated names are, else a folder of pictures beside the files."""
    near = [base, base.parent]
    places = [p for b in near for p in (b, *(b / name for name in FOLDER_NAMES)) if p.is_dir()]
    if stated:
        places += [p for b in near for p in sorted(b.glob("*/images"))[:200] if p.is_dir()]
        some = list(stated.values())[:100]
        return max(places, key=lambda p: sum((p / name).is_file() for name in some), default=base)
    inner = [folder for b in near if (folder := child(b, FOLDER_NAMES)) is not None]
    return inner[0] if inner else base


def _class_names(places: Sequence[Path], gather: Gather) -> dict[str, str]:
    """LabelName → class, from class-descriptions*.csv. A name of two LabelNames gets the second one behind it."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for file in _first(places, "class-descriptions*.csv"):
        for number, row in enumerate(csv.reader(_text(file, gather).splitlines(keepends=True)), start=1):
            code, name = (cell.strip() for cell in ([*row, "", ""])[:2])
            if code == "LabelName" or not any(row):
                continue
            if not code or not name:
                gather.skip("a class without a LabelName or a name", f"{file.name}:{number}")
                continue
            if code in names:
                if names[code] not in (name, f"{name} ({code})"):
                    gather.warn("a LabelName with two names; the first one counts", f"{file.name}:{number}")
                continue
            names[code] = name if name not in used else f"{name} ({code})"
            used.add(names[code])
    return names


def _hierarchy(places: Sequence[Path], names: Mapping[str, str], gather: Gather) -> dict[str, Any]:
    """The hierarchy file that knows most of the classes, as it is."""
    best: dict[str, Any] = {}
    most = 0
    for file in _first(places, "*hierarchy*.json"):
        try:
            tree, _ = document(read_bytes(str(file), [file.parent]))
        except FormatError as error:
            gather.warn(f"a class hierarchy that cannot be read: {error.what}", file.name)
            continue
        codes = set(_codes(tree))
        hits = len(codes & set(names)) if names else len(codes)
        if hits > most:
            best, most = tree, hits
    return best


def _codes(tree: Any) -> Iterable[str]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("LabelName"), str):
                yield node["LabelName"]
            stack += [one for key in ("Subcategory", "Part") if isinstance(node.get(key), list) for one in node[key]]


def _image_ids(places: Sequence[Path], gather: Gather) -> dict[str, str]:
    """ImageID → path, from image_ids.json."""
    out: dict[str, str] = {}
    for file in _first(places, IDS_FILE):
        try:
            found, _ = document(read_bytes(str(file), [file.parent]))
        except FormatError as error:
            gather.warn(f"{IDS_FILE} cannot be read: {error.what}", file.name)
            continue
        for key, value in (found if isinstance(found, dict) else {}).items():
            path = tidy_name(value) if isinstance(value, str) else None
            if path is None:
                gather.skip("a picture's name is empty or leads out of its folder", f"{file.name}: {key}")
            else:
                out.setdefault(key, path)
    return out


def _first(places: Sequence[Path], pattern: str) -> list[Path]:
    """Matching files of the first place that has any."""
    for place in places:
        found = [file for file in sorted(place.glob(pattern)) if file.is_file() and inside(file, [place])]
        if found:
            return found
    return []


def _text(file: Path, gather: Gather) -> str:
    raw = read_bytes(str(file), [file.parent]).removeprefix(b"\xef\xbb\xbf")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        gather.warn("not UTF-8; read as Windows' Latin alphabet", file.name)
        return raw.decode("cp1252", "replace")


def sizes_of(root: Path, paths: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Width and height of the pictures that can be read."""
    found = picture_sizes([media_file(str(root), path) for path in paths])
    return {path: (w, h) for path, (w, h) in zip(paths, found.tolist(), strict=True) if w and h}
