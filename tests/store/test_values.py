"""Values of every type: which fit a column, and how they come back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.schema import Column, PhysicalType
from loopline.store.values import ARROW_TYPES, check, column_array

NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 123456, dt.UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        ("int", [1, None, -(2**63)], None),
        ("int", np.array([1, 2], np.uint8), [1, 2]),
        ("int", [1.0, 2.0], [1, 2]),
        ("float", [1, 2], [1.0, 2.0]),
        ("float", np.array([0.5], np.float32), [0.5]),
        ("text", ["a", None, ""], None),
        ("text", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("text", pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        ("bool", [True, None, False], None),
        ("time", [NOON, None], None),
        ("json", ['{"a": 1}'], None),
        ("bytes", [b"\x00", None], None),
        ("floats", [[1.0], [], None], None),
        ("parts", [[[1.0], []], [], None], None),
        ("int", [], []),
        ("text", [None], None),
    ],
)
def test_what_fits_comes_back(kind: PhysicalType, values: Any, wanted: Any) -> None:
    found = column_array("c", kind, values)
    assert found.type == ARROW_TYPES[kind]
    assert found.to_pylist() == (values if wanted is None else wanted)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", [1.5]),
        ("int", [2**63]),
        ("int", ["x"]),
        ("int", [True]),
        ("float", [False]),
        ("float", ["wide"]),
        ("text", [1]),
        ("text", [b"\xff"]),
        ("bool", [1]),
        ("bool", ["yes"]),
        ("time", ["soon"]),
        ("floats", [1.0]),
        ("int", object()),
        ("int", [1, "a"]),
    ],
)
def test_what_does_not_fit_is_named(kind: PhysicalType, values: Any) -> None:
    with pytest.raises(BadValue, match=f'"c" is of type {kind}; the values do not fit'):
        column_array("c", kind, values)


def test_a_refusal_counts_and_shows_a_few() -> None:
    with pytest.raises(BadValue, match=r'3 values of "c" are not in its list \(a, b\): \'x\', \'y\''):
        check(Column("c", "text", values=("a", "b")), pa.array(["a", "x", "y", "x", None]))


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5))), st.integers(-5, 5), st.integers(-5, 5))
def test_limits_include_their_ends(values: list[int | None], low: int, high: int) -> None:
    fits = all(v is None or low <= v <= high for v in values)
    try:
        check(Column("c", "int", minimum=low, maximum=high), pa.array(values, pa.int64()))
    except BadValue:
        assert not fits
    else:
        assert fits
