"""Every example of docs/query.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loopline.query.functions import CALLABLE, TEXT_METHODS
from loopline.query.names import BOX_NAMES
from loopline.query.ops import _KINDS
from loopline.query.view import View, parse_view

from .worlds import world

TEXT = (Path(__file__).parents[2] / "docs" / "query.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return [line for block in found for line in block.splitlines()]


def examples() -> list[str]:
    """Expressions in the tables before the chapter on views: the second cell of each row."""
    cells = [line.split("|")[2] for line in TEXT.split("## Views")[0].splitlines() if line.startswith("|")]
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("text", [*blocks("query"), *examples()])
def test_an_expression_in_the_docs_runs(text):
    _, engine = world(3)
    view = View(engine).where(text)
    assert not view.hints()
    assert 0 <= view.count() <= View(engine).count()


@pytest.mark.parametrize("text", blocks("view"))
def test_a_view_in_the_docs_runs_and_prints_as_it_stands(text):
    _, engine = world(3)
    view = parse_view(text, engine)
    assert str(view) == text
    assert view.count() == len(view.ids())


def test_the_docs_name_every_construct():
    words = set(re.findall(r"\w+", TEXT))
    missing = {*CALLABLE, *TEXT_METHODS, *_KINDS, *BOX_NAMES} - words
    assert not missing


def test_examples_were_found():
    assert len(examples()) >= 38
    assert len(blocks("view")) == 4
