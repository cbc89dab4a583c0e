"""Values by name out of the files of a package and out of plug-ins: a package's own files come through the same hook.

A plug-in names its values in its package metadata, under the entry point group that is called like the package:

    [project.entry-points."loopline.formats"]
    mine = "my_package.mine:FORMAT"
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable
from importlib import metadata
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

from loopline.errors import LooplineError


class Named(Protocol):
    @property
    def name(self) -> str: ...


Value = TypeVar("Value", bound=Named)


def entry_points(package: str, *, without: Collection[str]) -> list[metadata.EntryPoint]:
    """The files of a package that have no leading underscore, but for some, then what plug-ins name. Loads nothing."""
    files = (m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__))
    mine = (name for name in sorted(files) if not name.startswith("_") and name not in without)
    points = [metadata.EntryPoint(name, f"{package}.{name}", package) for name in mine]
    return [*points, *metadata.entry_points(group=package)]


def load(
    points: Iterable[metadata.EntryPoint],
    kind: str,
    of_file: Callable[[ModuleType], Value | tuple[Value, ...]],
    fault: type[LooplineError],
) -> dict[str, Value]:
    """The values of `entry_points` by name, in their order; a point may have one value or a tuple of them.

    kind     what such a value is, in words: "format"
    of_file  what a file of the package itself has
    Raises   `fault` where a plug-in does not load, or two have one name
    """
    known: dict[str, Value] = {}
    for point in points:
        try:
            loaded: Any = point.load()
        except Exception as error:
            raise fault(
                f'the {kind} plug-in "{point.name}" does not load: {error}', where=point.value, hint="mend or remove it"
            ) from error
        found = of_file(loaded) if point.module == f"{point.group}.{point.name}" else loaded
        for one in cast("tuple[Value, ...]", found if isinstance(found, tuple) else (found,)):
            if one.name in known:
                raise fault(f'two {kind}s are named "{one.name}"', where=point.value, hint="remove one plug-in")
            known[one.name] = one
    return known
