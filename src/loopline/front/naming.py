"""Places as a user writes them."""

from __future__ import annotations

import os
from pathlib import Path

from loopline.media.references import is_url


def named_place(text: str | os.PathLike[str]) -> Path | str:
    """A URL as it is, anything else as a path; `~` is the home folder."""
    plain = os.fspath(text)
    return plain if is_url(plain) else Path(text).expanduser()
