"""A plain folder of pictures and videos.

A sample is any file with an extension of a picture or a video, at any depth; folders in their order by name. Hidden
files and folders, linked folders (they may lead out, or round in circles) and other files are counted and named.
A folder called train, val, valid, test, ... gives the split, the innermost counting. With `labels="dirnames"` the
innermost folder that names no split is the class.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import pyarrow as pa

from loopline.errors import FormatError
from loopline.formats._format import FileFormat
from loopline.formats._media import IMAGES, VIDEOS, split_named, split_of
from loopline.kernel.exchange import BATCH_ROWS, Event, FieldFound, LabelRows, Problem, SampleRows, Sniffed, Source
from loopline.kernel.schema import LabelField

_SEEN: Final = 2_000  # files that sniffing looks at


def kind_of(name: str) -> Literal["image", "video"] | None:
    """By the extension."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  a million short names
    if suffix in IMAGES:
        return "image"
    return "video" if suffix in VIDEOS else None


def sniff(path: Path) -> Sniffed | None:
    """Some media, and few files of other kinds; never sure, as most label formats have media beside them."""
    if path.is_file():
        kind = kind_of(path.name)
        return Sniffed(0.6, f"one {kind}") if kind else None
    found = others = 0
    for number, name in enumerate(media_under(path, Counter(), {})):
        found += kind_of(name) is not None
        others += kind_of(name) is None
        if number >= _SEEN:
            break
    if not found:
        return None
    return Sniffed(
        0.3 if others <= found / 10 else 0.2, f"a folder of media: {found}{'+' if found >= _SEEN else ''} files"
    )


def read(source: Source, *, labels: Literal["dirnames"] | None = None, splits: bool = True) -> Iterator[Event]:
    """The media under a folder, or one file, as samples.

    labels   "dirnames": a class for each picture, from the name of its folder
    splits   take the split from folder names
    Raises   FormatError where there is no such folder.
    """
    path = source.path.absolute()
    if labels not in (None, "dirnames"):
        raise FormatError(f'labels="{labels}" is not known', hint='labels="dirnames", or leave it out')
    if path.is_file():
        return _one(path, source)
    if not path.is_dir():
        raise FormatError("there is no such folder", where=str(path))
    return _events(path, source, labels, splits)


def _one(path: Path, source: Source) -> Iterator[Event]:
    rows: dict[str, list[Any]] = {
        "key": [0],
        "path": [path.name],
        "media": [kind_of(path.name)],
        "split": [source.split],
    }
    yield SampleRows(_table(rows), str(path.parent))


def _events(path: Path, source: Source, labels: str | None, splits: bool) -> Iterator[Event]:
    left: Counter[str] = Counter()
    first: dict[str, str] = {}
    classes: set[str] = set()
    rows: dict[str, list[Any]] = {"key": [], "path": [], "media": [], "split": []}
    owners: list[int] = []
    names: list[str] = []
    key = 0
    for name in media_under(path, left, first):
        media = kind_of(name)
        if media is None:
            _count(left, first, "other files", name)
            continue
        split = source.split or (split_of(name) if splits else None)
        for column, value in zip(rows, (key, name, media, split), strict=True):
            rows[column].append(value)
        if labels is not None:
            label = _class(name)
            if label is None:
                _count(left, first, "files without a folder that names a class", name)
            else:
                owners.append(key)
                names.append(label)
        key += 1
        if len(rows["key"]) == BATCH_ROWS:
            yield from _batch(path, source.name, rows, owners, names)
            classes.update(names)
            for values in (*rows.values(), owners, names):
                values.clear()
            source.report(key, 0)
    yield from _batch(path, source.name, rows, owners, names)
    classes.update(names)
    if labels is not None:
        yield FieldFound(LabelField(source.name, "class", tuple(sorted(classes))))
    for what, count in sorted(left.items()):
        yield Problem("warning", f"{what}: not added" if "class" not in what else f"{what}: added without one",
                      f"{path}: {count}, first {first[what]}")  # fmt: skip


def _batch(path: Path, field: str, rows: dict[str, list[Any]], owners: list[int], names: list[str]) -> Iterator[Event]:
    if rows["key"]:
        yield SampleRows(_table(rows), str(path))
    if owners:
        yield LabelRows(field, pa.table({"sample_key": pa.array(owners, pa.int64()), "label": pa.array(names)}))


def _table(rows: dict[str, list[Any]]) -> pa.Table:
    types = {"key": pa.int64()}
    return pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in rows.items()})


def _class(name: str) -> str | None:
    for part in reversed(PurePosixPath(name).parts[:-1]):
        if split_named(part) is None:
            return part
    return None


def media_under(folder: Path, left: Counter[str], first: dict[str, str]) -> Iterator[str]:
    """Files at any depth, relative, folders in order; hidden ones and linked folders go into the counts."""

    def walk(inner: str) -> Iterator[str]:
        try:
            with os.scandir(folder / inner) as found:
                entries = sorted(found, key=lambda e: e.name)
        except OSError:
            _count(left, first, "folders that cannot be read", inner)
            return
        for entry in entries:
            name = f"{inner}/{entry.name}" if inner else entry.name
            if entry.name.startswith("."):
                _count(left, first, "hidden files and folders", name)
            elif entry.is_dir(follow_symlinks=False):
                yield from walk(name)
            elif entry.is_symlink() and entry.is_dir():
                _count(left, first, "linked folders", name)
            else:
                yield name

    return walk("")


def _count(left: Counter[str], first: dict[str, str], what: str, name: str) -> None:
    left[what] += 1
    first.setdefault(what, name)


SUPPORT: Final = {
    "boxes": "no",
    "masks": "no",
    "polygons": "no",
    "keypoints": "no",
    "attributes": "no",
    "tracks": "no",
    "scores": "no",
    "crowd": "no",
    "tags": "no",
    "splits": "no",
    "ids": "no",
    "picture_fields": "no",
}

FORMAT: Final = FileFormat("folder", "Folder of media", sniff, read)

__all__ = ["FORMAT", "SUPPORT", "kind_of", "read", "sniff"]
