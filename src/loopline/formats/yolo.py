"""YOLO text files: boxes, outlines, poses and turned boxes, one text file a picture.

Coordinates are shares of the picture as shown (EXIF orientation applied), so reading needs the pictures. In the store
they are pixels; written again they have 10 decimals at most, which gives back any file with 10 decimals or fewer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from loopline.errors import FormatError, near
from loopline.formats._format import FileFormat
from loopline.formats._support import support
from loopline.formats._yolo_layout import find_layout, looks_like_yaml, yaml_in
from loopline.formats._yolo_read import TASKS, Task, YoloReader
from loopline.formats._yolo_write import write
from loopline.kernel.exchange import Event, Sniffed, Source

_ROW: Final = re.compile(rb"\s*\d+(\.0*)?([ \t]+-?(\d+\.?\d*|\.\d+)(e-?\d+)?){4,}\s*\Z", re.I)
_LOOK: Final = 2_000  # entries of a folder
_FILES: Final = 8  # label files


def sniff(path: Path) -> Sniffed | None:
    """A data.yaml, a folder that holds one, or a folder of label files with YOLO's rows."""
    if path.is_file():
        yes = path.suffix.lower() in (".yaml", ".yml") and looks_like_yaml(path)
        return Sniffed(0.95, "YOLO data.yaml") if yes else None
    if not path.is_dir():
        return None
    file = yaml_in(path)
    if file is not None and looks_like_yaml(file):
        return Sniffed(0.95, f"YOLO: {file.name}")
    for folder in _label_folders(path):
        sizes = _sizes_of_rows(folder)
        if sizes:
            return Sniffed(0.8, f"YOLO: label files in {folder.name}, {_told(sizes)}")
    return None


def _label_folders(path: Path) -> Iterator[Path]:
    yield path
    inner = list(_folders(path))
    yield from (f for f in inner if f.name.lower() == "labels")
    for folder in inner:
        yield from (f for f in _folders(folder) if f.name.lower() == "labels" or folder.name.lower() == "labels")


def _folders(path: Path) -> Iterator[Path]:
    with os.scandir(path) as entries:
        names = sorted(e.name for e in islice(entries, _LOOK) if e.is_dir(follow_symlinks=False) and e.name[0] != ".")
    yield from (path / name for name in names[:50])


def _sizes_of_rows(folder: Path) -> set[int]:
    """Counts of numbers in a row, of the first label files; empty where one is not YOLO's."""
    with os.scandir(folder) as entries:
        names = [
            e.name
            for e in islice(entries, _LOOK)
            if e.name.lower().endswith(".txt") and e.is_file(follow_symlinks=False)
        ]
    sizes: set[int] = set()
    read = 0
    for name in sorted(names)[: 8 * _FILES]:
        with (folder / name).open("rb") as file:
            head = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf")
        lines = [line for line in head.splitlines()[:20] if line.strip()]
        if lines and not head.endswith(b"\n") and len(head) == 1 << 16:
            lines = lines[:-1]
        good = [line for line in lines if _ROW.match(line)]
        read += bool(good)
        sizes.update(len(line.split()) for line in good)
        if lines and not good and not re.match(r"(classes|names|labels|train|val|test|readme)", name, re.I):
            return set()
        if read >= _FILES:
            break
    return sizes


def _told(sizes: set[int]) -> str:
    return "boxes" if sizes <= {5, 6} else "turned boxes or outlines" if sizes <= {9, 10} else "outlines or poses"


def read(
    source: Source,
    *,
    task: Task | None = None,
    root: Path | str | None = None,
    names: Path | str | None = None,
    kpt_shape: str | None = None,
) -> Iterator[Event]:
    """A YOLO data set, all splits of it, as events.

    task       detect, segment, pose or obb; None: pose where data.yaml has kpt_shape, else by the rows of the first files
    root       what `path:` of data.yaml means on this machine; without it nothing outside the folder of data.yaml is read
    names      a file with one class name a line, where no data.yaml or classes.txt has them
    kpt_shape  "17,3" or "17,2": keypoints and numbers of each, where no data.yaml says so
    Raises     FormatError where there are no label files, or an option is not as it should be.
    """
    if task is not None and task not in TASKS:
        raise FormatError(f'task "{task}" is not known', hint=near(task, TASKS))
    layout = find_layout(
        source.path,
        media=source.media,
        root=Path(root) if root is not None else None,
        names=Path(names) if names is not None else None,
    )
    points = _points(kpt_shape.split(",") if kpt_shape is not None else layout.kept.get("kpt_shape"))
    if task == "pose" and points is None:
        raise FormatError("poses need the count of keypoints", where=str(source.path), hint='say kpt_shape="17,3"')
    if task not in (None, "pose"):
        points = None
    return YoloReader(source, layout, task, points).events()


def _points(stated: object) -> tuple[int, int] | None:
    if stated is None:
        return None
    parts = [str(v).strip() for v in stated] if isinstance(stated, list) else []
    if len(parts) == 2 and all(p.isdecimal() for p in parts) and 0 < int(parts[0]) <= 10_000 and parts[1] in ("2", "3"):
        return int(parts[0]), int(parts[1])
    raise FormatError("kpt_shape is not a count of keypoints and 2 or 3", hint="for example kpt_shape: [17, 3]")


SUPPORT: Final = support(
    boxes="lossy: 10 decimals of the picture's size",
    masks="no",
    polygons="lossy: 10 decimals; several parts of one object become one outline with a seam",
    keypoints="lossy: 10 decimals",
    scores="lossy: 10 decimals",
    splits="exact",
    picture_fields="no",
)

FORMAT: Final = FileFormat("yolo", "YOLO", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
