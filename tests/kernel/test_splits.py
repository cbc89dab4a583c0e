"""Random splits: near their shares, fixed by the seed, never through a group."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue
from loopline.kernel.splits import assign, linked

SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}
names = st.lists(st.text("abc/", min_size=1, max_size=8), unique=True, min_size=1, max_size=40)


def alone(many: int) -> np.ndarray:
    return np.arange(many)


def test_single_pictures_meet_the_shares_to_the_picture() -> None:
    found = assign([f"{n}.jpg" for n in range(1000)], alone(1000), SHARES, seed=1)
    assert Counter(found) == {"train": 700, "val": 200, "test": 100}


def test_another_seed_is_another_draw() -> None:
    paths = [f"{n}.jpg" for n in range(100)]
    assert assign(paths, alone(100), SHARES, 1) != assign(paths, alone(100), SHARES, 2)
    assert assign(paths, alone(100), SHARES, 1) == assign(paths, alone(100), SHARES, 1)


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.2, "val": -0.2}, {"train": 1.0, "val": 0.0}])
def test_shares_that_are_not_shares_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(BadValue, match="add up to 1"):
        assign(["a"], alone(1), shares, 0)


def test_nothing_is_split_into_nothing() -> None:
    assert assign([], alone(0), SHARES, 0) == []


@settings(max_examples=40)
@given(names, st.data())
def test_groups_stay_whole_and_order_does_not_matter(paths: list[str], data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | st.integers(0, 5), min_size=len(paths), max_size=len(paths)))
    copies = data.draw(st.lists(st.none() | st.integers(0, 9), min_size=len(paths), max_size=len(paths)))
    found = assign(paths, linked([values, copies], len(paths)), SHARES, 3)
    for column in (values, copies):
        for value in set(column) - {None}:
            assert len({s for s, v in zip(found, column, strict=True) if v == value}) == 1
    order = data.draw(st.permutations(range(len(paths))))
    again = assign(
        [paths[i] for i in order],
        linked([[values[i] for i in order], [copies[i] for i in order]], len(paths)),
        SHARES,
        3,
    )
    assert again == [found[i] for i in order]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_no_split_is_off_by_more_than_the_largest_group(sizes: list[int]) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = Counter(assign([str(n) for n in range(groups.size)], groups, SHARES, 0))
    for split, share in SHARES.items():
        assert abs(found[split] - share * groups.size) <= max(sizes) * len(SHARES)
