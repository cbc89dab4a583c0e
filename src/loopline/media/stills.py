"""Frames out of videos, with the program ffmpeg where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Final

from loopline.errors import MediaError, MissingDependency

if TYPE_CHECKING:
    from PIL.Image import Image

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
    command = [*_quiet(), "-i", f"file:{path}"]
    command += ["-an", "-frames:v", "1", "-vf", scale, "-f", "image2pipe", "-c:v", "png", "-"]
    return as_jpeg(upright(BytesIO(run(command).stdout)))


def frames_from(path: str, time_s: float, wanted: Sequence[int]) -> list[Image]:
    """Some frames of a local video, all of their pixels, RGB: `wanted` counts from the first that begins at or after a
    time, and rises. One process seeks to that time and decodes to the last of them; frames past the end are left out.

    Raises MediaError where it cannot be decoded; MissingDependency without ffmpeg.
    """
    from PIL import Image

    chosen = "+".join(f"eq(n\\,{n})" for n in wanted)
    command = [*_quiet(), "-ss", f"{max(0.0, time_s):.6f}", "-i", f"file:{path}", "-an", "-map", "0:v:0"]
    command += ["-vf", f"select={chosen}", "-fps_mode", "passthrough", "-frames:v", str(len(wanted))]
    out = run([*command, "-f", "image2pipe", "-c:v", "ppm", "-"]).stdout
    found, at = [], 0
    while at < len(out):
        width, height = (int(part) for part in out[at + 3 : out.index(b"\n", at + 3)].split())
        at = out.index(b"255\n", at) + 4
        found.append(Image.frombytes("RGB", (width, height), out[at : at + width * height * 3]))
        at += width * height * 3
    return found


def strip(path: str, times_s: Sequence[float], size: int) -> bytes:
    """The frames shown at some times, side by side in one JPEG. Each is a cell of the same width, its longer side at most
    `size` pixels: the picture is len(times_s) cells wide.

    One process seeks for each frame and decodes no more than it must, so a long video takes no longer than a short one.
    Raises MediaError, MissingDependency.
    """
    from loopline.media.thumbnails import as_jpeg, upright

    command = _quiet()
    for time_s in times_s:
        command += ["-ss", f"{max(0.0, time_s):.6f}", "-i", f"file:{path}"]
    scale = f"scale='min({size},iw)':'min({size},ih)':force_original_aspect_ratio=decrease,setsar=1"
    cells = [f"[{i}:v:0]trim=end_frame=1,{scale}[c{i}]" for i in range(len(times_s))]
    row = "".join(f"[c{i}]" for i in range(len(times_s)))
    joined = f"{row}hstack=inputs={len(times_s)}" if len(times_s) > 1 else f"{row}null"
    command += ["-filter_complex", ";".join([*cells, f"{joined}[out]"]), "-map", "[out]"]
    command += ["-an", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    return as_jpeg(upright(BytesIO(run(command).stdout)))


def _quiet() -> list[str]:
    return [ffmpeg(), "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,pipe"]


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
