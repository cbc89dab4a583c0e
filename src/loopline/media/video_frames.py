"""The frames of a video as arrays, one after the other, decoded by the program ffmpeg while the last one is looked at."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from loopline.errors import MediaError
from loopline.media.pictures import MAX_PIXELS
from loopline.media.stills import ffmpeg

UInt8 = npt.NDArray[np.uint8]


def video_frames(path: str, *, every: int = 1, start: int = 0) -> Iterator[tuple[int, UInt8]]:
    """(number, (h, w, 3) RGB) of the frames start, start + every, … of a local video, as they are shown.

    Numbers count every frame from 0. Closing the iterator ends the decoder.
    Memory  two frames
    Raises  MediaError where it cannot be decoded to its end, after the frames before; MissingDependency without ffmpeg
    """
    chosen = f"select=gte(n\\,{start})*not(mod(n-{start}\\,{every}))"
    command = [ffmpeg(), "-nostdin", "-loglevel", "error", "-xerror", "-protocol_whitelist", "file,pipe"]
    command += ["-i", f"file:{path}", "-map", "0:v:0", "-vf", chosen, "-fps_mode", "passthrough"]
    command += ["-f", "image2pipe", "-c:v", "ppm", "-"]
    with tempfile.TemporaryFile() as words:  # a pipe that nobody reads would fill up and stop the decoder
        work = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words)
        assert work.stdout is not None
        try:
            number = start
            while (frame := _next(work.stdout)) is not None:
                yield number, frame
                number += every
            if work.wait() != 0:
                words.seek(0)
                said = words.read().decode(errors="replace").strip().splitlines()
                raise MediaError(f"cannot be decoded: {said[-1] if said else 'ffmpeg gave no reason'}")
        finally:
            work.stdout.close()
            work.kill()
            work.wait()


def _next(stream: IO[bytes]) -> UInt8 | None:
    """One PPM picture: P6, width and height, 255, pixels; None at the end."""
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
