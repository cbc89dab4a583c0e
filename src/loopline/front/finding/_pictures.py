"""Looking at every picture once: its quality and its perceptual hash, into columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from typing import Final

import numpy as np
import pyarrow as pa
from PIL import Image

from loopline.curate.looks import SIDE_PX as HASH_PX
from loopline.curate.looks import perceptual_hash
from loopline.curate.quality import NAMES, SIDE_PX, quality
from loopline.errors import LooplineError
from loopline.jobs import Progress, StopSignal, stage
from loopline.kernel.schema import Column
from loopline.media.opening import open_media
from loopline.media.thumbnails import upright
from loopline.query.view import View
from loopline.store import edits
from loopline.store.lake import Lake

HASH: Final = "looks"
COLUMNS: Final = (
    *(Column(name, "float", guidance=f"of the picture, see `loopline find quality`: {name}") for name in NAMES),
    Column(HASH, "int", guidance="perceptual hash, 64 bits: pictures that look alike differ in few of them"),
)
_AT_ONCE: Final = 64
_KEEP_EVERY: Final = 20_000  # pictures between two commits: what a stop or a kill loses at most

_Row = dict[str, object]


def measure_pictures(lake: Lake, view: View, *, again: bool, progress: Progress, stop: StopSignal | None) -> list[str]:
    """Fill the columns for the pictures of the view that lack them; problems, one line each.

    Work that was stopped goes on where it was: what is measured is kept every so many pictures.
    """
    known = {column.name for column in lake.schema().columns}
    todo = view.where("media == 'image'")
    if not again and {column.name for column in COLUMNS} <= known:
        todo = todo.where("brightness is None")
    rows = todo.to_arrow(["id", "root", "path"])
    problems: list[str] = []
    places = zip(rows["root"].to_pylist(), rows["path"].to_pylist(), strict=True)
    with stage(progress, "look at pictures", total=rows.num_rows, unit="pictures") as report:
        kept, pending = 0, list[_Row]()
        found = _each(places, lambda place: _measured(lake, *place))
        for done, row in enumerate(found, 1):
            if stop is not None:
                stop.check()
            problem = row.pop("problem", None)
            if isinstance(problem, str):
                problems.append(problem)
            pending.append(row)
            report(done, rows.num_rows)
            if len(pending) == _KEEP_EVERY or done == rows.num_rows:
                ids = rows["id"][kept:done].to_numpy()
                _keep(lake, ids, pending)
                kept, pending = done, []
    return problems


def _keep(lake: Lake, ids: np.ndarray[tuple[int], np.dtype[np.int64]], rows: list[_Row]) -> None:
    types = {"float": pa.float64(), "int": pa.int64()}
    table = pa.table({c.name: pa.array([row.get(c.name) for row in rows], types[c.type]) for c in COLUMNS})
    edits.set_columns(lake, COLUMNS, ids, table, message=f"look at {len(rows)} pictures")


def _measured(lake: Lake, root: str, path: str) -> _Row:
    try:
        with open_media(root, path, cache=lake.location.cache) as file:
            picture = upright(file, SIDE_PX).convert("L")
    except LooplineError as error:
        return {"problem": f"{path}: {error.what}"}
    picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)
    small = picture.resize((HASH_PX, HASH_PX), Image.Resampling.BOX)
    code = perceptual_hash(np.asarray(small))
    signed = None if code is None else code - (code >> 63 << 64)
    return {**asdict(quality(np.asarray(picture))), HASH: signed}


def _each(places: Iterable[tuple[str, str]], work: Callable[[tuple[str, str]], _Row]) -> Iterator[_Row]:
    """Answers in order, from a few threads: decoding leaves the interpreter's lock."""
    source = iter(places)
    with ThreadPoolExecutor() as pool:
        waiting: deque[Future[_Row]] = deque(pool.submit(work, one) for one in islice(source, _AT_ONCE))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, one) for one in islice(source, 1))
        finally:
            for future in waiting:
                future.cancel()
