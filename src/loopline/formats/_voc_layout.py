"""Where the XML files, pictures and split lists of a Pascal VOC data set lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loopline.formats._media import (
    FOLDER_NAMES,
    IMAGES,
    files_under,
    find_root,
    pictures_by_stem,
    split_named,
    split_of,
)
from loopline.formats._pairs import child

XML_FOLDERS: Final = ("annotations", "annotation", "xmls", "xml", "labels")
PICTURE_FOLDERS: Final = ("JPEGImages", *(n for n in FOLDER_NAMES if n != "JPEGImages"))


@dataclass(frozen=True, slots=True)
class VocSet:
    """One set: XML files, the folder of pictures, and the split of each stem.

    xmls      paths relative to `xml_root`, sorted
    pictures  stem (path without extension, relative to `root`) → pictures with that stem
    listed    stems that a split list names
    """

    xml_root: Path
    root: Path
    xmls: list[str]
    pictures: dict[str, list[str]]
    splits: dict[str, str] = field(default_factory=dict)

    def split(self, stem: str) -> str | None:
        folder, _, name = stem.rpartition("/")
        return self.splits.get(stem) or self.splits.get(name) or (split_of(stem) if folder else None)


def find_sets(path: Path, media: Path | None) -> list[VocSet]:
    """The sets under a folder, or of one XML file. Empty where there are none."""
    path = path.absolute()
    if path.is_file():
        return [_one_file(path, media)]
    xml_root = child(path, XML_FOLDERS)
    if xml_root is not None and _has_xml(xml_root):
        return [_set(xml_root, media or child(path, PICTURE_FOLDERS) or path, path)]
    if path.name.lower() in XML_FOLDERS and child(path.parent, PICTURE_FOLDERS):
        return [_set(path, media or child(path.parent, PICTURE_FOLDERS) or path, path.parent)]
    inner = [p for p in sorted(path.iterdir()) if p.is_dir() and child(p, XML_FOLDERS) and not p.name.startswith(".")]
    sets = [found for folder in inner for found in find_sets(folder, media)]
    if sets:
        return sets
    return [_set(path, media or path, path)] if _has_xml(path) else []


def _one_file(path: Path, media: Path | None) -> VocSet:
    if media is None:
        names = [path.stem + suffix for suffix in sorted(IMAGES)]
        media = find_root(names, path)
    pictures = {
        path.stem: [p.name for p in sorted(media.glob(f"{_literal(path.stem)}.*")) if p.suffix.lower() in IMAGES]
    }
    return VocSet(path.parent, media.absolute(), [path.name], pictures)


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _set(xml_root: Path, root: Path, base: Path) -> VocSet:
    xmls = sorted(name for name in files_under(xml_root) if name[-4:].lower() == ".xml")
    return VocSet(xml_root, root.absolute(), xmls, pictures_by_stem(root), _splits(base))


def _splits(base: Path) -> dict[str, str]:
    """Split of each stem by the lists in ImageSets/Main, ImageSets, or the folder itself; train.txt, val.txt, ..."""
    lists = child(base, ("ImageSets",))
    for folder in ([lists / "Main", lists] if lists else []) + [base]:
        out: dict[str, str] = {}
        for file in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
            split = split_named(file.stem)
            if split is not None:
                for line in file.read_text("utf-8", "replace").split("\n"):
                    if line.strip():
                        out.setdefault(os.path.splitext(line.split()[0])[0], split)  # noqa: PTH122
        if out:
            return out
    return {}


def _has_xml(folder: Path) -> bool:
    return any(name[-4:].lower() == ".xml" for name in files_under(folder))
