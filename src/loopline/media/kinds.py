"""What a file is, from its first bytes. The extension is never asked."""

from __future__ import annotations

from typing import Final

from loopline.errors import MediaError

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),  # BigTIFF
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"FLV\x01", "video/x-flv"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-wmv"),
    (b"OggS", "video/ogg"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
)
_BRANDS: Final[dict[bytes, str]] = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
    b"M4A ": "audio/mp4",
}
_QUICKTIME_BOXES: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def mime_of(head: bytes) -> str:
    """The MIME type of a picture or video that starts with `head` (a few kB).

    Raises MediaError for anything else; its `what` is the same words for the same fault.

    >>> mime_of(b"GIF89a...")
    'image/gif'
    """
    for signature, mime in _SIGNATURES:
        if head.startswith(signature):
            return mime
    found = _boxed(head) or _riff(head) or _matroska(head) or _bitmap(head) or _transport_stream(head)
    if found is None or not found.startswith(("image/", "video/")):
        raise MediaError("is not a picture or video of a known kind")
    return found


def _boxed(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, 256, len(head)), 4))]
        if brands[0] in (b"mif1", b"msf1") and (b"avif" in brands or b"avis" in brands):
            return "image/avif"
        return _BRANDS.get(brands[0], "video/mp4")
    return "video/quicktime" if head[4:8] in _QUICKTIME_BOXES else None


def _riff(head: bytes) -> str | None:
    if not head.startswith(b"RIFF"):
        return None
    return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(head[8:12])


def _matroska(head: bytes) -> str | None:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return "video/webm" if b"webm" in head[:64] else "video/x-matroska"


def _bitmap(head: bytes) -> str | None:
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return "image/bmp"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "image/x-portable-anymap"
    return None


def _transport_stream(head: bytes) -> str | None:
    return "video/mp2t" if len(head) > 376 and head[0] == head[188] == head[376] == 0x47 else None
