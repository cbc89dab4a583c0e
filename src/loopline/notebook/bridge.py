"""Messages of a widget as requests of the app's interface.

From the page    {id, method, path, body}   a request; `body` is JSON text or null
                 {cancel: id}               the page no longer wants the answer
                 {code: id}                 the app itself: answered as a request, script and style as two buffers
                 {doing: {...}}             what the reader looks at and has chosen
To the page      {id, status, type, more} + one buffer with the first bytes; then {id, more} + a buffer each
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from loopline.notebook.inprocess import InProcess
from loopline.server.safety import MAX_BODY
from loopline.server.wire import Selection

MOST_BYTES: Final = 256 * 1024 * 1024
"""No longer answer goes through a notebook: its server and its page would each hold all of it."""

_METHODS: Final = ("GET", "POST", "DELETE")

Send: TypeAlias = Callable[[Mapping[str, object], list[bytes]], None]


class Doing(msgspec.Struct, frozen=True):
    """What the page says of itself: its address, the data set of it ("" for none), and what is chosen of which view."""

    link: str = "/"
    dataset: str = ""
    selection: Selection = Selection()


class Bridge:
    """One widget's requests. `send` may be called from the thread of the app; `doing` is what the page told last."""

    def __init__(self, app: InProcess, send: Send, code: Callable[[], tuple[bytes, bytes]]) -> None:
        self.doing = Doing()
        self._app, self._send, self._code = app, send, code
        self._stops: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()

    def receive(self, message: object) -> bool:
        """A message of the page. Whether it was understood; one that is not says nothing to anybody."""
        match message:
            case {"cancel": int(number)}:
                self._stop(number)
            case {"code": int(number)}:
                self._give_code(number)
            case {"doing": dict(told)}:
                return self._note(told)
            case {"id": int(number), "method": str(method), "path": str(path), **rest} if method in _METHODS:
                body = rest.get("body")
                return self._ask(number, method, path, body if isinstance(body, str) else "")
            case _:
                return False
        return True

    def close(self) -> None:
        """End all requests."""
        with self._lock:
            numbers = list(self._stops)
        for number in numbers:
            self._stop(number)

    def _ask(self, number: int, method: str, path: str, body: str) -> bool:
        if not path.startswith("/api/") or len(body) > MAX_BODY:
            return False
        taker = _Teller(number, self._send, lambda: self._stop(number))
        with self._lock:
            self._stops[number] = self._app.request(method, path, body.encode(), taker)
        return True

    def _stop(self, number: int) -> None:
        with self._lock:
            stop = self._stops.pop(number, None)
        if stop is not None:
            stop()

    def _give_code(self, number: int) -> None:
        try:
            script, style = self._code()
        except OSError as error:
            self._send({"id": number, "status": 500, "type": "text/plain", "more": False}, [str(error).encode()])
            return
        self._send({"id": number, "status": 200, "type": "code", "more": False}, [script, style])

    def _note(self, told: Mapping[object, object]) -> bool:
        try:
            self.doing = msgspec.convert(told, Doing)
        except msgspec.ValidationError:
            return False
        return True


class _Teller:
    """Sends an answer to the page as it comes."""

    def __init__(self, number: int, send: Send, done: Callable[[], None]) -> None:
        self._number, self._send, self._done = number, send, done
        self._head: dict[str, object] | None = None
        self._refused = False

    def begin(self, status: int, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "0")
        self._refused = length.isdigit() and int(length) > MOST_BYTES
        if self._refused:
            status, headers = 413, {"content-type": "application/problem+json"}
        self._head = {"id": self._number, "status": status, "type": headers.get("content-type", "")}

    def part(self, body: bytes, more: bool) -> None:
        if self._refused:
            if self._head is not None:
                self._send({**self._head, "more": False}, [_TOO_LARGE])
                self._head = None
                self._done()
            return
        head = self._head if self._head is not None else {"id": self._number}
        self._head = None
        self._send({**head, "more": more}, [body])
        if not more:
            self._done()


_TOO_LARGE: Final = msgspec.json.encode(
    {
        "type": "loopline:TooLarge",
        "title": "Too large",
        "status": 413,
        "detail": f"a notebook shows files of at most {MOST_BYTES // 2**20} MiB",
        "hint": "ll.show(view, browser=True) shows it in a tab",
    }
)
