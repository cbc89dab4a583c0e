"""Long links under a short name: a lasso or a long query would make an address that mails and chats break.

They lie in the cache folder, named by what they say, so the same link has the same name everywhere.
"""

from __future__ import annotations

import os
import re
import threading
from hashlib import blake2b
from pathlib import Path
from typing import Final

from loopline.server.library import Shown
from loopline.server.problems import NotThere

MOST: Final = 10_000
"""More than these, and the oldest are forgotten."""


_writing: Final = threading.Lock()


def keep(shown: Shown, text: str) -> str:
    """The short name of a link's search part."""
    folder = shown.lake.location.cache / "links"
    name = blake2b(text.encode(), digest_size=6).hexdigest()
    file = folder / name
    with _writing:
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _make_room(folder)
            beside = folder / f"{name}.{os.getpid()}"
            beside.write_text(text, encoding="utf-8")
            beside.replace(file)
    return name


def _make_room(folder: Path) -> None:
    """Forget the oldest tenth where there are too many."""
    known = list(folder.iterdir())
    if len(known) >= MOST:
        for old in sorted(known, key=lambda one: one.stat().st_mtime)[: MOST // 10]:
            old.unlink(missing_ok=True)


def find(shown: Shown, name: str) -> str:
    """What the name stands for. Raises NotThere."""
    file = shown.lake.location.cache / "links" / name
    if not re.fullmatch(r"[0-9a-f]{12}", name) or not file.is_file():
        raise NotThere(f"no link is kept under {name!r}", hint="ask for the long link, or make the view anew")
    return file.read_text(encoding="utf-8")
