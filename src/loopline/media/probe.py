"""What a media file says about itself: kind, size as shown, length, hash; and whether all of it is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from loopline.errors import MediaError
from loopline.media.files import LOCAL, Files, Window
from loopline.media.kinds import mime_of
from loopline.media.pictures import MAX_PIXELS, decode_fully, picture_header
from loopline.media.videos import video_header


@dataclass(frozen=True, slots=True)
class Probe:
    """One readable picture or video.

    width, height   pixels as shown: orientation applied; None for a video whose container nobody here understands
    orientation     EXIF, 1 … 8, of the stored pixels; a turned video has the number a picture would have
    content_hash    BLAKE2b-128 of the file, hex; "" if it was not asked for
    pages           of a TIFF; frames of a moving GIF, WebP, AVIF or PNG; 1 for a video
    note            something to know about a file that is readable all the same, or ""
    """

    media: Literal["image", "video"]
    mime: str
    width: int | None
    height: int | None
    orientation: int
    size_bytes: int
    content_hash: str
    pages: int = 1
    duration_s: float | None = None
    fps: float | None = None
    frame_count: int | None = None
    note: str = ""


def probe(
    source: str | Path | bytes,
    *,
    with_hash: bool = True,
    verify: bool = False,
    max_pixels: int = MAX_PIXELS,
    files: Files = LOCAL,
) -> Probe:
    """Read one file, or its bytes, once.

    A file whose end does not look right is decoded to find out; with `verify` every picture is.

    Raises  MediaError if it is missing, empty, cut off, no picture or video, or has more than `max_pixels`.
    Memory  about 1 MiB however large the file; a decoded picture on top where one is decoded.
    """
    if isinstance(source, bytes):
        return _probe(Window(BytesIO(source), len(source), with_hash=with_hash), "", verify, max_pixels)
    path = os.fspath(source)
    size = files.stamp(path).size_bytes
    try:
        with files.open(path) as file:
            return _probe(Window(file, size, with_hash=with_hash), path, verify, max_pixels)
    except MediaError as error:
        raise MediaError(error.what, where=path, hint=error.hint) from None
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", where=path) from None


def _probe(window: Window, path: str, verify: bool, max_pixels: int) -> Probe:
    if window.size == 0:
        raise MediaError("is empty")
    mime = mime_of(window.head[:4096])
    if mime.startswith("video/"):
        video = video_header(window, mime, path)
        return Probe(
            media="video",
            mime=mime,
            width=video.height if video.orientation >= 5 else video.width,
            height=video.width if video.orientation >= 5 else video.height,
            orientation=video.orientation,
            size_bytes=window.size,
            content_hash=window.digest,
            duration_s=video.duration_s,
            fps=video.fps,
            frame_count=video.frame_count,
            note=video.note,
        )
    picture = picture_header(window, mime)
    width, height = picture.width, picture.height
    if width < 1 or height < 1:
        raise MediaError("has no pixels")
    if width * height > max_pixels:
        raise MediaError(f"claims more than {max_pixels:,} pixels", hint="raise max_pixels if the file can be trusted")
    if picture.suspect or verify:
        try:
            decode_fully(window, mime)
        except MediaError as error:
            raise MediaError(picture.suspect or error.what, hint=error.hint) from None
    turned = picture.orientation >= 5
    return Probe(
        media="image",
        mime=mime,
        width=height if turned else width,
        height=width if turned else height,
        orientation=picture.orientation,
        size_bytes=window.size,
        content_hash=window.digest,
        pages=picture.pages,
        note=picture.suspect,
    )
