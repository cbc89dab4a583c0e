"""Putting the pictures of an export beside its label files."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from loopline.errors import FormatError, MediaError
from loopline.kernel.exchange import Exportable, Written
from loopline.media.archives import split_archive
from loopline.media.opening import open_media
from loopline.media.references import is_url, media_file, relative_path

Media: TypeAlias = Literal["copy", "link", "none"]
"""What happens to pictures: copied, linked (symbolic links to where they are), or left."""


MISSING: Final = "missing pictures"
REMOTE: Final = "remote pictures that did not come"
"""What an export counts them as: it brings remote pictures to this disk before a writer sees them."""


def checked(media: str) -> Media:
    """The option, or FormatError."""
    for known in get_args(Media):
        if media == known:
            return known  # type: ignore[no-any-return]
    raise FormatError(f'media="{media}" is not known', hint='one of: "copy", "link", "none"')


def place(root: str | None, path: str, target: Path, media: Media) -> str:
    """Put the picture at `target`. The reason where that is not possible, else ""."""
    if media == "none":
        return ""
    if root is None or is_url(root):
        return REMOTE if media == "copy" else "remote pictures, not linked"
    try:
        source = media_file(root, path)
    except MediaError:
        return "pictures with a path that leads out of their folder"
    if not os.path.isfile(source):  # noqa: PTH113  a million of them
        return _from_archive(root, path, source, target, media)
    target.parent.mkdir(parents=True, exist_ok=True)
    if media == "link":
        target.symlink_to(source)
    else:
        shutil.copyfile(source, target)
    return ""


def _from_archive(root: str, path: str, source: str, target: Path, media: Media) -> str:
    """As `place`, for what is no file of its own."""
    if split_archive(source) is None:
        return MISSING
    if media == "link":
        return "pictures in an archive, not linked"
    try:
        with open_media(root, path) as content:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(content, out)
    except MediaError:
        return MISSING
    return ""


def beside(what: Exportable, written: Written, images: Path, media: Media) -> Written:
    """Put the pictures of a view under `images`, by their paths; what was written, with them and with those that could
    not be placed. For formats that have no place of their own for pictures."""
    if media == "none":
        return written
    lost = Counter(written.lost)
    for samples in what.samples():
        for root, path in zip(samples["root"].to_pylist(), samples["path"].to_pylist(), strict=True):
            try:
                target = images / relative_path(path)
            except MediaError:
                lost["pictures with a path that leads out of their folder"] += 1
                continue
            if root is not None and not is_url(root) and _is_there(media_file(root, path), target):
                continue
            # An older picture of that name, from an export that this one replaces.
            target.unlink(missing_ok=True)
            if why := place(root, path, target, media):
                lost[why] += 1
    files = [*written.files, images] if images.exists() else written.files
    return replace(written, files=files, lost=dict(sorted(lost.items())))


def _is_there(source: str, target: Path) -> bool:
    """Whether the target is the very file that would be placed there."""
    return target.exists() and os.path.exists(source) and os.path.samefile(source, target)  # noqa: PTH110, PTH121
