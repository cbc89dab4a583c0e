"""Pictures that stand in a table or record: put into a folder, never over another file."""

from __future__ import annotations

import filecmp
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath
from typing import Final

from loopline.formats._files import new_file
from loopline.formats._media import IMAGES
from loopline.formats._shapes import Fault
from loopline.media.kinds import mime_of

_ENDINGS: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif"}
_PART_FILE: Final = ".loopline.part"


def picture_name(folder: str, path: str, raw: bytes, number: int, used: AbstractSet[str]) -> str:
    """A free name for a picture: its path in `folder`, with the ending that its bytes have where it has none."""
    pure = PurePosixPath(path) if path else PurePosixPath(f"{number:08d}")
    ending = pure.suffix if pure.suffix.lower() in IMAGES else _ENDINGS.get(mime_of(raw[:4096]), ".jpg")
    stem = (pure.with_suffix("") if pure.suffix == ending else pure).as_posix().removeprefix(f"{folder}/")
    name = f"{folder}/{stem}{ending}"
    return name if name not in used else f"{folder}/{stem}_{number:08d}{ending}"


def put(raw: bytes, root: Path, name: str) -> None:
    """Raises Fault where a link leads out of the folder, or another file has the name."""
    target = root / name
    if not target.resolve().is_relative_to(root.resolve()):
        raise Fault("a picture's folder is a link that leads out")
    beside = root / _PART_FILE
    with new_file(beside) as out:
        out.write(raw)
    try:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            beside.replace(target)
        elif not filecmp.cmp(beside, target, shallow=False):
            raise Fault("another file of the picture's name is there already", "name an empty folder")
    finally:
        beside.unlink(missing_ok=True)
