"""A page is answered while the interface behind it is loaded; what cannot be loaded ends the server with its reason."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import httpx
import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

import loopline as ll
from loopline.errors import LooplineError
from loopline.server.entrance import Entrance, page_answer
from loopline.server.serve import Server
from loopline.server.wire import Problem


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>app</title>")
    (tmp_path / "assets" / "app-1.js").write_text("1")
    (tmp_path / "theme.js").write_text("2")
    return tmp_path


async def _interface(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"interface", "more_body": False})


def test_pages_come_while_the_interface_is_loaded_and_what_is_asked_of_it_waits(built: Path) -> None:
    async def told() -> tuple[str, bool, str]:
        coming: Future[ASGIApp] = Future()
        transport = httpx.ASGITransport(app=Entrance(coming, built))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            asked = asyncio.create_task(client.get("/api/datasets"))
            page = await client.get("/d/masks")
            await asyncio.sleep(0)
            waits = not asked.done()
            coming.set_result(_interface)
            return page.text, waits, (await asked).text

    assert asyncio.run(told()) == ("<title>app</title>", True, "interface")


def test_a_file_is_kept_by_browsers_if_its_content_names_it(built: Path) -> None:
    kept = {}
    for path in ("/", "/d/masks/s/3", "/theme.js", "/assets/app-1.js"):
        found = page_answer(path, built)
        assert not isinstance(found, Problem)
        kept[path] = (found[0], found[2].split(",")[0])
    assert kept == {
        "/": (b"<title>app</title>", "no-cache"),
        "/d/masks/s/3": (b"<title>app</title>", "no-cache"),
        "/theme.js": (b"2", "no-cache"),
        "/assets/app-1.js": (b"1", "public"),
    }


@pytest.mark.parametrize("path", ["/assets/../../secret", "/assets/app-0.js", "/assets/%2e%2e/x"])
def test_no_path_leads_out_of_the_built_app(path: str, built: Path) -> None:
    (built.parent / "secret").write_text("no")
    found = page_answer(path, built)
    assert isinstance(found, Problem)
    assert found.status == 404


def test_an_app_that_is_built_again_is_seen(built: Path) -> None:
    assert isinstance(page_answer("/assets/app-2.js", built), Problem)
    (built / "assets" / "app-2.js").write_text("3")
    assert not isinstance(page_answer("/assets/app-2.js", built), Problem)


def test_a_page_can_only_be_read(built: Path) -> None:
    async def status() -> int:
        coming: Future[ASGIApp] = Future()
        transport = httpx.ASGITransport(app=Entrance(coming, built))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.post("/d/masks")).status_code

    assert asyncio.run(status()) == 405


def test_a_data_set_is_opened_beside_the_app(tmp_path: Path) -> None:
    ll.create(tmp_path / "shapes").close()
    server = Server(folder=tmp_path / "shapes", port=0, home=False).start()
    try:
        found = httpx.get(f"{server.address.base}/api/d/shapes").json()
        assert found.get("name") == "shapes", found
    finally:
        server.close()


@pytest.mark.parametrize("way", ["start", "run"])
def test_what_cannot_be_opened_ends_the_server_with_its_reason(way: str, tmp_path: Path) -> None:
    with pytest.raises(LooplineError, match="no data set"):
        getattr(Server(folder=tmp_path / "none", port=0, home=False), way)()
