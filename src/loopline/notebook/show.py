"""`ll.show`: the app over a data set or view; in a notebook in the cell, elsewhere in a tab of the browser."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from loopline.errors import MissingDependency
from loopline.front.dataset import Dataset
from loopline.notebook.inprocess import InProcess
from loopline.query.view import ObjectView, View
from loopline.server import show as tab
from loopline.server.app import make_app
from loopline.server.library import Library
from loopline.server.wire import ViewSpec

if TYPE_CHECKING:
    from loopline.notebook.widget import NotebookApp

_lock = threading.Lock()
_house: tuple[Library, InProcess] | None = None


def show(
    what: Dataset | View | ObjectView | None = None,
    *,
    height: int = 600,
    port: int | None = None,
    browser: bool | None = None,
) -> tab.App | NotebookApp:
    """Show a data set or a view in the app.

    In a notebook the app is drawn in the cell: `app.selected` and `app.view` are what is chosen and shown, as views.
    Elsewhere, and with `port` or `browser`, it is a tab of the browser that runs as long as this process.

    what     None: the list of all data sets
    height   of the cell's app, in pixels
    port     default: 5151, or the next that is free
    browser  whether to open a tab; default: unless this is a remote shell, where the link and the line that forwards
             its port are printed

    Raises BadValue for a view that an address cannot hold, MissingDependency for a notebook without anywidget.
    """
    if in_notebook() and port is None and browser is None:
        return in_cell(what, height)
    return tab.show(what, port=port, browser=browser)


def in_cell(what: Dataset | View | ObjectView | None, height: int) -> NotebookApp:
    """The app as a widget. Raises BadValue, MissingDependency."""
    try:
        from loopline.notebook.widget import NotebookApp
    except ImportError as error:
        hint = "pip install 'loopline[notebook]'; or ll.show(view, browser=True), a tab of the browser"
        raise MissingDependency("anywidget is not installed", hint=hint) from error
    dataset, link = tab.page_of(what)
    library, app = _running()
    if dataset is None:
        return NotebookApp(app, library, link, None, height)
    library.add(dataset)
    return NotebookApp(app, library, link, (dataset.name, _spec(link, what)), height)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook. A terminal's prompt is not: it draws no widgets."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def close() -> None:
    """Stop the app of this process's cells, if it runs."""
    global _house
    with _lock:
        if _house is not None:
            _house[1].close()
            _house = None


def _running() -> tuple[Library, InProcess]:
    """The one app of this process's cells: what it holds in memory serves all of them."""
    global _house
    with _lock:
        if _house is None:
            library = Library()
            _house = library, InProcess(make_app(library))
            atexit.register(close)
        return _house


def _spec(link: str, what: Dataset | View | ObjectView | None) -> ViewSpec:
    """What the page at `link` shows first."""
    given = parse_qs(urlsplit(link).query)
    snapshot = what.snapshot if isinstance(what, View | ObjectView) else None
    objects = given.get("objects", [None])[0]
    return ViewSpec(where=given.get("q", [""])[0], sort=given.get("sort", [""])[0], objects=objects, snapshot=snapshot)
