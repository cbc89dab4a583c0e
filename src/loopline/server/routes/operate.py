"""The threshold of a detector, moved by hand: its numbers at every score, the objects behind a cell, further slices."""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from loopline.errors import BadValue
from loopline.front.evaluating import operating, stored
from loopline.front.evaluating.behind import behind, counts_samples
from loopline.front.evaluating.slicing import parts_of
from loopline.server.frames import MEDIA_TYPE, frame
from loopline.server.library import Shown
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
    shown = shelf.shown(name)
    found = shown.resident.kept.get(
        ("scores", *_token(shown, key)), lambda: operating.score_bins(stored.evaluation(shown.lake, key))
    )
    columns = {part: getattr(found, part).ravel().astype(np.uint32) for part in ("right", "wrong", "truths")}
    return frame(
        columns, {"classes": list(found.classes), "low": found.low, "high": found.high, "bins": operating.BINS}
    )


@get("/api/d/{name:str}/evaluations/{key:str}/mixups", media_type=MEDIA_TYPE, sync_to_thread=True)
def mixups(shelf: Given, name: DatasetName, key: FromPath[str]) -> bytes:
    """Who is taken for whom in each bin of scores, as a frame: bin u1 (255: found by no prediction), row u2, column u2,
    count u4; the background is the class after the last. Measures again: seconds."""
    found = _mix_ups(shelf.shown(name), key)
    low, high = operating.limits(found.score[np.isfinite(found.score)])
    bins = operating.bin_of(np.where(np.isfinite(found.score), found.score, low), low, high)
    bins[~np.isfinite(found.score)] = operating.NEVER
    size = len(found.classes) + 1
    keys, counts = np.unique((bins * size + found.row) * size + found.column, return_counts=True)
    columns = {
        "bin": (keys // size**2).astype(np.uint8),
        "row": (keys // size % size).astype(np.uint16),
        "column": (keys % size).astype(np.uint16),
        "count": counts.astype(np.uint32),
    }
    return frame(columns, {"classes": list(found.classes), "low": low, "high": high, "bins": operating.BINS})


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
    shown = shelf.shown(name)
    found = stored.evaluation(shown.lake, key)
    if counts_samples(found):
        kept = shown.resident.kept.get(("behind", *_token(shown, key)), lambda: behind(found))
        samples = kept.cell(row, column, least)
        return CellOut("", len(samples), samples[:MOST_IDS].tolist())
    if column is None:
        raise BadValue(f"a cell of {key} has a row and a column", hint="name the predicted class, too")
    of_truth, ids = _mix_ups(shown, key).cell(row, column, float("-inf") if least is None else least)
    field = found.record.truth if of_truth else found.record.predicted
    return CellOut(field, len(ids), np.sort(ids)[:MOST_IDS].tolist())


@post("/api/d/{name:str}/evaluations/{key:str}/slices", status_code=200, sync_to_thread=True)
def measure_slice(
    shelf: Given, name: DatasetName, key: FromPath[str], data: JSONBody[SliceIn]
) -> list[dict[str, object]]:
    """The numbers of the slices that a text stands for: as stored, else measured now, which takes seconds."""
    found = stored.evaluation(shelf.shown(name).lake, key)
    known = [one for one in found.slices if one.name == data.text]
    if not known:
        known = [found.slice(part.text) for part in parts_of(found.view, found.record.truth, [data.text])]
    plain = plain_json(known)
    assert isinstance(plain, list)
    return plain


def _mix_ups(shown: Shown, key: str) -> operating.MixUps:
    return shown.resident.kept.get(
        ("mixups", *_token(shown, key)), lambda: operating.mix_ups(stored.evaluation(shown.lake, key))
    )


def _token(shown: Shown, key: str) -> tuple[str, str, str]:
    """A key can be dropped and used again; when it was measured tells one from the other."""
    record = stored.evaluation(shown.lake, key).record
    return shown.name, key, record.at.isoformat()


ROUTES: Final[list[ControllerRouterHandler]] = [scores, mixups, cell, measure_slice]
