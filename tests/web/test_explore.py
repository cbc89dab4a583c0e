"""The main path through Explore, in a real browser over the real server; with an automatic accessibility check."""

from __future__ import annotations

from collections.abc import Callable


def test_main_path_and_accessibility(address: str, drive: Callable[..., None]) -> None:
    drive("explore.mjs", address)
