"""All routes of the app."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

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

_AREAS: Final = (advise, browse, change, cross, cuts, history, measure, near, operate, parts, runs, shorts, work)
ROUTES: Final[list[ControllerRouterHandler]] = [route for area in _AREAS for route in area.ROUTES]
