"""The interface comes in two parts, and nobody can tell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from litestar.handlers import HTTPRouteHandler

from loopline.server.app import FIRST, Interface
from loopline.server.library import Library
from loopline.server.whole import ROUTES
from tests.server.conftest import Browser


def test_a_path_of_the_first_part_is_no_other_parts() -> None:
    """Else a method of the other part would be refused."""
    first = {path for route in FIRST if isinstance(route, HTTPRouteHandler) for path in route.paths}
    others = {p for route in ROUTES if isinstance(route, HTTPRouteHandler) and route not in FIRST for p in route.paths}
    assert first
    assert others
    assert not first & others


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/jobs", 200),
        ("GET", "/api/d/small/log", 200),
        ("GET", "/api/d/small/no/such", 404),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/jobs", 405),
        ("DELETE", "/api/d/small/log", 405),
        ("GET", "/api/schema/openapi.json", 200),
    ],
)
def test_both_parts_answer_alike(browser: Browser, method: str, path: str, status: int) -> None:
    answer = browser.client.request(method, path)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_other_part_is_made_once() -> None:
    interface = Interface(Library(home=False))
    with ThreadPoolExecutor(4) as threads:
        found = {id(made) for made in threads.map(lambda _: interface.whole(), range(8))}
    assert len(found) == 1
