"""Reading small label files, and nothing that lies outside the folders the user named."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loopline.errors import FormatError

MOST_BYTES: Final = 64 << 20
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def inside(path: str | Path, roots: Sequence[Path]) -> bool:
    """Whether a path, its links followed, lies in one of the folders."""
    real = os.path.realpath(path)
    return any(real == top or real.startswith(top.rstrip("/") + "/") for top in map(os.path.realpath, roots))


LEADS_OUT: Final = "a link that leads out of the folder"
LEADS_OUT_HINT: Final = "name the folder that it leads to"


def leads_out(file: Path, named: Path) -> bool:
    """Whether a file that was found in the folder which the user named is a link out of it. For files that are read
    bit by bit; small ones go through `read_bytes`."""
    return named.is_dir() and file.is_symlink() and not inside(file, [named])


def read_bytes(path: str, roots: Sequence[Path], most: int = MOST_BYTES) -> bytes:
    """A file's content. A link is followed only where it ends inside `roots`.

    Raises FormatError, in few wordings, where it leads out, cannot be read or has more than `most` bytes.
    """
    try:
        file = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK):
            raise FormatError(f"the file cannot be read: {error.strerror}") from None
        if not inside(path, roots):
            raise FormatError(LEADS_OUT, hint=LEADS_OUT_HINT) from None
        return read_bytes(os.path.realpath(path), roots, most)
    try:
        size = os.fstat(file).st_size
        if size > most:
            raise FormatError(f"a label file of more than {most:,} bytes")
        return os.read(file, size) if size else b""
    except OSError as error:
        raise FormatError(f"the file cannot be read: {error.strerror}") from None
    finally:
        os.close(file)
