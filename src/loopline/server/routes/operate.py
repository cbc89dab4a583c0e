"""The threshold of a detector, moved by hand: its numbers at every score, the objects behind a cell, further slices."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from loopline.server.frames import MEDIA_TYPE
from loopline.server.measured import plain_json
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import MOST_IDS, Text


class CellOut(Struct):
    """ids: of objects of `field`, or of samples where it is empty, the first MOST_IDS; `objects` counts all."""

    field: str
    objects: int
    ids: list[int]


class SliceIn(Struct, forbid_unknown_fields=True):
    text: Text


@get("/api/d/{name:str}/evaluations/{key:str}/scores", media_type=MEDIA_TYPE, sync_to_thread=True)
def scores(shelf: Given, name: DatasetName, key: FromPath[str]) -> bytes:
    """Predictions by class and bin of scores, as a frame: right u4, wrong u4 (class by class, BINS each) · truths u4 of
    each class. Header: classes, low, high, bins."""
    from loopline.server import operated

    return operated.scores(shelf.shown(name), key)


@get("/api/d/{name:str}/evaluations/{key:str}/mixups", media_type=MEDIA_TYPE, sync_to_thread=True)
def mixups(shelf: Given, name: DatasetName, key: FromPath[str]) -> bytes:
    """Who is taken for whom in each bin of scores, as a frame: bin u1 (255: found by no prediction), row u2, column u2,
    count u4; the background is the class after the last. Measures again: seconds."""
    from loopline.server import operated

    return operated.mix_ups(shelf.shown(name), key)


@get("/api/d/{name:str}/evaluations/{key:str}/cell", sync_to_thread=True)
def cell(
    shelf: Given,
    name: DatasetName,
    key: FromPath[str],
    row: Annotated[int, QueryParameter(ge=0, le=65_535, description="the true class; after the last: none")],
    column: Annotated[
        int | None,
        QueryParameter(ge=0, le=65_535, description="the predicted class; after the last: none; left out: all others"),
    ] = None,
    least: Annotated[float | None, QueryParameter(description="predictions with less do not count")] = None,
) -> CellOut:
    """The objects behind one cell of the confusion matrix; the samples, those with most pixels first, of class maps."""
    from loopline.server import operated

    field, ids = operated.cell(shelf.shown(name), key, row, column, least)
    return CellOut(field, len(ids), ids[:MOST_IDS].tolist())


@post("/api/d/{name:str}/evaluations/{key:str}/slices", status_code=200, sync_to_thread=True)
def measure_slice(
    shelf: Given, name: DatasetName, key: FromPath[str], data: JSONBody[SliceIn]
) -> list[dict[str, object]]:
    """The numbers of the slices that a text stands for: as stored, else measured now, which takes seconds."""
    from loopline.server import operated

    plain = plain_json(operated.slices(shelf.shown(name), key, data.text))
    assert isinstance(plain, list)
    return plain


ROUTES: Final[list[ControllerRouterHandler]] = [scores, mixups, cell, measure_slice]
