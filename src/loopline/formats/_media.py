"""Which files are media, where the pictures of a label file lie, and what split a path names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

IMAGES: Final = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .gif .webp .tif .tiff .avif .heic .heif .jp2 .ppm .pgm .pbm .pnm".split()  # noqa: SIM905
)
VIDEOS: Final = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .flv .ts .mts .m2ts .3gp .ogv".split()  # noqa: SIM905
)

FOLDER_NAMES: Final = (
    *("images", "image", "imgs", "img", "JPEGImages", "data", "pictures", "photos", "frames", "media"),
)
"""Names that folders of pictures have, likely ones first."""

_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_TIDY: Final = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*\Z")
_TIDY_ASCII: Final = r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$"
_PROBE: Final = 300  # names that are looked for in a folder
_SPARSE: Final = 12  # every twelfth of them is asked for first
_MOST_FOLDERS: Final = 200


def split_of(path: str) -> str | None:
    """The split that a folder in the path names, the innermost counting; a year behind the name is left off.

    >>> split_of("set/train2017/a.jpg"), split_of("valid/images/b.jpg"), split_of("training_day.jpg")
    ('train', 'val', None)
    """
    for part in reversed(PurePosixPath(path).parts[:-1]):
        name = re.sub(r"[-_]?(19|20)\d\d\Z", "", part.lower())
        if name in _SPLITS:
            return _SPLITS[name]
    return None


def split_named(text: str) -> str | None:
    """The split of a list file's or folder's bare name: train, val, test, also valid, training, ..."""
    return _SPLITS.get(text.lower())


def tidy_name(name: str) -> str | None:
    """A picture's name in a label file as a relative path with forward slashes.

    A drive, a leading slash and `file://` are of another machine and are taken off. None: the name is empty or leads
    out of the picture folder.

    >>> tidy_name("train\\\\a.jpg"), tidy_name("C:\\\\x\\\\a.jpg"), tidy_name("./a//b.jpg"), tidy_name("../a.jpg")
    ('train/a.jpg', 'x/a.jpg', 'a/b.jpg', None)
    """
    if _TIDY.match(name):
        return name
    text = name.replace("\\", "/")
    text = re.sub(r"\A(file://)?(/?[A-Za-z]:)?/*", "", text)
    parts = [p for p in text.split("/") if p not in ("", ".")]
    if not parts or ".." in parts or "\0" in text:
        return None
    return "/".join(parts)


def all_tidy(names: pa.Array) -> bool:
    """Whether every one of these texts is surely its own `tidy_name`: letters of ASCII only, no dot before a name."""
    return bool(pc.all(pc.match_substring_regex(names, _TIDY_ASCII)).as_py())


def files_under(folder: Path) -> Iterator[str]:
    """Every file under a folder, relative with forward slashes; hidden ones and links out of it left aside."""
    stack = [""]
    while stack:
        inner = stack.pop()
        try:
            with os.scandir(folder / inner) as entries:
                for entry in entries:
                    name = f"{inner}/{entry.name}" if inner else entry.name
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(name)
                    elif entry.is_file():
                        yield name
        except PermissionError:
            continue


def pictures_by_stem(root: Path) -> dict[str, list[str]]:
    """Pictures in a folder and below: path without extension → the pictures of that name, both relative to it."""
    found: dict[str, list[str]] = {}
    for name in sorted(files_under(root)):
        stem, ending = os.path.splitext(name)  # noqa: PTH122  a million short names
        if ending.lower() in IMAGES:
            found.setdefault(stem, []).append(name)
    return found


def find_root(names: Sequence[str], label_file: Path, media: Path | None = None) -> Path:
    """The folder that the pictures' names are relative to; absolute.

    `media` if the user gave it. Else the place near the label file where most of the first names exist: beside it,
    in a folder of pictures beside it or one level up, in a folder named like the file's split. Where none exist, the
    label file's own folder, and the import reports the missing pictures.
    """
    if media is not None:
        return media.absolute()
    here = label_file.absolute().parent
    some = [n for n in names[:: max(1, len(names) // _PROBE)] if n][:_PROBE]
    best, most = here, 0
    for folder in _places(here, label_file.stem):
        hits = _hits(folder, some[::_SPARSE])
        if (
            hits or len(some) <= _SPARSE
        ):  # there may be a hundred folders: where a few names are not, the others are not
            hits = _hits(folder, some)
        if hits > most:
            best, most = folder, hits
        if most == len(some):
            break
    return best


def _places(here: Path, stem: str) -> Iterable[Path]:
    """Folders where the pictures may be, likely ones first, each once."""
    seen: set[Path] = set()
    words = [w for w in re.split(r"[^A-Za-z0-9]+", stem) if w]
    for base in (here, here.parent, here.parent.parent):
        likely = [base, *(base / name for name in FOLDER_NAMES)]
        likely += [folder / word for folder in likely for word in words]
        if base is not here.parent.parent:
            inner = _folders(base)
            likely += inner + [f for name in FOLDER_NAMES for f in _folders(base / name)]
        for folder in likely:
            if folder not in seen:
                seen.add(folder)
                if folder.is_dir():
                    yield folder


def _folders(base: Path) -> list[Path]:
    try:
        with os.scandir(base) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
    except OSError:
        return []
    return [base / name for name in names[:_MOST_FOLDERS]]


def _hits(folder: Path, names: Iterable[str]) -> int:
    return sum(os.path.exists(os.path.join(folder, name)) for name in names)  # noqa: PTH110, PTH118  many of them
