"""Log, versions, differences, blame, saved views, completion."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from loopline.server import completion, past
from loopline.server.frames import MEDIA_TYPE
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import (
    BetweenIn,
    BetweenPageIn,
    BranchIn,
    ChangeOut,
    CompleteIn,
    DiffOut,
    JobOut,
    KeptView,
    LogLine,
    Offer,
    SavedView,
    SaveViewIn,
    VersionIn,
    VersionOut,
)
from loopline.store import saved_views, versions


@get("/api/d/{name:str}/log", sync_to_thread=True)
def log(shelf: Given, name: DatasetName, limit: Annotated[int, QueryParameter(ge=1, le=10_000)] = 200) -> list[LogLine]:
    """What was done by whom and when, newest first."""
    return past.log(shelf.shown(name), limit)


@get("/api/d/{name:str}/versions", sync_to_thread=True)
def list_versions(shelf: Given, name: DatasetName) -> list[VersionOut]:
    """The named snapshots, oldest first."""
    return past.version_list(shelf.shown(name))


@post("/api/d/{name:str}/versions", sync_to_thread=True)
def name_version(shelf: Given, name: DatasetName, data: JSONBody[VersionIn]) -> VersionOut:
    """Name the newest snapshot, or another."""
    lake = shelf.shown(name).lake
    return past.version_out(versions.name_version(lake, data.name, message=data.message, snapshot=data.snapshot))


@delete("/api/d/{name:str}/versions/{version:str}", sync_to_thread=True)
def drop_version(shelf: Given, name: DatasetName, version: FromPath[str]) -> None:
    """Take a name away; its snapshot stays."""
    versions.drop_version(shelf.shown(name).lake, version)


@post("/api/d/{name:str}/branch", status_code=202, sync_to_thread=True)
def branch(shelf: Given, name: DatasetName, data: JSONBody[BranchIn]) -> JobOut:
    """A new data set from this one as it was at a version, as a job; its result names it. Media stay where they are."""
    return past.branch(shelf.shown(name), shelf.jobs, data)


@post("/api/d/{name:str}/diff", status_code=200, sync_to_thread=True)
def diff(shelf: Given, name: DatasetName, data: JSONBody[BetweenIn]) -> DiffOut:
    """Counts of what is different between two versions."""
    return past.diff(shelf.shown(name), data.before, data.after)


@post("/api/d/{name:str}/diff/page", status_code=200, media_type=MEDIA_TYPE, sync_to_thread=True)
def diff_page(shelf: Given, name: DatasetName, data: JSONBody[BetweenPageIn]) -> bytes:
    """Samples that are different, with what is drawn on them before and after, as a frame."""
    return past.diff_page(shelf.shown(name), data.before, data.after, data.offset, data.count)


@get("/api/d/{name:str}/blame", sync_to_thread=True)
def blame(
    shelf: Given,
    name: DatasetName,
    item: Annotated[int, QueryParameter(name="id", ge=0, lt=2**53)],
    field: Annotated[str | None, QueryParameter(max_length=200, description="a label field; default: samples")] = None,
) -> list[ChangeOut]:
    """Who changed what of a sample, or of an object of a field, newest first."""
    return past.blame(shelf.shown(name), item, field)


@get("/api/d/{name:str}/views", sync_to_thread=True)
def list_views(shelf: Given, name: DatasetName) -> list[SavedView]:
    """Saved views, by name."""
    return past.saved(shelf.shown(name))


@post("/api/d/{name:str}/views", sync_to_thread=True)
def save_view(shelf: Given, name: DatasetName, data: JSONBody[SaveViewIn]) -> SavedView:
    """Keep a view under a name; one that has the name is replaced."""
    return past.save(shelf.shown(name), data.name, KeptView(data.view, data.link))


@delete("/api/d/{name:str}/views/{view:str}", sync_to_thread=True)
def drop_view(shelf: Given, name: DatasetName, view: FromPath[str]) -> None:
    """Forget a saved view."""
    saved_views.drop_view(shelf.shown(name).lake, view)


@post("/api/d/{name:str}/complete", status_code=200, sync_to_thread=True)
def complete(shelf: Given, name: DatasetName, data: JSONBody[CompleteIn]) -> list[Offer]:
    """What may stand at the cursor."""
    shown = shelf.shown(name)
    return completion.complete(shown.resident, shown.at(data.snapshot), data.text, data.cursor, data.objects)


ROUTES: Final[list[ControllerRouterHandler]] = [
    log,
    list_versions,
    name_version,
    drop_version,
    branch,
    diff,
    diff_page,
    blame,
    list_views,
    save_view,
    drop_view,
    complete,
]
