"""Open Images CSV: boxes, verified labels of whole pictures, predictions, class names and hierarchy.

Boxes are shares of the picture, so reading needs the pictures. IsGroupOf is `iscrowd`; the other flags, Source and
Confidence are attributes of their name. Image labels are rows of a `class` field whose `Confidence` is 1 where the
class was verified to be there, 0 where it was verified to be absent, and between for a machine's guess.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from loopline.formats import _table_csv
from loopline.formats._fields import chosen
from loopline.formats._files import new_folder
from loopline.formats._folders import Folders
from loopline.formats._format import FileFormat
from loopline.formats._gather import Gather, no_file
from loopline.formats._inside import LEADS_OUT, LEADS_OUT_HINT, leads_out
from loopline.formats._media import split_named
from loopline.formats._open_images import (
    CORNERS,
    IDS_FILE,
    Layout,
    Role,
    find_layout,
    role_of,
    sizes_of,
    split_in,
    tables_in,
)
from loopline.formats._pictures import Label, Picture, Pictures
from loopline.formats._place import Media, checked
from loopline.formats._shapes import Fault, number
from loopline.formats._smalljson import mapping, pretty
from loopline.formats._support import support
from loopline.formats._yolo_write import number_text
from loopline.formats.voc import far_side
from loopline.kernel.exchange import Event, Exportable, Sniffed, Source, Written
from loopline.kernel.schema import ScalarType, unique_name

SUPPORT: Final = support(
    boxes="lossy: 10 decimals of the picture's size",
    attributes="lossy: only Open Images' own: Source, Confidence, IsOccluded, IsTruncated, IsDepiction, IsInside",
    scores="lossy: 10 decimals; predictions have no attributes",
    crowd="exact",
    splits="lossy: other words for train, val and test become those",
    ids="exact",
    picture_fields="lossy: only Open Images' own, as text",
)
FLAGS: Final = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")
OWN: Final[dict[str, ScalarType]] = {"Source": "text", "Confidence": "float", **dict.fromkeys(FLAGS, "bool")}
_LIST: Final = (
    *("OriginalURL", "OriginalLandingURL", "License", "AuthorProfileURL", "Author", "Title"),
    *("OriginalSize", "OriginalMD5", "Thumbnail300KURL", "Rotation"),
)
_ID: Final = "open_images_id"  # column: the ImageID where it is not the file's name without extension
_BOXES: Final = ("ImageID", "Source", "LabelName", "Confidence", *CORNERS, "IsOccluded", "IsTruncated", "IsGroupOf")
_BOX_HEAD: Final = (*_BOXES, "IsDepiction", "IsInside")
_GUESS_HEAD: Final = ("ImageID", "LabelName", "Score", *CORNERS)
_LABEL_HEAD: Final = ("ImageID", "Source", "LabelName", "Confidence")
_FILES: Final[dict[Role, str]] = {
    "boxes": "annotations-bbox.csv",
    "predictions": "predictions.csv",
    "labels": "annotations-human-imagelabels.csv",
    "list": "images.csv",
}
_HEADS: Final[dict[Role, tuple[str, ...]]] = {
    "boxes": _BOX_HEAD,
    "predictions": _GUESS_HEAD,
    "labels": _LABEL_HEAD,
    "list": ("ImageID", "Subset", *_LIST),
}


def sniff(path: Path) -> Sniffed | None:
    """A CSV file with ImageID, LabelName and XMin … YMax or Confidence; or a folder that has one."""
    if path.is_file():
        role = role_of(path)
        return Sniffed(0.95, f"Open Images {role}") if role not in (None, "list") else None
    found = [file for role, file in tables_in(path) if role != "list"]
    return Sniffed(0.95, f"Open Images: {', '.join(f.name for f in found[:3])}") if found else None


def read(source: Source, *, predictions: str = "predictions") -> Iterator[Event]:
    """A folder of CSV files, or one of them, as events.

    predictions   field for predictions, where the folder has boxes of people too

    Class names, hierarchy and image_ids.json are looked for beside the files. Boxes of a picture that is not there
    are left out, as its size is not known. Raises FormatError where there is no such file.
    """
    if not source.path.exists():
        raise no_file(source.path)
    truth = Gather(source, "open_images", source.path / "x", OWN)
    layout = find_layout(source.path, source.media, truth)
    if not layout.names:
        known: Mapping[str, Any] = next(
            (f.meta["open_images"] for f in source.schema.fields if "open_images" in f.meta), {}
        )
        layout.names.update({str(k): str(v) for k, v in mapping(mapping(known).get("names")).items()})
    both = {"boxes", "predictions"} <= {role for role, _ in layout.tables}
    name = predictions if predictions != source.name else unique_name(predictions, {source.name})
    guess = Gather(replace(source, name=name), "open_images", source.path / "x", OWN) if both else truth
    for one in (truth, guess):
        one.classes = list(layout.names.values())
        one.meta = {"names": layout.names, **({"hierarchy": layout.hierarchy} if layout.hierarchy else {})}
    reader = _Reader(truth, layout)
    for role, file in layout.tables:
        yield from reader.table(role, file, guess if role == "predictions" else truth)
    yield from reader.others()
    yield from truth.end()
    if guess is not truth:
        yield from guess.end()


class _Reader:
    """One pass: which pictures were met, by ImageID."""

    def __init__(self, gather: Gather, layout: Layout) -> None:
        self.gather = gather
        self.layout = layout
        self.pictures: dict[str, tuple[int, int, int]] = {}  # ImageID → key, width, height

    def table(self, role: Role, file: Path, gather: Gather) -> Iterator[Event]:
        if leads_out(file, gather.source.path):
            gather.skip(LEADS_OUT, file.name, LEADS_OUT_HINT)
            return
        split = split_in(file.name)
        for batch in _table_csv.batches(file, self.gather.source.report):
            for problem in batch.problems:
                (gather.skip if problem.kind == "skipped" else gather.warn)(problem.what, problem.where)
            names = list(batch.columns)
            rows = [dict(zip(names, cells, strict=True)) for cells in zip(*batch.columns.values(), strict=True)]
            if role == "list":
                rows = self._there(rows, file)
            self._meet(rows, batch.lines, file, split)
            for line, row in zip(batch.lines, rows, strict=True):
                where = f"{file.name}:{line}"
                with gather.row(where):
                    if role != "list":
                        self._row(role, row, where, gather)
            yield from self.gather.flush()
            if gather is not self.gather:
                yield from gather.flush()

    def _there(self, rows: list[dict[str, str | None]], file: Path) -> list[dict[str, str | None]]:
        """Rows of a list of pictures; those of pictures that are not here are counted, and taken as nothing."""
        out = []
        for row in rows:
            if row["ImageID"] is not None and row["ImageID"] not in self.layout.files:
                self.gather.warn("a listed picture that is not there; left out", f"{file.name}: {row['ImageID']}")
                row = {"ImageID": None}
            out.append(row)
        return out

    def others(self) -> Iterator[Event]:
        """Pictures that image_ids.json names and no table does."""
        rest = [{"ImageID": one} for one in self.layout.listed if one not in self.pictures]
        rest.sort(key=lambda row: row["ImageID"])
        for start in range(0, len(rest), 4096):
            self._meet(rest[start : start + 4096], range(len(rest)), Path(IDS_FILE), None)
            yield from self.gather.flush()

    def _meet(
        self, rows: Sequence[Mapping[str, str | None]], lines: Sequence[int], file: Path, split: str | None
    ) -> None:
        """Samples for the ids that are new; the sizes of their pictures all at once."""
        layout = self.layout
        new: dict[str, tuple[str, Mapping[str, str | None], int]] = {}
        for row, line in zip(rows, lines, strict=False):
            one = row.get("ImageID")
            if one is not None and one not in self.pictures and one not in new:
                new[one] = (layout.files.get(one, f"{one}.jpg"), row, line)
        safe = [path for path, _, _ in new.values() if ".." not in path.split("/") and not path.startswith("/")]
        sizes = sizes_of(layout.root, safe)
        for one, (path, row, line) in new.items():
            width, height = sizes.get(path, (0, 0))
            columns: dict[str, Any] = {key: row[key] for key in _LIST if row.get(key) is not None}
            if PurePosixPath(path).stem != one:
                columns[_ID] = one
            where = f"{file.name}:{line}"
            with self.gather.row(where):
                key = self.gather.sample(
                    path,
                    where,
                    root=layout.root,
                    width=width or None,
                    height=height or None,
                    split=split_named(row.get("Subset") or "") or row.get("Subset") or split,
                    columns=columns,
                )
                self.pictures[one] = key, width, height

    def _row(self, role: Role, row: Mapping[str, str | None], where: str, gather: Gather) -> None:
        if row["ImageID"] is None:
            raise Fault("a row without an ImageID")
        if row["ImageID"] not in self.pictures:
            return  # its name leads out of the folder, which was counted once
        key, width, height = self.pictures[row["ImageID"]]
        code = row["LabelName"]
        label = self.layout.names.get(code, code) if code is not None else None
        own: dict[str, Any] = {}
        if row.get("Source") is not None:
            own["Source"] = row["Source"]
        if row.get("Confidence") is not None:
            own["Confidence"] = number(row["Confidence"], "Confidence")
        if role == "labels":
            gather.add("class", key, label, where, own=own)
            return
        left, right, top, bottom = (number(row[name], name) for name in CORNERS)
        if right < left or bottom < top:
            raise Fault("corners in the wrong order", "XMin is at most XMax, YMin at most YMax")
        if not width:
            raise Fault("a box of a picture that is not there; its size is not known", "say where the pictures are")
        own |= {name: flag for name in FLAGS if (flag := _flag(row.get(name), name)) is not None}
        known = {"ImageID", "LabelName", "Score", "IsGroupOf", *CORNERS, *OWN}
        more = {name: _value(cell) for name, cell in row.items() if name not in known and name and cell is not None}
        score = row.get("Score")
        gather.add(
            "box",
            key,
            label,
            where,
            x=left * width,
            y=top * height,
            w=right * width - left * width,
            h=bottom * height - top * height,
            iscrowd=_flag(row.get("IsGroupOf"), "IsGroupOf"),
            score=None if score is None else number(score, "the score"),
            own=own,
            attributes=more,
        )


def _flag(cell: str | None, name: str) -> bool | None:
    """1 or 0; -1 and nothing are "not known"."""
    if cell is None:
        return None
    value = number(cell, name)
    if value not in (-1, 0, 1):
        raise Fault(f"{name} is not 1, 0 or -1")
    return None if value < 0 else bool(value)


def _value(cell: str) -> float | str:
    try:
        return number(cell)
    except Fault:
        return cell


def write(what: Exportable, target: Path, *, fields: Sequence[str], media: Media = "none") -> Written:
    """Write a box field, a class field, or both: CSV files of each split, class names, hierarchy, image_ids.json.

    media   copy or link the pictures into images/, or leave them

    A box field with scores is written as predictions. ImageID is the one a picture came with, else its file's name
    without extension, else, where two would have the same, its path. Raises FormatError for two fields of one kind.
    """
    mine = chosen(what.schema, fields, {"box", "class"}, "Open Images")
    columns = {*_LIST, _ID}
    pictures = Pictures(
        what, mine, "open_images", {"iscrowd", "score"}, OWN, attributes=False, columns=columns, splits=True
    )
    meta = next((mapping(f.meta.get("open_images")) for f in mine if "open_images" in f.meta), {})
    classes = list(dict.fromkeys(c for f in mine for c in f.classes))
    codes = _codes(classes, mapping(meta.get("names")))
    boxes: Role = "boxes"
    for one in mine:
        if one.kind == "box" and any(t["score"].null_count < t.num_rows for t in what.labels(one.name)):
            boxes = "predictions"
    with new_folder(target) as folder:
        folders = Folders(folder, pictures.lost, checked(media))
        out = _Tables(folder)
        ids: dict[str, str] = {}
        for picture in pictures:
            image_id = _image_id(picture, ids)
            ids[image_id] = picture.path
            folders.picture(picture, f"images/{picture.path}")
            split = picture.sample.get("split")
            row = [image_id, split or "", *(picture.columns.get(name, "") for name in _LIST)]
            if any(row[1:]):
                out.row("list", None, row)
            for label in picture.labels:
                _label(label, image_id, picture, codes, boxes, split, out, pictures)
        out.close([boxes if one.kind == "box" else "labels" for one in mine])
        folders.write("class-descriptions.csv", _csv([[code, name] for name, code in codes.items()]))
        if meta.get("hierarchy"):
            folders.write("hierarchy.json", pretty(meta["hierarchy"]))
        folders.write(IDS_FILE, msgspec.json.format(msgspec.json.encode(dict(sorted(ids.items()))), indent=0) + b"\n")
    return Written([target], pictures.samples, pictures.objects, pictures.losses())


def _codes(classes: Sequence[str], known: Mapping[str, Any]) -> dict[str, str]:
    """Class → LabelName: the one it came with, else the class itself."""
    by_name = {str(name): str(code) for code, name in known.items()}
    used = set(by_name.values())
    out = dict(by_name)
    for name in classes:
        if name not in out:
            code, number_ = name, 2
            while code in used:
                code, number_ = f"{name}_{number_}", number_ + 1
            out[name] = code
            used.add(code)
    return out


def _image_id(picture: Picture, used: Mapping[str, str]) -> str:
    stem = PurePosixPath(picture.path).stem
    stated = picture.columns.get(_ID)
    for one in (stated if isinstance(stated, str) else None, stem, picture.path):
        if one and one not in used:
            return one
    number_ = 2
    while f"{picture.path}_{number_}" in used:
        number_ += 1
    return f"{picture.path}_{number_}"


def _label(
    label: Label,
    one: str,
    picture: Picture,
    codes: Mapping[str, str],
    boxes: Role,
    split: str | None,
    out: _Tables,
    pictures: Pictures,
) -> None:
    code = codes[label.label] if label.label is not None else ""
    own = label.own
    confidence = number_text(float(own.get("Confidence", 1.0)))
    if label.kind == "class":
        for name in FLAGS:
            pictures.lost[f"attribute {name}"] += name in own
        if "score" in label.values:
            pictures.lost["scores"] += 1
        out.row("labels", split, [one, own.get("Source", "verification"), code, confidence])
        return
    width, height = picture.size
    if not width or not height:
        pictures.lost["objects of pictures of unknown size"] += 1
        pictures.objects -= 1
        return
    x, y, w, h = label.box
    corners = [number_text(n) for n in (x / width, far_side(x, w) / width, y / height, far_side(y, h) / height)]
    if boxes == "predictions":
        for name in own:
            pictures.lost[f"attribute {name}"] += 1
        pictures.lost["crowd flags"] += label.values.get("iscrowd") is True
        score = label.values.get("score")
        out.row("predictions", split, [one, code, "" if score is None else number_text(score), *corners])
        return
    flags = {name: str(int(own[name])) if name in own else "-1" for name in FLAGS}
    # A reader that asks for truth takes -1 for "group": what is not known is written as an ordinary box.
    flags["IsGroupOf"] = str(int(bool(label.values.get("iscrowd"))))
    row = {"ImageID": one, "Source": own.get("Source", "xclick"), "LabelName": code, "Confidence": confidence}
    row |= dict(zip(CORNERS, corners, strict=True)) | flags
    out.row("boxes", split, [row[name] for name in _BOX_HEAD])


class _Tables:
    """The CSV files of an export, each begun when its first row comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, io.TextIOWrapper] = {}

    def row(self, role: Role, split: str | None, row: Sequence[object]) -> None:
        # Any split is told by images.csv; the names of the usual ones stand in the files' names too.
        head = f"{split}-" if split in ("train", "validation", "val", "test") else ""
        self._file(role, f"{head}{_FILES[role]}").write(_csv([row]))

    def _file(self, role: Role, name: str) -> io.TextIOWrapper:
        if name not in self.open:
            self.open[name] = (self.folder / name).open("w", encoding="utf-8", newline="")
            self.open[name].write(_csv([_HEADS[role]]))
        return self.open[name]

    def close(self, roles: Collection[Role]) -> None:
        """Each role has a file, be it empty."""
        for role in roles:
            if not any(name.endswith(_FILES[role]) for name in self.open):
                self._file(role, _FILES[role])
        for file in self.open.values():
            file.close()


def _csv(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


FORMAT: Final = FileFormat("open_images", "Open Images", sniff, read, write)

__all__ = ["FORMAT", "OWN", "SUPPORT", "read", "sniff", "write"]
