"""The four steps and the registry: examples and laws that hold for every registered metric over label rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopline.errors import BadValue, UnknownField
from loopline.metrics import registry
from loopline.metrics.metric import Metric, measure, numbers_of

BOXES = Metric(
    "boxes_for_each_object",
    start=lambda: np.zeros(2, int),
    update=lambda state, truth, predicted: state + np.array([predicted.num_rows, truth.num_rows]),
    merge=np.add,
    finish=lambda state: {"boxes_for_each_object": state[0] / state[1]},
    needs=(("sample_id",), ("sample_id",)),
)


def ids(*values: int) -> pa.Table:
    return pa.table({"sample_id": list(values)})


def test_a_metric_of_ones_own_is_known_by_its_name() -> None:
    registry.register(BOXES)
    try:
        report = measure(registry.get("boxes_for_each_object"), [(ids(1, 2), ids(1)), (ids(3, 3), ids())])
        assert numbers_of(report) == {"boxes_for_each_object": 0.25}
        with pytest.raises(BadValue, match="already"):
            registry.register(BOXES)
        registry.register(BOXES, replace=True)
    finally:
        registry.unregister("boxes_for_each_object")
    with pytest.raises(UnknownField, match="no metric"):
        registry.get("boxes_for_each_object")


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(UnknownField, match='did you mean "classification"'):
        registry.get("clasification")


def test_a_built_in_name_cannot_be_taken() -> None:
    built_in = registry.get("classification")
    with pytest.raises(BadValue, match="already"):
        registry.register(built_in, replace=True)


def test_a_missing_column_is_named_before_the_metric_runs() -> None:
    with pytest.raises(BadValue, match="needs the column label of the predictions"):
        measure(registry.get("classification"), [(pa.table({"sample_id": [1], "label": ["a"]}), ids(1))])


def test_a_report_without_names_is_refused() -> None:
    with pytest.raises(BadValue, match=r"finish\(\) gave float"):
        numbers_of(0.5)
    with pytest.raises(BadValue, match="cannot name a metric"):
        Metric("a b", start=list, update=lambda s, t, p: s, merge=lambda a, b: a, finish=lambda s: {})


def test_every_registered_metric_has_a_title_and_gives_numbers_or_nan_for_nothing() -> None:
    for metric in registry.all_metrics().values():
        assert metric.title
        assert numbers_of(metric.finish(metric.start()))


def label_rows(rng: np.random.Generator, samples: int) -> tuple[pa.Table, pa.Table]:
    """Truth and predictions with all that the label metrics read; some samples lack one side."""
    truth_ids = np.flatnonzero(rng.random(samples) < 0.9)
    guess_ids = np.flatnonzero(rng.random(samples) < 0.9)
    classes = np.array(["a", "b", "c"])
    sides = [
        pa.table(
            {
                "sample_id": side,
                "label": classes[rng.integers(0, 3, len(side))],
                "score": rng.random(len(side)).round(1),
                "value": rng.normal(size=len(side)),
            }
        )
        for side in (truth_ids, guess_ids)
    ]
    return sides[0], sides[1]


@pytest.mark.parametrize("name", ["classification", "multilabel_classification", "regression"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(1, 30), parts=st.integers(1, 4))
def test_batches_and_their_order_do_not_change_a_digit(name: str, seed: int, samples: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = label_rows(rng, samples)
    metric: Any = registry.get(name)
    whole = numbers_of(measure(metric, [(truth, predicted)]))
    state = metric.start()
    for part in np.array_split(rng.permutation(samples), parts):
        batch = [t.filter(pa.array(np.isin(t["sample_id"].to_numpy(), part))) for t in (truth, predicted)]
        shuffled = [t.take(pa.array(rng.permutation(t.num_rows))) for t in batch]
        state = metric.merge(metric.update(metric.start(), *shuffled), state)
    parted = numbers_of(metric.finish(state))
    assert parted.keys() == whole.keys()
    np.testing.assert_array_equal(list(parted.values()), list(whole.values()))
