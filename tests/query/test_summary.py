"""Facets and histograms, against plain counting."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter

import numpy as np
import pytest

from loopline.errors import QueryTypeError, UnknownName
from loopline.query.view import View

from .engine import STREET, make_engine
from .worlds import world


def test_facets_count_values_the_most_frequent_first():
    engine = make_engine(STREET, [{"id": i, "weather": w} for i, w in enumerate(["sun", "rain", "sun", None, "fog"])])
    table = View(engine).facets("weather")
    assert table.to_pylist() == [
        {"value": "sun", "count": 2, "samples": 2},
        {"value": "fog", "count": 1, "samples": 1},
        {"value": "rain", "count": 1, "samples": 1},
        {"value": None, "count": 1, "samples": 1},
    ]
    assert View(engine).where("weather != 'sun'").facets("weather", limit=1).num_rows == 1
    assert View(engine).facets("weather is None")["count"].to_pylist() == [4, 1]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("condition", ["True", "width > 0"])
def test_facets_of_objects_count_objects_and_their_samples(seed, condition):
    data, engine = world(seed)
    view = View(engine).where(condition).keep("ground_truth", "iscrowd is not None")
    inside = set(view.ids().tolist())
    rows = [r for r in data.labels["ground_truth"] if r["sample_id"] in inside and r["iscrowd"] is not None]
    counts = Counter(r["label"] for r in rows)
    for row in view.facets("ground_truth.label").to_pylist():
        assert row["count"] == counts.pop(row["value"])
        assert row["samples"] == len({r["sample_id"] for r in rows if r["label"] == row["value"]})
    assert not counts
    same = view.objects("ground_truth").facets("label").to_pylist()
    assert same == view.facets("ground_truth.label").to_pylist()


@pytest.mark.parametrize("seed", range(10))
def test_facets_of_tags(seed):
    data, engine = world(seed)
    expected = Counter(tag for (owner, _), tags in data.tags.items() if owner == "sample" for tag in tags)
    found = View(engine).facets("tags")
    assert dict(zip(found["value"].to_pylist(), found["count"].to_pylist(), strict=True)) == expected
    limited = View(engine).limit(3)
    chosen = set(limited.ids().tolist())
    expected = Counter(tag for (o, key), tags in data.tags.items() if o == "sample" and key in chosen for tag in tags)
    found = limited.facets("tags")
    assert dict(zip(found["value"].to_pylist(), found["count"].to_pylist(), strict=True)) == expected
    expected = Counter(tag for (owner, _), tags in data.tags.items() if owner == "scene" for tag in tags)
    found = View(engine).facets("scene.tags")
    assert dict(zip(found["value"].to_pylist(), found["count"].to_pylist(), strict=True)) == expected
    assert found.equals(View(engine).objects("scene").facets("tags"))


@pytest.mark.parametrize("bins", [1, 3, 10])
def test_a_histogram_is_that_of_numpy(bins):
    rng = np.random.default_rng(5)
    values = [*rng.normal(size=200).tolist(), 3.0, -3.0]
    engine = make_engine(STREET, [{"id": i, "brightness": v} for i, v in enumerate([*values, None, math.nan])])
    found = View(engine).histogram("brightness", bins=bins)
    counts, edges = np.histogram(values, bins=bins)
    np.testing.assert_allclose(found.edges, edges)
    np.testing.assert_array_equal(found.counts, counts)
    assert (found.missing, found.outside) == (2, 0)


def test_a_histogram_over_a_range_counts_what_is_outside():
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, math.inf, -math.inf, None]
    engine = make_engine(STREET, [{"id": i, "brightness": v} for i, v in enumerate(values)])
    found = View(engine).histogram("brightness", bins=2, range=(0.5, 2.0))
    assert found.counts.tolist() == [2, 2]
    assert (found.missing, found.outside) == (1, 4)
    whole = View(engine).histogram("brightness", bins=5)
    assert whole.edges.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert whole.counts.tolist() == [1, 1, 1, 1, 2]
    assert whole.outside == 2


def test_histograms_of_objects_times_and_nothing():
    times = [dt.datetime(2026, 1, day, tzinfo=dt.UTC).replace(tzinfo=None) for day in (1, 2, 5)]
    engine = make_engine(
        STREET,
        [{"id": i, "taken_at": t, "width": 10, "height": 10} for i, t in enumerate(times)],
        {"predictions": [{"id": i, "sample_id": i % 2, "score": i / 4, "w": 5.0, "h": i} for i in range(4)]},
    )
    view = View(engine)
    assert view.histogram("predictions.score", bins=3).counts.tolist() == [1, 1, 2]
    assert view.where("id == 1").histogram("predictions.score", bins=2).counts.tolist() == [1, 1]
    assert view.objects("predictions").histogram("score", bins=3).counts.tolist() == [1, 1, 2]
    assert view.histogram("predictions.box.rel_area", bins=1).edges.tolist() == [0.0, 0.15]
    by_day = view.histogram("taken_at", bins=4)
    assert by_day.edges.dtype == np.dtype("datetime64[us]")
    assert by_day.counts.tolist() == [1, 1, 0, 1]
    assert str(by_day.edges[0]) == "2026-01-01T00:00:00.000000"
    later = view.histogram("taken_at", bins=1, range=(times[1], times[2].replace(tzinfo=dt.UTC)))
    assert (later.counts.tolist(), later.outside) == ([2], 1)
    nothing = view.histogram("brightness")
    assert (nothing.counts.sum(), nothing.missing) == (0, 3)
    assert view.histogram("width", bins=1).edges.tolist() == [9.5, 10.5]


def test_what_cannot_be_counted_says_so():
    view = View(make_engine(STREET, []))
    with pytest.raises(QueryTypeError, match="numbers or times"):
        view.histogram("path")
    with pytest.raises(QueryTypeError, match="bins"):
        view.histogram("width", bins=0)
    with pytest.raises(QueryTypeError, match="range"):
        view.histogram("width", range=(3, 1))
    with pytest.raises(UnknownName):
        view.facets("ground_truth.lable")
    with pytest.raises(QueryTypeError):
        view.facets("ground_truth")
    with pytest.raises(QueryTypeError):
        view.facets("ground_truth.mask")
