"""TFRecord files of pictures with boxes or a class, in the keys of TensorFlow's object detection API. Read only.

Pictures stand in the records and are put into a folder that the user names. Class names come from the records, else from
a label map (`.pbtxt`) beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import read_bytes
from loopline.formats._media import split_named, split_of, tidy_name
from loopline.formats._shapes import Fault
from loopline.formats._split_files import candidates
from loopline.formats._support import support
from loopline.formats._take_out import picture_name, put
from loopline.formats._tfrecord import Values, example, records
from loopline.kernel.exchange import Event, Sniffed, Source

SUPPORT: Final = support(
    boxes="lossy: read only; shares of the picture in 32 bits",
    attributes="lossy: read only; difficult and truncated",
    crowd="lossy: read only",
    splits="lossy: read only",
)
_BOX: Final = "image/object/bbox/"
_NAME: Final = re.compile(r"\.tfrecords?(-\d{5}-of-\d{5})?\Z", re.I)
_ITEM: Final = re.compile(r"item\s*\{([^}]*)\}")
_ID: Final = re.compile(r"\bid\s*:\s*(\d{1,9})")
_WORD: Final = re.compile(r"\b(?:display_name|name)\s*:\s*(['\"])(.*?)\1")


def sniff(path: Path) -> Sniffed | None:
    """A .tfrecord file, or a folder with some, whose first record is an Example with a picture."""
    files = _files_in(path)
    if not files:
        return None
    try:
        _, raw = next(records(files[0]), (0, b""))
        found = example(raw)
    except (Fault, OSError):
        return Sniffed(0.3, "TFRecord that cannot be read")
    if "image/encoded" not in found:
        return Sniffed(0.3, "TFRecord without pictures")
    return Sniffed(0.95, "TFRecord with boxes" if f"{_BOX}xmin" in found else "TFRecord with pictures")


def _files_in(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if _NAME.search(path.name) else []
    return [p for p in candidates(path, "*") if _NAME.search(p.name)] if path.is_dir() else []


def read(source: Source, *, extract_to: Path | str | None = None) -> Iterator[Event]:
    """A TFRecord file, or a folder with several, also in folders of splits, as events.

    extract_to   folder for the pictures; no file there is replaced

    Raises FormatError where there is no such file, or no folder for the pictures is named.
    """
    path = source.path.absolute()
    if not path.exists():
        raise no_file(source.path)
    files = _files_in(path)
    if not files:
        raise FormatError("no .tfrecord file", where=str(source.path))
    root = Path(extract_to).absolute() if extract_to is not None else source.media
    if root is None:
        raise FormatError(
            "the pictures are inside the records",
            where=str(source.path),
            hint='say where to put them: extract_to="folder"',
        )
    top = path if path.is_dir() else path.parent
    gather = Gather(source, "tfrecord", path / "x" if path.is_dir() else path)
    reader = _Reader(source, top, root.absolute(), extract_to is not None, gather)
    for file in files:
        yield from reader.file(file)
    yield from gather.end()


@dataclass(slots=True)
class _Reader:
    source: Source
    top: Path
    root: Path
    take_out: bool
    gather: Gather
    used: set[str] = field(default_factory=set)

    def file(self, file: Path) -> Iterator[Event]:
        where = file.relative_to(self.top).as_posix()
        names = _label_map(file)
        self.gather.classes = list(dict.fromkeys([*self.gather.classes, *(names[code] for code in sorted(names))]))
        split = split_of(where) or next((s for word in re.split(r"[-_.]", file.name) if (s := split_named(word))), None)
        size, number = file.stat().st_size, 0
        try:
            for end, raw in records(file):
                with self.gather.row(f"{where}: record {number}"):
                    self._record(example(raw), names, split, f"{where}: record {number}", number)
                number += 1
                self.source.report(end, size)
                if self.gather.full():
                    yield from self.gather.flush()
        except (Fault, OSError) as error:
            what = error.what if isinstance(error, Fault) else "the file cannot be read"
            self.gather.skip(f"{what}; the records behind are missing", f"{where}: record {number}")
        yield from self.gather.flush()

    def _record(
        self, found: Mapping[str, Values], names: Mapping[int, str], split: str | None, where: str, number: int
    ) -> None:
        raw = _first(found, "image/encoded")
        if not isinstance(raw, bytes) or not raw:
            raise Fault("a record without image/encoded")
        path = _text(_first(found, "image/filename")) or _text(_first(found, "image/source_id")) or ""
        name = picture_name(split or "data", tidy_name(path) or "", raw, number, self.used)
        self.used.add(name)
        if self.take_out:
            put(raw, self.root, name)
        width, height = _first(found, "image/width"), _first(found, "image/height")
        sides: dict[str, Any] = {"width": width, "height": height} if type(width) is int and type(height) is int else {}
        key = self.gather.sample(name, where, root=self.root, split=split, **sides)
        label = _label(found, names, "image/class/", 0)
        if label is not None:
            self.gather.add("class", key, label, where)
        corners = [found.get(_BOX + side, []) for side in ("xmin", "ymin", "xmax", "ymax")]
        if any(len(column) != len(corners[0]) for column in corners):
            raise Fault("lists of corners of different lengths")
        if corners[0] and not sides:
            raise Fault("boxes of a picture whose size is not stated")
        for place, box in enumerate(zip(*corners, strict=True)):
            at = f"{where}: box {place}"
            with self.gather.row(at):
                self._box(found, names, key, box, (width, height), place, at)

    def _box(
        self,
        found: Mapping[str, Values],
        names: Mapping[int, str],
        key: int,
        box: Sequence[Any],
        size: tuple[Any, Any],
        place: int,
        where: str,
    ) -> None:
        if not all(isinstance(side, float) for side in box):
            raise Fault("a corner that is no number")
        x, y, right, bottom = (side * size[n % 2] for n, side in enumerate(box))
        crowd = _at(found, "image/object/is_crowd", place)
        own = {name: _at(found, f"image/object/{name}", place) for name in ("difficult", "truncated")}
        self.gather.add(
            "box",
            key,
            _label(found, names, "image/object/class/", place),
            where,
            x=x,
            y=y,
            w=right - x,
            h=bottom - y,
            iscrowd=bool(crowd) if type(crowd) is int else None,
            attributes={name: bool(value) for name, value in own.items() if type(value) is int} or None,
        )


def _at(found: Mapping[str, Values], key: str, place: int) -> bytes | float | int | None:
    values = found.get(key, [])
    return values[place] if place < len(values) else None


def _first(found: Mapping[str, Values], key: str) -> bytes | float | int | None:
    return _at(found, key, 0)


def _text(value: object) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) and value else None


def _label(found: Mapping[str, Values], names: Mapping[int, str], under: str, place: int) -> str | None:
    word = _text(_at(found, f"{under}text", place))
    if word is not None:
        return word
    code = _at(found, f"{under}label", place)
    return names.get(code, f"class_{code}") if type(code) is int else None


def _label_map(file: Path) -> dict[int, str]:
    """Class names of the label map beside the records: item { id: 1 name: 'cat' }."""
    maps = sorted(file.parent.glob("*.pbtxt"))
    if not maps:
        return {}
    try:
        text = read_bytes(str(maps[0]), [file.parent], 4 << 20).decode("utf-8", "replace")
    except FormatError:
        return {}
    found: dict[int, str] = {}
    for item in _ITEM.findall(text):
        code, word = _ID.search(item), _WORD.search(item)
        if code and word:
            found[int(code[1])] = word[2]
    return found


FORMAT: Final = FileFormat("tfrecord", "TFRecord", sniff, read)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff"]
