"""Methods whose function lives elsewhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import MethodType
from typing import Any


class Method:
    """A function of another module as a method: its first argument is the object. The module is loaded when the method
    is first used, and signature and help are the function's own, so that they are spelt once."""

    def __init__(self, module: str, name: str) -> None:
        self._home = module, name

    def __get__(self, owner: object, kind: type | None = None) -> Callable[..., Any]:
        module, name = self._home
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function if owner is None else MethodType(function, owner)
