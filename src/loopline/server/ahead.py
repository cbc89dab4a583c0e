"""What the first page asks of a data set, read before it asks: while the rest of the app is being loaded."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

import duckdb

from loopline.errors import LooplineError
from loopline.server import pages
from loopline.server.library import Library
from loopline.server.wire import ViewSpec

_ROWS: Final = 256  # of a page, as the browser asks for them


def read_ahead(library: Library) -> None:
    """For each data set that the library was started with, in a thread of its own: none waits for it."""
    for name in library.given():
        threading.Thread(target=_read, args=(library, name), name="loopline-ahead", daemon=True).start()


def _read(library: Library, name: str) -> None:
    with suppress(LooplineError, duckdb.Error):  # a page that asks for it says what is wrong
        shown = library.get(name)
        asked = shown.ask(ViewSpec(snapshot=shown.info().snapshot))
        pages.layout(asked)
        pages.page(shown, asked, 0, _ROWS)
