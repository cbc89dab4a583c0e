"""The widget: the app in a cell, and what the reader looks at and has chosen as views."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import msgspec
import traitlets

from loopline import server
from loopline.errors import BadValue, LooplineError
from loopline.notebook.bridge import Bridge
from loopline.notebook.inprocess import InProcess
from loopline.notebook.still import contact_sheet
from loopline.query.view import ObjectView, View
from loopline.server.library import Library, Shown
from loopline.server.wire import Selection, ViewSpec

STATIC: Final = Path(server.__file__).parent / "static" / "notebook"
LEAST_HEIGHT: Final = 240


class NotebookApp(anywidget.AnyWidget):
    """The app in a notebook cell. `view`: what it shows now; `selected`: what is chosen in it, as views.

    It answers while the kernel is idle: not while another cell runs.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    link = traitlets.Unicode("/").tag(sync=True)
    height = traitlets.Int(600).tag(sync=True)

    def __init__(
        self, app: InProcess, library: Library, link: str, spec: tuple[str, ViewSpec] | None, height: int
    ) -> None:
        self._library = library
        self._bridge = Bridge(app, self._tell, app_code)  # first: a widget that could not be made is closed, too
        super().__init__(_esm=_glue(), link=link, height=max(LEAST_HEIGHT, height))
        self._still = None if spec is None else contact_sheet(app, spec[0], msgspec.to_builtins(spec[1]))
        if spec is not None:
            self._bridge.doing = msgspec.structs.replace(
                self._bridge.doing, link=link, dataset=spec[0], selection=Selection(view=spec[1])
            )
        self.on_msg(self._hear)

    @property
    def view(self) -> View | ObjectView:
        """The view that the app shows now, at the snapshot that it shows. Raises BadValue where it shows no data set."""
        shown, selection = self._now()
        return shown.ask(selection.view).view()

    @property
    def selected(self) -> View | ObjectView:
        """The samples (or objects) that are chosen in the app; empty where none are. Raises BadValue as `view` does."""
        shown, selection = self._now()
        view = shown.ask(selection.view).view()
        return view.exclude(selection.exclude) if selection.all else view.select(selection.include)

    def __repr__(self) -> str:
        return f"<NotebookApp {self._bridge.doing.link}>"

    def close(self) -> None:
        """Take the app out of the notebook."""
        self._bridge.close()
        super().close()

    def _now(self) -> tuple[Shown, Selection]:
        doing = self._bridge.doing
        if not doing.dataset:
            raise BadValue("the app shows no data set now", hint="open one in it, or ll.show(ds)")
        return self._library.get(doing.dataset), doing.selection

    def _hear(self, _: object, content: object, __: object) -> None:
        self._bridge.receive(content)

    def _tell(self, content: Mapping[str, object], buffers: list[bytes]) -> None:
        if self.comm is not None:  # closed meanwhile
            self.send(dict(content), buffers)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and a still picture for where no kernel runs."""
        found = super()._repr_mimebundle_(**kwargs)
        if found is not None and self._still is not None:
            found[0]["image/jpeg"] = base64.b64encode(self._still).decode()
        return found


def _glue() -> str:
    """The script that the notebook itself loads: small, since every saved notebook may hold it."""
    try:
        return (STATIC / "widget.js").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LooplineError(
            "the app is not built here", where=str(STATIC), hint="make app; it takes Node 20.19 or later"
        ) from error


def app_code() -> tuple[bytes, bytes]:
    """Script and style of the app. Raises OSError."""
    return (STATIC / "app.js").read_bytes(), (STATIC / "app.css").read_bytes()
