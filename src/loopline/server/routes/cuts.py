"""Pictures of objects, and what a video shows as the pointer moves over it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import anyio.to_thread
from litestar import Response, post
from litestar.params import JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from loopline.server import cuts
from loopline.server.pictures import RECORDS_TYPE
from loopline.server.routes.browse import in_threads
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import MAX_PAGE, Id, Name


class CropsIn(Struct, forbid_unknown_fields=True):
    """Of each object the square around its box, 1.25 times its longer side, as far as it lies on the picture."""

    field: Name
    ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_PAGE)]
    size: Literal[128, 256, 512] = 256
    snapshot: Id | None = None


class StripIn(Struct, forbid_unknown_fields=True):
    id: Id
    count: Annotated[int, Meta(ge=1, le=32)] = 16
    size: Literal[128, 256, 512] = 256


@post("/api/d/{name:str}/crops", status_code=200, media_type=RECORDS_TYPE)
async def crops(shelf: Given, name: DatasetName, data: JSONBody[CropsIn]) -> Stream:
    """Objects cut out of their pictures, sharp, as records like those of thumbs; `id` is the object's."""

    def start() -> Stream:
        found = cuts.object_crops(
            shelf.shown(name), shelf.pictures(name), data.field, data.ids, data.size, data.snapshot
        )
        return Stream(in_threads(found), media_type=RECORDS_TYPE)

    return await anyio.to_thread.run_sync(start)


@post("/api/d/{name:str}/strip", status_code=200, media_type=RECORDS_TYPE, sync_to_thread=True)
def strip(shelf: Given, name: DatasetName, data: JSONBody[StripIn]) -> Response[bytes]:
    """Frames spread over a video, side by side in one picture, as one record like those of thumbs."""
    return Response(cuts.video_strip(shelf.pictures(name), data.id, data.count, data.size), media_type=RECORDS_TYPE)


ROUTES: Final[list[ControllerRouterHandler]] = [crops, strip]
