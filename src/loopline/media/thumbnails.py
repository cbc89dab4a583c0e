"""Small pictures of pictures: turned upright, in eight bits, flattened, as JPEG; and the disk cache that keeps them.

JPEG files are decoded at a fraction of their size, which is five to ten times as fast as decoding all of their pixels.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from loopline.errors import MediaError
from loopline.media.files import LOCAL, Files
from loopline.media.kinds import mime_of
from loopline.media.pictures import MAX_PIXELS, opened

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY: Final = 82
_HEAD: Final = 4096
_GROUND: Final = (128, 128, 128)  # under what is transparent


def thumbnail(path: str, size: int, *, files: Files = LOCAL) -> bytes:
    """A JPEG whose longer side has at most `size` pixels; a smaller picture keeps its size.

    Raises MediaError that says why there is none: no such file, not a picture, cut off, too large.
    """
    with files.open(path) as file:
        return small_jpeg(file, size)


def small_jpeg(file: BinaryIO, size: int) -> bytes:
    """As `thumbnail`, of an open file."""
    picture = upright(file, size)
    picture.thumbnail((size, size), reducing_gap=2.0)
    return as_jpeg(picture)


def as_jpeg(picture: Image, quality: int = QUALITY) -> bytes:
    """A picture in RGB or L as the bytes of a JPEG file."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def mean_colour(jpeg: bytes) -> int:
    """The mean colour of a picture, 0xRRGGBB: what stands in its place until it is there.

    A JPEG is decoded at an eighth of its size, which is as many pixels as a mean needs.
    """
    from PIL import Image

    picture = Image.open(BytesIO(jpeg))
    picture.draft(None, (1, 1))
    red, green, blue = picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).tobytes()
    return int(red) << 16 | int(green) << 8 | int(blue)


def upright(file: BinaryIO, least: int | None = None) -> Image:
    """The first page of a picture as it is meant to be seen, RGB or L, eight bits.

    least  the longer side that is enough; a JPEG is then decoded at a smaller scale. None: all pixels
    Raises MediaError.
    """
    from PIL import ImageOps

    head = file.read(_HEAD)
    if not head:
        raise MediaError("is empty")
    mime = mime_of(head)
    file.seek(0)
    if mime.startswith("video/"):
        raise MediaError("is a video, not a picture")
    picture = opened(file, mime)
    if picture.width * picture.height > MAX_PIXELS:
        raise MediaError(f"has {picture.width:,} × {picture.height:,} pixels: too many to decode safely")
    try:
        if least is not None and mime == "image/jpeg":
            picture.draft(None, (least, least))
        picture.load()
    except Exception as error:  # decoders raise nearly every built-in error for nonsense
        raise MediaError(f"cannot be decoded: {error}") from None
    found: Image = picture if mime == "image/tiff" else ImageOps.exif_transpose(picture)  # Pillow turns TIFF by itself
    return _eight_bits(found)


def _eight_bits(picture: Image) -> Image:
    """RGB or L. Sixteen bits are shown from the least to the greatest value there is."""
    from PIL import Image

    if picture.mode in ("RGB", "L"):
        if "transparency" not in picture.info:
            return picture
        picture = picture.convert("RGBA")
    if picture.mode.startswith("I") or picture.mode == "F":
        import numpy as np

        values = np.asarray(picture, np.float64)
        low, high = float(values.min()), float(values.max())
        scale = 255.0 / (high - low) if high > low else 0.0
        return Image.fromarray(
            np.rint((values - low) * scale).astype(np.uint8) if scale else np.full(values.shape, 128, np.uint8)
        )
    if picture.mode == "P" or picture.mode in ("LA", "PA", "La", "RGBa", "RGBA"):
        seen = picture.convert("RGBA")
        ground = Image.new("RGB", seen.size, _GROUND)
        ground.paste(seen, mask=seen.getchannel("A"))
        return ground
    return picture.convert("L" if picture.mode == "1" else "RGB")


class Thumbnails:
    """Thumbnails kept in one SQLite file, which may be deleted at any time, up to a number of bytes; and of each sample the
    mean colour, which is small enough to stay when its thumbnails go.

    Thumbnails are known by a key (a content's hash) and size. It is only a cache: where it cannot be read or written, thumbnails are
    made anew.
    """

    def __init__(self, file: Path, *, max_bytes: int = 2 << 30, now: Callable[[], float] = time.time) -> None:
        self._file, self._max_bytes, self._now = file, max_bytes, now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._bytes = 0
        for _ in range(2):
            try:
                self._open()
                return
            except (sqlite3.OperationalError, OSError):
                self._db = None
                return
            except sqlite3.DatabaseError:  # damaged: begin anew
                self._db = None
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)

    def _open(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._file, timeout=2.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = off")
            db.execute(
                "create table if not exists thumb (key text, size int, used real, jpeg blob, primary key (key, size))"
            )
            db.execute("create table if not exists colour (id integer primary key, rgb int)")
            (self._bytes,) = db.execute("select coalesce(sum(length(jpeg)), 0) from thumb").fetchone()
        except BaseException:
            db.close()
            raise
        self._db = db

    def get(self, key: str, size: int) -> bytes | None:
        return self.many([key], size).get(key)

    def many(self, keys: Sequence[str], size: int) -> dict[str, bytes]:
        """Those of the thumbnails that are kept."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                marks = ",".join("?" * len(keys))
                return dict(
                    self._db.execute(f"select key, jpeg from thumb where size = ? and key in ({marks})", (size, *keys))
                )
        return {}

    def put(self, key: str, size: int, jpeg: bytes) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is None:
                return
            self._db.execute("insert or replace into thumb values (?, ?, ?, ?)", (key, size, self._now(), jpeg))
            self._bytes += len(jpeg)
            if self._bytes > self._max_bytes:
                self._forget_oldest()

    def put_colour(self, sample_id: int, rgb: int) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                self._db.execute("insert or replace into colour values (?, ?)", (sample_id, rgb))

    def colours(self, sample_ids: Sequence[int]) -> dict[int, int]:
        """Of those samples whose mean colour is known: 0xRRGGBB."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                marks = ",".join("?" * len(sample_ids))
                return dict(
                    self._db.execute(f"select id, rgb from colour where id in ({marks})", sample_ids).fetchall()
                )
        return {}

    def _forget_oldest(self) -> None:
        """A quarter goes at once, so that it happens rarely."""
        assert self._db is not None
        self._db.execute(
            "delete from thumb where rowid in (select rowid from thumb order by used limit (select count(*) / 4 + 1 from thumb))"
        )
        (self._bytes,) = self._db.execute("select coalesce(sum(length(jpeg)), 0) from thumb").fetchone()

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @property
    def nbytes(self) -> int:
        """Bytes of pictures kept."""
        return self._bytes
