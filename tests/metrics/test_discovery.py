"""Slice discovery: planted causes, null data, laws, and SciPy as the second opinion on the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loopline.errors import BadValue, QuerySyntaxError
from loopline.metrics import _conditions, discovery
from loopline.metrics.discovery import DiscoveryOptions, discover_slices
from loopline.query.parse import parse


def world(rng: np.random.Generator, n: int) -> dict[str, Any]:
    weather = np.array(["day", "night", "rain"])[rng.choice(3, n, p=[0.6, 0.3, 0.1])]
    return {
        "weather": weather,
        "box.rel_area": rng.lognormal(-4, 1.5, n),
        "occluded": rng.random(n) < 0.2,
        "camera": rng.integers(0, 6, n),
        "hour(created_at)": np.where(weather == "night", rng.integers(20, 24, n), rng.integers(6, 20, n)),
    }


def failing(rng: np.random.Generator, chance: Any) -> Any:
    return (rng.random(len(chance)) < chance).astype(float)


def rows_of(condition: str, columns: dict[str, Any]) -> Any:
    """The rows that a condition names, by Python itself; the names are made into plain ones."""
    names = {name: f"c{i}" for i, name in enumerate(columns)}
    for name, plain in names.items():
        condition = condition.replace(name, plain)
    values = zip(*(c.tolist() for c in columns.values()), strict=True)
    return np.array([bool(eval(condition, {}, dict(zip(names.values(), row, strict=True)))) for row in values])


# -- planted causes


def test_a_planted_pair_of_conditions_is_found_and_its_proxies_are_merged() -> None:
    rng = np.random.default_rng(0)
    columns = world(rng, 20_000)
    small = columns["box.rel_area"] < np.quantile(columns["box.rel_area"], 0.25)
    bad = (columns["weather"] == "night") & small
    report = discover_slices(failing(rng, np.where(bad, 0.6, 0.1)), pa.table(columns))
    assert len(report.slices) == 1
    found = report.slices[0]
    assert found.condition.startswith("weather == 'night' and box.rel_area < ")
    rows = rows_of(found.condition, columns)
    assert (rows & bad).sum() / (rows | bad).sum() > 0.95
    assert found.size == rows.sum()
    assert found.mean == pytest.approx(0.6, abs=0.03)
    assert found.elsewhere == pytest.approx(0.1, abs=0.03)
    assert found.p_value < 1e-50
    assert any("hour(created_at) >= 20" in also for also in found.also)


def test_separate_causes_come_separately_and_a_worse_core_inside_one_is_named() -> None:
    rng = np.random.default_rng(1)
    columns = world(rng, 30_000)
    chance = np.full(30_000, 0.1)
    chance[columns["occluded"]] = 0.3
    chance[columns["camera"] == 3] += 0.2
    chance[columns["occluded"] & (columns["weather"] == "rain")] = 0.9
    report = discover_slices(failing(rng, chance), pa.table(columns))
    found = {s.condition for s in report.slices}
    assert {"occluded == True", "camera == 3", "weather == 'rain' and occluded == True"} <= found
    assert len(found) <= 4


def test_three_conditions_and_missing_values_can_be_a_cause() -> None:
    rng = np.random.default_rng(2)
    columns = world(rng, 30_000)
    lens = np.where(rng.random(30_000) < 0.2, None, "wide")
    table = pa.table(columns).append_column("lens", pa.array(lens.tolist(), pa.string()))
    bad = (columns["weather"] == "day") & columns["occluded"] & (lens == None)  # noqa: E711
    report = discover_slices(failing(rng, np.where(bad, 0.9, 0.1)), table)
    assert report.slices[0].condition == "weather == 'day' and occluded == True and lens is None"


def test_losses_that_are_not_0_or_1_work_too() -> None:
    rng = np.random.default_rng(3)
    columns = world(rng, 10_000)
    loss = rng.lognormal(0, 1, 10_000) * np.where(columns["camera"] == 2, 3, 1)
    report = discover_slices(loss, pa.table(columns))
    assert [s.condition for s in report.slices] == ["camera == 2"]
    assert report.slices[0].effect == pytest.approx(loss[columns["camera"] == 2].mean() * 2 / 3, rel=0.1)


def test_where_there_is_nothing_to_find_nothing_is_found() -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        columns = world(rng, 1500)
        loss = failing(rng, np.full(1500, 0.05)) if seed % 2 else rng.lognormal(0, 2, 1500)
        found += len(discover_slices(loss, pa.table(columns)).slices)
    assert found <= 1


def test_small_slices_and_small_effects_can_be_left_out() -> None:
    rng = np.random.default_rng(4)
    columns = {"a": np.where(rng.random(5000) < 0.02, "rare", "common")}
    loss = failing(rng, np.where(columns["a"] == "rare", 0.9, 0.1))
    table = pa.table(columns)
    assert [s.condition for s in discover_slices(loss, table).slices] == ["a == 'rare'"]
    assert not discover_slices(loss, table, options=DiscoveryOptions(min_size=1000)).slices
    assert not discover_slices(loss, table, options=DiscoveryOptions(min_effect=0.95)).slices


# -- ugly input


def test_no_rows_no_attributes_and_equal_losses_give_no_slices() -> None:
    assert discover_slices([], pa.table({"a": pa.array([], pa.string())})).slices == ()
    assert discover_slices([1.0, 0.0], pa.table({"a": pa.nulls(2)})).slices == ()
    assert discover_slices(np.ones(100), pa.table({"a": ["x", "y"] * 50})).slices == ()
    assert discover_slices(np.arange(100) % 2, pa.table({"a": ["x"] * 100})).slices == ()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: discover_slices([np.nan], pa.table({"a": ["x"]})), BadValue, "NaN"),
        (lambda: discover_slices([1.0, 0.0], pa.table({"a": ["x"]})), BadValue, "2 values of loss and 1 rows"),
        (lambda: discover_slices([1.0], pa.table({"a": pa.array([0], pa.timestamp("us"))})), BadValue, "neither a cat"),
        (lambda: discover_slices([1.0], pa.table({"a": [[1]]})), BadValue, "neither a category"),
        (lambda: discover_slices([1.0], pa.table({"a b": ["x"]})), QuerySyntaxError, "a b"),
        (lambda: DiscoveryOptions(conditions=4), BadValue, "1, 2 or 3"),
        (lambda: DiscoveryOptions(alpha=0), BadValue, "alpha"),
    ],
)
def test_bad_input_says_what_is_wrong(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# -- second opinions and laws


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 60), st.integers(0, 60))
def test_the_tail_for_0_and_1_is_scipys(size: int, hits: int, other: int, other_hits: int) -> None:
    hits, other_hits = min(hits, size), min(other_hits, other)
    loss = np.r_[np.arange(size) < hits, np.arange(other) < other_hits].astype(float)
    ones = np.ones(loss.size)
    groups = discovery._Groups(np.zeros((1, loss.size), np.int64), ones, loss, loss, loss)
    rows = np.arange(loss.size) < size
    ours = discovery._p_value(groups, rows, 0.0, exact=True)
    theirs = stats.hypergeom.sf(hits - 1, loss.size, hits + other_hits, size)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-15)


def test_ranks_are_tested_as_mann_and_whitney_did() -> None:
    rng = np.random.default_rng(5)
    loss = rng.normal(size=400).round(1)
    rows = rng.random(400) < 0.3
    ranks = stats.rankdata(loss)
    z = discovery._z(np.array(float(rows.sum())), np.array(ranks[rows].sum()), 400, ranks.sum(), ranks.var())
    expected = stats.mannwhitneyu(loss[rows], loss[~rows], alternative="greater", use_continuity=False)
    assert stats.norm.sf(z) == pytest.approx(expected.pvalue, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 4))
def test_every_condition_names_exactly_the_rows_it_holds(seed: int, bins: int, most_values: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    columns = {
        "kind": np.array(["a", "b", "c", "d'e"])[rng.integers(0, 4, n)],
        "on": rng.random(n) < 0.5,
        "count_of": rng.integers(-3, 8, n),
        "size": rng.normal(size=n) * 10.0 ** rng.integers(-3, 4),
    }
    for name, column in columns.items():
        one = _conditions.attribute(name, pa.chunked_array([pa.array(column)]), bins=bins, most_values=most_values)
        for condition, cells in zip(one.conditions, one.holds, strict=True):
            assert parse(str(condition)) == condition
            assert np.array_equal(cells[one.cell], rows_of(str(condition), {name: column}))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = world(rng, 3000)
    loss = failing(rng, np.where(columns["occluded"], 0.5, 0.1))
    order = rng.permutation(3000)
    a, b = (discover_slices(loss[o], pa.table(columns).take(pa.array(o))) for o in (np.arange(3000), order))
    assert [(s.condition, s.size, s.mean, s.also) for s in a.slices] == [
        (s.condition, s.size, s.mean, s.also) for s in b.slices
    ]
    assert "occluded == True" in {s.condition for s in a.slices}
