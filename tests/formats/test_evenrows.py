"""Rows that differ in nothing but their numbers: the quick way gives what a JSON parser gives, or steps aside."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.formats import _evenrows
from loopline.formats._evenrows import EvenRows, Number, columns

KEYS: dict[str, Number] = {"id": "int", "bbox": "box", "score": "float"}


@pytest.fixture(autouse=True)
def _any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_evenrows, "_FEWEST_BYTES", 0)


def by_parser(raw: bytes) -> dict[str, list[Any]]:
    """The clear version."""
    rows = msgspec.json.decode(raw)
    out: dict[str, list[Any]] = {}
    for key in rows[0]:
        if KEYS[key] == "box":
            out |= {f"{key}{i}": [float(row[key][i]) for row in rows] for i in range(4)}
        else:
            out[key] = [row[key] if KEYS[key] == "int" else float(row[key]) for row in rows]
    return out


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
whole = st.integers(-(2**63), 2**63 - 1)
boxes = st.lists(numbers, min_size=4, max_size=4)
rows = st.builds(lambda own, box, score: {"id": own, "bbox": box, "score": score}, whole, boxes, numbers)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(rows, min_size=1, max_size=8), st.sampled_from([(", ", ": "), (",", ":"), (",\n", ": ")]), st.booleans()
)
def test_the_columns_are_what_a_parser_gives(found: list[Any], spacing: tuple[str, str], indented: bool) -> None:
    raw = json.dumps(found, indent=2 if indented else None, separators=spacing).encode()
    got = columns(b"[" + raw[1:-1].strip() + b"]", KEYS)
    assert got is not None
    assert got.to_pydict() == by_parser(raw)
    negative_zero = [np.signbit(got[n].to_numpy()).tolist() for n in ("bbox0", "score")]
    assert negative_zero == [np.signbit(by_parser(raw)[n]).tolist() for n in ("bbox0", "score")]


values = numbers | st.none() | st.booleans() | st.text(st.sampled_from('e-1,"}{ ~'), max_size=3) | st.just([1, 2])
odd_rows = st.dictionaries(st.sampled_from(["id", "score", "bbox", "other", "e-"]), values, min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_rows | rows, min_size=1, max_size=5))
def test_whatever_the_rows_are_nothing_wrong_is_given(found: list[Any]) -> None:
    raw = json.dumps(found).encode()
    got = columns(raw, KEYS)
    if got is not None:
        assert got.to_pydict() == by_parser(raw)


@pytest.mark.parametrize(
    "second",
    [
        '{"score": 1, "id": 2}',  # another order
        '{"id": 2}',
        '{"id": 2, "score": 1, "score": 1}',
        '{"id": 2, "score": null}',
        '{"id": 2, "score": "1"}',
        '{"id": 2, "score": }',
        '{"id": , "score": 1}',
        '{"id": 2, "score": 1-2}',
        '{"id": 2, "score": 1.2.3}',
        '{"id": 2, "score": -}',
        '{"id": 2, "score": 1e999}',
        '{"id": 2, "score": e-5}',
        '{"id": 2, "score": 1~5}',
        '{"id": 2.5, "score": 1}',
        '{"id": 99999999999999999999, "score": 1}',
        '{"id": 2, "score": 1} ',
        '{"id": 2, "score": 1}}',
        '{"id": 2, "score": 1},',
        '{"id": 2, "score": NaN}',
        "",
    ],
)
@pytest.mark.parametrize("first", ['{"id": 1, "score": 0.5}', '{"id": 1, "score": 5e-7}'])
def test_a_row_that_is_not_like_the_first_is_left_to_the_parser(first: str, second: str) -> None:
    assert columns(f"[{first}, {second}, {first}]".encode(), KEYS) is None


def test_a_first_row_of_another_kind_is_left_to_the_parser() -> None:
    for row in ({}, {"other": 1}, {"score": "1"}, {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, None]}, {"id": True}):
        assert columns(json.dumps([row, row]).encode(), KEYS) is None
    assert columns(b"[]", KEYS) is None
    assert columns(b"", KEYS) is None


def test_rows_are_decoded_once_and_only_when_asked_for() -> None:
    asked: list[bytes] = []

    def decode(raw: bytes) -> list[Any]:
        asked.append(raw)
        return list(msgspec.json.decode(raw))

    raw = b'[{"id": 1, "score": 2}, {"id": 3, "score": 4}]'
    table = columns(raw, KEYS)
    assert table is not None
    even = EvenRows(table, raw, decode)
    assert len(even) == 2
    assert not asked
    assert [row["id"] for row in even] == [1, 3]
    assert even[-1] == {"id": 3, "score": 4}
    assert len(asked) == 1
