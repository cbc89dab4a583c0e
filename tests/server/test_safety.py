"""Who may ask: the gate around the app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

import loopline as ll
from loopline.errors import LooplineError
from loopline.server.app import make_app
from loopline.server.library import Library
from loopline.server.safety import COOKIE, MAX_BODY, Rules, is_loopback, new_token
from loopline.server.serve import Address, Server, bound_socket, forward_line
from tests.server.conftest import Browser

HERE = "http://127.0.0.1:5151"


@pytest.fixture(scope="module")
def browser(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One data set for all tests here: none of them may change it but one, which adds a tag."""
    folder = tmp_path_factory.mktemp("safety") / "small"
    shutil.copytree(made_once, folder)
    with ll.open(folder) as ds, TestClient(make_app(Library([ds]), Rules()), base_url=HERE) as client:
        yield Browser(client, ds.name)


@pytest.fixture
def guarded(ds: ll.Dataset) -> Iterator[TestClient[Any]]:
    """The app as it listens to other machines: with a token."""
    app = make_app(Library([ds]), Rules(token="right", hosts=frozenset({"lab.example"})))
    with TestClient(app, base_url="http://lab.example:5151") as client:
        yield client


def test_another_host_name_is_refused(browser: Browser) -> None:
    """DNS rebinding: a page of evil.example makes its own name point to this machine."""
    for host in ("evil.example", "evil.example:5151", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "a:b:c"):
        answer = browser.client.get("/api/datasets", headers={"Host": host})
        assert answer.status_code == 421, host
    for host in ("127.0.0.1:5151", "localhost", "[::1]:5151", "LOCALHOST:1", "app.localhost:5151"):
        assert browser.client.get("/api/datasets", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize("what", ["tag", "untag", "set", "delete", "edit", "undo", "restore", "versions", "views"])
def test_a_foreign_page_cannot_write(browser: Browser, what: str) -> None:
    snapshot = browser.get()["snapshot"]
    url = f"/api/d/{browser.name}/{what}"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8888"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert browser.client.post(url, json={}, headers=headers).status_code == 403, headers
    assert browser.get()["snapshot"] == snapshot


def test_a_form_of_a_foreign_page_cannot_write(browser: Browser) -> None:
    """A browser sends text/plain from any page without asking; such a body is not read as JSON of ours."""
    url = f"/api/d/{browser.name}/tag"
    body = '{"selection": {"all": true}, "tags": ["x"]}'
    answer = browser.client.post(
        url, content=body, headers={"Content-Type": "text/plain", "Origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_a_page_of_this_server_writes(browser: Browser) -> None:
    body = {"selection": {"all": True}, "tags": ["x"]}
    answer = browser.client.post(f"/api/d/{browser.name}/tag", json=body, headers={"Origin": HERE})
    assert answer.json()["changed"] == 12


def test_without_the_token_nothing_is_told(guarded: TestClient[Any]) -> None:
    for path in (
        "/",
        "/api/datasets",
        "/api/schema/openapi.json",
        "/api/events",
        "/api/d/small/media/1",
        "/assets/x.js",
    ):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert "small" not in answer.text.replace(path, "")
    for wrong in ("wrong", "", "right ", "righ", "rightt"):
        assert guarded.get("/api/datasets", headers={"Authorization": f"Bearer {wrong}x"}).status_code == 401
        assert guarded.get("/api/datasets", headers={"Cookie": f"{COOKIE}={wrong}x"}).status_code == 401
    assert guarded.post("/api/d/small/tag?token=right", json={}).status_code == 401


def test_the_printed_link_gives_a_cookie_and_leaves_the_address_bar(guarded: TestClient[Any]) -> None:
    answer = guarded.get("/d/small?token=right&q=weather", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/d/small?q=weather"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert guarded.get("/api/datasets").status_code == 200
    assert (
        guarded.get("http://lab.example:5151//evil.example/?token=right", follow_redirects=False).headers["location"]
        == "/evil.example/"
    )


def test_a_program_gives_the_token_as_a_header(guarded: TestClient[Any]) -> None:
    assert guarded.get("/api/datasets", headers={"Authorization": "Bearer right"}).status_code == 200


def test_headers_hold_the_browser_back(browser: Browser) -> None:
    for path in ("/", "/api/datasets", f"/api/d/{browser.name}/media/1", "/api/nothing"):
        headers = browser.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe-eval" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/../../app.py",
        "/assets/%2e%2e/%2e%2e/safety.py",
        "/api/d/..%2f..%2fetc/media/1",
        "/api/d/small/media/..%2f..%2fetc%2fpasswd",
        "/api/d/%2fetc/sample/1",
        "/api/d/small/media/-1",
        "/api/d/small/media/9999999999999999999999",
        "/d/%00",
    ],
)
def test_a_path_reaches_no_file(browser: Browser, path: str) -> None:
    answer = browser.client.get(path)
    assert "root:" not in answer.text
    assert "import" not in answer.text
    assert answer.status_code < 500


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("view", {"view": {"where": "x" * 30_000}}),
        ("view", {"view": {"where": "(" * 5_000}}),
        ("view", {"view": {"where": "not " * 4_000 + "a"}}),
        ("view", {"view": {"filters": [{"control": "a", "where": "width > 1"}] * 65}}),
        ("view", {"view": {"select": [-1]}}),
        ("view", {"view": {"select": [2**60]}}),
        ("view", {"view": {"snapshot": 10**9}}),
        ("view", {"view": {"objects": "nothing"}}),
        ("view", {"view": {"where": 3}}),
        ("view", {"view": {"sort": "path); drop table samples; --"}}),
        ("view", {"view": {"keep": [{"field": "samples; --", "where": "True"}]}}),
        ("page", {"count": 513}),
        ("page", {"offset": -1}),
        ("page", {"count": "many"}),
        ("facets", {"controls": [{"of": "width", "kind": "histogram", "bins": 251}]}),
        ("thumbs", {"ids": [1] * 600}),
        ("thumbs", {"ids": [1], "size": 4096}),
        ("masks", {"field": "truth", "ids": "all"}),
        ("tag", {"selection": {"include": [1]}, "tags": []}),
        ("tag", {"selection": {"include": [1]}, "tags": ["a\nb"]}),
        ("set", {"selection": {"include": [1]}, "column": "path", "value": "/etc/passwd"}),
        ("set", {"selection": {"include": [1]}, "column": "root", "value": "/etc"}),
        ("set", {"selection": {"include": [1]}, "column": "brightness", "value": "dark"}),
        ("edit", {"field": "truth", "edits": [{"id": 1, "sample_id": 2}]}),
        ("edit", {"field": "truth", "edits": [{"id": 10**15, "x": 2}]}),
        ("undo", {"undo": "1; drop"}),
        ("restore", {"version": "../.."}),
        ("diff", {"before": "nothing"}),
        ("complete", {"text": "a" * 30_000, "cursor": 3}),
    ],
)
def test_a_bad_request_is_a_problem_and_changes_nothing(browser: Browser, what: str, body: dict[str, Any]) -> None:
    snapshot = browser.get()["snapshot"]
    problem = browser.problem(what, **body)
    assert 400 <= problem["status"] < 500
    assert problem["title"]
    assert browser.get()["snapshot"] == snapshot


def test_a_body_that_is_no_json_is_a_problem(browser: Browser) -> None:
    for body in (b"", b"{", b"[1,", b"\xff\xfe", b"null", b'"text"', b"{" * 100_000):
        answer = browser.client.post(f"/api/d/{browser.name}/view", content=body)
        assert answer.status_code == 400, body[:10]
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_huge_body_is_refused(browser: Browser) -> None:
    assert browser.client.post(f"/api/d/{browser.name}/view", content=b" " * (MAX_BODY + 1)).status_code == 413
    assert browser.client.get("/?q=" + "x" * 20_000).status_code == 414


def test_another_machine_needs_a_token_and_this_one_does_not() -> None:
    first = bound_socket("127.0.0.1", None)
    first.listen()
    with pytest.raises(LooplineError, match="cannot listen"):
        bound_socket("127.0.0.1", first.getsockname()[1])
    local, lan = Server(home=False, port=0), Server(home=False, port=0, host="0.0.0.0")
    try:
        assert local.address.token is None
        assert lan.address.token is not None
        assert lan.address.token in lan.address.url
    finally:
        local.close()
        lan.close()
        first.close()


def test_tokens_are_long_and_never_the_same() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert min(len(new_token()) for _ in range(50)) >= 32


def test_a_name_that_means_this_machine() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "[::1]", "localhost", "x.localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "localhost.evil.example", "", "127.0.0.1.nip.io")))


def test_over_ssh_the_line_that_forwards_the_port_is_known() -> None:
    assert forward_line(5151, {}) is None
    line = forward_line(5151, {"SSH_CONNECTION": "10.0.0.7 51000 10.0.0.9 2222", "USER": "ann"})
    assert line == "ssh -N -L 5151:127.0.0.1:5151 -p 2222 ann@10.0.0.9"


def test_a_link_for_every_interface_names_this_machine() -> None:
    assert Address("0.0.0.0", 5151, "t", "/d/a").url == "http://127.0.0.1:5151/d/a?token=t"
    assert Address("::1", 80, None).url == "http://[::1]:80/"
