"""The web app's build: what is made, what it weighs, its own tests, and that packing carries it."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "loopline" / "server" / "static"

# Kilobytes of JavaScript after gzip.
BEFORE_FIRST_PICTURES, IN_ALL = 90, 600

needs_sources = pytest.mark.skipif(not (WEB / "package.json").is_file(), reason="no sources of the app here")
needs_modules = pytest.mark.skipif(
    not (WEB / "node_modules" / "vitest").is_dir(), reason="no Node packages here; run make app"
)


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("loopline_app_tool", ROOT / "tools" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built() -> Path:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the app is not built; run make app")
    return STATIC


def weigh(path: Path) -> float:
    return len(gzip.compress(path.read_bytes())) / 1024


def test_first_pictures_need_little_javascript(built: Path) -> None:
    """Start-up and the Explore page, with everything that they import, are within the budget."""
    manifest = json.loads((built / ".vite" / "manifest.json").read_text())
    wanted: set[str] = set()

    def follow(key: str) -> None:
        if key not in wanted:
            wanted.add(key)
            for other in manifest[key].get("imports", []):
                follow(other)

    follow("index.html")
    follow("src/features/explore/Explore.svelte")
    total = sum(weigh(built / manifest[key]["file"]) for key in wanted)
    assert total <= BEFORE_FIRST_PICTURES, f"{total:.1f} KB"


def test_all_javascript_together_is_within_the_budget(built: Path) -> None:
    total = sum(weigh(path) for path in (built / "assets").rglob("*.js"))
    assert total <= IN_ALL, f"{total:.1f} KB"


def test_the_notebook_loads_the_same_app_through_a_small_script(built: Path) -> None:
    """The script that a saved notebook may hold is small; the app behind it is within the app's budget."""
    assert weigh(built / "notebook" / "widget.js") <= 8
    assert weigh(built / "notebook" / "app.js") <= IN_ALL


def test_the_page_works_under_a_strict_content_policy(built: Path) -> None:
    """No script or style is written into the page, and nothing comes from another host."""
    page = (built / "index.html").read_text()
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_second_build_does_nothing(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources older than the built app start no program."""
    app = tool()
    web = tmp_path / "web"
    static = tmp_path / "src" / "loopline" / "server" / "static"
    (web / "src").mkdir(parents=True)
    (web / "package.json").write_text("{}")
    os.utime(web / "package.json", (1, 1))
    (static / "notebook").mkdir(parents=True)
    (static / "notebook" / "widget.js").write_text("built")
    monkeypatch.setattr(app, "run", lambda *command: pytest.fail(f"ran {command}"))
    assert app.build(tmp_path) == static


def test_neither_sources_nor_a_built_app_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no built app"):
        tool().build(tmp_path)


@needs_sources
def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


@pytest.mark.slow
@needs_sources
def test_wheel_and_source_archive_carry_the_app(built: Path, tmp_path: Path) -> None:
    """A wheel made from the source archive, without Node on PATH, has the app."""
    hatch = [sys.executable, "-m", "hatchling", "build"]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([*hatch, "-t", "sdist", "-d", str(tmp_path)], cwd=ROOT, env=environ, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    bare = {**environ, "PATH": "/nonexistent"}
    subprocess.run([*hatch, "-t", "wheel", "-d", str(tmp_path)], cwd=source, env=bare, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "loopline/server/static/index.html" in names
    assert {f"loopline/server/static/notebook/{name}" for name in ("app.js", "app.css", "widget.js")} <= set(names)
    assert any(name.startswith("loopline/server/static/assets/index-") for name in names)


@needs_sources
@needs_modules
@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on PATH")
@pytest.mark.parametrize(
    "command",
    [["vitest", "run"], ["svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings"]],
    ids=["tests", "types"],
)
def test_of_the_app_itself(command: list[str]) -> None:
    done = subprocess.run(["npx", "--no-install", *command], cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
