"""Long links under a short name."""

from __future__ import annotations

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
