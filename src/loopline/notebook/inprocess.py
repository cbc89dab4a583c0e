"""The app's interface without a port: an ASGI app that is called in this process, on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast
from urllib.parse import unquote

from litestar.types import ASGIApp, HTTPScope

from loopline.errors import LooplineError

FLUSH_BYTES: Final = 256 * 1024
FLUSH_S: Final = 0.02
"""Small pieces of an answer are gathered so long, since each one that is passed on is a message of the notebook."""

_HOST: Final = "127.0.0.1"


class Taker(Protocol):
    """Hears an answer, on the loop's thread: once how it begins, then its bytes; `more` is false for the last."""

    def begin(self, status: int, headers: dict[str, str]) -> None: ...

    def part(self, body: bytes, more: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class InProcess:
    """A running ASGI app. Every method may be called from any thread. `close` ends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopline-notebook", daemon=True)
        self._thread.start()
        started: Future[None] = Future()
        self._life = self._submit(self._live(started))
        started.result()

    def request(self, method: str, path: str, body: bytes, taker: Taker) -> Callable[[], None]:
        """Ask; `taker` hears the answer. Gives back what ends the request, as a closed connection would."""
        gone = threading.Event()
        left: list[asyncio.Event] = []
        self._submit(self._ask(method, path, body, taker, gone, left))

        def stop() -> None:
            gone.set()
            self._loop.call_soon_threadsafe(_set_all, left)

        return stop

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Ask and wait for the whole answer. Not on the loop's thread."""
        whole = _Whole()
        self.request(method, path, body, whole)
        return whole.answer.result()

    def close(self) -> None:
        """End running requests and the app."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._ended.set)
        self._life.result(5)
        self._submit(_cancel_others()).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _live(self, started: Future[None]) -> None:
        """Start-up, then wait, then shutdown, as the lifespan part of ASGI has them."""
        told = ["lifespan.startup"]

        async def receive() -> dict[str, str]:
            if told:
                return {"type": told.pop()}
            await self._ended.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                started.set_result(None)
            elif message["type"] == "lifespan.startup.failed":
                started.set_exception(LooplineError(f"the app did not start: {message.get('message', '')}"))

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        await self._app(cast("Any", scope), cast("Any", receive), cast("Any", send))

    async def _ask(
        self, method: str, path: str, body: bytes, taker: Taker, gone: threading.Event, left: list[asyncio.Event]
    ) -> None:
        closed = asyncio.Event()
        left.append(closed)
        if gone.is_set():
            return
        gathered = _Gathered(taker, gone)
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if unread:
                return unread.pop()
            await closed.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in message["headers"]}
                gathered.begin(message["status"], headers)
            elif message["type"] == "http.response.body":
                gathered.part(bytes(message.get("body", b"")), bool(message.get("more_body", False)))

        try:
            await self._app(_scope(method, path, body), cast("Any", receive), cast("Any", send))
        except Exception as error:  # nobody above: whoever waits for the answer must hear that none comes
            gathered.fail(error)
        finally:
            closed.set()
            gathered.end()


def _set_all(events: list[asyncio.Event]) -> None:
    for event in events:
        event.set()


async def _cancel_others() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _scope(method: str, path: str, body: bytes) -> HTTPScope:
    place, _, query = path.partition("?")
    headers = [(b"host", _HOST.encode()), (b"accept", b"*/*")]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(place),
        "raw_path": place.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "server": (_HOST, 0),
        "client": (_HOST, 0),
        "state": {},
    }
    return cast("HTTPScope", scope)


class _Gathered:
    """Passes an answer on in parts of some size; what is small waits a moment for more. On the loop's thread."""

    def __init__(self, taker: Taker, gone: threading.Event) -> None:
        self._taker, self._gone = taker, gone
        self._held: list[bytes] = []
        self._size = 0
        self._begun = self._over = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self._begun = True
        if not self._gone.is_set():
            self._taker.begin(status, headers)

    def part(self, body: bytes, more: bool) -> None:
        if self._over:
            return
        self._held.append(body)
        self._size += len(body)
        if not more:
            self._pass_on(more=False)
        elif self._size >= FLUSH_BYTES:
            self._pass_on(more=True)
        elif self._size and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._pass_on, True)

    def fail(self, error: Exception) -> None:
        if not self._begun:
            self.begin(500, {"content-type": "text/plain"})
            self.part(f"{type(error).__name__}: {error}".encode(), more=False)

    def end(self) -> None:
        """Whatever happened: the taker hears an end."""
        if not self._begun:
            self.begin(500, {"content-type": "text/plain"})
        if not self._over:
            self._pass_on(more=False)

    def _pass_on(self, more: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        body, self._held, self._size = b"".join(self._held), [], 0
        self._over = self._over or not more
        if not self._gone.is_set():
            self._taker.part(body, more)


class _Whole:
    def __init__(self) -> None:
        self.answer: Future[Answer] = Future()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self._status, self._headers = status, headers

    def part(self, body: bytes, more: bool) -> None:
        self._parts.append(body)
        if not more:
            self.answer.set_result(Answer(self._status, self._headers, b"".join(self._parts)))
