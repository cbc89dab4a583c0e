"""Builds the web app into the package before hatchling packs it.

A checkout has `web/`: `npm ci` and `vite build` write `src/loopline/server/static`. A source archive carries the built
app and no `web/node_modules`, so installing from it needs no Node. An editable install builds nothing: `make app` does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent


class AppBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs once for each of wheel and source archive; the second finds the app built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling names it
        if version == "editable" or os.environ.get("LOOPLINE_NO_APP"):
            return
        sys.path.insert(0, str(ROOT / "tools"))
        try:
            import app
        finally:
            sys.path.pop(0)
        try:
            app.build(ROOT)
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.abort(f"the web app could not be built: {error}; set LOOPLINE_NO_APP=1 to pack without it")
