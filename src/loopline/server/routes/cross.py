"""Plots of two fields."""

from __future__ import annotations

from typing import Final

from litestar import post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from loopline.server.cross import cross
from loopline.server.shelf import DatasetName, Given
from loopline.server.wire import Cross, CrossIn


@post("/api/d/{name:str}/cross", status_code=200, sync_to_thread=True)
def cross_fields(shelf: Given, name: DatasetName, data: JSONBody[CrossIn]) -> Cross:
    """How many rows of a view have each pair of values, or bins, of two fields."""
    return cross(shelf.shown(name).ask(data.view), data.x, data.y)


ROUTES: Final[list[ControllerRouterHandler]] = [cross_fields]
