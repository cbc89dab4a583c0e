"""Label files and pictures that belong together by their names: `label_2/000001.txt` and `image_2/000001.png`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from loopline.errors import FormatError
from loopline.formats._gather import Gather
from loopline.formats._inside import read_bytes
from loopline.formats._media import (
    FOLDER_NAMES,
    IMAGES,
    files_under,
    find_root,
    pictures_by_stem,
    split_named,
    split_of,
)
from loopline.formats._shapes import Fault
from loopline.kernel.exchange import Event, Sniffed

_MOST_SETS: Final = 200
_MOST_ENTRIES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """One folder of label files, and the folder of their pictures.

    labels    paths relative to `label_root`, sorted
    pictures  stem (path without extension, relative to `root`) → pictures with that stem
    listed    stem → split, where a list like train.txt names it
    """

    label_root: Path
    root: Path
    labels: list[str]
    pictures: dict[str, list[str]]
    listed: dict[str, str] = field(default_factory=dict)

    def split(self, stem: str) -> str | None:
        listed = self.listed.get(stem) or self.listed.get(PurePosixPath(stem).name)
        return listed or split_of(f"{self.label_root.as_posix()}/{stem}")

    def picture(self, stem: str, stated: str | None = None) -> str | None:
        """The picture of a label file: the one with its stem, of several the stated one. None: there is none."""
        mine = self.pictures.get(stem, [])
        return stated if stated in mine else mine[0] if mine else None

    def read(self, name: str) -> bytes:
        """A label file's content. Raises FormatError where it cannot be read, or is a link that leads out."""
        return read_bytes(str(self.label_root / name), [self.label_root])


def find_pairs(
    path: Path, media: Path | None, *, labels: Sequence[str], pictures: Sequence[str], suffix: str
) -> list[Pairs]:
    """The sets under a folder, or of one label file. Empty where there are none.

    labels    names that folders of label files have, lower case
    pictures  names that folders of pictures have, likely ones first
    suffix    of the label files, ".txt"
    """
    path = path.absolute()
    if path.is_file():
        return [_one_file(path, media)]
    folders = [*pictures, *(n for n in FOLDER_NAMES if n not in pictures)]
    if path.name.lower() in labels:
        return [_pairs(path, media or child(path.parent, folders) or path, path.parent, suffix)]
    inner = child(path, labels)
    if inner is not None:
        found = _pairs(inner, media or child(path, folders) or path, path, suffix)
        if found.labels:
            return [found]
    below = [
        p
        for p in sorted(path.iterdir())[:_MOST_SETS]
        if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")
    ]
    sets = [
        one
        for p in below
        if child(p, labels) is not None
        for one in find_pairs(p, media, labels=labels, pictures=pictures, suffix=suffix)
    ]
    if sets:
        return sets
    alone = _pairs(path, media or child(path, folders) or path, path, suffix)
    return [alone] if alone.labels else []


def _one_file(path: Path, media: Path | None) -> Pairs:
    if media is None:
        media = find_root([path.stem + suffix for suffix in sorted(IMAGES)], path)
    found = [p.name for p in sorted(media.iterdir()) if p.stem == path.stem and p.suffix.lower() in IMAGES]
    return Pairs(path.parent, media.absolute(), [path.name], {path.stem: found})


def _pairs(label_root: Path, root: Path, base: Path, suffix: str) -> Pairs:
    labels = sorted(name for name in files_under(label_root) if name.lower().endswith(suffix))
    return Pairs(label_root, root.absolute(), labels, pictures_by_stem(root), _listed(base))


def _listed(base: Path) -> dict[str, str]:
    out: dict[str, str] = {}
    lists = (base, base.parent, child(base, ("imagesets",)), child(base.parent, ("imagesets",)))
    for folder in [place for place in lists if place is not None]:
        for file in sorted(folder.glob("*.txt")):
            split = split_named(file.stem)
            if split is not None and file.is_file():
                for line in read_bytes(str(file), [folder]).decode("utf-8", "replace").splitlines():
                    if line.strip():
                        out.setdefault(os.path.splitext(line.split()[0])[0], split)  # noqa: PTH122
    return out


def child(folder: Path, names: Sequence[str]) -> Path | None:
    """The sub-folder with the first of the names that is there, letter case aside."""
    try:
        with os.scandir(folder) as entries:
            there = {e.name.lower(): e.name for e in entries if e.is_dir()}
    except OSError:
        return None
    for name in names:
        if name.lower() in there:
            return folder / there[name.lower()]
    return None


def first_files(folder: Path, suffix: str, most: int = 3) -> list[Path]:
    """A few files with the suffix in a folder, without listing a million of them."""
    found: list[Path] = []
    for number, entry in enumerate(_entries(folder)):
        if entry.name.lower().endswith(suffix) and entry.is_file():
            found.append(Path(entry.path))
        if len(found) == most or number > 5_000:
            break
    return sorted(found)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def folders_below(path: Path, deep: int = 3, most: int = _MOST_SETS) -> list[Path]:
    """The path and some folders below it, level by level. For sniffing: looks at few entries of few folders."""
    out = level = [path]
    for _ in range(deep):
        found = [
            Path(entry.path)
            for folder in level
            for entry in islice(_entries(folder), _MOST_ENTRIES)
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]
        level = sorted(found)[: most - len(out)]
        out = [*out, *level]
        if not level or len(out) >= most:
            break
    return out


def label_folders(path: Path, names: Sequence[str]) -> list[Path]:
    """Folders where label files may be: the path, and those below it that have one of the names."""
    return [path, *(folder for folder in folders_below(path)[1:] if folder.name.lower() in names)]


def sniff_texts(path: Path, title: str, labels: Sequence[str], ours: Callable[[Path], bool]) -> Sniffed | None:
    """A text file that is `ours`, or a folder (one of `labels` in it) whose first text files are."""
    if path.is_file():
        return Sniffed(0.9, f"one {title} label file") if path.suffix.lower() == ".txt" and ours(path) else None
    for folder in label_folders(path, labels):
        if any(ours(file) for file in first_files(folder, ".txt")):
            return Sniffed(0.92, f"{title}: {folder.name}")
    return None


def text_of(raw: bytes) -> tuple[str, bool]:
    """A text file's content, and whether it was UTF-8; if not, Windows' Latin alphabet is tried."""
    try:
        return raw.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return raw.decode("utf-16", "replace"), False
        return raw.decode("cp1252", "replace"), False


def walk(
    sets: Sequence[Pairs],
    gather: Gather,
    take: Callable[[Pairs, str, str, bytes], str | None],
    *,
    only: bool,
    report: Callable[[int, int], None],
) -> Iterator[Event]:
    """Every label file given to `take(set, name, where, content)`, which gives the picture's path; then the pictures
    that no label file tells of, without labels.

    only   one label file was named: pictures beside it are not meant
    """
    total = sum(len(one.labels) for one in sets)
    done = 0
    for one in sets:
        used: set[str] = set()
        for name in one.labels:
            where = name if len(sets) == 1 else f"{one.label_root.parent.name}/{one.label_root.name}/{name}"
            try:
                picture = take(one, name, where, one.read(name))
            except Fault as fault:
                gather.skip(fault.what, where, fault.hint)
            except FormatError as error:
                gather.skip(error.what, f"{where}: {error.where}" if error.where else where, error.hint)
            else:
                used.update([picture] if picture else [])
            done += 1
            if gather.full():
                yield from gather.flush()
                report(done, total)
        left = [] if only else [p for found in one.pictures.values() for p in found if p not in used]
        for picture in left:
            gather.sample(picture, picture, root=one.root, split=one.split(os.path.splitext(picture)[0]))  # noqa: PTH122
            if gather.full():
                yield from gather.flush()
        if left:
            gather.warn(
                "pictures without a label file; added without labels", f"{one.root.name}: {len(left)}, first {left[0]}"
            )
    report(total, total)
    yield from gather.end()
