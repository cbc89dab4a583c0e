"""The ASGI app: routes over the same functions that Python and the command line call.

It comes in two parts, because making a route takes a framework a millisecond and the first page needs less than a third of them.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from loopline.server.entrance import Entrance
from loopline.server.library import Library
from loopline.server.routes import browse, work
from loopline.server.routing import routed
from loopline.server.safety import Gate, Rules
from loopline.server.shelf import Shelf

FIRST: Final = [*browse.ROUTES, *work.ROUTES]

_PARAMETER: Final = re.compile(r"\{\w+:\w+\}")


def make_app(library: Library, rules: Rules | None = None, *, workers: int | None = None) -> ASGIApp:
    """The app over some data sets, behind the gate of `rules` (default: this machine alone, no token)."""
    interface: Future[ASGIApp] = Future()
    interface.set_result(Interface(library, workers=workers))
    return Gate(Entrance(interface), rules or Rules())


class Interface:
    """What is under /api: the routes of FIRST at once, all others when the first of them is asked for."""

    def __init__(self, library: Library, *, workers: int | None = None) -> None:
        threads = ThreadPoolExecutor(workers or min(8, (os.cpu_count() or 2) + 1), "loopline-media")
        self._shelf = Shelf(library, threads)
        self._first = routed(FIRST, self._shelf)
        paths = (path for route in FIRST if isinstance(route, HTTPRouteHandler) for path in route.paths)
        self._paths = re.compile("|".join(_PARAMETER.sub("[^/]+", path) for path in paths))
        self._whole: Litestar | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._first
        if str(scope["type"]) != "lifespan" and not self._paths.fullmatch(scope["path"]):
            app = self._whole if self._whole is not None else await asyncio.to_thread(self.whole)
        await app(scope, receive, send)

    def whole(self) -> Litestar:
        """All routes; it takes a fifth of a second the first time."""
        from loopline.server.whole import ROUTES

        with self._lock:
            if self._whole is None:
                self._whole = routed(ROUTES, self._shelf)
            return self._whole
