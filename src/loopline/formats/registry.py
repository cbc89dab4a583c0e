"""Every known format by name: those in this folder and those of plug-ins, found through the same hook.

A plug-in names its formats in its package metadata, under the entry point group `loopline.formats`:

    [project.entry-points."loopline.formats"]
    mine = "my_package.mine:FORMAT"

The value is one `Format` or a tuple of them. A file in this folder without a leading underscore is such an entry
point by itself: `FORMAT` or `FORMATS` in it.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Final

from loopline.errors import FormatError, UnknownFormat, near
from loopline.kernel import plugins
from loopline.kernel.exchange import Format, Sniffed

GROUP: Final = "loopline.formats"
_NOT_FORMATS: Final = frozenset({"registry"})
_CLOSE: Final = 0.1  # two formats whose confidence differs by less are a draw


def entry_points() -> list[metadata.EntryPoint]:
    """Built-in formats, then those of plug-ins. Loads nothing."""
    return plugins.entry_points(GROUP, without=_NOT_FORMATS)


@cache
def all_formats() -> dict[str, Format]:
    """Every format by name, built-in ones first. Raises FormatError where a plug-in does not load or takes a name."""
    return plugins.load(entry_points(), "format", _of_file, FormatError)


def _of_file(module: ModuleType) -> tuple[Format, ...]:
    several: tuple[Format, ...] = module.FORMATS if hasattr(module, "FORMATS") else (module.FORMAT,)
    return several


def names() -> list[str]:
    """Names of all formats, sorted."""
    return sorted(all_formats())


def get(name: str) -> Format:
    """The format of that name. Raises UnknownFormat with near names."""
    found = all_formats().get(name.lower())
    if found is None:
        raise UnknownFormat(f'no format "{name}"', hint=near(name, all_formats()))
    return found


def sniff(path: Path) -> list[tuple[Format, Sniffed]]:
    """The formats that take the path for their own, the surest first; equally sure ones by name."""
    if not path.exists():
        raise FormatError("there is no such file or folder", where=str(path))
    found = [(one, seen) for one in all_formats().values() if one.reads and (seen := one.sniff(path)) is not None]
    return sorted(found, key=lambda pair: (-pair[1].confidence, pair[0].name))


def detect(path: Path) -> tuple[Format, Sniffed]:
    """The one format that the path is in. Raises FormatError when none fits, or several fit about equally."""
    found = sniff(path)
    if not found:
        raise FormatError(
            "no known format fits", where=str(path), hint=f"name the format, one of: {', '.join(names())}"
        )
    best = found[0][1].confidence
    close = [(one, seen) for one, seen in found if best - seen.confidence < _CLOSE]
    if len(close) > 1:
        listed = "; ".join(f"{one.name} ({seen.saw})" for one, seen in close)
        raise FormatError(
            f"several formats fit: {listed}", where=str(path), hint=f'name one: format="{close[0][0].name}"'
        )
    return found[0]
