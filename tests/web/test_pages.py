"""The main path through every other page, with axe in both themes, and the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable


def test_every_page(address: str, drive: Callable[..., None]) -> None:
    drive("pages.mjs", address)
