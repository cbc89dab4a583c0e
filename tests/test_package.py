"""The package as others get it: quick to import, honest about its names, complete as a wheel."""

from __future__ import annotations

import importlib
import pkgutil
import re
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import loopline

REPOSITORY = Path(__file__).resolve().parents[1]
HEAVY = {"pandas", "polars", "torch", "duckdb", "pyarrow", "cv2", "numpy", "PIL", "rich"}


def cpu_of(*command: str) -> float:
    """CPU seconds, user and system, of a Python child; the best of five, since other work disturbs."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


def test_import_takes_little_time() -> None:
    assert cpu_of("-c", "import loopline") - cpu_of("-c", "pass") <= 0.15


def test_import_loads_nothing_heavy() -> None:
    code = "import loopline, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not HEAVY & set(loaded)


def packages() -> list[str]:
    found = pkgutil.walk_packages(loopline.__path__, "loopline.")
    return ["loopline", *(module.name for module in found if module.ispkg and "._" not in module.name)]


@pytest.mark.parametrize("name", packages())
def test_the_list_of_public_names_is_honest(name: str) -> None:
    package = importlib.import_module(name)
    listed = getattr(package, "__all__", [])
    assert len(set(listed)) == len(listed), "a name is listed twice"
    missing = [public for public in listed if not hasattr(package, public)]
    assert not missing, f"{name}.__all__ lists what is not there: {missing}"


def tracked_texts() -> list[tuple[str, str]]:
    """Path and text of each file under version control; empty outside a checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    files = [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]
    return [(str(file), file.read_bytes().decode("utf-8", "replace")) for file in files if file.is_file()]


def test_no_file_names_this_machine_or_a_package_registry() -> None:
    # Written apart, so that this file does not name them either.
    hosts = ["py" + r"pi\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs\.org", "deb" + r"\.debian\.org"]
    places = [re.escape(str(place)) + r"(?![\w.-])" for place in (REPOSITORY, REPOSITORY.parent / "shared")]
    forbidden = re.compile("|".join(hosts + places))
    found = [f"{name}: {m.group()}" for name, text in tracked_texts() for m in forbidden.finditer(text)]
    assert not found


@pytest.mark.slow
def test_the_wheel_holds_the_licence_and_the_types_marker(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "loopline/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
