"""Size, length and frame rate of a video, from its header.

MP4, MOV and AVI are read here, so that the answer is the same on every machine; other containers are asked of `ffprobe`
where that is installed.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loopline.errors import MediaError
from loopline.media.files import Window

_CONTAINERS: Final = (b"trak", b"mdia", b"minf", b"stbl", b"moov")
_LARGEST_HEADER: Final = 256 << 20
_ORIENTATION: Final[dict[int, int]] = {0: 1, 90: 6, 180: 3, 270: 8}  # degrees clockwise -> EXIF
FFPROBE_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What a video says about itself; None where it does not say."""

    width: int | None = None  # pixels as stored
    height: int | None = None
    orientation: int = 1  # EXIF, 1 … 8
    duration_s: float | None = None
    fps: float | None = None  # frames over duration; a video of varying frame lengths has only this mean
    frame_count: int | None = None
    note: str = ""


def video_header(window: Window, mime: str, path: str) -> VideoHeader:
    """Raises MediaError if the file is cut off or holds no video. `path` "" means: not a file that ffprobe can open."""
    if mime in ("video/mp4", "video/quicktime", "video/3gpp"):
        found = _mp4(window)
    elif mime == "video/x-msvideo":
        found = _avi(window)
    else:
        found = VideoHeader()
    if found.width and found.frame_count:
        return found
    return _ffprobe(path) if path else VideoHeader(note="its container is only understood for files on disk")


def _mp4(window: Window) -> VideoHeader:
    """Fragmented files keep their frame count elsewhere: the answer then lacks it."""
    moov = b""
    for kind, start, end in _top_boxes(window):
        if end > window.size:
            raise MediaError(f"cut off: {window.size:,} of {end:,} bytes are there")
        if kind == b"moov":
            if end - start > _LARGEST_HEADER:
                raise MediaError("has a header that cannot be read: it is too large")
            moov = window.read(start, end - start)
    if not moov:
        raise MediaError("cut off: its index (moov) is not there")
    try:
        for kind, start, end in _boxes(moov, 0, len(moov)):
            if kind == b"trak" and (found := _mp4_track(moov, start, end)):
                return found
    except (struct.error, IndexError):
        raise MediaError("has a header that cannot be read: a box is too short") from None
    raise MediaError("has no video track")


def _top_boxes(window: Window) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each outermost box."""
    at = 0
    while at + 8 <= window.size:
        head = window.read(at, 16)
        length, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, skip = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:
            length = window.size - at
        if length < skip:
            raise MediaError("has a header that cannot be read: a box without length")
        yield kind, at + skip, at + length
        at += length


def _boxes(block: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """As `_top_boxes`, inside `block`; containers are opened too, a container before its content."""
    while at + 8 <= end:
        length, kind = int.from_bytes(block[at : at + 4], "big"), block[at + 4 : at + 8]
        stop = min(at + length, end)
        if length < 8:
            return
        yield kind, at + 8, stop
        at = stop


def _inside(block: bytes, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Every box in a track by kind, the first of each; containers opened."""
    found: dict[bytes, tuple[int, int]] = {}
    for kind, at, stop in _boxes(block, start, end):
        found.setdefault(kind, (at, stop))
        if kind in _CONTAINERS:
            found = _inside(block, at, stop) | found
    return found


def _mp4_track(moov: bytes, start: int, end: int) -> VideoHeader | None:
    box = _inside(moov, start, end)
    if b"hdlr" not in box or moov[box[b"hdlr"][0] + 8 :][:4] != b"vide" or b"stsd" not in box or b"mdhd" not in box:
        return None
    width, height = struct.unpack_from(">HH", moov, box[b"stsd"][0] + 8 + 32)
    at = box[b"mdhd"][0]
    scale, ticks = (
        struct.unpack_from(">IQ", moov, at + 20) if moov[at] == 1 else struct.unpack_from(">II", moov, at + 12)
    )
    frames = 0
    if b"stsz" in box:
        (frames,) = struct.unpack_from(">I", moov, box[b"stsz"][0] + 8)
    duration_s = ticks / scale if scale else 0.0
    return VideoHeader(
        width=width,
        height=height,
        orientation=_rotation(moov, box[b"tkhd"][0]) if b"tkhd" in box else 1,
        duration_s=duration_s or None,
        fps=frames / duration_s if duration_s and frames else None,
        frame_count=frames or None,
    )


def _rotation(moov: bytes, start: int) -> int:
    at = start + (52 if moov[start] == 1 else 40)
    a, b = struct.unpack_from(">ii", moov, at)
    return _ORIENTATION.get(round(math.degrees(math.atan2(b, a))) % 360, 1)


def _avi(window: Window) -> VideoHeader:
    declared = int.from_bytes(window.head[4:8], "little") + 8
    if declared > window.size:
        raise MediaError(f"cut off: {window.size:,} of {declared:,} bytes are there")
    main, stream = window.head.find(b"avih"), window.head.find(b"strh")
    while stream >= 0 and window.head[stream + 8 : stream + 12] != b"vids":
        stream = window.head.find(b"strh", stream + 4)
    try:
        if main < 0 or stream < 0:
            raise MediaError("has no video track")
        width, height = struct.unpack_from("<II", window.head, main + 8 + 32)
        scale, rate, _, frames = struct.unpack_from("<IIII", window.head, stream + 8 + 20)
    except struct.error:
        raise MediaError("cut off: ends inside its header") from None
    fps = rate / scale if scale and rate else None
    return VideoHeader(width, height, 1, frames / fps if fps and frames else None, fps, frames or None)


def _ffprobe(path: str) -> VideoHeader:
    program = shutil.which("ffprobe")
    if program is None:
        return VideoHeader(note="size and length are not known: install ffmpeg (ffprobe) and probe again")
    command = [program, "-v", "error", "-protocol_whitelist", "file", "-of", "json", "-select_streams", "v:0"]
    command += ["-show_streams", "-show_format", "-i", f"file:{path}"]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=FFPROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise MediaError(f"ffprobe gave no answer in {FFPROBE_TIMEOUT_S} s") from None
    answer = json.loads(done.stdout or b"{}")
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2].replace(f"file:{path}: ", "")
        raise MediaError(f"cannot be decoded: {last}")
    if not answer.get("streams"):
        raise MediaError("has no video track")
    return _from_ffprobe(answer["streams"][0], answer.get("format", {}))


def _from_ffprobe(stream: dict[str, object], container: dict[str, object]) -> VideoHeader:
    duration_s = _number(stream.get("duration")) or _number(container.get("duration"))
    fps = _fraction(stream.get("avg_frame_rate")) or _fraction(stream.get("r_frame_rate"))
    frames = _number(stream.get("nb_frames"))
    if frames is None and duration_s and fps:
        frames = round(duration_s * fps)
    sides = stream.get("side_data_list")
    turns = [side.get("rotation", 0) for side in sides if isinstance(side, dict)] if isinstance(sides, list) else []
    return VideoHeader(
        width=int(_number(stream.get("width")) or 0) or None,
        height=int(_number(stream.get("height")) or 0) or None,
        orientation=_ORIENTATION.get(-int(turns[0]) % 360, 1) if turns else 1,  # ffprobe counts against the clock
        duration_s=duration_s,
        fps=fps,
        frame_count=int(frames) if frames else None,
    )


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None


def _fraction(value: object) -> float | None:
    above, _, below = str(value).partition("/")
    top, bottom = _number(above), _number(below or "1")
    return top / bottom if top and bottom else None
