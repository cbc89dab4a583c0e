"""The example in each docstring is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import loopline

MODULES = ["loopline", *(module.name for module in pkgutil.walk_packages(loopline.__path__, "loopline."))]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
