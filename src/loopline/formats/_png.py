"""Masks that label files hold as small PNG pictures."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
import zlib
from typing import Final

import numpy as np

from loopline.formats._shapes import MOST_MASK_PIXELS, Fault
from loopline.kernel.rle import MaskArray

MOST_BYTES: Final = 256 << 20


def from_base64(text: object) -> bytes:
    """The bytes of base64 text. Raises Fault."""
    if not isinstance(text, str):
        raise Fault("the mask's picture is missing")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Fault("the mask's picture is not base64") from None


def unzipped(raw: bytes) -> bytes:
    """What zlib packed. Raises Fault where it is broken, or grows beyond all measure."""
    try:
        unpacker = zlib.decompressobj()
        out = unpacker.decompress(raw, MOST_BYTES)
    except zlib.error:
        raise Fault("the mask's picture is not packed with zlib") from None
    if unpacker.unconsumed_tail:
        raise Fault("the mask's picture is too large to unpack")
    if not unpacker.eof:
        raise Fault("the mask's picture is not packed with zlib")
    return out


def mask_of_png(raw: bytes) -> MaskArray:
    """Where a picture is not black, or, if it has an alpha channel, not clear. (h, w). Raises Fault."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
                if picture.width * picture.height > MOST_MASK_PIXELS:
                    raise Fault("the mask's picture is too large to unpack")
                if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                    values = np.asarray(picture.convert("RGBA"))[:, :, 3]
                elif picture.mode in ("1", "L", "P", "I", "I;16"):
                    values = np.asarray(picture)
                else:
                    values = np.asarray(picture.convert("RGB")).max(axis=2)
                return np.asarray(values > 0, bool)
    except Fault:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Warning, Image.DecompressionBombError):
        raise Fault("the mask's picture is not a PNG") from None


def png_of_mask(mask: MaskArray, *, clear: bool = False) -> bytes:
    """The mask as a PNG of 0 and 1; with `clear`, as a palette picture whose 0 is clear."""
    from PIL import Image

    out = io.BytesIO()
    picture = Image.fromarray(mask.astype(np.uint8))
    if clear:
        picture.putpalette([0, 0, 0, 255, 255, 255])
        picture.save(out, format="PNG", transparency=0)
    else:
        picture.save(out, format="PNG")
    return out.getvalue()
