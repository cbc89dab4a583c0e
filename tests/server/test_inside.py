"""A lasso on the map, as a condition of the query language."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loopline as ll
from loopline.errors import QueryTypeError, UnknownField
from loopline.query.planes import SPAN, inside, plane_of
from loopline.store.vectors import Embedding, write_vectors
from tests.server.conftest import Browser

HALF = [-0.1, -0.1, 0.5, -0.1, 0.5, 1.1, -0.1, 1.1]
shares = st.floats(-0.2, 1.2, allow_nan=False).map(lambda x: round(x, 4))


def _embed(ds: ll.Dataset, owner: str = "sample", key: str = "v") -> None:
    ids = ds.view().ids() if owner == "sample" else ds.objects(owner).ids()
    matrix = np.random.default_rng(0).standard_normal((len(ids), 4)).astype(np.float32)
    write_vectors(ds.lake, Embedding(key, owner, "made up", "1", 4, False), ids, matrix)


def _plainly(x: float, y: float, corners: list[float]) -> bool:
    """The textbook's even-odd rule, one point at a time."""
    found = False
    pairs = list(zip(corners[::2], corners[1::2], strict=True))
    for (xa, ya), (xb, yb) in zip(pairs, pairs[1:] + pairs[:1], strict=True):
        if (ya > y) != (yb > y) and x < (xb - xa) * (y - ya) / (yb - ya) + xa:
            found = not found
    return found


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(shares, shares), min_size=3, max_size=12), st.integers(0, 2**32 - 1))
def test_the_grid_changes_nothing(corners: list[tuple[float, float]], seed: int) -> None:
    flat = [c for corner in corners for c in corner]
    places = np.random.default_rng(seed).integers(0, SPAN + 1, (300, 2)).astype(np.uint16)
    assert inside(places, flat).tolist() == [_plainly(x / SPAN, y / SPAN, flat) for x, y in places.tolist()]


def test_a_lasso_narrows_samples_by_where_they_lie(ds: ll.Dataset, browser: Browser) -> None:
    _embed(ds)
    plane = plane_of(ds.lake, "v", ds.lake.snapshot())
    left = plane.ids[plane.places[:, 0] < SPAN / 2]
    view = ds.where(f"inside('v', {HALF})")
    assert view.ids().tolist() == left.tolist()
    assert ds.where(f"not inside('v', {HALF})").count() == len(plane.ids) - len(left)
    answer = browser.post("view", view={"filters": [{"control": "map:v", "where": f"inside('v', {HALF})"}]})
    assert answer["count"] == len(left)
    assert "inside('v'" in answer["text"]
    both = browser.post("view", view={"where": f"inside('v', {HALF}) and weather == 'rain'"})
    assert both["count"] == len(set(left.tolist()) & set(ds.where("weather == 'rain'").ids().tolist()))


def test_a_lasso_of_objects_is_about_objects(ds: ll.Dataset, browser: Browser) -> None:
    _embed(ds, "truth", "o")
    plane = plane_of(ds.lake, "o", ds.lake.snapshot())
    left = set(plane.ids[plane.places[:, 0] < SPAN / 2].tolist())
    condition = f"inside('o', {HALF})"
    assert set(ds.objects("truth").where(condition).ids().tolist()) == left
    kept = {"objects": "truth", "keep": [{"field": "truth", "where": condition}]}
    assert browser.post("view", view=kept)["count"] == len(left)
    with_one = ds.where(f"truth.any({condition})")
    assert with_one.count() == len(
        set(ds.objects("truth").select(sorted(left)).to_arrow(["sample_id"])["sample_id"].to_pylist())
    )
    with pytest.raises(QueryTypeError, match="objects of truth"):
        ds.where(condition).count()


def test_an_answer_is_not_kept_past_new_vectors(ds: ll.Dataset, browser: Browser) -> None:
    _embed(ds)
    view = {"where": f"inside('v', {HALF})"}
    before = browser.post("view", view=view)["count"]
    ids = ds.view().ids()
    ds.delete([int(i) for i in ds.where(f"inside('v', {HALF})").ids()[:2]])
    assert browser.post("view", view={**view, "snapshot": None})["count"] <= before
    assert len(ids) - 2 == browser.post("view", view={})["count"]


def test_what_makes_no_sense_says_so(ds: ll.Dataset, browser: Browser) -> None:
    for text in (
        "inside('v')",
        "inside('v', [1, 2, 3])",
        "inside(v, [0, 0, 1, 0, 1, 1])",
        "inside('v', ['a', 'b', 'c', 'd', 'e', 'f'])",
    ):
        assert "three corners" in browser.problem("view", view={"where": text})["detail"]
    with pytest.raises(UnknownField, match='no embedding "w"'):
        ds.where(f"inside('w', {HALF})").count()
