"""The built web app, and behind it the interface: a page can be loaded while the interface still is."""

from __future__ import annotations

import asyncio
import mimetypes
from concurrent.futures import Future
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from loopline.server.safety import say
from loopline.server.wire import Problem

if TYPE_CHECKING:  # answers before that is loaded
    from litestar.types import ASGIApp, LifeSpanScope, Message, Receive, ReceiveMessage, Scope, Send

STATIC: Final = Path(__file__).parent / "static"

_HOW_TO_BUILD: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Loopline</title>
<style>body{font:15px/1.5 system-ui;max-width:34em;margin:12vh auto;padding:0 1em;color-scheme:light dark}code{font-size:14px}</style>
<h1>The app is not built here</h1><p>This is an install from the source tree, and the web app in it has not been built
yet. It takes Node 20 or later and a minute:</p><pre><code>cd web
npm ci
npm run build</code></pre><p>Then load this page again. The interface itself works: <a href="/api/schema">its schema</a>.</p></html>"""


class Entrance:
    """ASGI: what is under /api waits for the interface; any other path is a file of the built app, or a page of it."""

    def __init__(self, interface: Future[ASGIApp], static: Path = STATIC) -> None:
        self._interface, self._static = interface, static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if str(scope["type"]) == "lifespan":
            await self._live(cast("LifeSpanScope", scope), receive, send)
        elif path == "/api" or path.startswith("/api/"):
            await (await asyncio.wrap_future(self._interface))(scope, receive, send)
        elif scope.get("method") not in ("GET", "HEAD"):
            await say(send, Problem("loopline:NotAllowed", "Method not allowed", 405, "pages can only be read"))
        else:
            found = await asyncio.to_thread(page_answer, path, self._static)
            await (say(send, found) if isinstance(found, Problem) else _give(send, *found))

    async def _live(self, scope: LifeSpanScope, receive: Receive, send: Send) -> None:
        """Begins at once. The interface, which may have come later, is told of its beginning when it ends: it does
        nothing at the one, and cleans up at the other."""
        await receive()
        await send(cast("Message", {"type": "lifespan.startup.complete"}))
        await receive()
        if self._interface.done() and not self._interface.exception():
            told = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

            async def tell() -> ReceiveMessage:
                return cast("ReceiveMessage", told.pop())

            async def heard(_: Message) -> None:
                return None

            await self._interface.result()(cast("Scope", scope), tell, heard)
        await send(cast("Message", {"type": "lifespan.shutdown.complete"}))


def page_answer(path: str, static: Path) -> tuple[bytes, str, str] | Problem:
    """The body, its type and how long a browser may keep it."""
    inside = path.lstrip("/")
    files = _files(static)
    if "index.html" not in files:
        return _HOW_TO_BUILD.encode(), "text/html; charset=utf-8", "no-store"
    if inside in files and inside != "index.html":
        kind = mimetypes.guess_type(inside)[0] or "application/octet-stream"
        named_by_content = inside.startswith("assets/")
        kept = "public, max-age=31536000, immutable" if named_by_content else "no-cache"
        return files[inside].read_bytes(), kind, kept
    if inside.startswith("assets/"):
        hint = "load the page again: the app has been rebuilt"
        return Problem("loopline:NotThere", "Not there", 404, f"no file /{inside}", hint=hint)
    return files["index.html"].read_bytes(), "text/html; charset=utf-8", "no-cache"


def _files(static: Path) -> dict[str, Path]:
    """Every file of the built app by its path in a URL. A request is looked up here, never joined to a path."""
    return _listed(static, tuple(part.stat().st_mtime_ns for part in (static, static / "assets") if part.is_dir()))


@lru_cache(maxsize=4)
def _listed(static: Path, _: tuple[int, ...]) -> dict[str, Path]:
    """Until it is built again, when its folders are others."""
    return {file.relative_to(static).as_posix(): file for file in static.rglob("*") if file.is_file()}


async def _give(send: Send, body: bytes, kind: str, kept: str) -> None:
    headers = {"content-type": kind, "content-length": str(len(body)), "cache-control": kept}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})
