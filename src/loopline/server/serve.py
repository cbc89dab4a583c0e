"""Start the app on a port of this machine, and say where it is."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from loopline.errors import LooplineError, MissingDependency

if TYPE_CHECKING:
    import uvicorn
    from litestar.types import ASGIApp

    from loopline.front.dataset import Dataset
    from loopline.server.library import Library

DEFAULT_PORT = 5151
_TRIES = 20
_WAITING: Final = 2048  # connections that wait until they are answered


@dataclass(frozen=True, slots=True)
class Address:
    """Where a started app is reached. `url` holds the token, where there is one."""

    host: str
    port: int
    token: str | None
    path: str = "/"

    @property
    def base(self) -> str:
        """Without a path."""
        shown = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{shown}]" if ":" in shown else shown
        return f"http://{name}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}{self.path}" + (f"?token={self.token}" if self.token else "")


def page_path(name: str | None) -> str:
    return f"/d/{quote(name)}" if name else "/"


def forward_line(port: int, environ: Mapping[str, str]) -> str | None:
    """The command that makes the app reachable from the machine that the user sits at; None where it is this one.

    >>> forward_line(5151, {"SSH_CONNECTION": "10.0.0.7 51000 10.0.0.9 22", "USER": "ann"})
    'ssh -N -L 5151:127.0.0.1:5151 ann@10.0.0.9'
    """
    parts = environ.get("SSH_CONNECTION", "").split()
    if len(parts) != 4:
        return None
    user = environ.get("USER") or environ.get("LOGNAME") or ""
    there = f"{user}@{parts[2]}" if user else parts[2]
    port_option = "" if parts[3] == "22" else f" -p {parts[3]}"
    return f"ssh -N -L {port}:127.0.0.1:{port}{port_option} {there}"


def bound_socket(host: str, port: int | None) -> socket.socket:
    """A listening place: `port`, or the first free one from 5151 on. Raises LooplineError."""
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + _TRIES), 0]
    for number in wanted:
        found = socket.socket(
            kind, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )  # named, else answers wait 40 ms for an acknowledgement
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, number))
            return found
        except OSError as error:
            found.close()
            failed = error
    raise LooplineError(
        f"cannot listen on {host} port {wanted[0]}: {failed.strerror}",
        hint="choose another with --port, or leave it out",
    ) from failed


class Server:
    """A running app. `run` blocks; `start` runs it in a thread. Closed by `close`.

    It listens from the first line on. `run` and `start` answer with the page at once, and load what is behind it in
    threads, the data set of `folder` too: a browser that comes at once loads the page meanwhile.
    """

    def __init__(
        self,
        given: Sequence[Dataset] = (),
        *,
        folder: Path | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        token: str | None = None,
        path: str = "/",
        home: bool = True,
    ) -> None:
        for needed in ("litestar", "uvicorn"):
            if find_spec(needed) is None:
                raise MissingDependency(f"{needed} is not installed", hint="pip install loopline")
        from loopline.server.safety import Rules, is_loopback, new_token

        local = is_loopback(host)
        asked = token if token else None if local else new_token()
        self._socket = bound_socket(host, port)
        self._socket.listen(_WAITING)
        self.address = Address(host, self._socket.getsockname()[1], asked, path)
        self._given, self._folder, self._home = given, folder, home
        self._rules = Rules(asked, frozenset() if local else frozenset(_names_of(host)))
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @cached_property
    def library(self) -> Library:
        """The data sets that it shows."""
        from loopline.server.library import Library

        return Library(self._given, home=self._home)

    def run(self) -> None:
        """Serve until interrupted. Raises what went wrong when the data set or the app was loaded."""
        server, interface = self._made(alone=True)
        server.run(sockets=[self._socket])
        if interface.done():
            interface.result()

    def start(self) -> Server:
        """Serve in a thread; back once all of it answers. Raises as `run`."""
        server, interface = self._made(alone=False)
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not server.started and self._thread.is_alive():
            time.sleep(0.005)
        interface.result()
        return self

    def _made(self, *, alone: bool) -> tuple[uvicorn.Server, Future[ASGIApp]]:
        """The server, and what it is loading. `alone`: the process is there for nothing else."""
        import uvicorn

        from loopline.server.entrance import Entrance
        from loopline.server.safety import Gate

        loader = ThreadPoolExecutor(1, "loopline-load")
        interface = loader.submit(self._load, alone=alone)
        loader.shutdown(wait=False)
        config = uvicorn.Config(
            Gate(Entrance(interface), self._rules),
            log_level="warning",
            access_log=False,
            lifespan="on",
            server_header=False,
            ws="none",
            backlog=_WAITING,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_fault)
        server = self._server = uvicorn.Server(config)

        def end_without(loaded: Future[ASGIApp]) -> None:
            server.should_exit = server.should_exit or loaded.exception() is not None

        interface.add_done_callback(end_without)
        return server, interface

    def _load(self, *, alone: bool) -> ASGIApp:
        """The interface. Python loads one thing at a time, but the engine works beside it: so the data set is opened
        first, and what its page needs is read while the routes are loaded."""
        was_on = gc.isenabled()
        gc.disable()  # what is loaded stays: to look for garbage in it takes a tenth of the time
        try:
            if self._folder is not None:
                from loopline.front.opening import open_dataset

                self.library.add(open_dataset(self._folder))
            from loopline.server.ahead import read_ahead

            read_ahead(self.library)
            from loopline.server.app import Interface

            return Interface(self.library)
        finally:
            if alone:
                gc.freeze()  # nor is it looked through later, when the first page is asked for
            if was_on:
                gc.enable()

    def close(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()

    def wait(self) -> None:
        """Until it is closed or interrupted."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.5)


def _names_of(host: str) -> set[str]:
    """What a Host header may say for a server that listens on `host`: that, and this machine's names and addresses."""
    found = {host.lower(), f"[{host.lower()}]", socket.gethostname().lower(), socket.getfqdn().lower()}
    try:
        for *_, place in socket.getaddrinfo(socket.gethostname(), None):
            found.add(str(place[0]).lower())
    except OSError:
        pass
    try:  # the address that is seen from outside; nothing is sent
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            found.add(probe.getsockname()[0])
    except OSError:
        pass
    return found


def _is_fault(record: logging.LogRecord) -> bool:
    """Not a request that is cut off because the server ends: a line says how many those are."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def open_browser(url: str) -> bool:
    """Whether a browser was found."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
