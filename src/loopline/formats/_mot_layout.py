"""Where the sequences of a MOT challenge set lie, and what is known of each."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from loopline.errors import FormatError
from loopline.formats._inside import read_bytes
from loopline.formats._media import IMAGES, VIDEOS, split_of

Form = Literal["gt", "results"]
_TRUTH: Final = ("gt/gt.txt", "gt.txt")
_FOUND: Final = ("det/det.txt", "det.txt")
_MOST_SEQUENCES: Final = 10_000
_MOST_OTHERS: Final = 20


@dataclass(slots=True)
class Sequence:
    """One sequence: where its rows and its pictures are.

    rows      the text file; None: a sequence without labels
    form      "gt": the seventh column says whether a row counts; "results": it is the score
    base      folder that the sequence's own is in
    pictures  names of the frames in `base/name/frames`, sorted; empty where there are none
    """

    name: str
    base: Path
    rows: Path | None
    form: Form
    frames: str = "img1"
    pictures: list[str] = field(default_factory=list)
    video: str = ""
    info: dict[str, str] = field(default_factory=dict)  # seqinfo.ini, keys in lower case

    @property
    def split(self) -> str | None:
        return split_of(f"{(self.base / self.name).as_posix()}/x")

    def others(self) -> list[Path]:
        """Files of rows that lie in the sequence's folder beside the one that is read."""
        folder = self.base / self.name
        if self.rows is None or not self.rows.is_relative_to(folder):
            return []
        found = [folder / name for name in (*_TRUTH, *_FOUND) if (folder / name).is_file()]
        found += [file for file in sorted(folder.glob("*.txt"))[:_MOST_OTHERS] if file not in found]
        return [file for file in found if file != self.rows and looks_like_rows(file)]

    def number(self, key: str) -> float | None:
        try:
            value = float(self.info.get(key, ""))
        except ValueError:
            return None
        return value if 0 < value < 1e9 else None


def find_sequences(path: Path, labels: Form, where: Path | None) -> list[Sequence]:
    """The sequences that a file or folder names. Empty where there are none.

    labels   which rows to take where a sequence has both
    where    folder of the sequences that results files belong to
    """
    path = path.absolute()
    if path.is_file():
        return [_of_file(path, where)]
    own = of_folder(path, labels)
    if own is not None:
        return [own]
    found = []
    level = [path]
    for _ in range(3):
        level = [p for folder in level for p in _folders(folder)]
        found += [one for folder in level[:_MOST_SEQUENCES] if (one := of_folder(folder, labels)) is not None]
        inner = {one.base / one.name for one in found}
        level = [folder for folder in level if folder not in inner]
    if found:
        return found
    return [_of_file(file, where) for file in sorted(path.glob("*.txt")) if looks_like_rows(file)]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
    except OSError:
        return []
    return [folder / name for name in names[:_MOST_SEQUENCES]]


def of_folder(folder: Path, labels: Form) -> Sequence | None:
    """The sequence that a folder is, if it is one."""
    truth = next((folder / name for name in _TRUTH if (folder / name).is_file()), None)
    found = next((folder / name for name in _FOUND if (folder / name).is_file()), None)
    ini = (folder / "seqinfo.ini").is_file()
    if truth is None and found is None and not ini:
        return None
    rows, form = (truth, "gt") if truth and (labels == "gt" or not found) else (found, "results")
    return _completed(Sequence(folder.name, folder.parent, rows, "gt" if form == "gt" else "results"))


def _of_file(file: Path, where: Path | None) -> Sequence:
    """A rows file by itself: in a sequence's folder, or named like the sequence."""
    folder = file.parent.parent if file.parent.name in ("gt", "det") else file.parent
    form: Form = "gt" if file.stem == "gt" or file.parent.name == "gt" else "results"
    beside = file.stem in ("gt", "det") or any((folder / n).is_file() for n in ("seqinfo.ini", *_TRUTH))
    name = folder.name if beside else file.stem
    base = folder.parent if beside else folder
    if where is not None:
        base = where.absolute()
        if not (base / name).is_dir():
            base = next((inner for inner in _folders(base) if (inner / name).is_dir()), base)
    return _completed(Sequence(name, base, file, form))


def _completed(one: Sequence) -> Sequence:
    """With seqinfo.ini, and the pictures or the video where they are there."""
    folder = one.base / one.name
    ini = folder / "seqinfo.ini"
    if ini.is_file():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(read_bytes(str(ini), [folder], 1 << 20).decode("utf-8-sig", "replace"))
            one.info = dict(parser["Sequence"]) if parser.has_section("Sequence") else {}
        except (configparser.Error, FormatError):  # also a link that leads out
            one.info = {}
    named = one.info.get("imdir", "img1")
    plain = 0 < len(named) < 100 and not set("/\\\0") & set(named) and named not in (".", "..")
    one.frames = named if plain else "img1"
    if (folder / one.frames).is_dir():
        with os.scandir(folder / one.frames) as entries:
            one.pictures = sorted(e.name for e in entries if os.path.splitext(e.name)[1].lower() in IMAGES)  # noqa: PTH122
    elif one.base.is_dir():
        one.video = next((one.name + s for s in sorted(VIDEOS) if (one.base / (one.name + s)).is_file()), "")
    return one


def looks_like_rows(file: Path) -> bool:
    """Whether the first rows are six or more numbers with commas, the first two whole."""
    with file.open("rb") as opened:
        head = opened.read(2048).removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace")
    rows = [row.split(",") for row in head.splitlines()[:3] if row.strip()]
    try:
        return (
            bool(rows)
            and all(6 <= len(r) <= 10 and r[0].strip().isdigit() and float(r[1]).is_integer() for r in rows[:2])
            and (all(float(n) == float(n) for n in rows[0][:7]))
        )
    except ValueError:
        return False
