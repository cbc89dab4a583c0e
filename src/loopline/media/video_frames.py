"""The frames of a video as arrays, one after the other, decoded by the program ffmpeg while the last one is looked at."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator

from loopline.errors import MediaError
from loopline.media.ffmpeg import PICTURES, UInt8, ffmpeg, last_words, next_picture


def video_frames(path: str, *, every: int = 1, start: int = 0) -> Iterator[tuple[int, UInt8]]:
    """(number, (h, w, 3) RGB) of the frames start, start + every, … of a local video, as they are shown.

    Numbers count every frame from 0. Closing the iterator ends the decoder.
    Memory  two frames
    Raises  MediaError where it cannot be decoded to its end, after the frames before; MissingDependency without ffmpeg
    """
    chosen = f"select=gte(n\\,{start})*not(mod(n-{start}\\,{every}))"
    command = [*ffmpeg(), "-xerror", "-i", f"file:{path}", "-map", "0:v:0", "-vf", chosen]
    command += ["-fps_mode", "passthrough", *PICTURES]
    with tempfile.TemporaryFile() as words:  # a pipe that nobody reads would fill up and stop the decoder
        work = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words)
        assert work.stdout is not None
        try:
            number = start
            while (frame := next_picture(work.stdout)) is not None:
                yield number, frame
                number += every
            if work.wait() != 0:
                words.seek(0)
                raise MediaError(f"cannot be decoded: {last_words(words.read())}")
        finally:
            work.stdout.close()
            work.kill()
            work.wait()
