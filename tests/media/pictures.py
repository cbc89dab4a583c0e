"""Small pictures and videos of every kind, made here."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

KINDS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "JPEG2000": "image/jp2",
    "PPM": "image/x-portable-anymap",
}


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    """Noise, so that nothing compresses away."""
    noise = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, kind, **options)
    return out.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    """A picture with an EXIF orientation."""
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(kind, exif=exif.tobytes() if kind != "TIFF" else exif)


def box(kind: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return struct.pack(">I", 8 + len(whole)) + kind + whole


def mp4(width: int, height: int, frames: int, ticks: int, scale: int, matrix: tuple[int, int, int, int]) -> bytes:
    """An MP4 with a sound track, a video track and no frames in it. `matrix` is a, b, c, d of the track's turn."""
    a, b, c, d = (value << 16 for value in matrix)
    tkhd = box(b"tkhd", bytes(40), struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30), bytes(8))
    mdhd = box(b"mdhd", bytes(12), struct.pack(">II", scale, ticks), bytes(4))
    entry = box(b"avc1", bytes(24), struct.pack(">HH", width, height), bytes(50))
    stbl = box(
        b"stbl",
        box(b"stsd", bytes(4), struct.pack(">I", 1), entry),
        box(b"stsz", bytes(8), struct.pack(">I", frames), bytes(4 * frames)),
    )
    video = box(b"trak", tkhd, box(b"mdia", mdhd, box(b"hdlr", bytes(8), b"vide", bytes(12)), box(b"minf", stbl)))
    sound = box(b"trak", box(b"mdia", mdhd, box(b"hdlr", bytes(8), b"soun", bytes(12))))
    return box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"moov", sound, video) + box(b"mdat", bytes(100))
