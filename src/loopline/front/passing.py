"""Folders of the cache that are there for as long as an import or export takes, however it ends."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

_FOLDER: Final = "incoming"


def new_place(cache: Path) -> Path:
    """Where a folder could be; links followed. Nothing is made."""
    return Path(os.path.realpath(cache)) / _FOLDER / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


@contextmanager
def passing(own: Path) -> Iterator[Path]:
    """The folder of a `new_place` while the block runs. What a killed process left beside it is removed."""
    own.parent.mkdir(parents=True, exist_ok=True)
    _sweep(own.parent)
    lock = own.with_suffix(".lock")
    with FileLock(lock):
        try:
            own.mkdir()
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _sweep(base: Path) -> None:
    """Remove what is no longer used by anyone."""
    for folder in {entry.with_suffix("") for entry in base.iterdir()}:
        lock = FileLock(folder.with_suffix(".lock"), timeout=0)
        try:
            with lock:
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
        folder.with_suffix(".lock").unlink(missing_ok=True)
