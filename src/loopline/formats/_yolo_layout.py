"""Where the pictures, label files and class names of a YOLO data set lie.

With a `data.yaml`, its `train`, `val` and `test` say where the pictures are: a folder, a list of folders, or a text
file that lists pictures. Without one, every picture under the folder counts, and a folder called train, val, ... gives
the split. The label file of a picture lies where `images` in its path is `labels`, else beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from loopline.errors import FormatError
from loopline.formats._inside import inside, read_bytes
from loopline.formats._media import IMAGES, files_under, find_root, split_named
from loopline.kernel.exchange import Problem

SPLIT_KEYS: Final = ("train", "val", "valid", "validation", "test", "minival")
UNSPLIT: Final = "unsplit"  # under `splits` in data.yaml: pictures of no split
NAME_FILES: Final = ("classes.txt", "obj.names", "names.txt", "classes.names", "data.names", "_darknet.labels")
_YAML_BYTES: Final = 4 << 20
_DEEP: Final = 30
_LISTS: Final = re.compile(
    r"(classes|names|labels|obj|train|val|valid|validation|test|trainval|(readme|license|notice).*)\Z", re.I
)
_PICTURE_FOLDERS: Final = frozenset({"images", "image", "imgs", "img", "jpegimages", "pictures"})
_KEPT: Final = ("kpt_shape", "flip_idx", "kpt_names")


@dataclass(frozen=True, slots=True)
class YoloSet:
    """Pictures of one split and their label files.

    root      folder that `pictures` are relative to
    labels    label file of each picture, relative to `label_root`; "" where it has none
    """

    root: Path
    label_root: Path
    split: str | None  # None: `split_of` the picture's path
    pictures: Sequence[str]
    labels: Sequence[str]


@dataclass(slots=True)
class YoloLayout:
    """What was found. `names` is None where no file names the classes. `inside`: nothing else may be read."""

    sets: list[YoloSet]
    names: dict[int, str] | None
    inside: list[Path]
    kept: dict[str, Any] = field(default_factory=dict)  # kpt_shape, flip_idx, ... of data.yaml
    problems: list[Problem] = field(default_factory=list)


def find_layout(path: Path, *, media: Path | None, root: Path | None, names: Path | None) -> YoloLayout:
    """The data set that a path names: a data.yaml, the folder that holds one, a folder of pictures and label files, or
    a folder of label files whose pictures lie in `media` or near by.

    root    what `path:` of data.yaml means here; else a folder below the one that data.yaml is in
    names   file that lists the classes
    Raises  FormatError where there is nothing of the kind.
    """
    path = path.absolute()
    if not path.exists():
        raise FormatError("there is no such file or folder", where=str(path))
    file = path if path.is_file() else yaml_in(path)
    if path.is_file() and path.suffix.lower() not in (".yaml", ".yml"):
        raise FormatError("not a data.yaml", where=str(path), hint="name the data.yaml, or the folder of the data set")
    layout = _from_yaml(file, media, root) if file is not None else _from_folder(path, media)
    if names is not None:
        layout.names = _names_of_text(names.read_bytes(), str(names))
    elif layout.names is None:
        layout.names = _names_near(path if path.is_dir() else path.parent, layout)
    return layout


# data.yaml -----------------------------------------------------------------------------------------------------------


def yaml_in(folder: Path) -> Path | None:
    """The data.yaml of a folder: by that name, else the only other YAML file that looks like one."""
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
        if (folder / name).is_file():
            return folder / name
    with os.scandir(folder) as entries:
        found = sorted(e.name for e in entries if e.name.lower().endswith((".yaml", ".yml")) and e.is_file())
    alike = [folder / name for name in found[:50] if looks_like_yaml(folder / name)]
    return alike[0] if len(alike) == 1 else None


def looks_like_yaml(file: Path) -> bool:
    """Whether a YAML file has the keys of a YOLO data set, by its first kB."""
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    keys = set(re.findall(rb"^(\w+)\s*:", head, re.M))
    stated = b"names" in keys and keys & {b"train", b"val", b"test", b"nc", b"path", b"valid"}
    return bool(stated) or {b"train", b"nc"} <= keys


def read_yaml(file: Path) -> dict[str, Any]:
    """The document, with every plain value as text. Raises FormatError where it is not a YAML mapping."""
    text = read_bytes(str(file), [file.parent], _YAML_BYTES).decode("utf-8-sig", "replace")
    # The base loader makes texts, lists and dicts and nothing else: a class named "no" stays one.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader))
        document = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise FormatError(f"not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}", where=where) from None
    if not isinstance(document, dict):
        raise FormatError("a data.yaml holds names and folders; this holds something else", where=str(file))
    return document


def _check_depth(events: Iterable[yaml.Event]) -> None:
    """Raise ValueError for nesting that would overflow the stack of the C loader, and end the process."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEP:
            raise ValueError


def _from_yaml(file: Path, media: Path | None, root: Path | None) -> YoloLayout:
    document = read_yaml(file)
    allowed = [p.absolute() for p in (root, file.parent) if p is not None]
    layout = YoloLayout([], _names_of_yaml(document, file), allowed)
    layout.problems += _name_problems(document, layout.names, file)
    layout.kept = {key: document[key] for key in _KEPT if key in document}
    base = (root or _base(document.get("path"), file, layout)).absolute()
    if media is not None:
        allowed.append(media.absolute())
        base = media.absolute()
    index = dict.fromkeys(sorted(files_under(base)))
    used: set[str] = set()
    labels: set[str] = set()
    for split, entry in _entries(document):
        found = [name for part in _flat(entry) for name in _pictures_of(part, base, index, file, layout)]
        pictures = [name for name in dict.fromkeys(found) if name not in used]
        if len(pictures) < len(set(found)):
            layout.problems.append(
                Problem(
                    "warning",
                    "pictures that are in two splits; the first one counts",
                    f"{file.name}: {split or 'unsplit'}",
                )
            )
        used.update(pictures)
        mine = [label_of(name, index) for name in pictures]
        labels.update(mine)
        layout.sets.append(YoloSet(base, base, split, pictures, mine))
    if not layout.sets:
        # Some write a data.yaml with the class names alone.
        folder = _from_folder(base, media)
        layout.sets, layout.problems = folder.sets, layout.problems + folder.problems
        return layout
    layout.problems += _orphans(base, index, labels)
    return layout


def _base(stated: Any, file: Path, layout: YoloLayout) -> Path:
    """The folder that `path:` means, inside the folder of data.yaml."""
    here = file.parent
    if not isinstance(stated, str) or not stated.strip() or stated.strip() in (".", "./", "~", "null"):
        return here
    parts = _parts(stated)
    for start in range(len(parts)):
        folder = here.joinpath(*parts[start:])
        if folder.is_dir() and inside(folder, layout.inside):
            return folder
    if parts and parts[-1] == here.name:
        return here
    layout.problems.append(
        Problem(
            "warning",
            "path: names a folder that is not here, or not in the folder of data.yaml; that folder is taken",
            f"{file}: path: {stated[:200]}",
            "say what it means: root=...",
        )
    )
    return here


def _parts(text: str) -> list[str]:
    """The named parts of a path of any machine: no drive, no `.`, no `..`."""
    parts = re.split(r"[\\/]+", text.strip())
    return [p for p in parts if p not in ("", ".", "..") and not re.fullmatch(r"[A-Za-z]:|file:", p) and "\0" not in p]


def _entries(document: Mapping[str, Any]) -> list[tuple[str | None, Any]]:
    """Split and what it says, in the order train, val, test, then further ones under `splits`."""
    found: list[tuple[str | None, Any]] = [
        (split_named(key) or key, document[key])
        for key in SPLIT_KEYS
        if document.get(key) not in (None, "", "~", "null")
    ]
    more = document.get("splits")
    if isinstance(more, dict):
        found += [(None if key == UNSPLIT else str(key), value) for key, value in more.items()]
    return found


def _flat(entry: Any) -> list[str]:
    items = entry if isinstance(entry, list) else [entry]
    return [item for item in items if isinstance(item, str) and item]


def _pictures_of(entry: str, base: Path, index: Mapping[str, None], file: Path, layout: YoloLayout) -> list[str]:
    """Pictures of one folder or list file, relative to `base`."""
    parts = _parts(entry)
    for start in range(len(parts)) if parts else [0]:
        name = "/".join(parts[start:])
        if name in index:
            return _listed(name, base, index, layout) if name.lower().endswith(".txt") else [name]
        folder = f"{name}/" if name else ""
        found = [n for n in index if n.startswith(folder) and _is_picture(n)]
        if found:
            return found
        there = os.path.isdir(base / name)  # noqa: PTH112  False, too, where the name is too long
        if there and inside(base / name, layout.inside):
            return []
    layout.problems.append(
        Problem(
            "skipped",
            "a split names a folder or list that is not in the folder of the data set",
            f"{file}: {entry[:200]}",
            "if it lies elsewhere, say where: root=...",
        )
    )
    return []


def _listed(name: str, base: Path, index: Mapping[str, None], layout: YoloLayout) -> list[str]:
    """Pictures that a list names, also by paths of another machine. One that is not here is kept by its name."""
    text = read_bytes(str(base / name), layout.inside).decode("utf-8-sig", "replace")
    beside = name.rpartition("/")[0]
    out = []
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        parts = _parts(raw)
        options = ["/".join([beside, *parts]) if beside else "", *("/".join(parts[i:]) for i in range(len(parts)))]
        found = next((o for o in options if o in index), None)
        if found is None and (not parts or ".." in re.split(r"[\\/]", raw)):
            layout.problems.append(
                Problem("skipped", "a listed picture that leads out of the folder of the data set", f"{name}:{number}")
            )
            continue
        out.append(found or "/".join(parts[_last_pictures(parts) :]))
    return out


def _last_pictures(parts: Sequence[str]) -> int:
    """Where the part of a path starts that is likely the same on every machine: at its last `images`."""
    places = [i for i, part in enumerate(parts[:-1]) if part.lower() in _PICTURE_FOLDERS]
    return places[-1] if places else len(parts) - 1


# Folders -------------------------------------------------------------------------------------------------------------


def _from_folder(path: Path, media: Path | None) -> YoloLayout:
    index = dict.fromkeys(sorted(files_under(path)))
    pictures = [name for name in index if _is_picture(name)]
    if media is not None or not pictures:
        return _labels_alone(path, index, media)
    labels = [label_of(name, index) for name in pictures]
    if not any(labels):
        raise FormatError("pictures, but no YOLO label files", where=str(path), hint="name the folder above")
    layout = YoloLayout([YoloSet(path, path, None, pictures, labels)], None, [path])
    layout.problems += _orphans(path, index, set(labels))
    return layout


def _labels_alone(path: Path, index: Mapping[str, None], media: Path | None) -> YoloLayout:
    """A folder of label files; the pictures have the same names in another folder."""
    texts = [name for name in index if name.lower().endswith(".txt")]
    stems = [name[:-4] for name in texts if not _LISTS.match(name[:-4])]
    if not stems:
        raise FormatError("no label files", where=str(path), hint="name the data.yaml, or the folder of the data set")
    if media is None:
        some = stems[:: max(1, len(stems) // 16)][:16]
        media = find_root([s + suffix for s in some for suffix in sorted(IMAGES)], path / f"{path.name}.txt")
    root = media.absolute()
    pictures = sorted(name for name in files_under(root) if _is_picture(name))
    labels = [label_of(name, index) for name in pictures]
    layout = YoloLayout([YoloSet(root, path, None, pictures, labels)], None, [path, root])
    layout.problems += _orphans(path, index, set(labels))
    return layout


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGES  # noqa: PTH122  a million short names


def label_of(picture: str, index: Mapping[str, None]) -> str:
    """The label file of a picture among the files of `index`; "" where there is none.

    >>> label_of("train/images/a.jpg", {"train/labels/a.txt": None}), label_of("a.jpg", {"a.txt": None})
    ('train/labels/a.txt', 'a.txt')
    """
    own = os.path.splitext(picture)[0] + ".txt"  # noqa: PTH122
    head, found, tail = own.rpartition("images/")
    if found and (not head or head[-1] == "/") and (name := f"{head}labels/{tail}") in index:
        return name
    if "/" not in picture:
        return own if own in index else f"labels/{own}" if f"labels/{own}" in index else ""
    parts = own.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() in _PICTURE_FOLDERS:
            name = "/".join([*parts[:place], "labels", *parts[place + 1 :]])
            if name in index:
                return name
    if own in index:
        return own
    return f"labels/{own}" if f"labels/{own}" in index else ""


def _orphans(base: Path, index: Iterable[str], used: set[str]) -> list[Problem]:
    """Label files without a picture, in the folders that label files come from."""
    folders = {name.rpartition("/")[0] for name in used if name}
    return [
        Problem("skipped", "a label file without a picture", f"{base}/{name}")
        for name in index
        if name not in used
        and name.lower().endswith(".txt")
        and name.rpartition("/")[0] in folders
        and not _LISTS.match(name.rpartition("/")[2][:-4])
    ]


# Class names ---------------------------------------------------------------------------------------------------------


def _names_of_yaml(document: Mapping[str, Any], file: Path) -> dict[int, str] | None:
    """Class names of a list, or of a mapping from id to name."""
    stated = document.get("names")
    if isinstance(stated, str) and stated.strip() not in ("", "~", "null"):
        # A file of names, as darknet and early data.yaml files have it.
        name = "/".join(_parts(stated))
        if (file.parent / name).is_file() and inside(file.parent / name, [file.parent]):
            return _names_of_text(read_bytes(str(file.parent / name), [file.parent]), name)
        return None
    if isinstance(stated, list):
        return {i: n for i, n in enumerate(stated) if isinstance(n, str)}
    if isinstance(stated, dict):
        return {int(k): n for k, n in stated.items() if isinstance(n, str) and re.fullmatch(r"\d{1,9}", str(k))}
    return None


def _name_problems(document: Mapping[str, Any], names: Mapping[int, str] | None, file: Path) -> list[Problem]:
    stated = document.get("names")
    problems = []
    if isinstance(stated, list | dict) and len(stated) > len(names or {}):
        problems.append(
            Problem("skipped", "a class name that is no text, or an id that is no whole number", f"{file}: names")
        )
    count = document.get("nc")
    if names is not None and isinstance(count, str) and count.isdecimal() and int(count) != len(names):
        problems.append(
            Problem(
                "warning", "nc is not the number of names; the names count", f"{file}: nc: {count}, {len(names)} names"
            )
        )
    if names is not None and len(set(names.values())) < len(names):
        problems.append(
            Problem("warning", "two classes have one name; the later one has its id behind it", f"{file}: names")
        )
    return problems


def _names_near(folder: Path, layout: YoloLayout) -> dict[int, str] | None:
    """Names in a list file beside the pictures, beside the label files, or in the folder above them; else in the
    data.yaml above a folder of label files."""
    places = list(dict.fromkeys([folder, *(s.label_root for s in layout.sets), folder / "labels", folder.parent]))
    for place in places:
        for name in NAME_FILES:
            if (place / name).is_file() and not (place / name).is_symlink():
                return _names_of_text((place / name).read_bytes(), name)
    for place in places[1:]:
        if place.is_dir() and place == folder.parent and (place / "data.yaml").is_file():
            document = read_yaml(place / "data.yaml")
            layout.kept = {key: document[key] for key in _KEPT if key in document}
            return _names_of_yaml(document, place / "data.yaml")
    return None


def _names_of_text(text: bytes, where: str) -> dict[int, str] | None:
    """One name a line; trailing blank lines do not count. None where there are none."""
    lines = text.decode("utf-8-sig", "replace").replace("\r\n", "\n").rstrip("\n \t").split("\n")
    if len(lines) > 100_000:
        raise FormatError("a list of classes with more than 100,000 lines", where=where)
    return {i: line.strip() for i, line in enumerate(lines)} if lines != [""] else None
