"""Short names of long links."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from loopline.server import shorts
from loopline.server.shelf import DatasetName, Given


class LinkIn(Struct, forbid_unknown_fields=True):
    """The search part of a page's address, as `q=…&f=…`."""

    text: Annotated[str, Meta(min_length=1, max_length=60_000)]


class LinkOut(Struct):
    name: str
    text: str


@post("/api/d/{name:str}/links", status_code=200, sync_to_thread=True)
def keep_link(shelf: Given, name: DatasetName, data: JSONBody[LinkIn]) -> LinkOut:
    """Keep a long link; the same link always gets the same name."""
    return LinkOut(shorts.keep(shelf.shown(name), data.text), data.text)


@get("/api/d/{name:str}/links/{short:str}", sync_to_thread=True)
def get_link(shelf: Given, name: DatasetName, short: FromPath[str]) -> LinkOut:
    """What a short name stands for."""
    return LinkOut(short, shorts.find(shelf.shown(name), short))


ROUTES: Final[list[ControllerRouterHandler]] = [keep_link, get_link]
