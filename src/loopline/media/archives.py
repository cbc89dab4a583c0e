"""Pictures inside zip and plain tar files, read where they are.

A member's place is written as if the archive were a folder: `/data/export.zip/images/a.jpg`. Names in an archive are
anybody's: one that is absolute, leads out (`..`) or is not text is no member here, and links lead only to members.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import threading
import unicodedata
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Final, Literal, TypeAlias

from loopline.errors import MediaError

Kind: TypeAlias = Literal["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]

IN_PLACE: Final = ("zip", "tar")
"""Kinds whose members can be reached without reading all that comes before them."""

BROKEN: Final = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),
)
"""What reading a damaged archive raises; RuntimeError and NotImplementedError where it is encrypted or packed oddly."""

_COMPRESSED: Final[dict[bytes, Kind]] = {b"\x1f\x8b": "tar.gz", b"BZh": "tar.bz2", b"\xfd7zXZ\0": "tar.xz"}
_IN_MEMORY: Final = 32 << 20  # bytes of a member that is handed out as a whole
_KEPT: Final = 8  # archives whose lists of members are kept
_BLOCK: Final = 1 << 20


def archive_kind(file: str | Path) -> Kind | None:
    """What kind of archive a file is, from its content; None for any other file, and for what is no file."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116
            return None
        with open(file, "rb") as opened:  # noqa: PTH123
            head = opened.read(512)
    except (OSError, ValueError):
        return None
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return "zip"
    if _is_tar(head):
        return "tar"
    for mark, kind in _COMPRESSED.items():
        if head.startswith(mark):
            try:
                with _unpacked(kind, file) as inner:
                    return kind if _is_tar(inner.read(512)) else None
            except BROKEN:
                return None
    return None


def _unpacked(kind: Kind, file: str | Path) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if kind == "tar.gz":
        return gzip.open(file, "rb")
    return bz2.open(file, "rb") if kind == "tar.bz2" else lzma.open(file, "rb")


def _is_tar(head: bytes) -> bool:
    """By its mark, or (the oldest kind has none) by the sum over its first header."""
    if head[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def split_archive(place: str) -> tuple[str, str] | None:
    """The archive that a place lies in, and the member's name ("" for the archive itself); None: in no archive.

    The way up is only gone where the place itself is not there, so asking about a plain file costs one look.
    """
    at = place.rstrip("/")
    if os.path.isdir(at):  # noqa: PTH112
        return None
    while at and not os.path.lexists(at):
        at = at.rpartition("/")[0]
    if not at or archive_kind(at) is None:
        return None
    return at, place.rstrip("/")[len(at) :].lstrip("/")


def member_name(name: str) -> str | None:
    """A member's name as a relative path; None where it is absolute, leads out, or is not text.

    >>> member_name("./images\\\\a.jpg"), member_name("a/../../b"), member_name("/etc/passwd"), member_name("C:/a")
    ('images/a.jpg', None, None, None)
    """
    forward = name.replace("\\", "/")
    if forward.startswith("/") or forward[1:2] == ":" or "\0" in forward or not _is_text(forward):
        return None
    parts = [part for part in forward.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)


def _is_text(name: str) -> bool:
    try:
        return len(name.encode()) < 4096
    except UnicodeEncodeError:
        return False


def linked(name: str, target: str) -> str | None:
    """The member that a symbolic link means; None where it leads out.

    >>> linked("a/b/c.jpg", "../d.jpg"), linked("a.jpg", "../d.jpg")
    ('a/d.jpg', None)
    """
    if target.startswith("/") or not _is_text(target):
        return None
    parts = name.split("/")[:-1]
    for part in target.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or None


class Part(io.RawIOBase):
    """A stretch of a file as a file of its own, which closes it."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        found = self._file.read(count)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True, slots=True)
class _Zip:
    """One open zip for all readers: `ZipFile` itself takes turns on its file."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]

    def size(self, name: str) -> int:
        return self.members[name].file_size

    def open(self, archive: str, name: str) -> BinaryIO:
        info = self.members[name]
        if info.compress_type == zipfile.ZIP_STORED and info.file_size > _IN_MEMORY and not info.flag_bits & 1:
            file = open(archive, "rb")  # noqa: PTH123, SIM115
            file.seek(info.header_offset)
            head = file.read(30)
            start = (
                info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
            )
            return io.BufferedReader(Part(file, start, info.file_size))
        with self.file.open(info) as content:
            return _whole(content, info.file_size)


@dataclass(frozen=True, slots=True)
class _Tar:
    members: dict[str, tuple[int, int]]  # start, size

    def size(self, name: str) -> int:
        return self.members[name][1]

    def open(self, archive: str, name: str) -> BinaryIO:
        start, size = self.members[name]
        file = open(archive, "rb")  # noqa: PTH123, SIM115
        if os.fstat(file.fileno()).st_size < start + size:
            file.close()
            raise EOFError
        return io.BufferedReader(Part(file, start, size))


def _whole(content: IO[bytes], size: int) -> BinaryIO:
    """All of a packed member, which cannot be read from its middle; never more than it says it has."""
    out: BinaryIO = io.BytesIO() if size <= _IN_MEMORY else tempfile.TemporaryFile()  # noqa: SIM115
    for block in iter(partial(content.read, _BLOCK), b""):
        out.write(block)
        if out.tell() > size:
            raise EOFError
    out.seek(0)
    return out


_indexes: OrderedDict[tuple[str, int, int], _Zip | _Tar] = OrderedDict()
_lock = threading.Lock()


def _index(archive: str) -> _Zip | _Tar:
    """The members of an archive; read once for each state of its file."""
    status = os.stat(archive)  # noqa: PTH116
    key = (archive, status.st_size, status.st_mtime_ns)
    with _lock:
        if key in _indexes:
            _indexes.move_to_end(key)
            return _indexes[key]
        kind = archive_kind(archive)
        if kind not in IN_PLACE:
            raise MediaError(
                "is in an archive that cannot be read from its middle", where=archive, hint='add it with media="copy"'
            )
        _indexes[key] = found = _zip_index(archive) if kind == "zip" else _tar_index(archive)
        while len(_indexes) > _KEPT:
            _indexes.popitem(last=False)
        return found


def _zip_index(archive: str) -> _Zip:
    file = zipfile.ZipFile(archive)
    members: dict[str, zipfile.ZipInfo] = {}
    links: dict[str, str] = {}
    for info in file.infolist():
        name = member_name(info.filename)
        if name is None or info.is_dir():
            continue
        if is_link(info):
            if info.file_size < 4096 and (target := linked(name, file.read(info).decode("utf-8", "replace"))):
                links.setdefault(name, target)
        else:
            members.setdefault(name, info)
    return _Zip(file, {**{name: members[to] for name, to in followed(links) if to in members}, **members})


def _tar_index(archive: str) -> _Tar:
    members: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    with tarfile.open(archive, "r:") as file:
        for info in _until_broken(file):
            name = member_name(info.name)
            if name is None:
                continue
            target = (
                linked(name, info.linkname) if info.issym() else member_name(info.linkname) if info.islnk() else None
            )
            if info.isreg() and not info.issparse():
                members.setdefault(name, (info.offset_data, info.size))
            elif target is not None:
                links.setdefault(name, target)
    return _Tar({**{name: members[to] for name, to in followed(links) if to in members}, **members})


def _until_broken(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    try:
        yield from file
    except BROKEN:
        return


def followed(links: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each link with what it leads to in the end, over a few other links at most."""
    for name, target in links.items():
        for _ in range(8):
            target = links.get(target, target)
        yield name, target


def is_link(info: zipfile.ZipInfo) -> bool:
    """Whether a member of a zip is a symbolic link."""
    return info.create_system == 3 and stat.S_ISLNK(info.external_attr >> 16)


def _found(archive: str, name: str) -> tuple[_Zip | _Tar, str]:
    try:
        index = _index(archive)
    except BROKEN as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError("is in an archive that cannot be read", where=f"{archive}/{name}") from None
    for form in (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        if form in index.members:
            return index, form
    raise MediaError("there is no such file in the archive", where=f"{archive}/{name}")


def member_size(archive: str, name: str) -> int:
    """Bytes of a member, unpacked, as the archive says. Raises MediaError."""
    index, name = _found(archive, name)
    return index.size(name)


def open_member(archive: str, name: str) -> BinaryIO:
    """A member from its start, able to seek. Raises MediaError where it is not there, damaged or encrypted."""
    index, name = _found(archive, name)
    try:
        return index.open(archive, name)
    except BROKEN:
        raise MediaError("cannot be unpacked: the archive is damaged or encrypted", where=f"{archive}/{name}") from None
