"""Pictures decoded and prepared ahead of the model, in several threads, in order, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from loopline.errors import MediaError
from loopline.media import open_media
from loopline.models.pictures import crop, picture_from
from loopline.models.protocol import Picture

AHEAD_BATCHES: Final = 3
"""Batches that are decoded, or being decoded, while the model works on one."""


@dataclass(frozen=True, slots=True)
class Item:
    """A sample to look at: the whole picture, or `crops` of it (object id, x, y, w, h)."""

    sample_id: int
    root: str
    path: str
    media: str = "image"
    crops: tuple[tuple[int, float, float, float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What became of one item: inputs of the model with whom each belongs to, or the problem."""

    item: Item
    owners: tuple[int, ...]  # the sample's id, or those of its objects
    inputs: tuple[Any, ...]
    problem: str = ""


def read_ahead(
    items: Iterable[Item],
    prepare: Callable[[Picture], Any],
    *,
    batch_size: int,
    workers: int,
    at_least: tuple[int, int] | None,
    cache: Path | None,
) -> Iterator[Sequence[Ready]]:
    """Batches of `batch_size` items (fewer in the last), in their order.

    Memory  `AHEAD_BATCHES` + 1 batches of prepared pictures, and one decoded picture for each worker
    """

    def one(item: Item) -> Ready:
        return _ready(item, prepare, at_least, cache)

    source = iter(items)
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


def _ready(
    item: Item, prepare: Callable[[Picture], Any], at_least: tuple[int, int] | None, cache: Path | None
) -> Ready:
    if item.media == "video":
        return Ready(item, (), (), "is a video; models look at pictures")
    try:
        with open_media(item.root, item.path, cache=cache) as file:
            picture = picture_from(file, at_least=at_least if item.crops is None else None)
    except MediaError as error:
        return Ready(item, (), (), error.what)
    if item.crops is None:
        return Ready(item, (item.sample_id,), (prepare(picture),))
    owners = tuple(box[0] for box in item.crops)
    return Ready(item, owners, tuple(prepare(crop(picture, *box[1:])) for box in item.crops))
