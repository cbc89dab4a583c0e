"""Messages as a widget's page sends them, and what it is told."""

from __future__ import annotations

import json
import queue
from collections.abc import Mapping
from typing import Any

import loopline as ll
from loopline.notebook import bridge as bridges
from loopline.notebook.bridge import Bridge
from loopline.notebook.inprocess import InProcess


class Page:
    """The other side: sends messages, waits for what is told."""

    def __init__(self, app: InProcess) -> None:
        self.told: queue.Queue[tuple[Mapping[str, Any], list[bytes]]] = queue.Queue()
        self.bridge = Bridge(app, lambda content, buffers: self.told.put((content, buffers)), lambda: (b"js", b"css"))

    def ask(self, number: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and whole body of an answer."""
        text = None if body is None else json.dumps(body)
        assert self.bridge.receive({"id": number, "method": method, "path": path, "body": text})
        status, parts = 0, []
        while True:
            content, buffers = self.told.get(timeout=20)
            if content["id"] == number:
                status = content.get("status", status)
                parts += buffers
                if not content["more"]:
                    return status, b"".join(parts)


def test_requests_are_answered_by_their_number(app: InProcess) -> None:
    page = Page(app)
    status, body = page.ask(7, "GET", "/api/datasets")
    assert (status, json.loads(body)[0]["name"]) == (200, "shapes")
    status, body = page.ask(8, "POST", "/api/d/shapes/view", {"view": {"where": "width >"}})
    assert (status, json.loads(body)["part"]) == (422, "where")


def test_thumbnails_come_as_a_stream(app: InProcess, ds: ll.Dataset) -> None:
    status, body = Page(app).ask(1, "POST", "/api/d/shapes/thumbs", {"ids": ds.view().ids().tolist(), "size": 128})
    assert status == 200
    assert body.count(b"\xff\xd8\xff") >= 12


def test_a_cancelled_request_says_no_more(app: InProcess) -> None:
    page = Page(app)
    page.bridge.receive({"id": 1, "method": "GET", "path": "/api/events", "body": None})
    assert page.told.get(timeout=20)[0] == {
        "id": 1,
        "status": 200,
        "type": "text/event-stream; charset=utf-8",
        "more": True,
    }
    page.bridge.receive({"cancel": 1})
    page.ask(2, "GET", "/api/datasets")
    page.bridge.receive({"cancel": 99})
    page.bridge.close()
    assert page.told.empty()


def test_the_app_itself_comes_as_two_buffers(app: InProcess) -> None:
    page = Page(app)
    page.bridge.receive({"code": 3})
    assert page.told.get(timeout=5) == ({"id": 3, "status": 200, "type": "code", "more": False}, [b"js", b"css"])


def test_an_app_that_is_not_built_is_said(app: InProcess) -> None:
    def missing() -> tuple[bytes, bytes]:
        raise FileNotFoundError(2, "No such file", "app.js")

    told: list[Any] = []
    Bridge(app, lambda content, buffers: told.append((content, buffers)), missing).receive({"code": 3})
    assert told[0][0]["status"] == 500
    assert b"app.js" in told[0][1][0]


def test_what_is_no_message_is_not_answered(app: InProcess) -> None:
    page = Page(app)
    wrong: list[object] = [
        None,
        [],
        {},
        {"id": 1},
        {"id": 1, "method": "PUT", "path": "/api/datasets"},
        {"id": 1, "method": "GET", "path": "/etc/passwd"},
        {"id": 1, "method": "GET", "path": "http://example.org/api/"},
        {"doing": {"dataset": 3}},
        {"doing": {"selection": {"include": ["a"]}}},
        {"cancel": "1"},
    ]
    assert [page.bridge.receive(message) for message in wrong] == [False] * len(wrong)
    assert page.told.empty()


def test_a_file_that_is_too_large_for_a_notebook_is_refused(app: InProcess, ds: ll.Dataset, monkeypatch: Any) -> None:
    monkeypatch.setattr(bridges, "MOST_BYTES", 100)
    status, body = Page(app).ask(1, "GET", f"/api/d/shapes/media/{ds.view().ids()[0]}")
    assert (status, json.loads(body)["title"]) == (413, "Too large")
