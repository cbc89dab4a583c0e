"""How routes become an app of the framework."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ControllerRouterHandler

from loopline import __version__
from loopline.server import refusals
from loopline.server.safety import MAX_BODY
from loopline.server.shelf import Shelf


def routed(routes: Sequence[ControllerRouterHandler], shelf: Shelf) -> Litestar:
    """Answers with some routes, and closes the shelf when it is shut down; `.openapi_schema` describes them."""
    _settle(msgspec.Struct)

    def the_shelf() -> Shelf:
        return shelf

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
