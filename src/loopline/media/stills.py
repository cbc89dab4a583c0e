"""Frames out of videos, with the program ffmpeg where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from typing import Final

from loopline.errors import MediaError, MissingDependency

_PATIENCE_S: Final = 30.0


def ffmpeg() -> str:
    """Path of the program. Raises MissingDependency."""
    found = shutil.which("ffmpeg")
    if found is None:
        raise MissingDependency("ffmpeg is not installed, and videos need it", hint="Debian: apt-get install ffmpeg")
    return found


def first_frame(path: str, size: int) -> bytes:
    """The first frame of a local video as a JPEG whose longer side has at most `size` pixels.

    Raises MediaError where it cannot be decoded; MissingDependency without ffmpeg.
    """
    from loopline.media.thumbnails import as_jpeg, upright

    scale = f"scale='min({size},iw)':'min({size},ih)':force_original_aspect_ratio=decrease"
    command = [ffmpeg(), "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-i", f"file:{path}"]
    command += ["-an", "-frames:v", "1", "-vf", scale, "-f", "image2pipe", "-c:v", "png", "-"]
    return as_jpeg(upright(BytesIO(run(command).stdout)))


def run(command: list[str], *, timeout_s: float = _PATIENCE_S) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end. Raises MediaError with its last words."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise MediaError(f"took longer than {timeout_s:.0f} s to decode") from None
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise MediaError(f"cannot be decoded: {words[-1] if words else 'ffmpeg gave no reason'}")
    return done
