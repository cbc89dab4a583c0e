"""Jobs, and the stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

import anyio
import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from loopline.server.jobs import Event
from loopline.server.shelf import Given, Shelf
from loopline.server.wire import JobOut

LOOK_EVERY_S: Final = 0.25
_ALIVE_EVERY_S: Final = 15.0


@get("/api/jobs", sync_to_thread=True)
def list_jobs(shelf: Given) -> list[JobOut]:
    """Jobs of this server's life, newest first."""
    return shelf.jobs.list()


@get("/api/jobs/{job_id:str}", sync_to_thread=True)
def get_job(shelf: Given, job_id: FromPath[str]) -> JobOut:
    """One job, with its log."""
    return shelf.jobs.get(job_id)


@post("/api/jobs/{job_id:str}/stop", status_code=200, sync_to_thread=True)
def stop_job(shelf: Given, job_id: FromPath[str]) -> JobOut:
    """Ask a job to stop; it does between two steps."""
    return shelf.jobs.stop(job_id)


@post("/api/jobs/{job_id:str}/pause", status_code=200, sync_to_thread=True)
def pause_job(shelf: Given, job_id: FromPath[str]) -> JobOut:
    """Ask a job to wait; it does between two steps."""
    return shelf.jobs.pause(job_id)


@post("/api/jobs/{job_id:str}/resume", status_code=200, sync_to_thread=True)
def resume_job(shelf: Given, job_id: FromPath[str]) -> JobOut:
    """Let a job that waits go on, or begin one again that was stopped or failed: it leaves out what it has kept."""
    return shelf.jobs.resume(job_id)


@get("/api/events", media_type="text/event-stream")
async def events(
    request: Request,  # type: ignore[type-arg]
    shelf: Given,
    since: Annotated[int | None, QueryParameter(ge=0, lt=2**53, description="number of the last event seen")] = None,
) -> Stream:
    """Server-sent events: hello {last}, job (as GET /api/jobs/{id}), snapshot {dataset, snapshot, verb, message, author}.

    A browser that comes back says the last one that it saw (Last-Event-ID), and gets those after it.
    """
    header = request.headers.get("last-event-id", "")
    seen = int(header) if header.isdigit() and len(header) < 16 else since
    sent = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(
        _told(shelf, shelf.events.last if seen is None else seen), media_type="text/event-stream", headers=sent
    )


async def _told(shelf: Shelf, seen: int) -> AsyncIterator[bytes]:
    yield _line(Event(seen, "hello", msgspec.json.encode({"last": shelf.events.last})))
    quiet = 0.0
    while not shelf.closed:
        await anyio.to_thread.run_sync(shelf.look_for_changes)
        new = shelf.events.after(seen)
        for event in new:
            yield _line(event)
            seen = event.number
        quiet = 0.0 if new else quiet + LOOK_EVERY_S
        if quiet >= _ALIVE_EVERY_S:
            yield b": alive\n\n"
            quiet = 0.0
        await anyio.sleep(LOOK_EVERY_S)


def _line(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), event.body)


ROUTES: Final[list[ControllerRouterHandler]] = [list_jobs, get_job, stop_job, pause_job, resume_job, events]
