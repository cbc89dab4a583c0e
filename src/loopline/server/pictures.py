"""Media for the browser: thumbnails in one stream, and files as they are. Only ever by the id of a sample."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from loopline.errors import LooplineError, MediaError
from loopline.media import local_media, open_media
from loopline.media.films import Film, film
from loopline.media.stills import first_frame
from loopline.media.thumbnails import Thumbnails, mean_colour, small_jpeg
from loopline.query import run
from loopline.query.compile import Statement
from loopline.server.arrays import Ids
from loopline.server.kept import Kept
from loopline.server.library import Shown
from loopline.server.problems import NotThere

_RECORD: Final = struct.Struct("<dIBxxx")  # id, bytes that follow, kind
PICTURE, ERROR = 0, 1
RECORDS_TYPE: Final = "application/x-loopline-thumbs"
_AHEAD: Final = 12  # thumbnails in the making for one request: a closed request leaves no more behind
_KNOWN: Final = 200_000
NO_COLOUR: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the file of a sample is, and what is known of it."""

    root: str
    path: str
    media: str
    mime: str
    size_bytes: int
    content_hash: str

    @property
    def key(self) -> str:
        """Tells its content from any other."""
        return self.content_hash or f"{self.root}\n{self.path}\n{self.size_bytes}"


class Pictures:
    """The media of one data set. Shared by threads; closed with the app."""

    def __init__(self, shown: Shown, workers: ThreadPoolExecutor) -> None:
        self._shown = shown
        self._workers = workers
        self._cache = shown.lake.location.cache
        self._kept = Thumbnails(self._cache / "thumbnails.sqlite")
        self._films = Kept(32 * 1024 * 1024)
        self._known: OrderedDict[int, Reference] = OrderedDict()
        self._coloured: set[int] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        self._kept.close()

    # -- where files are

    def reference(self, sample_id: int) -> Reference:
        """Raises NotThere."""
        found = self.references([sample_id]).get(sample_id)
        if found is None:
            raise NotThere(f"no sample {sample_id}", hint="it may have been deleted since")
        return found

    def references(self, ids: Sequence[int]) -> dict[int, Reference]:
        """Of those samples that there are, now or at an earlier snapshot that this app has shown."""
        with self._lock:
            found = {i: self._known[i] for i in ids if i in self._known}
        missing = [i for i in ids if i not in found]
        if missing:
            asked = self._ask(missing)
            found |= asked
            with self._lock:
                self._known |= asked
                while len(self._known) > _KNOWN:
                    self._known.popitem(last=False)
        return found

    def _ask(self, ids: Sequence[int]) -> dict[int, Reference]:
        lake = self._shown.lake
        at = lake.snapshot()
        statement = Statement(lambda name: lake.table(name, at))
        sql = (
            "SELECT id, root, path, media, coalesce(mime, '') AS mime, coalesce(size_bytes, 0) AS size_bytes,"
            f" coalesce(content_hash, '') AS content_hash FROM (FROM {statement.table('samples')})"
            f" WHERE id IN ({', '.join(str(int(i)) for i in ids)})"
        )
        return {row[0]: Reference(*row[1:]) for row in run.rows(lake, statement, sql)}

    # -- thumbnails

    def thumbnails(self, ids: Sequence[int], size: int) -> Iterator[bytes]:
        """Records in the order of `ids`: f8 id, u4 length, u1 kind, 3 bytes of nothing, then so many bytes."""
        places = self.references(ids)
        held = self._kept.many([place.key for place in places.values()], size)
        return self.ahead(self._small(one, places.get(one), size, held) for one in ids)

    def ahead(self, todo: Iterator[Callable[[], bytes] | bytes]) -> Iterator[bytes]:
        """What some calls give, in their order, a few of them at work at once; what is there already comes together."""
        waiting: deque[Future[bytes] | bytes] = deque()
        try:
            while True:
                while len(waiting) < _AHEAD and (one := next(todo, None)) is not None:
                    waiting.append(one if isinstance(one, bytes) else self._workers.submit(one))
                if not waiting:
                    return
                first = waiting.popleft()
                there = [first if isinstance(first, bytes) else first.result()]
                while waiting and (isinstance(first := waiting[0], bytes) or first.done()):
                    waiting.popleft()
                    there.append(first if isinstance(first, bytes) else first.result())
                yield b"".join(there)
        finally:
            for future in waiting:
                if not isinstance(future, bytes):
                    future.cancel()

    def _small(
        self, sample_id: int, place: Reference | None, size: int, held: Mapping[str, bytes]
    ) -> Callable[[], bytes] | bytes:
        """The record of a sample, or what makes it."""

        def jpeg() -> bytes:
            if place is None:
                raise MediaError(f"there is no sample {sample_id}")
            found = held.get(place.key) or self.thumbnail(place, size)
            if sample_id not in self._coloured:
                self._kept.put_colour(sample_id, mean_colour(found))
                self._coloured.add(sample_id)
            return found

        is_there = place is not None and place.key in held and sample_id in self._coloured
        return record(sample_id, jpeg) if is_there else partial(record, sample_id, jpeg)

    def colours(self, ids: Ids) -> npt.NDArray[np.uint32]:
        """Mean colour of each sample whose thumbnail has been made, 0xRRGGBB; NO_COLOUR for others.

        Whoever asks wants their thumbnails next: where their files are is looked up beside, for all of them at once.
        """
        listed = ids.tolist()
        known = self._kept.colours(listed)
        self._coloured.update(known)
        self._workers.submit(self.references, listed)
        return np.array([known.get(one, NO_COLOUR) for one in listed], np.uint32)

    def thumbnail(self, place: Reference, size: int) -> bytes:
        """A JPEG. Raises MediaError."""
        return self.kept(place.key, size, lambda: self._make(place, size))

    def kept(self, key: str, size: int, make: Callable[[], bytes]) -> bytes:
        """What the disk cache has under a key, else what is made now."""
        found = self._kept.get(key, size)
        if found is None:
            found = make()
            self._kept.put(key, size, found)
        return found

    def _make(self, place: Reference, size: int) -> bytes:
        if place.media == "video":
            return first_frame(self.local(place), size)
        with self.open(place) as file:
            return small_jpeg(file, size)

    # -- files

    def open(self, place: Reference) -> BinaryIO:
        """The file, from its start, able to seek. Raises MediaError."""
        return open_media(place.root, place.path, cache=self._cache)

    def local(self, place: Reference) -> str:
        """The path of a file with the media. Raises MediaError."""
        return local_media(place.root, place.path, cache=self._cache)

    def film(self, place: Reference) -> Film:
        """When the frames of a video are shown. Raises MediaError, MissingDependency."""
        if place.media != "video":
            raise MediaError("is a picture, not a video")
        return self._films.get(place.key, lambda: film(self.local(place)))

    def converted(self, place: Reference) -> Path:
        """Where the form of a video lies that browsers play, once it is made."""
        return self._cache / "films" / f"{blake2b(place.key.encode(), digest_size=16).hexdigest()}.mp4"


def record(one: int, jpeg: Callable[[], bytes]) -> bytes:
    """A record of the stream: the picture, or why there is none."""
    try:
        kind, body = PICTURE, jpeg()
    except LooplineError as error:
        kind, body = ERROR, error.what.encode()
    except Exception as error:  # one picture that breaks a decoder must not end the stream
        kind, body = ERROR, f"cannot be shown: {type(error).__name__}: {error}".encode()
    return _RECORD.pack(one, len(body), kind) + body


def read_records(packed: bytes) -> list[tuple[int, int, bytes]]:
    """Id, kind and bytes of each record of a stream."""
    found = []
    at = 0
    while at < len(packed):
        sample_id, length, kind = _RECORD.unpack_from(packed, at)
        at += _RECORD.size
        found.append((int(sample_id), kind, packed[at : at + length]))
        at += length
    return found
