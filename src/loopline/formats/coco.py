"""COCO JSON: boxes, polygons, run-length masks, keypoints, captions, and results files.

COCO → Loopline → COCO is the same document, order of keys aside. See docs/formats.md for what becomes what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats._coco_chunk import ID
from loopline.formats._coco_labels import Truth
from loopline.formats._coco_read import CocoReader
from loopline.formats._coco_write import write_coco
from loopline.formats._format import FileFormat
from loopline.formats._jsonstream import Elements, JsonFile
from loopline.formats._media import tidy_name
from loopline.formats._split_files import OURS, UNSPLIT, Part, candidates, one_set, part_of, read_parts
from loopline.kernel.exchange import Event, Problem, Sniffed, Source
from loopline.kernel.schema import DatasetSchema

ROBOFLOW: Final = "_annotations.coco.json"
_HEAD: Final = 1 << 16
_KEY: Final = re.compile(rb'"([^"\\]{1,64})"\s*:')
_OURS: Final = frozenset({b"bbox", b"category_id", b"segmentation", b"keypoints", b"caption", b"iscrowd"})


def sniff(path: Path) -> Sniffed | None:
    """COCO by the names of its keys in the first 64 kB; a folder by the JSON files in it."""
    if path.is_dir():
        found = _files_in(path)
        parts, left = _chosen(found, path)
        if len(found) > 1 and parts:
            told = ", ".join(p.split or UNSPLIT for p in parts) if len(parts) > 1 else parts[0].file.name
            return Sniffed(0.8 if left else 0.9, f"COCO JSON: {told}")
        if [p.name for p in found] == [ROBOFLOW]:
            return Sniffed(0.9, "COCO JSON")
        return Sniffed(0.7, f"a folder with {len(found)} COCO JSON files") if found else None
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(max(0, path.stat().st_size - _HEAD))
        keys = set(_KEY.findall(head)) | set(_KEY.findall(file.read()))
    if b"segments_info" in keys or b"shapes" in keys:
        return None
    if head[:1] == b"[":
        if b"image_id" in keys and keys & {b"bbox", b"segmentation", b"keypoints", b"caption"}:
            return Sniffed(0.9, "COCO results")
        return None
    if head[:1] != b"{" or (b"file_name" not in keys and b"coco_url" not in keys and b"image_id" not in keys):
        return None
    if keys & {b"neg_category_ids", b"not_exhaustive_category_ids"} or keys >= {b"frequency", b"synset"}:
        return Sniffed(0.8, "COCO JSON, as LVIS has it")
    if b"images" in keys or b"annotations" in keys:
        return Sniffed(0.95 if keys & _OURS or b"categories" in keys else 0.5, "COCO JSON")
    return None


def _files_in(folder: Path) -> list[Path]:
    return [p for p in candidates(folder) if sniff(p) is not None]


def read(source: Source, *, truth: Path | str | None = None) -> Iterator[Event]:
    """A COCO file, a folder with one file for each split, or a results file (a list of detections), as events.

    truth   for a results file whose pictures did not come from COCO: the COCO file that its image and category ids
            belong to; samples are then matched by path. Else they are matched by `coco_id`, and the classes are those
            of the COCO labels that are there already.
    Raises  FormatError where the file is not COCO, or a results file's classes are not known.
    """

    def one(mine: Source) -> Iterator[Event]:
        found = _truth(mine.path, mine.schema, Path(truth) if truth is not None else None)
        return CocoReader(mine, mine.path, found).events()

    if not source.path.is_dir():
        if not source.path.is_file():
            raise FormatError("there is no such file", where=str(source.path))
        return one(source)
    top = source.path.absolute()
    found = _files_in(top)
    parts, left = _chosen(found, top)
    if not parts:
        names = ", ".join(p.relative_to(top).as_posix() for p in found[:8])
        raise FormatError(
            f"{len(found)} COCO files in this folder" + (f": {names}" if found else ""),
            where=str(top),
            hint="name one file; files of one data set are named alike but for the split",
        )
    return _read_parts(parts, left, source, top, one)


def _read_parts(
    parts: list[Part], left: list[Path], source: Source, top: Path, one: Callable[[Source], Iterator[Event]]
) -> Iterator[Event]:
    for file in left:
        yield Problem(
            "warning",
            "another COCO file in the folder; not added",
            str(file),
            "add it by itself, into a field of its own",
        )
    if len(parts) == 1 and parts[0].file.parent in (top, top / "annotations"):
        yield from one(replace(source, path=parts[0].file, split=source.split or parts[0].split))
    else:
        yield from read_parts(parts, source, top, one)


def _chosen(found: list[Path], top: Path) -> tuple[list[Part], list[Path]]:
    """The files of a folder that are one data set, and the others. Files of results are never of it, and of several
    kinds (`instances_train2017.json` and `captions_train2017.json`) it is the instances. Nothing where it is not plain.
    """
    truths = [file for file in found if not _is_results(file)] or found
    ours = [file for file in truths if part_of(file, top).kind == OURS]
    for files in (truths, ours):
        if files and (parts := one_set(files, top)):
            return parts, [file for file in found if file not in files]
    return [], []


def _is_results(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _truth(path: Path, schema: DatasetSchema, file: Path | None) -> Truth | None:
    """What a results file refers to; None where the file is not a results file."""
    if not _is_results(path):
        return None
    if file is not None:
        return _truth_of_file(file)
    for known in schema.fields:
        categories = known.meta.get("coco", {}).get("categories")
        if categories:
            columns = [
                c.name for c in schema.columns if c.name == ID or (c.name.startswith(ID) and c.source_name == "id")
            ]
            return Truth(list(categories), columns[0] if columns else ID)
    raise FormatError(
        "a results file names classes only by number, and this data set has no COCO labels yet",
        where=str(path),
        hint="add the truth's COCO file first, or name it: truth=...",
    )


def _truth_of_file(file: Path) -> Truth:
    paths: dict[int | str, str] = {}
    categories: list[Any] = []
    for part in JsonFile(file, skip={"annotations"}):
        if isinstance(part, Elements) and part.key == "categories":
            categories += part.kept()
        elif isinstance(part, Elements) and part.key == "images":
            for item in part.kept():
                own, name = (item.get("id"), item.get("file_name")) if isinstance(item, dict) else (None, None)
                path = tidy_name(name) if isinstance(name, str) else None
                if path is not None and isinstance(own, int | str):
                    paths[own] = path
    if not paths:
        raise FormatError("the truth lists no images", where=str(file))
    return Truth(categories, "path", paths)


SUPPORT: Final = {
    "boxes": "exact",
    "masks": "exact",
    "polygons": "exact",
    "keypoints": "exact",
    "attributes": "exact",
    "tracks": "lossy: track ids, no frames",
    "scores": "exact",
    "crowd": "exact",
    "tags": "no",
    "splits": "lossy: in a folder, one file a split; a single file holds none",
    "ids": "exact",
    "picture_fields": "exact",
}

FORMAT: Final = FileFormat("coco", "COCO JSON", sniff, read, write_coco)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff"]
