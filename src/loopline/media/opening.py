"""The bytes of a sample's media, wherever they are: on this disk, in an archive, on the network.

Everything that shows, decodes or copies pictures asks here, so that no other code has to know of the three.
"""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from loopline.errors import MediaError
from loopline.media import remote
from loopline.media.archives import member_size, open_member, split_archive
from loopline.media.files import LOCAL, FileStamp
from loopline.media.references import is_url, media_file
from loopline.media.remembered import remembered


def open_media(root: str, path: str, *, cache: Path | None = None) -> BinaryIO:
    """A sample's picture or video from its start, able to seek; to be closed. May be called from several threads.

    root, path   as the sample keeps them
    cache        folder where remote media are kept (the data set's: `lake.location.cache`); without it a remote file is
                 fetched anew each time

    Raises MediaError where it is missing, cannot be read, or does not come; MissingDependency for an odd kind of URL.
    """
    return MediaFiles(cache).open(media_file(root, path))


def local_media(root: str, path: str, *, cache: Path) -> str:
    """A file on this disk with a sample's media, for what asks for a file: the very file where it is one, else a copy
    in `cache`, which is there until room is short. Raises as `open_media`."""
    return local_file(media_file(root, path), cache)


def local_file(place: str, cache: Path) -> str:
    """As `local_media`, of root and path joined."""
    if is_url(place):
        return str(remembered(place, cache))
    if os.path.isfile(place):  # noqa: PTH113
        return place
    inside = split_archive(place)
    if inside is None or not inside[1]:
        LOCAL.stamp(place)
        return place
    archive, name = inside
    status = os.stat(archive)  # noqa: PTH116
    state = f"{archive}\0{status.st_size}\0{status.st_mtime_ns}\0{name}"
    digest = blake2b(state.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    target = cache / "media" / "members" / f"{digest}{PurePosixPath(name).suffix}"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=target.parent, prefix=".")
        try:
            with open_member(archive, name) as content, os.fdopen(handle, "wb") as out:
                while block := content.read(1 << 20):
                    out.write(block)
            Path(beside).replace(target)
        finally:
            Path(beside).unlink(missing_ok=True)
    return str(target)


class MediaFiles:
    """Local files, members of archives and remote files as one place of media; a `Files`."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache

    def stamp(self, path: str) -> FileStamp:
        """The file's present state; a member's time is its archive's."""
        if is_url(path):
            if self._cache is None:
                raise MediaError("is on the network", where=path)
            return LOCAL.stamp(str(remembered(path, self._cache)))
        try:
            return LOCAL.stamp(path)
        except MediaError:
            inside = split_archive(path)
            if inside is None or not inside[1]:
                raise
        return FileStamp(path, member_size(*inside), LOCAL.stamp(inside[0]).mtime_ns)

    def open(self, path: str) -> BinaryIO:
        if is_url(path):
            return LOCAL.open(str(remembered(path, self._cache))) if self._cache is not None else _fetched(path)
        try:
            return LOCAL.open(path)
        except MediaError:
            inside = split_archive(path)
            if inside is None or not inside[1]:
                raise
        return open_member(*inside)


def _fetched(url: str) -> BinaryIO:
    with tempfile.TemporaryDirectory(prefix="loopline-") as folder:
        file = Path(folder, "media")
        remote.fetch(url, file)
        return LOCAL.open(str(file))  # stays readable when its name is gone
