"""Videos for a browser: when each frame is shown, whether a browser can play a file, and a form that it can.

All of it asks ffmpeg and ffprobe; MissingDependency where they are not installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from loopline.errors import MediaError, MissingDependency
from loopline.media.ffmpeg import ffmpeg, last_words, run

_PLAYED: Final = {
    "video/mp4": {"h264", "av1", "vp9"},
    "video/quicktime": {"h264"},
    "video/webm": {"vp8", "vp9", "av1"},
    "video/x-matroska": {"vp8", "vp9"},
}
_FORMATS: Final = ("yuv420p", "yuvj420p")


@dataclass(frozen=True, slots=True)
class Film:
    """What a video stream is, and the times in seconds at which its frames are shown: (n,) float64, rising."""

    codec: str
    pixel_format: str
    duration_s: float
    times: npt.NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        return self.times.nbytes

    def plays(self, mime: str) -> bool:
        """Whether browsers play such a file."""
        return self.codec in _PLAYED.get(mime, ()) and self.pixel_format in _FORMATS


def film(path: str) -> Film:
    """A local video. Every packet is looked at, none decoded. Raises MediaError, MissingDependency."""
    probe = shutil.which("ffprobe")
    if probe is None:
        raise MissingDependency("ffprobe is not installed, and videos need it", hint="Debian: apt-get install ffmpeg")
    asked = "stream=codec_name,pix_fmt,duration:packet=pts_time,duration_time,flags:format=duration"
    command = [probe, "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-select_streams", "v:0"]
    found = json.loads(run([*command, "-show_entries", asked, "-of", "json", f"file:{path}"], timeout_s=120).stdout)
    if not found.get("streams"):
        raise MediaError("has no video stream")
    (stream, *_) = found["streams"]
    packets = [p for p in found.get("packets", []) if "D" not in p.get("flags", "")]
    times = np.array([float(p.get("pts_time", "nan")) for p in packets])
    if np.isnan(times).any():  # a container without times: its frames are as long as the packets say
        lengths = np.array([float(p.get("duration_time", 0.04)) for p in packets])
        times = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
    length = float(stream.get("duration") or found.get("format", {}).get("duration") or 0.0)
    return Film(stream.get("codec_name", ""), stream.get("pix_fmt", ""), length, np.sort(times))


def browser_form(path: str, target: Path, report: Callable[[int], None], check: Callable[[], None]) -> None:
    """Write a local video as an MP4 that browsers play, frame for frame with the same times.

    report   is called with the number of frames written so far
    check    is called between; what it raises ends the work. Nothing is left behind but the whole file.
    Raises  MediaError, MissingDependency.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=target.parent, suffix=".mp4", prefix=".")
    os.close(handle)
    command = [*ffmpeg(), "-y", "-progress", "pipe:1"]
    command += ["-i", f"file:{path}", "-map", "0:v:0", "-map", "0:a:0?", "-fps_mode", "passthrough"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-g", "30"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:a", "aac", "-movflags", "+faststart", f"file:{beside}"]
    try:
        with (
            tempfile.TemporaryFile() as words,  # a pipe that nobody reads would fill up and stop the encoder
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True) as work,
        ):
            assert work.stdout is not None
            try:
                for line in work.stdout:
                    name, _, value = line.partition("=")
                    if name == "frame" and value.strip().isdigit():
                        report(int(value))
                    check()
            except BaseException:
                work.kill()
                raise
            if work.wait() != 0:
                words.seek(0)
                raise MediaError(f"cannot be converted: {last_words(words.read())}")
        os.replace(beside, target)  # noqa: PTH105
    finally:
        Path(beside).unlink(missing_ok=True)
