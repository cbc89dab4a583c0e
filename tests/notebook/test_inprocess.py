"""The interface without a port: whole answers, streams, ends, faults."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

import loopline as ll
from loopline.errors import LooplineError
from loopline.notebook.inprocess import FLUSH_BYTES, InProcess
from loopline.server.frames import read_frame


class Ear:
    """Notes what it hears; `over` is set with the last part."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.heard, self.over = threading.Event(), threading.Event()

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers

    def part(self, body: bytes, more: bool) -> None:
        self.parts.append(body)
        self.heard.set()
        if not more:
            self.over.set()


def test_json_columns_and_files_come_whole(app: InProcess, ds: ll.Dataset) -> None:
    about = app.ask("GET", "/api/d/shapes")
    assert (about.status, json.loads(about.body)["samples"]) == (200, 12)
    view = json.dumps({"view": {"where": "ground_truth.any(label == 'disc')"}}).encode()
    assert json.loads(app.ask("POST", "/api/d/shapes/view", view).body)["count"] == 6
    header, columns = read_frame(app.ask("POST", "/api/d/shapes/layout", view).body)
    assert header["count"] == len(columns["aspect"]) == 6
    sample = ds.view().ids()[0]
    media = app.ask("GET", f"/api/d/shapes/media/{sample}?form=browser")
    assert media.headers["content-type"] == "image/png"
    assert media.body.startswith(b"\x89PNG")


def test_faults_are_problem_documents(app: InProcess) -> None:
    wrong = app.ask("POST", "/api/d/shapes/view", b'{"view": {"where": "widht > 3"}}')
    assert wrong.headers["content-type"] == "application/problem+json"
    assert (wrong.status, json.loads(wrong.body)["part"]) == (422, "where")
    assert app.ask("GET", "/api/d/none").status == 404
    assert app.ask("POST", "/api/d/shapes/view", b"{").status == 400


def test_a_stream_goes_on_until_it_is_stopped(app: InProcess) -> None:
    ear = Ear()
    stop = app.request("GET", "/api/events", b"", ear)
    assert ear.heard.wait(10)
    assert ear.status == 200
    assert b"event: hello" in b"".join(ear.parts)
    stop()
    heard = len(ear.parts)
    assert app.ask("GET", "/api/datasets").status == 200
    assert len(ear.parts) == heard
    assert not ear.over.is_set()


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()


def test_small_pieces_are_gathered_and_none_waits_for_the_next() -> None:
    async def trickle(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"y" * FLUSH_BYTES, "more_body": True})
        await send({"type": "http.response.body"})

    app, ear = InProcess(trickle), Ear()
    app.request("GET", "/", b"", ear)
    assert ear.over.wait(10)
    assert [len(part) for part in ear.parts] == [1000, FLUSH_BYTES, 0]
    app.close()
    app.close()


def test_whoever_waits_hears_of_an_app_that_fails() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError("no")

    app = InProcess(broken)
    assert app.ask("GET", "/early").status == 500
    assert b"ZeroDivisionError" in app.ask("GET", "/early").body
    assert app.ask("GET", "/late").body == b""
    app.close()


def test_an_app_that_does_not_start_says_why() -> None:
    async def unwell(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    with pytest.raises(LooplineError, match="no disk"):
        InProcess(unwell)
