"""Long links under a short name."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import loopline as ll
from loopline.server import shorts
from loopline.server.library import Library
from tests.server.conftest import Browser


def test_a_long_link_comes_back_from_its_short_name(browser: Browser) -> None:
    text = "q=" + "weather%20%3D%3D%20%27rain%27" * 100
    kept = browser.post("links", text=text)
    assert len(kept["name"]) == 12
    assert browser.post("links", text=text)["name"] == kept["name"]
    assert browser.get(f"/links/{kept['name']}")["text"] == text
    for other in ("000000000000", "..%2f..%2fetc", "ABC", kept["name"] + "x"):
        answer = browser.client.get(f"/api/d/{browser.name}/links/{other}")
        assert answer.status_code == 404, other
    assert browser.problem("links", text="x" * 60_001)["status"] == 400


def test_tabs_that_keep_one_link_at_the_same_time_all_get_its_name(ds: ll.Dataset) -> None:
    shown = Library([ds]).get(ds.name)
    texts = [f"q={n // 8}" for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda text: shorts.keep(shown, text), texts))
    assert [shorts.find(shown, name) for name in names] == texts


def test_of_too_many_links_the_oldest_are_forgotten(ds: ll.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shorts, "MOST", 20)
    shown = Library([ds]).get(ds.name)
    folder, names = ds.lake.location.cache / "links", []
    for n in range(30):
        names.append(shorts.keep(shown, f"q={n}"))
        os.utime(folder / names[-1], (n, n))
    kept = {one.name for one in folder.iterdir()}
    assert 18 <= len(kept) <= 20
    assert kept == set(names[-len(kept) :])
