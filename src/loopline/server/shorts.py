"""Long links under a short name: a lasso or a long query would make an address that mails and chats break.

They lie in the cache folder, named by what they say, so the same link has the same name everywhere.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from loopline.server.library import Shown
from loopline.server.problems import NotThere

MOST: Final = 10_000
"""More than these, and the oldest are forgotten."""


def keep(shown: Shown, text: str) -> str:
    """The short name of a link's search part."""
    folder = shown.lake.location.cache / "links"
    folder.mkdir(parents=True, exist_ok=True)
    name = blake2b(text.encode(), digest_size=6).hexdigest()
    file = folder / name
    if not file.is_file():
        known = (
            sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)
            if sum(1 for _ in folder.iterdir()) >= MOST
            else []
        )
        for old in known[: MOST // 10]:
            old.unlink(missing_ok=True)
        beside = folder / f"{name}.new"
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    return name


def find(shown: Shown, name: str) -> str:
    """What the name stands for. Raises NotThere."""
    file = shown.lake.location.cache / "links" / name
    if not re.fullmatch(r"[0-9a-f]{12}", name) or not file.is_file():
        raise NotThere(f"no link is kept under {name!r}", hint="ask for the long link, or make the view anew")
    return file.read_text(encoding="utf-8")
