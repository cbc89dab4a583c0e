"""Remote media kept on this disk by content, the longest unused going first when room is short.

`<cache>/media/by-url/<hash of the URL>` names the content, `<cache>/media/<2 digits>/<hash of the content><ending>` is
it; so a picture at two URLs is kept once. All of it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from loopline.media import remote

ROOM_BYTES: Final = 10 << 30
"""Bytes of remote media on the disk at most; `LOOPLINE_MEDIA_CACHE` says another number."""

_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_BLOCK: Final = 1 << 20
_lock = threading.Lock()
_used: dict[Path, int] = {}  # bytes in a cache, as far as this process knows


def remembered(url: str, cache: Path) -> Path:
    """A file with the content of a remote one; fetched where it is not here yet. Raises MediaError as `remote.fetch`."""
    folder = cache / "media"
    note = folder / "by-url" / _hash_of(url.encode())
    kept = _kept(note, folder)
    if kept is not None:
        return kept
    return _settle(url, folder, note)


def _kept(note: Path, folder: Path) -> Path | None:
    try:
        file = folder / note.read_text("ascii")
        os.utime(file, ns=(time.time_ns(), file.stat().st_mtime_ns))  # it was used now
    except (OSError, ValueError):
        return None
    return file


def _settle(url: str, folder: Path, note: Path) -> Path:
    note.parent.mkdir(parents=True, exist_ok=True)
    coming = folder / f".{note.name}.{os.getpid()}.{threading.get_ident()}"
    try:
        remote.fetch(url, coming)
        digest = _hash(coming)
        ending = _ENDING.search(PurePosixPath(urlsplit(url).path).name)
        name = f"{digest[:2]}/{digest}{ending.group() if ending else ''}"
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        size = coming.stat().st_size
        coming.replace(target)
    finally:
        coming.unlink(missing_ok=True)
    _write(note, name)
    _make_room(folder, size, keep=target)
    return target


def _write(note: Path, name: str) -> None:
    beside = note.with_name(f".{note.name}.{os.getpid()}.{threading.get_ident()}")
    beside.write_text(name, "ascii")
    beside.replace(note)


def room() -> int:
    """Bytes that the cache may hold."""
    said = os.environ.get("LOOPLINE_MEDIA_CACHE", "")
    return int(said) if said.isdecimal() else ROOM_BYTES


def _make_room(folder: Path, new: int, keep: Path) -> None:
    """Delete the longest unused files until nine tenths of the room are taken. What another process adds is seen at the
    next count."""
    with _lock:
        _used[folder] = _used[folder] + new if folder in _used else sum(size for _, size, _ in _files(folder))
        if _used[folder] <= room():
            return
        files = sorted(_files(folder))
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            if total <= room() * 9 // 10:
                break
            if file != keep:
                with contextlib.suppress(OSError):
                    file.unlink()
                    total -= size
        _used[folder] = total


def _files(folder: Path) -> list[tuple[int, int, Path]]:
    """(time of use, bytes, file) of every content."""
    found = []
    for file in folder.glob("??/*"):
        with contextlib.suppress(OSError):
            status = file.stat()
            found.append((status.st_atime_ns, status.st_size, file))
    return found


def _hash_of(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _hash(file: Path) -> str:
    digest = blake2b(digest_size=16)
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
