"""Which mask belongs to which picture: by folders and names, in the layouts that segmentation sets come in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from loopline.formats._masks import SUFFIXES
from loopline.formats._media import FOLDER_NAMES, IMAGES, files_under, split_of

_MASK_FOLDER: Final = re.compile(
    r"(masks?|labels?|annotations?|annots?|gt|ground[-_]?truth|seg|segmentations?|semantics?|label[-_]?maps?|"
    r"semantic[-_]?masks?|segmentation[-_]?masks?|labels[-_]?png|masks?[-_]?png|"
    r"\w+[-_](masks?|labels?|annots?|gt)|\w+annot)\Z",
    re.I,
)
_TAIL: Final = re.compile(r"([-_](masks?|labels?|annots?|gt)|annot)\Z", re.I)
_STEM_TAIL: Final = re.compile(r"([-_](masks?|labels?|gt|l|seg|segmentation|labelids|labeltrainids|annot))\Z", re.I)
_VOC: Final = re.compile(r"(^|/)Segmentation(Class|Object)", re.I)
_FOLDERS: Final = 60  # that sniffing looks at
_LOOK: Final = 300  # files and folders in each
_PICTURES: Final = frozenset(n.lower() for n in FOLDER_NAMES)


@dataclass(frozen=True, slots=True)
class MaskSet:
    """Pictures and their masks. `masks`: of each picture, relative to `mask_root`; "" where it has none."""

    root: Path
    mask_root: Path
    pictures: Sequence[str]
    masks: Sequence[str]
    orphans: Sequence[str] = ()  # masks without a picture
    splits: Mapping[str, str] = field(default_factory=dict)

    def split(self, picture: str) -> str | None:
        return split_of(picture)


def find_masks(path: Path, media: Path | None) -> MaskSet | None:
    """Pictures and masks under a folder; or of a folder of masks whose pictures lie in `media` or near by."""
    names = sorted(files_under(path))
    if media is None:
        masks = [n for n in names if _is_mask(n) and in_mask_folder(n)]
        pictures = [n for n in names if _is_picture(n) and not in_mask_folder(n)]
        if masks and pictures:
            return _paired(path, path, pictures, masks)
        masks = beside_pictures(names)
        if masks:
            known = set(masks)
            return _paired(path, path, [n for n in names if _is_picture(n) and n not in known], masks)
    masks = [n for n in names if _is_mask(n)]
    if not masks:
        return None
    if media is None:
        media = _pictures_near(path, masks)
        if media is None:
            return None
    media = media.absolute()
    pictures = sorted(n for n in files_under(media) if _is_picture(n))
    return _paired(media, path, pictures, masks) if pictures else None


def some_masks(path: Path) -> Iterator[Path]:
    """One mask of each folder of masks that has its picture in another folder. Looks at few files and folders."""
    tree = _tree(path)
    for folder, names in tree.items():
        inner = f"{folder}/" if folder else ""
        if not in_mask_folder(inner + "a") or _VOC.search(folder):
            continue
        masks = [n for n in names if _is_mask(n)]
        if not masks or len(masks) < len([n for n in names if _is_picture(n)]):
            continue
        keys = set(_keys(inner + masks[0]))
        stems = {os.path.splitext(masks[0])[0], _STEM_TAIL.sub("", os.path.splitext(masks[0])[0])}  # noqa: PTH122
        others = [f"{o}/" if o else "" for o in tree if not in_mask_folder(f"{o}/a")]
        places = [o + stem for o in others for stem in stems if next(_keys(f"{o}{stem}.x")) in keys]
        if any((path / f"{p}{suffix}").is_file() for p in places for suffix in IMAGES):
            yield path / inner / masks[0]
    mine = [n for n in tree.get("", ()) if _is_mask(n)]
    if mine and in_mask_folder(f"{path.name}/a") and not _VOC.search(path.name) and _pictures_near(path, mine[:1]):
        yield path / mine[0]


def _tree(path: Path) -> dict[str, list[str]]:
    """Some files of some folders, the upper ones first."""
    tree: dict[str, list[str]] = {}
    waiting = [""]
    while waiting and len(tree) < _FOLDERS:
        folder = waiting.pop(0)
        try:
            with os.scandir(path / folder) as entries:
                some = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in islice(entries, _LOOK))
        except OSError:
            continue
        tree[folder] = [n for n, is_folder in some if not is_folder and n[0] != "."]
        waiting += [f"{folder}/{n}" if folder else n for n, is_folder in some if is_folder and n[0] != "."]
    return tree


def _pictures_near(path: Path, masks: Sequence[str]) -> Path | None:
    """The folder beside a folder of masks, or one level up, where the first masks have their pictures."""
    some = [os.path.splitext(n)[0] for n in masks[:: max(1, len(masks) // 8)][:8]]  # noqa: PTH122
    stems = [s for stem in some for s in dict.fromkeys((_STEM_TAIL.sub("", stem), stem))]
    for base in (path.parent, path.parent.parent):
        for folder in (*(base / n for n in FOLDER_NAMES), *(base / n / path.name for n in FOLDER_NAMES), base):
            if folder != path and any((folder / f"{s}{suffix}").is_file() for s in stems for suffix in IMAGES):
                return folder
    return None


def in_mask_folder(name: str) -> bool:
    """Whether a folder in a path is called as folders of masks are.

    >>> in_mask_folder("train/masks/a.png"), in_mask_folder("train_labels/a.png"), in_mask_folder("images/mask.png")
    (True, True, False)
    """
    return any(_MASK_FOLDER.match(part) for part in name.split("/")[:-1])


def beside_pictures(names: Sequence[str]) -> list[str]:
    """Masks that lie beside their pictures, as Roboflow writes them: a.jpg, a_mask.png.

    >>> beside_pictures(["train/a.jpg", "train/a_mask.png", "train/face_mask.png"])
    ['train/a_mask.png']
    """
    stems = {os.path.splitext(n)[0] for n in names if _is_picture(n)}  # noqa: PTH122
    ends = [(n, n.lower().rpartition("_mask.")) for n in names if _is_mask(n)]
    return [name for name, (stem, mark, _) in ends if mark and name[: len(stem)] in stems]


def _is_mask(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGES  # noqa: PTH122


def _keys(name: str) -> Iterator[str]:
    """What a picture and its mask have in common, the closest first."""
    *folders, file = os.path.splitext(name)[0].split("/")  # noqa: PTH122
    kept = []
    for part in folders:
        bare = _TAIL.sub("", part) if _TAIL.search(part) and _TAIL.sub("", part).lower() not in _PICTURES else part
        if bare.lower() not in _PICTURES and not (_MASK_FOLDER.match(bare) and bare == part):
            kept.append(bare.lower())
    yield "/".join([*kept, file])
    short = _STEM_TAIL.sub("", file)
    if short != file:
        yield "/".join([*kept, short])


def _paired(root: Path, mask_root: Path, pictures: Sequence[str], masks: Iterable[str]) -> MaskSet:
    exact: dict[str, str] = {}
    short: dict[str, str] = {}
    for name in masks:
        first, *rest = _keys(name)
        exact.setdefault(first, name)
        for key in rest:
            short.setdefault(key, name)
    found = []
    for picture in pictures:
        key = next(_keys(picture))
        found.append(exact.get(key) or short.get(key) or "")
    used = set(found)
    return MaskSet(root, mask_root, pictures, found, [n for n in masks if n not in used])
