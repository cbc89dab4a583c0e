"""DOTA: turned boxes in aerial pictures, one text file a picture.

A row is four corners, the class, and a mark of difficulty. The corners are kept as they are in `polygons`; x, y, w, h
and `rotation` are those of the turned box nearest to them (first side = direction). The head's `imagesource` and `gsd`
become columns of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from loopline.errors import FormatError
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._pairs import Pairs, find_pairs, sniff_texts, text_of, walk
from loopline.formats._pictures import Label, Pictures
from loopline.formats._place import Media, checked
from loopline.formats._shapes import Fault, box_of_corners, number, optional_number, turned_corners, whole
from loopline.formats._support import support
from loopline.formats.voc import number_text
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import ScalarType

SUPPORT: Final = support(
    boxes="lossy: a turned box that came from elsewhere is written as its corners",
    polygons="lossy: only outlines of four corners",
    attributes="lossy: only difficult",
    splits="lossy: train, val and test only",
    picture_fields="lossy: only imagesource and gsd",
)
OWN: Final[dict[str, ScalarType]] = {"difficult": "bool", "difficulty": "int"}
_LABELS: Final = ("labeltxt", "labeltxt-v1.0", "labeltxt-v1.5", "labeltxt-v2.0", "annfiles", "labels")
_HEAD: Final = ("imagesource", "gsd")


def sniff(path: Path) -> Sniffed | None:
    """A text file, or a folder with text files, of four corners, a word and a digit; or with a head of DOTA."""
    return sniff_texts(path, "DOTA", _LABELS, _looks_ours)


def _looks_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        rows = text_of(opened.read(4096))[0].splitlines()
    rows = [row for row in rows if row.strip()]
    if rows and rows[0].lower().startswith("imagesource:"):
        return True
    words = rows[0].split() if rows else []
    if len(words) not in (9, 10) or words[8][:1].isdigit():
        return False
    try:
        [float(w) for w in words[:8]]
    except ValueError:
        return False
    return len(words) == 9 or words[9].isdigit()


def read(source: Source) -> Iterator[Event]:
    """A DOTA folder (train/ and val/ with labelTxt and images) or one label file, as events.

    Raises FormatError where there is no label file.
    """
    if not source.path.exists():
        raise no_file(source.path)
    sets = find_pairs(source.path, source.media, labels=_LABELS, pictures=("images",), suffix=".txt")
    if not sets:
        raise FormatError("no label files", where=str(source.path), hint="name the folder that holds labelTxt")
    gather = Gather(source, "dota", source.path / "x", OWN)

    def take(one: Pairs, name: str, where: str, raw: bytes) -> str | None:
        stem = name[: -len(".txt")]
        text, utf8 = text_of(raw)
        if not utf8:
            gather.warn("not UTF-8; read as Windows' Latin alphabet", where)
        rows = text.splitlines()
        columns: dict[str, Any] = {}
        for row in rows[:2]:
            key, colon, value = row.partition(":")
            if colon and key.strip().lower() in _HEAD:
                columns[key.strip().lower()] = value.strip()
        if "gsd" in columns:
            columns["gsd"] = optional_number(columns["gsd"])
        picture = one.picture(stem) or f"{stem}.png"
        kept = {k: v for k, v in columns.items() if v is not None}
        sample = gather.sample(picture, where, root=one.root, split=one.split(stem), columns=kept)
        for line, row in enumerate(rows, start=1):
            head = line <= 2 and row.partition(":")[0].strip().lower() in _HEAD
            if row.strip() and not head:
                with gather.row(f"{where}:{line}"):
                    _row(row.split(), gather, sample, f"{where}:{line}")
        return picture

    yield from walk(sets, gather, take, only=source.path.is_file(), report=source.report)


def _row(words: list[str], gather: Gather, key: int, where: str) -> None:
    if len(words) not in (9, 10):
        raise Fault(f"a row of {len(words)} columns", "DOTA has 8 coordinates, the class, and a mark of difficulty")
    flat = [number(w) for w in words[:8]]
    (x, y, w, h), degrees = box_of_corners(flat)
    own: dict[str, Any] = {}
    if len(words) == 10:
        mark = whole(words[9])
        if mark is None:
            gather.warn("a mark of difficulty that is not a whole number; left out", where)
        else:
            own = {"difficult": mark > 0, **({"difficulty": mark} if mark not in (0, 1) else {})}
    gather.add("box", key, words[8], where, x=x, y=y, w=w, h=h, rotation=degrees or None, polygons=[flat], own=own)


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write one box field as labelTxt/*.txt, in a folder of each split where samples have one.

    media   copy or link the pictures into images/, or leave them

    An outline of four corners is written as it is, any other object as the corners of its (turned) box.
    Raises FormatError for more than one field, or other labels than boxes.
    """
    mine = chosen(what.schema, fields, {"box"}, "DOTA")
    holds = {"polygons", "rotation"}
    pictures = Pictures(what, mine, "dota", holds, OWN, attributes=False, columns=_HEAD, splits=True)
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost, checked(media))
        for picture in pictures:
            split = picture.sample.get("split")
            part = f"{split.replace('/', '_')}/" if split else ""
            stem = folders.stem(picture, part)
            head = [f"{key}:{_text(picture.columns[key])}" for key in _HEAD if key in picture.columns]
            rows = [*head, *(_row_text(label, pictures) for label in picture.labels)]
            folders.write(f"{part}labelTxt/{stem}.txt", "".join(f"{row}\n" for row in rows))
            folders.picture(picture, f"{part}images/{picture.path}")
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _text(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else " ".join(str(value).split())


def _row_text(label: Label, pictures: Pictures) -> str:
    parts = label.values.get("polygons") or []
    if len(parts) == 1 and len(parts[0]) == 8:
        flat = parts[0]
    else:
        flat = turned_corners(label.box, label.values.get("rotation", 0.0))
        if parts:
            pictures.lost["outlines of other than four corners, written as boxes"] += 1
    name = label.label or "unknown"
    if label.label is None:
        pictures.lost['labels without a class, written as "unknown"'] += 1
    if any(c.isspace() for c in name):
        pictures.lost['spaces in classes, written as "_"'] += 1
        name = "_".join(name.split()) or "_"
    mark = label.own.get("difficulty", int(bool(label.own.get("difficult"))))
    return " ".join([*(number_text(float(n)) for n in flat), name, str(mark)])


FORMAT: Final = FileFormat("dota", "DOTA", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
