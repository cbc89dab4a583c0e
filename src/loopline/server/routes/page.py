"""The web page: the built app, or how to build it."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

import anyio.to_thread
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from loopline.server.problems import NotThere

STATIC: Final = Path(__file__).parents[1] / "static"

_HOW_TO_BUILD: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Loopline</title>
<style>body{font:15px/1.5 system-ui;max-width:34em;margin:12vh auto;padding:0 1em;color-scheme:light dark}code{font-size:14px}</style>
<h1>The app is not built here</h1><p>This is an install from the source tree, and the web app in it has not been built
yet. It takes Node 20 or later and a minute:</p><pre><code>cd web
npm ci
npm run build</code></pre><p>Then load this page again. The interface itself works: <a href="/api/schema">its schema</a>.</p></html>"""


@get(["/", "/{path:path}"], include_in_schema=False)
async def app_page(path: FromPath[str] = "") -> Response[bytes]:
    """A file of the built app; any other path is a page of the app, which reads the path itself."""
    return await anyio.to_thread.run_sync(page_answer, path, STATIC)


def page_answer(path: str, static: Path) -> Response[bytes]:
    """Raises NotThere for a file that is not part of the app."""
    inside = path.lstrip("/")
    if inside.startswith("api/"):
        raise NotThere(f"no route /{inside}")
    files = _files(static)
    if "index.html" not in files:
        return Response(_HOW_TO_BUILD.encode(), media_type="text/html", headers={"Cache-Control": "no-store"})
    if inside in files and inside != "index.html":
        kind = mimetypes.guess_type(inside)[0] or "application/octet-stream"
        named_by_content = inside.startswith("assets/")
        kept = "public, max-age=31536000, immutable" if named_by_content else "no-cache"
        return Response(files[inside].read_bytes(), media_type=kind, headers={"Cache-Control": kept})
    if inside.startswith("assets/"):
        raise NotThere(f"no file /{inside}", hint="load the page again: the app has been rebuilt")
    return Response(files["index.html"].read_bytes(), media_type="text/html", headers={"Cache-Control": "no-cache"})


def _files(static: Path) -> dict[str, Path]:
    """Every file of the built app by its path in a URL. A request is looked up here, never joined to a path."""
    return {file.relative_to(static).as_posix(): file for file in static.rglob("*") if file.is_file()}


ROUTES: Final[list[ControllerRouterHandler]] = [app_page]
