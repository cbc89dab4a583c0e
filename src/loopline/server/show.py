"""`ll.show`: the app over a data set or view, from a script or a Python prompt."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from loopline.errors import BadValue
from loopline.front.dataset import Dataset
from loopline.kernel.expr import And, Expr
from loopline.query import ops
from loopline.query.view import ObjectView, View
from loopline.server.serve import Server, forward_line, open_browser
from loopline.store.lake import Lake

MOST_IDS: Final = 1000
"""A view that no condition describes goes into the address as its ids, up to so many."""

_lock = threading.Lock()
_server: Server | None = None


@dataclass(frozen=True, slots=True)
class App:
    """The running app. `url` is the page that shows what was asked for."""

    url: str
    server: Server

    def __repr__(self) -> str:
        return f"<App {self.url}>"

    def wait(self) -> None:
        """Go on serving until Ctrl-C; at the end of a script, which would end the app with it."""
        try:
            self.server.wait()
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """Stop the app of this process."""
        close()


def show(
    what: Dataset | View | ObjectView | None = None, *, port: int | None = None, browser: bool | None = None
) -> App:
    """Show a data set or a view in the app: a tab of the browser. The app runs as long as this process.

    what     None: the list of all data sets
    port     default: 5151, or the next that is free
    browser  whether to open a tab; default: unless this is a remote shell, where the link and the line that forwards
             its port are printed

    Raises BadValue for a view that an address cannot hold.
    """
    dataset, path = page_of(what)
    server = _started(dataset, port)
    url = f"{server.address.base}{path}"
    forward = forward_line(server.address.port, os.environ)
    if browser or (browser is None and forward is None):
        open_browser(url)
    print(url, file=sys.stderr)
    if forward is not None:
        print(f"From the machine that you sit at:  {forward}", file=sys.stderr)
    return App(url, server)


def close() -> None:
    """Stop the app of this process, if it runs."""
    global _server
    with _lock:
        if _server is not None:
            _server.close()
            _server = None


def _started(dataset: Dataset | None, port: int | None) -> Server:
    """The one app of this process, which shows every data set that it was asked for."""
    global _server
    with _lock:
        if _server is not None and port not in (None, _server.address.port):
            raise BadValue(f"the app runs on port {_server.address.port} already", hint="app.close() first")
        if _server is None:
            _server = Server(port=port).start()
            atexit.register(close)
        if dataset is not None:
            _server.library.add(dataset)
        return _server


def page_of(what: Dataset | View | ObjectView | None) -> tuple[Dataset | None, str]:
    """The data set of what is to be shown, and the path of its page. Raises BadValue."""
    if what is None:
        return None, "/"
    if isinstance(what, Dataset):
        return what, _address(what.name, None, {})
    if not isinstance(what.engine, Lake):
        raise BadValue("only views of a data set can be shown")
    return Dataset(what.engine), _address(what.engine.name, what.snapshot, link_of(what))


def _address(name: str, snapshot: int | None, parameters: dict[str, str]) -> str:
    version = "" if snapshot is None else f"@{snapshot}"
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"/d/{quote(name)}{version}{query}"


def link_of(view: View | ObjectView) -> dict[str, str]:
    """The parameters of the address that shows a view: `q`, `objects`, `sort`. Raises BadValue.

    Conditions and an order are written as they are. Any other view is written as the ids that it has now.
    """
    conditions: list[Expr] = []
    found: dict[str, str] = {}
    for step in view.ops:
        match step:
            case ops.Where(condition=condition) if "objects" not in found and "sort" not in found:
                conditions.append(condition)
            case ops.Objects(field=field) if "objects" not in found:
                found["objects"] = field
            case ops.Sort(keys=keys) if "sort" not in found:
                found["sort"] = ", ".join(map(str, keys))
            case _:
                return _by_ids(view)
    if conditions:
        found["q"] = str(conditions[0] if len(conditions) == 1 else And(tuple(conditions)))
    return found


def _by_ids(view: View | ObjectView) -> dict[str, str]:
    ids = view.ids()
    if len(ids) > MOST_IDS:
        raise BadValue(
            f"an address cannot hold this view: {len(ids):,} rows that no condition describes",
            hint="tag them and show the tag: ds.tag(view, 'seen'); ll.show(ds.where(\"'seen' in tags\"))",
        )
    listed = f"id in [{', '.join(map(str, ids.tolist()))}]" if len(ids) else "False"
    if isinstance(view, ObjectView):
        return {"objects": view.field, "q": f"{view.field}.any({listed})"}
    return {"q": listed}
