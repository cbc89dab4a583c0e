"""Frames out of videos, with the program ffmpeg where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from loopline.media.ffmpeg import PICTURES, ffmpeg, next_picture, run

if TYPE_CHECKING:
    from PIL.Image import Image


def first_frame(path: str, size: int) -> bytes:
    """The first frame of a local video as a JPEG whose longer side has at most `size` pixels.

    Raises MediaError where it cannot be decoded; MissingDependency without ffmpeg.
    """
    from loopline.media.thumbnails import as_jpeg, upright

    scale = f"scale='min({size},iw)':'min({size},ih)':force_original_aspect_ratio=decrease"
    command = [*ffmpeg(), "-i", f"file:{path}"]
    command += ["-an", "-frames:v", "1", "-vf", scale, "-f", "image2pipe", "-c:v", "png", "-"]
    return as_jpeg(upright(BytesIO(run(command).stdout)))


def frames_from(path: str, time_s: float, wanted: Sequence[int]) -> list[Image]:
    """Some frames of a local video, all of their pixels, RGB: `wanted` counts from the first that begins at or after a
    time, and rises. One process seeks to that time and decodes to the last of them; frames past the end are left out.

    Raises MediaError where it cannot be decoded; MissingDependency without ffmpeg.
    """
    from PIL import Image

    chosen = "+".join(f"eq(n\\,{n})" for n in wanted)
    command = [*ffmpeg(), "-ss", f"{max(0.0, time_s):.6f}", "-i", f"file:{path}", "-an", "-map", "0:v:0"]
    command += ["-vf", f"select={chosen}", "-fps_mode", "passthrough", "-frames:v", str(len(wanted))]
    stream = BytesIO(run([*command, *PICTURES]).stdout)
    found = []
    while (pixels := next_picture(stream)) is not None:
        found.append(Image.fromarray(pixels))
    return found


def strip(path: str, times_s: Sequence[float], size: int) -> bytes:
    """The frames shown at some times, side by side in one JPEG. Each is a cell of the same width, its longer side at most
    `size` pixels: the picture is len(times_s) cells wide.

    One process seeks for each frame and decodes no more than it must, so a long video takes no longer than a short one.
    Raises MediaError, MissingDependency.
    """
    from loopline.media.thumbnails import as_jpeg, upright

    command = ffmpeg()
    for time_s in times_s:
        command += ["-ss", f"{max(0.0, time_s):.6f}", "-i", f"file:{path}"]
    scale = f"scale='min({size},iw)':'min({size},ih)':force_original_aspect_ratio=decrease,setsar=1"
    cells = [f"[{i}:v:0]trim=end_frame=1,{scale}[c{i}]" for i in range(len(times_s))]
    row = "".join(f"[c{i}]" for i in range(len(times_s)))
    joined = f"{row}hstack=inputs={len(times_s)}" if len(times_s) > 1 else f"{row}null"
    command += ["-filter_complex", ";".join([*cells, f"{joined}[out]"]), "-map", "[out]"]
    command += ["-an", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    return as_jpeg(upright(BytesIO(run(command).stdout)))
