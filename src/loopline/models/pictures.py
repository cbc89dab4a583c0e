"""Picture files as arrays: any kind that Pillow reads, as 8-bit RGB, turned the way it is shown."""

from __future__ import annotations

import os
from io import BytesIO
from typing import BinaryIO, Final

import numpy as np
from PIL import Image, ImageOps

from loopline.errors import MediaError
from loopline.media import LOCAL, MAX_PIXELS, mime_of
from loopline.media.pictures import opened
from loopline.models.protocol import Picture, UInt8

_TURNED: Final = 274  # the EXIF tag
_HEAD: Final = 4096


def picture_from_file(path: str | os.PathLike[str], *, at_least: tuple[int, int] | None = None) -> Picture:
    """Raises MediaError where there is no such file or it cannot be decoded to its end."""
    with LOCAL.open(os.fspath(path)) as file:
        try:
            return picture_from(file, at_least=at_least)
        except MediaError as error:
            raise MediaError(error.what, where=str(path)) from None


def picture_from(file: BinaryIO, *, at_least: tuple[int, int] | None = None) -> Picture:
    """The first page or frame of an open file.

    at_least  (w, h): a JPEG may be decoded at a half, a quarter or an eighth of its size if it stays at least twice
              this big, which is quicker by as much and, after the model's own resizing, looks the same

    Raises MediaError.
    """
    content = file.read()
    if not content:
        raise MediaError("is empty")
    mime = mime_of(content[:_HEAD])
    if mime.startswith("video/"):
        raise MediaError("is a video; models look at pictures")
    try:
        with opened(BytesIO(content), mime) as image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError(f"has {image.width:,} × {image.height:,} pixels: too many to decode safely")
            width, height = image.size
            turned = mime != "image/tiff" and image.getexif().get(_TURNED, 1) in (5, 6, 7, 8)
            if at_least is not None and mime == "image/jpeg":
                wide, high = at_least[::-1] if turned else at_least
                image.draft(None, (2 * wide, 2 * high))
            if mime == "image/tiff":  # Pillow turns it by itself
                image.load()
                width, height = image.size
                return Picture(rgb_of(image), width, height)
            rgb = rgb_of(ImageOps.exif_transpose(image))
    except MediaError:
        raise
    except Exception as error:  # decoders raise nearly every built-in error for nonsense
        raise MediaError(f"cannot be decoded: {error}") from None
    return Picture(rgb, *((height, width) if turned else (width, height)))


def picture_of(rgb: UInt8) -> Picture:
    """An array (h, w, 3) as a picture."""
    return Picture(rgb, rgb.shape[1], rgb.shape[0])


def crop(picture: Picture, x: float, y: float, w: float, h: float) -> Picture:
    """The part under a box in pixels of the picture; at least one pixel, inside the picture."""
    high, wide = picture.rgb.shape[:2]
    sx, sy = wide / picture.width, high / picture.height
    left, top = min(max(round(x * sx), 0), wide - 1), min(max(round(y * sy), 0), high - 1)
    right, bottom = min(max(round((x + w) * sx), left + 1), wide), min(max(round((y + h) * sy), top + 1), high)
    return picture_of(picture.rgb[top:bottom, left:right])


def rgb_of(image: Image.Image) -> UInt8:
    """(h, w, 3) uint8. 16-bit greys lose their low byte; transparency is dropped."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image).astype(np.float64)
        if grey.max(initial=0) > 255:
            grey /= 257.0
        return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
