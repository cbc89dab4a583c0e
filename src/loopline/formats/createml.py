"""Create ML's JSON: a list of pictures with boxes, each the centre and the size in pixels.

[{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {"x": 8, "y": 6, "width": 4, "height": 2}}]}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from loopline.formats._fields import chosen
from loopline.formats._files import new_file, new_folder
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather
from loopline.formats._media import split_named
from loopline.formats._parts import by_split, folder_names
from loopline.formats._pictures import Picture, Pictures
from loopline.formats._place import Media, checked, place
from loopline.formats._shapes import Fault, number
from loopline.formats._smalljson import items, keys_in_head, listed, mapping, text
from loopline.formats._split_files import UNSPLIT, candidates, one_set, read_file_or_parts
from loopline.formats._support import support
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written

SUPPORT: Final = support(
    boxes="lossy: the last bit, as a box is told by its centre",
    splits="lossy: as folders; train, val and test only",
)
FILE: Final = "_annotations.createml.json"


def sniff(path: Path) -> Sniffed | None:
    """A JSON list of objects with `image` and `annotations`; a folder with one of those for each split."""
    if path.is_dir():
        found = _files_in(path)
        parts = one_set(found, path) if found else []
        return Sniffed(0.9, f"Create ML: {', '.join(p.split or UNSPLIT for p in parts)}") if parts else None
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    head, keys = keys_in_head(path)
    if head[:1] != b"[" or not keys & {"image", "imagefilename"} or not keys & {"annotations", "annotation"}:
        return None
    if "coordinates" in keys or path.name.endswith(".createml.json"):
        return Sniffed(0.95, "Create ML")
    return None


def _files_in(folder: Path) -> list[Path]:
    return [p for p in candidates(folder) if sniff(p) is not None]


def read(source: Source) -> Iterator[Event]:
    """A Create ML file, or a folder with a file for each split, as events. Raises FormatError where it is none."""
    return read_file_or_parts(source, _files_in, _read_file, "Create ML file")


def _read_file(source: Source) -> Iterator[Event]:
    gather = Gather(source, "createml", source.path.absolute())
    for index, item in items(source.path, "", gather, source.report, {}):
        where = f"{source.path.name}: [{index}]"
        with gather.row(where):
            name = text(item.get("image")) or text(item.get("imagefilename"))
            if name is None:
                raise Fault("a picture without a name")
            known = ("image", "imagefilename", "annotations", "annotation")
            columns = {k: v for k, v in item.items() if k not in known and v is not None}
            key = gather.sample(name, where, columns=columns)
            for place_, one in enumerate(listed(item.get("annotations", item.get("annotation")))):
                at = f"{where}.annotations[{place_}]"
                with gather.row(at):
                    _box(gather, key, one, at)
        if gather.full():
            yield from gather.flush()
    yield from gather.end()


def _box(gather: Gather, key: int, one: Any, where: str) -> None:
    sides = mapping(mapping(one).get("coordinates"))
    if not {"x", "y", "width", "height"} <= set(sides):
        raise Fault("an annotation without coordinates x, y, width and height")
    w, h = number(sides["width"]), number(sides["height"])
    x, y = number(sides["x"]) - w / 2, number(sides["y"]) - h / 2
    others = {k: v for k, v in one.items() if k not in ("label", "coordinates") and v is not None}
    gather.add("box", key, text(one.get("label")), where, x=x, y=y, w=w, h=h, attributes=others or None)


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write one box field: `_annotations.createml.json`, in a folder of each split where samples have one; a target
    that ends in .json is one file, without splits.

    media   copy or link the pictures beside the file, or leave them

    Raises FormatError for more than one field, or other labels than boxes.
    """
    mine = chosen(what.schema, fields, {"box"}, "Create ML")
    writer = _Writer(mine, checked(media))
    if target.suffix.lower() == ".json":
        with new_file(target) as out:
            writer.write(what, out, target.parent, None)
        return writer.done([target])
    parts = by_split(what) or {None: what}
    names: dict[str | None, str] = folder_names(parts) if set(parts) != {None} else {None: ""}
    with new_folder(target) as folder:
        for split, part in parts.items():
            here = folder / names[split]
            here.mkdir(exist_ok=True)
            with (here / FILE).open("wb") as out:
                writer.write(part, out, here, split)
    return writer.done([target / names[split] / FILE for split in parts])


@dataclass(slots=True)
class _Writer:
    fields: Sequence[Any]
    media: Media
    lost: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0

    def write(self, what: Exportable, out: Any, folder: Path, split: str | None) -> None:
        pictures = Pictures(what, self.fields, "createml", (), attributes=False)
        encoder = msgspec.json.Encoder()
        out.write(b"[")
        used: set[str] = set()
        for count, picture in enumerate(pictures):
            name = _name(picture, split)
            name = picture.path if name in used else name
            used.add(name)
            item = {"image": name, "annotations": [_annotation(one) for one in picture.labels]}
            out.write((b",\n" if count else b"\n") + encoder.encode(item))
            why = place(picture.sample.get("root"), picture.path, folder / name, self.media)
            self.lost[why] += bool(why)
        out.write(b"\n]\n")
        self.lost.update(pictures.lost)
        self.samples, self.objects = self.samples + pictures.samples, self.objects + pictures.objects

    def done(self, files: list[Path]) -> Written:
        return Written(files, self.samples, self.objects, {k: n for k, n in sorted(self.lost.items()) if k and n})


def _name(picture: Picture, split: str | None) -> str:
    """The picture's path in its split's folder: a folder of the split in it is that one."""
    first, slash, rest = picture.path.partition("/")
    return rest if slash and split is not None and split_named(first) == split else picture.path


def _annotation(one: Any) -> dict[str, Any]:
    x, y, w, h = one.box
    return {"label": one.label or "", "coordinates": {"x": x + w / 2, "y": y + h / 2, "width": w, "height": h}}


FORMAT: Final = FileFormat("createml", "Create ML", sniff, read, write)

__all__ = ["FORMAT", "SUPPORT", "read", "sniff", "write"]
