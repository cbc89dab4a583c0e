"""Opening media files: the seam where other places than the local disk come in."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from hashlib import blake2b
from typing import BinaryIO, Protocol

from loopline.errors import MediaError

HEAD_BYTES = 1 << 20
"""What is held of a file; most pictures are smaller."""

TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Tells one state of a file from another without reading it."""

    path: str
    size_bytes: int
    mtime_ns: int


class Files(Protocol):
    """A place that holds media. Both calls raise MediaError, with words that do not repeat the path."""

    def stamp(self, path: str) -> FileStamp:
        """The file's present state."""

    def open(self, path: str) -> BinaryIO:
        """The file, unbuffered, able to seek."""


class LocalFiles:
    """Regular files of this machine. A pipe or a device is refused: reading it might never end."""

    def stamp(self, path: str) -> FileStamp:
        if "://" in path:
            raise MediaError("is on the network; only local files are read", where=path)
        try:
            status = os.stat(path)  # noqa: PTH116  # a Path object for each of a million files costs more than the call
        except (OSError, ValueError) as error:
            raise _refused(error, path) from None
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file", where=path)
        return FileStamp(path, status.st_size, status.st_mtime_ns)

    def open(self, path: str) -> BinaryIO:
        try:
            return open(path, "rb", buffering=0)  # noqa: PTH123
        except (OSError, ValueError) as error:
            raise _refused(error, path) from None


LOCAL = LocalFiles()


def _refused(error: OSError | ValueError, path: str) -> MediaError:
    words = {errno.ENOENT: "there is no such file", errno.EACCES: "no permission to read it"}
    known = words.get(error.errno or 0) if isinstance(error, OSError) else None
    return MediaError(known or f"cannot be read: {getattr(error, 'strerror', None) or error}", where=path)


class Window:
    """One file, read once: its start and end in memory, the rest on demand.

    head    the first `HEAD_BYTES`
    digest  BLAKE2b-128 of the whole file, hex; "" if it was not asked for
    """

    __slots__ = ("_tail", "_tail_start", "digest", "file", "head", "size")

    def __init__(self, file: BinaryIO, size: int, *, with_hash: bool) -> None:
        self.file = file
        self.size = size
        self.head = file.read(min(size, HEAD_BYTES if with_hash else TAIL_BYTES))
        last = self.head
        if with_hash:
            digest = blake2b(self.head, digest_size=16)
            while chunk := file.read(HEAD_BYTES) if size > len(self.head) else b"":
                digest.update(chunk)
                last = (last + chunk)[-TAIL_BYTES:]
            self.digest = digest.hexdigest()
        else:
            self.digest = ""
            if size > len(self.head):
                file.seek(max(0, size - TAIL_BYTES))
                last = file.read(TAIL_BYTES)
        self._tail = last
        self._tail_start = size - len(last)

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer where the file ends."""
        if offset + count <= len(self.head):
            return self.head[offset : offset + count]
        if offset >= self._tail_start:
            return self._tail[offset - self._tail_start :][:count]
        self.file.seek(offset)
        return self.file.read(min(count, max(0, self.size - offset)))

    def contains(self, marker: bytes, start: int) -> bool:
        """Whether `marker` lies at or behind `start`. The file is read again only if its ends do not hold it."""
        if self._tail.rfind(marker, max(0, start - self._tail_start)) >= 0:  # from behind: it is nearly always last
            return True
        if self.head.find(marker, start) >= 0:
            return True
        at = max(start, len(self.head) - len(marker))
        while at < self._tail_start:
            if marker in self.read(at, HEAD_BYTES + len(marker)):
                return True
            at += HEAD_BYTES
        return False
