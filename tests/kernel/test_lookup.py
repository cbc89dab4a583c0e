"""Rows by their keys: as a dictionary finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopline.kernel.lookup import looked_up, places

keys = st.lists(st.integers(-5, 12), max_size=12).map(lambda found: np.array(found, np.int64))


def test_of_equal_keys_the_first_is_found() -> None:
    assert places(np.array([4, 2, 4]), np.array([4])).tolist() == [0]


def test_a_value_keeps_its_type() -> None:
    found = looked_up(np.array([1]), np.array([True]), np.array([1, 2]), False)
    assert (found.dtype, found.tolist()) == (np.dtype(bool), [True, False])


@given(keys, keys)
def test_a_dictionary_finds_the_same(known: np.ndarray, wanted: np.ndarray) -> None:
    first = {key: row for row, key in reversed(list(enumerate(known.tolist())))}
    assert places(known, wanted).tolist() == [first.get(key, -1) for key in wanted.tolist()]
    values = np.arange(len(known)) * 0.5
    expected = [values[first[key]] if key in first else -9.0 for key in wanted.tolist()]
    assert looked_up(known, values, wanted, -9.0).tolist() == expected
