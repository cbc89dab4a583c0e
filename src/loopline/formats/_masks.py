"""Pictures whose pixels are numbers: class maps, instance maps, and the masks of single objects out of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from loopline.errors import BadValue
from loopline.formats._shapes import Fault
from loopline.kernel import rle
from loopline.media.pictures import MAX_PIXELS

IdArray = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.int64]
T = TypeVar("T")
R = TypeVar("R")

SUFFIXES: Final = (".png", ".bmp", ".tif", ".tiff", ".gif")
AT_ONCE: Final = 32  # masks that are decoded together
_KINDS: Final = (
    (b"\x89PNG", "PIL.PngImagePlugin", "PngImageFile"),
    (b"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    (b"GIF8", "PIL.GifImagePlugin", "GifImageFile"),
    (b"II*\0", "PIL.TiffImagePlugin", "TiffImageFile"),
    (b"MM\0*", "PIL.TiffImagePlugin", "TiffImageFile"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture of numbers or colours.

    ids      (h, w) whole numbers: palette places or grey values; of a colour picture R + 256 G + 65536 B
    colour   whether it was a colour picture
    palette  RGB triplets of a palette picture, flat; else empty
    plain    whether the file itself is what a label row keeps: a grey PNG of 8 or 16 bits
    """

    ids: Any
    colour: bool
    palette: bytes
    plain: bool


def class_map(data: bytes, of: str) -> IdArray:
    """The pixel values of a class map as a label row keeps it, (h, w). `of`: whose it is, for the words of BadValue,
    which is raised where the bytes are no such picture."""
    try:
        found: IdArray = np.asarray(decode(data).ids)
    except Fault as fault:
        raise BadValue(f"{of}: {fault}") from fault
    return found


def decode(data: bytes) -> Decoded:
    """Raises Fault where the bytes are no picture of numbers or colours, or of too many pixels."""
    kind = next(((m, c) for head, m, c in _KINDS if data.startswith(head)), None)
    if kind is None:
        raise Fault("the mask is empty" if not data else "the mask is no PNG, BMP, GIF or TIFF picture")
    try:
        # Not Image.open: it warns about large pictures instead of refusing them.
        image: Image.Image = getattr(importlib.import_module(kind[0]), kind[1])(BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise Fault(f"the mask has more than {MAX_PIXELS:,} pixels")
        image.load()
    except Fault:
        raise
    except Exception as error:  # decoders raise nearly every built-in error for nonsense
        raise Fault("the mask cannot be decoded") from error
    mode = image.mode
    if mode == "P":
        return Decoded(np.asarray(image), False, bytes(image.getpalette("RGB") or b""), False)
    if mode in ("L", "I;16", "I;16B", "I;16L"):
        # A grey PNG of fewer bits is spread to 8 when it is decoded, so its bytes are not its numbers.
        plain = data.startswith(b"\x89PNG") and data[24:26] in (b"\x08\x00", b"\x10\x00") and b"tRNS" not in data[:4096]
        narrow = data.startswith(b"\x89PNG") and data[25] == 0 and data[24] < 8
        ids = np.asarray(image)
        return Decoded(ids // (255 // (2 ** data[24] - 1)) if narrow else ids, False, b"", plain)
    if mode == "1":
        return Decoded(np.asarray(image).astype(np.uint8), False, b"", False)
    if mode == "I":
        ids = np.asarray(image).astype(np.int64)
        if ids.size and ids.min() < 0:
            raise Fault("the mask holds numbers below 0")
        return Decoded(ids, False, b"", False)
    if mode == "LA":
        return Decoded(np.asarray(image)[:, :, 0], False, b"", False)
    if mode in ("RGB", "RGBA"):
        rgb = np.asarray(image).astype(np.uint32)
        return Decoded(rgb[:, :, 0] | rgb[:, :, 1] << 8 | rgb[:, :, 2] << 16, True, b"", False)
    raise Fault(f"the mask is a picture of kind {mode}, which holds no whole numbers")


def encode(ids: Any) -> bytes:
    """A label row's class map: grey PNG, 8 bits where the numbers allow it, else 16. Raises Fault beyond that."""
    top = int(ids.max()) if ids.size else 0
    if top > 0xFFFF:
        raise Fault("the mask holds a number above 65,535")
    return _png(Image.fromarray(np.ascontiguousarray(ids, np.uint8 if top < 256 else np.uint16)))


def encode_palette(ids: Any, palette: bytes) -> bytes:
    """The same as a palette PNG; numbers up to 255."""
    if ids.size and int(ids.max()) > 255:
        raise Fault("a palette holds 256 colours, and the mask a number above 255")
    image = Image.fromarray(np.ascontiguousarray(ids, np.uint8))
    image.putpalette(palette)
    return _png(image)


def encode_colour(ids: Any) -> bytes:
    """Numbers R + 256 G + 65536 B as an RGB PNG."""
    wide = np.asarray(ids, np.uint32)
    rgb = np.stack([wide & 255, wide >> 8 & 255, wide >> 16 & 255], axis=2).astype(np.uint8)
    return _png(Image.fromarray(rgb))


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Segment(NamedTuple):
    """The pixels of one number. Bounds are x, y, w, h."""

    id: int
    blob: bytes
    area: int
    box: tuple[int, int, int, int]


def segments(ids: Any, *, skip: Iterable[int] = (0,)) -> list[Segment]:
    """Each number of the picture, rising, with the mask of its pixels. One pass over the pixels for all of them."""
    height, width = ids.shape
    if not ids.size:
        return []
    flat = np.asarray(ids).ravel(order="F").astype(np.int64)
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.append(starts, flat.size))
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    bounds = np.flatnonzero(np.diff(values[order])) + 1
    out = []
    left = set(skip)
    for mine in np.split(order, bounds):
        code = int(values[mine[0]])
        if code in left:
            continue
        begin, size = starts[mine], lengths[mine]
        ends = np.concatenate(([0], (begin + size)[:-1]))
        counts = np.empty(2 * begin.size, np.int64)
        counts[0::2], counts[1::2] = begin - ends, size
        rest = flat.size - int(begin[-1] + size[-1])
        if rest:
            counts = np.append(counts, rest)
        blob = rle.pack_blob(height, width, rle.compress(counts))
        out.append(Segment(code, blob, int(size.sum()), rle.bbox(counts, height)))
    return out


def paint(canvas: Any, blob: bytes, value: int) -> int:
    """Set the pixels of a mask to `value`; how many of them were set already. Raises Fault where it does not fit."""
    mask = rle.unpack_blob(blob)
    if (mask.height, mask.width) != canvas.shape:
        raise Fault("a mask of another size than its picture")
    counts = rle.decompress(mask.packed)
    if int(counts.sum()) != canvas.size:
        raise Fault("the mask's runs do not add up to its size")
    pixels = np.repeat(np.arange(counts.size) % 2 == 1, counts).reshape(canvas.shape, order="F")
    over = int(np.count_nonzero(canvas[pixels]))
    canvas[pixels] = value
    return over


def voc_palette() -> bytes:
    """The colour map of VOC's devkit: the bits of a number spread over red, green and blue."""
    out = bytearray()
    for number in range(256):
        r = g = b = 0
        for bit in range(8):
            r |= (number >> 3 * bit & 1) << 7 - bit
            g |= (number >> 3 * bit + 1 & 1) << 7 - bit
            b |= (number >> 3 * bit + 2 & 1) << 7 - bit
        out += bytes((r, g, b))
    return bytes(out)


def colour_code(colour: Sequence[int]) -> int:
    """R + 256 G + 65536 B."""
    return colour[0] | colour[1] << 8 | colour[2] << 16


@lru_cache(maxsize=1)
def _lookup(colours: tuple[tuple[int, int], ...]) -> Any:
    """Id of every colour there is, -1 for those without one: 64 MB, and quicker than any search."""
    table = np.full(1 << 24, -1, np.int32)
    for code, number in colours:
        table[code] = number
    return table


def by_colour(codes: Any, colours: Sequence[tuple[int, int]]) -> tuple[Any, int]:
    """Class ids of a colour picture, by (colour code, id) pairs; pixels of other colours are 0 and counted."""
    ids = _lookup(tuple(colours))[codes]
    unknown = ids < 0
    count = int(unknown.sum())
    if count:
        ids[unknown] = 0
    return ids, count


def in_threads(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in order, a few batches ahead of the taker: decoding does not hold the interpreter."""
    source = iter(items)
    with ThreadPoolExecutor(thread_name_prefix="masks") as pool:
        while batch := list(islice(source, AT_ONCE)):
            yield from pool.map(work, batch)
