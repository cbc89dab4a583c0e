"""The size of a picture as it is shown, and whether all of it is there, mostly from its header.

JPEG and PNG, which are nearly every picture of a data set, are read here in a few dozen microseconds; the rest goes
through Pillow. Pillow's own entrance (`Image.open`) is not used: it guesses among kinds and warns about large pictures
on stderr, from every thread.
"""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

from loopline.errors import MediaError
from loopline.media.files import Window

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS: Final = 178_956_970
"""A picture with more is refused: a small hostile file can claim sizes that fill the memory when decoded."""

_PLUGINS: Final[dict[str, tuple[str, str]]] = {
    "image/jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "image/png": ("PIL.PngImagePlugin", "PngImageFile"),
    "image/gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "image/webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "image/bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "image/tiff": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "image/avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "image/jp2": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "image/x-portable-anymap": ("PIL.PpmImagePlugin", "PpmImageFile"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says about itself. `suspect` says why its end looks wrong; "" if it does not."""

    width: int  # pixels as stored
    height: int
    orientation: int = 1  # EXIF, 1 … 8
    pages: int = 1  # pages of a TIFF, frames of a moving GIF, WebP or AVIF
    suspect: str = ""


def picture_header(window: Window, mime: str) -> Header:
    """Raises MediaError if the header cannot be read."""
    if mime == "image/jpeg":
        return _jpeg(window)
    if mime == "image/png":
        return _png(window)
    with _opened(window, mime) as picture:
        if mime == "image/tiff":  # whose size Pillow turns by itself
            tags = getattr(picture, "tag_v2", {})
            (width, height), orientation = (tags[256], tags[257]), _orientation_or_1(tags.get(274, 1))
        else:
            (width, height), exif = picture.size, picture.info.get("exif", b"")
            orientation = exif_orientation(exif) if isinstance(exif, bytes) else 1
        declared = _declared_bytes(window, mime, picture)
        short = f"cut off: {window.size:,} of {declared:,} bytes are there" if declared > window.size else ""
        pages = int(getattr(picture, "n_frames", 1))
        return Header(width, height, orientation, pages, short or _without_end(window, mime))


def decode_fully(window: Window, mime: str) -> None:
    """Decode every page. Raises MediaError where that fails."""
    with _opened(window, mime) as picture:
        try:
            for page in range(int(getattr(picture, "n_frames", 1))):
                picture.seek(page)
                picture.load()
        except Exception as error:  # decoders raise nearly every built-in error for nonsense
            raise MediaError(f"cannot be decoded: {error}") from None


def _opened(window: Window, mime: str) -> ImageFile:
    whole = window.size == len(window.head)
    if not whole:
        window.file.seek(0)
    return opened(BytesIO(window.head) if whole else window.file, mime)


def opened(file: BinaryIO, mime: str) -> ImageFile:
    """A picture of a known kind, its header read, its pixels not. Raises MediaError."""
    if mime not in _PLUGINS:
        raise MediaError(f"is {mime}, which cannot be decoded here", hint="convert it to JPEG or PNG")
    module, name = _PLUGINS[mime]
    try:
        picture: ImageFile = getattr(importlib.import_module(module), name)(file)
    except Exception as error:  # as above
        raise MediaError(f"has a header that cannot be read: {error}") from None
    return picture


def _jpeg(window: Window) -> Header:
    at, orientation, size = 2, 1, (0, 0)
    while True:
        mark = window.read(at, 4)
        if len(mark) < 4:
            raise MediaError("cut off: ends inside its header")
        if mark[0] != 0xFF:
            raise MediaError("has a header that cannot be read: no marker where one must be")
        kind = mark[1]
        if kind == 0xFF:  # a filling byte
            at += 1
            continue
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:  # markers without a length
            at += 2
            continue
        if kind == 0xD9:
            raise MediaError("has no picture in it")
        if kind == 0xDA:  # the coded picture starts; its data never holds FF D9
            break
        length = mark[2] << 8 | mark[3]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frame = window.read(at + 5, 4)
            if len(frame) == 4:
                height, width = struct.unpack(">HH", frame)
                size = (width, height)
        elif kind == 0xE1 and window.read(at + 4, 6) == b"Exif\0\0":
            orientation = exif_orientation(window.read(at + 10, length - 8))
        at += 2 + length
    complete = window.contains(b"\xff\xd9", at)
    return Header(*size, orientation, suspect="" if complete else "cut off: no end marker")


def _png(window: Window) -> Header:
    start = window.read(8, 21)
    if len(start) < 21 or start[4:8] != b"IHDR":
        raise MediaError("has a header that cannot be read: IHDR must come first")
    width, height = struct.unpack(">II", start[8:16])
    at, orientation, pages = 33, 1, 1
    while True:
        chunk = window.read(at, 8)
        if len(chunk) < 8:
            raise MediaError("cut off: ends before its pixels")
        length, kind = int.from_bytes(chunk[:4], "big"), chunk[4:]
        if kind == b"eXIf":
            orientation = exif_orientation(window.read(at + 8, min(length, 1 << 16)))
        elif kind == b"acTL":
            pages = int.from_bytes(window.read(at + 8, 4), "big") or 1
        elif kind in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    complete = window.contains(b"IEND\xaeB`\x82", at)
    return Header(width, height, orientation, pages, suspect="" if complete else "cut off: no end marker")


def _without_end(window: Window, mime: str) -> str:
    """The complaint if a kind that ends with a marker does not."""
    end = {"image/gif": b";", "image/jp2": b"\xff\xd9"}.get(mime, b"")
    last = window.read(max(0, window.size - 256), 256)
    return "" if last.rstrip(b"\0").endswith(end) else "cut off: no end marker"


def _declared_bytes(window: Window, mime: str, picture: ImageFile) -> int:
    """How long the file must at least be, by what its header says; 0 where it does not say."""
    if mime == "image/webp":
        return int.from_bytes(window.head[4:8], "little") + 8
    if mime == "image/bmp":
        return int.from_bytes(window.head[2:6], "little")
    if mime == "image/avif":
        return _end_of_boxes(window)
    if mime == "image/tiff":
        return _end_of_tiff(picture)
    if mime == "image/x-portable-anymap":
        width, height = picture.size
        return {b"P4": (width + 7) // 8 * height, b"P5": width * height, b"P6": 3 * width * height}.get(
            window.head[:2], 0
        )
    return 0


def _end_of_tiff(picture: ImageFile) -> int:
    """Where the last strip or tile of the last page ends. Leaves `picture` at its first page."""
    end = 0
    for page in range(int(getattr(picture, "n_frames", 1))):
        picture.seek(page)
        tags = getattr(picture, "tag_v2", {})
        for offsets, counts in ((273, 279), (324, 325)):
            pairs = zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
            end = max(end, max((offset + count for offset, count in pairs), default=0))
    picture.seek(0)
    return end


def _end_of_boxes(window: Window) -> int:
    at = 0
    while 0 <= at < window.size - 8:
        length = int.from_bytes(window.read(at, 4), "big")
        if length == 1:
            length = int.from_bytes(window.read(at + 8, 8), "big")
        if length < 8:  # 0: up to the end of the file
            return window.size
        at += length
    return at


def exif_orientation(exif: bytes) -> int:
    """The orientation (1 … 8) in an EXIF block, with or without its `Exif` prefix; 1 where it has none."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1
    (at,) = struct.unpack_from(order + "I", block, 4)
    if at + 2 > len(block):
        return 1
    (entries,) = struct.unpack_from(order + "H", block, at)
    for entry in range(at + 2, min(at + 2 + 12 * entries, len(block) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", block, entry)
        if tag == 274:
            return _orientation_or_1(struct.unpack_from(order + ("I" if kind == 4 else "H"), block, entry + 8)[0])
    return 1


def _orientation_or_1(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
