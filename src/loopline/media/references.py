"""From the root and path that a sample keeps to the file they mean, and back."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from loopline.errors import MediaError

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def is_url(root: str) -> bool:
    """Whether `root` names a place by URL: `s3://…`, `https://…`.

    >>> is_url("s3://bucket/pictures"), is_url("/data/pictures"), is_url("C:/pictures")
    (True, False, False)
    """
    return _SCHEME.match(root) is not None


def relative_path(path: str) -> str:
    """`path` as samples keep it: forward slashes, no `.`, no `..`, no empty parts.

    Raises MediaError if it is absolute, empty, or leads outside the folder that it is relative to.

    >>> relative_path("train\\\\night\\\\.\\\\a.jpg"), relative_path("a/../b.jpg")
    ('train/night/a.jpg', 'b.jpg')
    """
    forward = path.replace("\\", "/")
    if forward.startswith("/") or _DRIVE.match(forward) or is_url(forward):
        raise MediaError("an absolute path stands where one relative to the root must be", where=path)
    if "\0" in forward:
        raise MediaError("a path holds a zero byte", where=repr(path))
    parts: list[str] = []
    for part in forward.split("/"):
        if part == "..":
            if not parts:
                raise MediaError("a path leads outside its root", where=path, hint="choose a root further up")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        raise MediaError("a path names no file", where=repr(path))
    return "/".join(parts)


def media_file(root: str, path: str) -> str:
    """The file or URL that `path` means under `root`, an absolute folder or a URL.

    Nothing outside `root` can be reached; that is decided by the text alone, so a link inside `root` may lead out.
    Raises  MediaError as `relative_path`, or if `root` is neither absolute nor a URL.

    >>> media_file("/data", "night/a b.jpg"), media_file("https://host/x", "a b#1.jpg")
    ('/data/night/a b.jpg', 'https://host/x/a%20b%231.jpg')
    """
    inside = relative_path(path)
    if is_url(root):
        web = root.lower().startswith(("http://", "https://"))
        return f"{root.rstrip('/')}/{quote(inside) if web else inside}"
    if not (root.startswith(("/", "\\\\")) or _DRIVE.match(root)):
        raise MediaError("a root must be an absolute folder or a URL", where=root)
    return f"{root.rstrip('/')}/{inside}"


def reference(file: str | PurePath, root: str | PurePath | None = None) -> tuple[str, str]:
    """Root and path of a local file: what `media_file` joins. Without `root` it is the file's folder.

    Links are kept as they are, since a data set may be a folder of links.
    Raises  MediaError if `file` is not under `root`, or its name holds a backslash.

    >>> reference("/data/night/a.jpg", "/data")
    ('/data', 'night/a.jpg')
    """
    whole = Path(os.path.abspath(file))  # noqa: PTH100  # resolve() would follow links
    folder = Path(os.path.abspath(root)) if root is not None else whole.parent  # noqa: PTH100
    if not whole.is_relative_to(folder) or whole == folder:
        raise MediaError(f"the file is not inside {folder}", where=str(file), hint="choose a root further up")
    path = whole.relative_to(folder).as_posix()
    if "\\" in path:  # would be read as a folder when it is joined again
        raise MediaError("the file's name holds a backslash", where=str(file), hint="rename the file")
    return folder.as_posix(), path
