"""The command line: one thin file an area. `main` is what the command `loopline` runs."""

from __future__ import annotations

from loopline.cli._main import main, run

__all__ = ["main", "run"]
