"""The app in a notebook's cell, in a real browser: its messages carried to the real server, and nothing asked beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.web.test_explore import CHROMIUM, STATIC, WEB, address, pytestmark  # noqa: F401 - fixture and conditions

BUILT = STATIC / "notebook"


@pytest.mark.skipif(not (BUILT / "widget.js").is_file(), reason="the notebook's app is not built; run make app")
def test_the_app_in_a_cell(address: str, tmp_path: Path) -> None:  # noqa: F811
    built = shutil.copytree(BUILT, tmp_path / "built")
    done = subprocess.run(
        ["node", "tests/notebook.mjs", address, str(built)],
        cwd=WEB,
        env={**os.environ, "CHROMIUM": CHROMIUM},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
