"""Pictures decoded and prepared ahead of the model, in several threads, in order, in bounded memory."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from loopline.errors import LooplineError, MediaError
from loopline.media.opening import local_media, open_media
from loopline.media.video_frames import video_frames
from loopline.models.pictures import crop, picture_from, picture_of
from loopline.models.protocol import Picture

AHEAD_BATCHES: Final = 3
"""Batches that are decoded, or being decoded, while the model works on one."""


Crop: TypeAlias = tuple[int, float, float, float, float]
"""Object id, x, y, w, h."""


@dataclass(frozen=True, slots=True)
class Item:
    """A sample to look at: the whole picture, or `crops` of it; of a video every n-th frame from `first` on, 0: none."""

    sample_id: int
    root: str
    path: str
    media: str = "image"
    crops: tuple[Crop, ...] | None = None
    every: int = 0
    first: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """What became of one item, or of one frame of it: inputs of the model with whom each belongs to, or the problem."""

    item: Item
    owners: tuple[int, ...]  # the sample's id, or those of its objects
    inputs: tuple[Any, ...]
    problem: str = ""
    frame: int | None = None  # of a video; with a problem, the one that could not be had
    last: bool = True  # nothing more comes of the item


def read_ahead(
    items: Iterable[Item],
    prepare: Callable[[Picture], Any],
    *,
    batch_size: int,
    workers: int,
    at_least: tuple[int, int] | None,
    cache: Path | None,
) -> Iterator[Sequence[Ready]]:
    """Batches of `batch_size` pictures and frames (fewer in the last), in their order.

    Memory  `AHEAD_BATCHES` + 1 batches of prepared pictures, and one decoded picture for each worker
    """

    def one(part: Item | _Frame) -> Ready:
        return _ready(part, prepare, at_least, cache) if isinstance(part, Item) else _frame_ready(part, prepare)

    source = _parts(items, cache)
    waiting: deque[list[Future[Ready]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        while True:
            while len(waiting) <= AHEAD_BATCHES and (batch := list(islice(source, batch_size))):
                waiting.append([pool.submit(one, item) for item in batch])
            if not waiting:
                return
            yield [future.result() for future in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class _Frame:
    """A frame of a video, or what ended it; its picture goes when it is prepared. number: None where there is no frame."""

    item: Item
    number: int | None
    picture: Picture | None
    last: bool
    problem: str = ""


def _parts(items: Iterable[Item], cache: Path | None) -> Iterator[Item | _Frame]:
    """Pictures as they are, videos frame by frame."""
    for item in items:
        if item.media == "video" and item.every:
            yield from _frames(item, cache)
        else:
            yield item


def _frames(item: Item, cache: Path | None) -> Iterator[_Frame]:
    """The frames of a video; the last one says so. A fault comes after the frames before it."""
    held: _Frame | None = None
    problem, following = "", item.first
    try:
        with tempfile.TemporaryDirectory(prefix="loopline-") as folder:
            path = local_media(item.root, item.path, cache=cache or Path(folder))
            for number, rgb in video_frames(path, every=item.every, start=item.first):
                if held is not None:
                    yield held
                held = _Frame(item, number, picture_of(rgb), last=False)
                following = number + item.every
    except LooplineError as error:
        problem = error.what
    if held is not None:
        held.last = not problem
        yield held
    if problem:
        yield _Frame(item, following, None, last=True, problem=problem)
    elif held is None:
        yield _Frame(item, None, None, last=True)


def _frame_ready(frame: _Frame, prepare: Callable[[Picture], Any]) -> Ready:
    if frame.picture is None:
        return Ready(frame.item, (), (), frame.problem, frame.number, frame.last)
    picture, frame.picture = frame.picture, None
    return Ready(frame.item, (frame.item.sample_id,), (prepare(picture),), "", frame.number, frame.last)


def _ready(
    item: Item, prepare: Callable[[Picture], Any], at_least: tuple[int, int] | None, cache: Path | None
) -> Ready:
    if item.media == "video":
        return Ready(item, (), (), "is a video; vectors are of pictures and their objects")
    try:
        with open_media(item.root, item.path, cache=cache) as file:
            picture = picture_from(file, at_least=at_least if item.crops is None else None)
    except MediaError as error:
        return Ready(item, (), (), error.what)
    if item.crops is None:
        return Ready(item, (item.sample_id,), (prepare(picture),))
    owners = tuple(box[0] for box in item.crops)
    return Ready(item, owners, tuple(prepare(crop(picture, *box[1:])) for box in item.crops))
