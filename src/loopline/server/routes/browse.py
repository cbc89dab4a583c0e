"""Looking at data sets: lists, views, pages, facets, samples, media."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Annotated, Final, Literal

import anyio.to_thread
from litestar import Request, Response, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from loopline.server import describe, painted, past, samples
from loopline.server import facets as counting
from loopline.server import pages as paging
from loopline.server.frames import MEDIA_TYPE, frame
from loopline.server.pictures import RECORDS_TYPE
from loopline.server.ranges import file_answer
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import (
    CheckIn,
    CheckOut,
    DatasetLine,
    DatasetOut,
    Facet,
    FacetsIn,
    MasksIn,
    PageIn,
    SampleOut,
    ThumbsIn,
    ViewIn,
    ViewOut,
)

Snapshot = Annotated[int | None, QueryParameter(ge=0, lt=2**53, description="default: the newest")]
SampleId = Annotated[int, PathParameter(ge=0, lt=2**53)]


@get("/api/datasets", sync_to_thread=True)
def list_datasets(shelf: Given) -> list[DatasetLine]:
    """All data sets that the app shows."""
    return describe.lines(shelf.library)


@get("/api/d/{name:str}", sync_to_thread=True)
def get_dataset(shelf: Given, name: DatasetName, snapshot: Snapshot = None) -> DatasetOut:
    """What a data set holds."""
    shown = shelf.shown(name)
    return describe.dataset(shown, past.saved(shown), snapshot)


@post("/api/d/{name:str}/view", status_code=200, sync_to_thread=True)
def count_view(shelf: Given, name: DatasetName, data: JSONBody[ViewIn]) -> ViewOut:
    """How many rows a view has, and the view as text."""
    return describe.view(shelf.shown(name), data.view)


@post("/api/d/{name:str}/layout", status_code=200, media_type=MEDIA_TYPE, sync_to_thread=True)
def layout(shelf: Given, name: DatasetName, data: JSONBody[ViewIn]) -> bytes:
    """The aspect of every row of a view, in its order, as a frame."""
    asked = shelf.shown(name).ask(data.view)
    return paging.layout(asked)


@post("/api/d/{name:str}/page", status_code=200, media_type=MEDIA_TYPE, sync_to_thread=True)
def page(shelf: Given, name: DatasetName, data: JSONBody[PageIn]) -> bytes:
    """Some rows of a view with what is drawn on them, as a frame."""
    shown = shelf.shown(name)
    wanted = paging.Wanted(data.fields, data.evaluation, shelf.pictures(name).colours)
    return paging.page(shown, shown.ask(data.view), data.offset, data.count, wanted)


@post("/api/d/{name:str}/facets", status_code=200, sync_to_thread=True)
def facets(shelf: Given, name: DatasetName, data: JSONBody[FacetsIn]) -> list[Facet]:
    """What the filter controls show, in their order."""
    return counting.facets(shelf.shown(name).ask(data.view), data.controls)


@post("/api/d/{name:str}/check", status_code=200, sync_to_thread=True)
def check(shelf: Given, name: DatasetName, data: JSONBody[CheckIn]) -> CheckOut:
    """Whether a condition and sort keys can be asked; `error` says why not, with its place in the text.

    With `objects` the condition is about the objects of that field.
    """
    return describe.check(shelf.shown(name), data)


@post("/api/d/{name:str}/thumbs", status_code=200, media_type=RECORDS_TYPE)
async def thumbs(shelf: Given, name: DatasetName, data: JSONBody[ThumbsIn]) -> Stream:
    """Thumbnails in the order asked for, as records: f8 id, u4 length, u1 kind (0 JPEG, 1 why not), 3 bytes, bytes."""
    pictures = await anyio.to_thread.run_sync(shelf.pictures, name)
    return Stream(in_threads(pictures.thumbnails(data.ids, data.size)), media_type=RECORDS_TYPE)


async def in_threads(records: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The records, each waited for outside of the event loop; a client who goes away ends the work."""
    try:
        while (record := await anyio.to_thread.run_sync(next, records, None)) is not None:
            yield record
    finally:
        close = getattr(records, "close", None)
        if close is not None:
            close()


@get("/api/d/{name:str}/media/{sample_id:int}", status_code=200)
async def media(
    request: Request,  # type: ignore[type-arg]
    shelf: Given,
    name: DatasetName,
    sample_id: SampleId,
    form: Annotated[
        Literal["file", "browser"], QueryParameter(description="browser: a form that browsers show")
    ] = "file",
) -> Response[bytes] | Stream:
    """The file of a sample; answers to Range and If-None-Match. 202 and a job while a video is being converted."""
    ask = partial(file_answer, shelf, name, sample_id, request.headers, for_browser=form == "browser")
    return await anyio.to_thread.run_sync(ask)


@get("/api/d/{name:str}/sample/{sample_id:int}/frames", media_type=MEDIA_TYPE, sync_to_thread=True)
def frame_times(shelf: Given, name: DatasetName, sample_id: SampleId) -> bytes:
    """When each frame of a video is shown, as a frame: `time` f8, seconds, rising."""
    pictures = shelf.pictures(name)
    found = pictures.film(pictures.reference(sample_id))
    return frame({"time": found.times}, {"duration_s": found.duration_s, "codec": found.codec})


@get("/api/d/{name:str}/sample/{sample_id:int}", sync_to_thread=True)
def sample(
    shelf: Given,
    name: DatasetName,
    sample_id: SampleId,
    snapshot: Snapshot = None,
    evaluation: Annotated[str | None, QueryParameter(max_length=200, description="its outcomes come along")] = None,
) -> SampleOut:
    """A sample with all its labels, exact."""
    return samples.sample(shelf.shown(name), snapshot, sample_id, evaluation)


@post("/api/d/{name:str}/masks", status_code=200, media_type=MEDIA_TYPE, sync_to_thread=True)
def masks(shelf: Given, name: DatasetName, data: JSONBody[MasksIn]) -> bytes:
    """Run lengths of the masks of some objects, or of each class of class maps, as a frame."""
    return painted.masks(shelf.shown(name), data.snapshot, data.field, data.ids)


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_datasets,
    get_dataset,
    count_view,
    layout,
    page,
    facets,
    check,
    thumbs,
    media,
    frame_times,
    sample,
    masks,
]
