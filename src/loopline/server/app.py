"""The ASGI app: routes over the same functions that Python and the command line call."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ASGIApp

from loopline import __version__
from loopline.server import refusals
from loopline.server.entrance import Entrance
from loopline.server.library import Library
from loopline.server.routes import (
    advise,
    browse,
    change,
    cross,
    cuts,
    history,
    measure,
    near,
    operate,
    parts,
    runs,
    shorts,
    work,
)
from loopline.server.safety import MAX_BODY, Gate, Rules
from loopline.server.shelf import Shelf


def make_app(library: Library, rules: Rules | None = None, *, workers: int | None = None) -> ASGIApp:
    """The app over some data sets, behind the gate of `rules` (default: this machine alone, no token)."""
    interface: Future[ASGIApp] = Future()
    interface.set_result(inner_app(library, workers=workers))
    return Gate(Entrance(interface), rules or Rules())


def inner_app(library: Library, *, workers: int | None = None) -> Litestar:
    """The interface without its gate; its OpenAPI schema is `inner_app(library).openapi_schema`."""
    _settle(msgspec.Struct)
    shelf = Shelf(library, ThreadPoolExecutor(workers or min(8, (os.cpu_count() or 2) + 1), "loopline-media"))

    def the_shelf() -> Shelf:
        return shelf

    areas = (advise, browse, change, cross, cuts, history, measure, near, operate, parts, runs, shorts, work)
    routes = [route for area in areas for route in area.ROUTES]
    for route in routes:  # Litestar itself loses the docstring where two methods share a path
        if isinstance(route, HTTPRouteHandler):
            route.description = inspect.getdoc(route.fn)
    return _Plain(
        route_handlers=routes,
        dependencies={"shelf": Provide(the_shelf, sync_to_thread=False)},
        exception_handlers=refusals.HANDLERS,
        on_shutdown=[shelf.close],
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Loopline",
            version=__version__,
            path="/api/schema",
            operation_id_creator=_operation_id,
        ),
        logging_config=None,
    )


def _settle(kind: type[msgspec.Struct]) -> None:
    """Have msgspec work out every type of the wire now, in one thread.

    It does so when it first meets a type, and two threads that meet one at the same time end the process (0.22).
    """
    for one in kind.__subclasses__():
        if one.__module__.startswith("loopline."):
            msgspec.json.Decoder(one)
        _settle(one)


class _Plain(Litestar):
    """Without the plug-ins for pydantic and attrs, whose import takes longer than all else where they are installed."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def _operation_id(handler: HTTPRouteHandler, method: str, path: Sequence[object]) -> str:  # noqa: ARG001
    """The name of the function."""
    function: object = handler.fn
    while hasattr(function, "func"):  # wrapped to run in a thread
        function = function.func
    return str(getattr(function, "__name__", ""))
