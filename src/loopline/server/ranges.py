"""A file as an HTTP answer: whole, a range of it, or "you have it already"."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from litestar import Response
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from loopline.errors import MediaError
from loopline.jobs import Progress, StopSignal, stage
from loopline.media.films import browser_form
from loopline.media.thumbnails import as_jpeg, upright
from loopline.server.pictures import Pictures, Reference
from loopline.server.shelf import Shelf
from loopline.server.wire import JobOut, Scalar

_CHUNK: Final = 1 << 18
_SAFE: Final = re.compile(r"(image/(jpeg|png|gif|webp|bmp|avif|tiff|jp2|heic)|video/[\w.-]+)\Z")


SHOWN: Final = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif")
"""Kinds of pictures that every browser shows."""

Answer = Response[bytes] | Stream


def file_answer(shelf: Shelf, name: str, sample_id: int, headers: Mapping[str, str], *, for_browser: bool) -> Answer:
    """The file of a sample, or a form of it that browsers show: a video that they cannot play is converted once in the
    background, and until then the answer is 202 with the job. Raises NotThere, MediaError, MissingDependency."""
    pictures = shelf.pictures(name)
    place = pictures.reference(sample_id)
    if not for_browser or place.mime in SHOWN:
        return answer(pictures.open(place), place, headers)
    if place.media != "video":
        with pictures.open(place) as file:
            jpeg = as_jpeg(upright(file), 92)
        return answer(
            BytesIO(jpeg), replace(place, mime="image/jpeg", content_hash=f"{place.content_hash}-jpeg"), headers
        )
    found = pictures.film(place)
    if found.plays(place.mime):
        return answer(pictures.open(place), place, headers)
    target = pictures.converted(place)
    if target.is_file():
        shown = replace(place, mime="video/mp4", content_hash=f"{place.content_hash}-mp4")
        return answer(target.open("rb"), shown, headers)
    job = _conversion(shelf, name, pictures, place, target, len(found.times))
    return Response(msgspec.json.encode(job), status_code=202, media_type="application/json")


def _conversion(shelf: Shelf, name: str, pictures: Pictures, place: Reference, target: Path, frames: int) -> JobOut:
    def work(progress: Progress, stop: StopSignal) -> dict[str, Scalar]:
        with stage(progress, "convert", total=frames, unit="frames") as report:
            browser_form(pictures.local(place), target, lambda done: report(done, frames), stop.check)
        return {}

    return shelf.jobs.start(f"Convert {place.path} for the browser", name, work, only_one=str(target))


def answer(file: BinaryIO, place: Reference, headers: Mapping[str, str]) -> Answer:
    """An open file as an answer; it is closed at the end."""
    size = file.seek(0, 2)
    tag = f'"{place.content_hash or f"{size:x}-{place.size_bytes:x}"}"'
    sent = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "Content-Type": place.mime if _SAFE.match(place.mime) else "application/octet-stream",
        "Content-Disposition": "inline",
    }
    if tag in headers.get("if-none-match", ""):
        file.close()
        return Response(b"", status_code=304, headers=sent, media_type=sent["Content-Type"])
    asked = headers.get("range", "") if headers.get("if-range", tag) == tag else ""
    try:
        found = byte_range(asked, size)
    except MediaError:
        file.close()
        return Response(
            b"", status_code=416, headers={**sent, "Content-Range": f"bytes */{size}"}, media_type=sent["Content-Type"]
        )
    first, last = found if found is not None else (0, size - 1)
    if found is not None:
        sent["Content-Range"] = f"bytes {first}-{last}/{size}"
    sent["Content-Length"] = str(last - first + 1)
    status = 200 if found is None else 206
    part = _Part(file, first, last)
    over = BackgroundTask(part.close)
    return Stream(part, status_code=status, headers=sent, media_type=sent["Content-Type"], background=over)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks for; None where it asks for nothing that is understood: then all is
    sent, as the standard has it, and so for several ranges at once. Raises MediaError for a range outside of the file.

    >>> byte_range("bytes=2-", 10), byte_range("bytes=-3", 10), byte_range("bytes=0-99", 10), byte_range("", 10)
    ((2, 9), (7, 9), (0, 9), None)
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if not found or found[0] == "bytes=-":
        return None
    low, high = found[1], found[2]
    if not low:
        first, last = max(0, size - int(high)), size - 1
    else:
        first, last = int(low), min(int(high), size - 1) if high else size - 1
        if high and int(high) < first:
            return None
    if first > last:
        raise MediaError("the range lies outside of the file")
    return first, last


class _Part:
    """Bytes of a file from `first` to `last`, piece by piece. Closes it at the end; or when told to, also by another
    thread than the one that reads: a browser is quickly gone."""

    def __init__(self, file: BinaryIO, first: int, last: int) -> None:
        self._file, self._left = file, last - first + 1
        self._reading = threading.Lock()
        file.seek(first)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._reading:
            chunk = b"" if self._file.closed else self._file.read(min(_CHUNK, self._left))
            self._left -= len(chunk)
            if not chunk:
                self._file.close()
                raise StopIteration
            return chunk

    def close(self) -> None:
        with self._reading:
            self._file.close()

    def __del__(self) -> None:  # an answer that was never begun
        self._file.close()
