"""KITTI object detection: one text file a picture, 15 columns a row, 16 with a score.

Columns: type, truncated, occluded, alpha, left, top, right, bottom, height, width, length, x, y, z, rotation_y (, score).
The numbers of the third dimension are attributes, in metres and radians. KITTI's marks for "not known" (-1, -10, -1000)
are nulls here. `DontCare` regions are crowds. Box: w = right - left, h = bottom - top, in both directions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from loopline.errors import FormatError
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._pairs import Pairs, find_pairs, sniff_texts, text_of, walk
from loopline.formats._pictures import Label, Pictures
from loopline.formats._place import Media, checked
from loopline.formats._shapes import Fault, number, whole
from loopline.formats._support import support
from loopline.formats.voc import far_side, number_text
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import ScalarType

SUPPORT: Final = support(
    boxes="exact",
    attributes="lossy: only KITTI's own: truncated, occluded, alpha, sizes, place, rotation_y",
    scores="exact",
    crowd="lossy: as the class DontCare",
    splits="lossy: train, val and test only",
)
OWN: Final[dict[str, ScalarType]] = {
    "truncated": "float",  # 0 … 1
    "occluded": "int",  # 0 visible, 1 partly, 2 largely, 3 not known
    "alpha": "float",  # radians
    "height_m": "float",
    "width_m": "float",
    "length_m": "float",
    "x_m": "float",
    "y_m": "float",
    "z_m": "float",
    "rotation_y": "float",  # radians
}
_UNKNOWN: Final = dict(zip(OWN, (-1.0, -1.0, -10.0, -1.0, -1.0, -1.0, -1000.0, -1000.0, -1000.0, -10.0), strict=True))
_LABELS: Final = ("label_2", "label_02", "labels", "label")
_PICTURES: Final = ("image_2", "image_02", "image_3", "images")
_DONT_CARE: Final = "DontCare"


def sniff(path: Path) -> Sniffed | None:
    """A text file, or a folder with text files, whose rows have a word and 14 or 15 numbers."""
    return sniff_texts(path, "KITTI", _LABELS, _looks_ours)


def _looks_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        rows = text_of(opened.read(4096))[0].splitlines()[:5]
    words = rows[0].split() if rows else []
    if len(words) not in (15, 16) or "," in rows[0]:
        return False
    try:
        [float(w) for w in words[1:]]
    except ValueError:
        return False
    return words[0][:1].isalpha()


def read(source: Source) -> Iterator[Event]:
    """A KITTI folder (training/ and testing/ with label_2 and image_2; or label files and pictures in some folder) or
    one label file, as events. Raises FormatError where there is no label file."""
    if not source.path.exists():
        raise no_file(source.path)
    sets = find_pairs(source.path, source.media, labels=_LABELS, pictures=_PICTURES, suffix=".txt")
    if not sets:
        raise FormatError("no label files", where=str(source.path), hint="name the folder that holds label_2")
    gather = Gather(source, "kitti", source.path / "x", OWN)

    def take(one: Pairs, name: str, where: str, raw: bytes) -> str | None:
        stem = name[: -len(".txt")]
        text, utf8 = text_of(raw)
        if not utf8:
            gather.warn("not UTF-8; read as Windows' Latin alphabet", where)
        picture = one.picture(stem) or f"{stem}.png"
        key = gather.sample(picture, where, root=one.root, split=one.split(stem))
        for line, row in enumerate(text.splitlines(), start=1):
            if row.strip():
                with gather.row(f"{where}:{line}"):
                    _row(row.split(), gather, key, f"{where}:{line}")
        return picture

    yield from walk(sets, gather, take, only=source.path.is_file(), report=source.report)


def _row(words: list[str], gather: Gather, key: int, where: str) -> None:
    if len(words) not in (15, 16):
        if len(words) in (17, 18):
            raise Fault("a row of KITTI tracking (17 columns)", "KITTI object labels have 15 or 16")
        raise Fault(f"a row of {len(words)} columns", "KITTI has 15, or 16 with a score")
    label = words[0]
    x0, y0, x1, y1 = (number(w) for w in words[4:8])
    if x1 < x0 or y1 < y0:
        raise Fault("corners in the wrong order", "the box is left, top, right, bottom")
    own: dict[str, float | int | None] = {}
    places = (1, 2, 3, *range(8, 15))
    for (name, unknown), place in zip(_UNKNOWN.items(), places, strict=True):
        value = number(words[place], name)
        own[name] = None if value == unknown else value
    if own["occluded"] is not None:
        own["occluded"] = whole(own["occluded"])
        if own["occluded"] is None:
            raise Fault("occluded is not a whole number")
    gather.add(
        "box",
        key,
        label,
        where,
        x=x0,
        y=y0,
        w=x1 - x0,
        h=y1 - y0,
        iscrowd=True if label == _DONT_CARE else None,
        score=number(words[15], "the score") if len(words) == 16 else None,
        own={name: value for name, value in own.items() if value is not None},
    )


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write one box field as training/label_2/*.txt and testing/label_2/*.txt, and train.txt, val.txt, ... that list
    the splits.

    media   copy or link the pictures into image_2, or leave them

    Pictures of the split "test" go to testing, all others to training. Spaces in a class become "_".
    Raises FormatError for more than one field, or other labels than boxes.
    """
    mine = chosen(what.schema, fields, {"box"}, "KITTI")
    pictures = Pictures(what, mine, "kitti", {"score", "iscrowd"}, OWN, attributes=False, splits=True)
    listed: dict[str, list[str]] = {}
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost, checked(media))
        for picture in pictures:
            split = picture.sample.get("split")
            part = "testing" if split == "test" else "training"
            stem = folders.stem(picture, part)
            if split:
                listed.setdefault(split.replace("/", "_"), []).append(stem)
            rows = [_text(label, pictures) for label in picture.labels]
            folders.write(f"{part}/label_2/{stem}.txt", "".join(f"{row}\n" for row in rows))
            folders.picture(picture, f"{part}/image_2/{picture.path}")
        for split, stems in sorted(listed.items()):
            folders.write(f"{split}.txt", "".join(f"{stem}\n" for stem in stems))
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _text(label: Label, pictures: Pictures) -> str:
    name = label.label or "Misc"
    if label.label is None:
        pictures.lost["labels without a class, written as Misc"] += 1
    if any(c.isspace() for c in name):
        pictures.lost['spaces in classes, written as "_"'] += 1
        name = "_".join(name.split()) or "_"
    if label.values.get("iscrowd") and name != _DONT_CARE:
        pictures.lost["classes of crowds, written as DontCare"] += 1
        name = _DONT_CARE
    x, y, w, h = label.box
    own = [label.own.get(key, unknown) for key, unknown in _UNKNOWN.items()]
    numbers = [*own[:3], x, y, far_side(x, w), far_side(y, h), *own[3:]]
    if "score" in label.values:
        numbers.append(label.values["score"])
    return " ".join([name, *(number_text(float(n)) for n in numbers)])


FORMAT: Final = FileFormat("kitti", "KITTI", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
