"""The app in a notebook's cell, in a real browser: its messages carried to the real server, and nothing asked beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web.conftest import STATIC

BUILT = STATIC / "notebook"


@pytest.mark.skipif(not (BUILT / "widget.js").is_file(), reason="the notebook's app is not built; run make app")
def test_the_app_in_a_cell(address: str, drive: Callable[..., None], tmp_path: Path) -> None:
    drive("notebook.mjs", address, str(shutil.copytree(BUILT, tmp_path / "built")))
