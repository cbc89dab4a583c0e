"""The program ffmpeg: how it is called, what it says when it fails, and the pictures that it writes."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from loopline.errors import MediaError, MissingDependency
from loopline.media.pictures import MAX_PIXELS

UInt8 = npt.NDArray[np.uint8]

PICTURES: Final = ("-f", "image2pipe", "-c:v", "ppm", "-")
"""The end of a command that writes pictures for `next_picture`."""

_PATIENCE_S: Final = 30.0
_PLACE: Final = re.compile(rb" @ 0x[0-9a-f]+")  # in memory: another one each time


def ffmpeg() -> list[str]:
    """The begin of every command: only errors are told, only local files are opened. Raises MissingDependency."""
    found = shutil.which("ffmpeg")
    if found is None:
        raise MissingDependency("ffmpeg is not installed, and videos need it", hint="Debian: apt-get install ffmpeg")
    return [found, "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,pipe"]


def run(command: list[str], *, timeout_s: float = _PATIENCE_S) -> subprocess.CompletedProcess[bytes]:
    """Run a program of ffmpeg to its end. Raises MediaError with its last words."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise MediaError(f"took longer than {timeout_s:.0f} s to decode") from None
    if done.returncode != 0:
        raise MediaError(f"cannot be decoded: {last_words(done.stderr)}")
    return done


def last_words(said: bytes) -> str:
    """Why it failed, from all that it wrote to standard error.

    >>> last_words(b"one\\n[png @ 0x55da4f87] chunk too big\\n")
    '[png] chunk too big'
    """
    lines = _PLACE.sub(b"", said).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "ffmpeg gave no reason"


def next_picture(stream: IO[bytes]) -> UInt8 | None:
    """(h, w, 3) RGB: one PPM picture (P6, width and height, 255, pixels); None at the end, or where it breaks off.

    Raises MediaError where it is too big to decode safely.
    """
    if stream.readline().strip() != b"P6":
        return None
    wide, high = (int(part) for part in stream.readline().split())
    stream.readline()
    if wide * high > MAX_PIXELS:
        raise MediaError(f"has frames of {wide:,} × {high:,} pixels: too many to decode safely")
    content = stream.read(wide * high * 3)
    if len(content) < wide * high * 3:
        return None
    return np.frombuffer(content, np.uint8).reshape(high, wide, 3)
