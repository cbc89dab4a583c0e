"""What an expression means: the compiled form and the plain evaluator agree on random data and random expressions."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.query.parse import parse
from loopline.query.view import View

from . import expressions
from .evaluator import Here, evaluate, holds
from .worlds import world

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 15)


@QUICK
@given(SEEDS, expressions.conditions("", 2))
def test_a_condition_picks_the_samples_that_the_evaluator_picks(seed, condition):
    data, engine = world(seed)
    expected = [row["id"] for row in data.samples if holds(condition, Here(data, row))]
    assert View(engine).where(condition).ids().tolist() == expected, str(condition)


@QUICK
@given(
    SEEDS, st.sampled_from(expressions.ANY_FIELD).flatmap(lambda f: st.tuples(st.just(f), expressions.conditions(f, 2)))
)
def test_a_condition_picks_the_objects_that_the_evaluator_picks(seed, picked):
    field, condition = picked
    data, engine = world(seed)
    expected = sorted(
        obj.obj["id"] for row in data.samples for obj in Here(data, row).objects(field) if holds(condition, obj)
    )
    assert View(engine).objects(field).where(condition).ids().tolist() == expected, str(condition)


@QUICK
@given(SEEDS, expressions.numbers("", 2))
def test_a_number_has_the_value_that_the_evaluator_gives(seed, number):
    data, engine = world(seed)
    expected = [evaluate(number, Here(data, row)) for row in data.samples]
    found = View(engine).values(number).to_pylist()
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert same(mine, theirs), f"{number}: {found} {expected}"


def same(mine: object, theirs: object) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return mine == theirs or math.isclose(mine, theirs, rel_tol=1e-12, abs_tol=1e-300)


@pytest.mark.parametrize(
    "text",
    [
        "predictions.mean(score)",
        "predictions.sum(score)",
        "predictions.sum(track_id, label == 'car')",
        "ground_truth.sum(wheels)",
        "predictions.mean(box.rel_area, score > 0)",
        "ground_truth.max(colour)",
        "scene.label",
        "quality.value * 2",
        "2 ** people",
        "brightness ** 0.5",
        "brightness ** brightness",
        "exp(brightness)",
        "meta['camera']",
        "meta['camera']['id']",
        "meta['camera']['lens/x']",
        "meta[1]",
        "predictions.count(score > 0.5) / predictions.count()",
        "max(people, brightness, 2)",
        "weather if checked else path",
        "checked",
        "checked and brightness > 0",
        "taken_at",
        "upper(path)",
        "-(width if 'todo' in tags else people)",  # a subquery may not stand inside TRY
        "-(width if predictions.any(score > 0) or scene is None else people)",
        "people + (1 if not quality.all(value > 0) else 2)",
        "people * (1 if scene.label == 'day' else 2 if tags is not None else tags.count())",
        "ground_truth.max(wheels + (1 if 'todo' in tags else 2))",
        "ground_truth.max(wheels + (1 if sample.predictions.any(score > 0) else 2))",
        "ground_truth.max(-(wheels if 'todo' in sample.tags else 2))",
        f"-(width if people in {list(range(-10, 200))} else people)",
        "-floor(people)",  # a whole number of 64 bits went through a float
    ],
)
def test_a_value_is_what_the_evaluator_says(text):
    for seed in range(12):
        data, engine = world(seed)
        expected = [evaluate(parse(text), Here(data, row)) for row in data.samples]
        found = View(engine).values(text).to_pylist()
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            assert mine == theirs or same(mine, theirs), (seed, found, expected)
