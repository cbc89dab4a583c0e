"""Putting the pictures of an export beside its label files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from loopline.errors import FormatError, MediaError
from loopline.media.references import is_url, media_file

Media: TypeAlias = Literal["copy", "link", "none"]
"""What happens to pictures: copied, linked (symbolic links to where they are), or left."""


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
        return "remote pictures, not copied"
    try:
        source = media_file(root, path)
    except MediaError:
        return "pictures with a path that leads out of their folder"
    if not os.path.isfile(source):  # noqa: PTH113  a million of them
        return "missing pictures"
    target.parent.mkdir(parents=True, exist_ok=True)
    if media == "link":
        target.symlink_to(source)
    else:
        shutil.copyfile(source, target)
    return ""
