"""Tables, numbers and JSON as they are shown."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopline.cli import _render
from loopline.cli._command import key_values, listed
from loopline.cli._render import Grid


def test_numbers_stand_to_the_right_and_words_to_the_left(capsys: pytest.CaptureFixture[str]) -> None:
    _render.grid(Grid(("name", "boxes"), [("cat", 1234), ("a longer name", 5), ("none", None)]))
    assert capsys.readouterr().out.splitlines() == [
        "name           boxes",
        "-------------  -----",
        "cat            1,234",
        "a longer name      5",
        "none               –",
    ]


def test_wide_letters_keep_the_columns_straight(capsys: pytest.CaptureFixture[str]) -> None:
    _render.grid(Grid(("path", "n"), [("图.jpg", 1), ("ab.jpg", 2)]))
    assert capsys.readouterr().out.splitlines()[2:] == ["图.jpg  1", "ab.jpg  2"]


def test_ids_are_shown_as_they_are_typed() -> None:
    assert _render.cell(12345, "sample_id") == "12345"
    assert _render.cell(12345, "width") == "12,345"


def test_json_has_no_nan_and_times_are_utc(capsys: pytest.CaptureFixture[str]) -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  the store's times are UTC without a zone
    value = {"at": at, "score": float("nan"), "path": Path("a"), "edges": np.array([1.0, np.inf]), "mask": b"123"}
    _render.document(value)
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-02T03:04:05Z",
        "score": None,
        "path": "a",
        "edges": [1.0, None],
        "mask": "3 bytes",
    }


@given(
    st.lists(
        st.from_regex(r"[a-z][a-z0-9.]{0,6}(\([a-z, ']{0,5}\))?", fullmatch=True).filter(
            lambda t: t.count("'") % 2 == 0
        ),
        min_size=1,
    )
)
def test_columns_that_are_joined_by_commas_come_apart_again(columns: list[str]) -> None:
    assert listed([",".join(columns)]) == columns == listed(columns)


def test_options_are_read_by_their_look() -> None:
    found = key_values(["depth=3", "strict=true", "mode=fast", 'code="7"', "min-size=0.5", "where=a=b"])
    assert found == {"depth": 3, "strict": True, "mode": "fast", "code": "7", "min_size": 0.5, "where": "a=b"}
