"""The steps of a view as text and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopline.errors import LooplineError, QueryError, QuerySyntaxError, QueryTypeError
from loopline.kernel.expr import Name
from loopline.query import ops
from loopline.query.parse import parse
from loopline.query.view import ObjectView, View, parse_view, view_from_json

from . import expressions
from .engine import STREET, make_engine

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

counts = st.integers(0, 2**40)
field_names = st.sampled_from(["predictions", "gt", "x1"])
keys = expressions.trees.filter(lambda t: not isinstance(t, ops.Const | ops.Negative))
both_scopes = st.one_of(
    expressions.trees.map(ops.Where),
    st.lists(st.builds(ops.SortKey, keys, st.booleans()), min_size=1, max_size=3).map(lambda k: ops.Sort(tuple(k))),
    counts.map(ops.Limit),
    counts.map(ops.Skip),
    st.builds(ops.Sample, counts, st.integers(-(2**40), 2**40)),
    st.lists(counts, max_size=4).map(lambda ids: ops.Select(tuple(ids))),
    st.lists(counts, max_size=4).map(lambda ids: ops.Exclude(tuple(ids))),
)
only_samples = st.one_of(
    st.builds(ops.Keep, field_names, expressions.trees),
    st.lists(field_names, max_size=2).map(lambda names: ops.SelectFields(tuple(names))),
    st.lists(field_names, max_size=2).map(lambda names: ops.ExcludeFields(tuple(names))),
)
on_samples = st.lists(st.one_of(both_scopes, only_samples), max_size=4)
through_objects = st.tuples(
    on_samples, field_names.map(ops.Objects), st.lists(both_scopes, max_size=3), st.just(ops.Samples()), on_samples
).map(lambda parts: [*parts[0], parts[1], *parts[2], parts[3], *parts[4]])
steps = st.one_of(on_samples, through_objects).map(tuple)


@QUICK
@given(steps)
def test_printed_steps_parse_to_themselves_on_one_line(found):
    text = ops.ops_to_text(found)
    assert "\n" not in text
    assert ops.ops_from_text(text) == found
    assert ops.ops_from_json(json.loads(json.dumps(ops.ops_to_json(found)))) == found


def test_a_view_prints_as_it_was_written():
    engine = make_engine(STREET, [])
    view = (
        View(engine)
        .where("weather == 'rain'")
        .keep("predictions", "score>.5")
        .sort("brightness", descending=True)
        .sort("-width", "path")
        .limit(100)
    )
    text = "where(weather == 'rain') | keep(predictions, score > 0.5) | sort(-brightness) | sort(-width, path) | limit(100)"
    assert str(view) == text
    assert parse_view(text, engine) == view
    assert view_from_json(view.to_json(), engine) == view
    assert view_from_json(json.dumps(view.to_json()), engine) == view
    assert repr(view) == f"<View of memory: {text}>"
    assert str(View(engine)) == "all()"
    assert parse_view("all()", engine) == View(engine)


def test_an_object_view_prints_and_reads_back():
    engine = make_engine(STREET, [])
    view = View(engine).where("split == 'val'").objects("predictions").sort("-score").limit(500)
    assert str(view) == "where(split == 'val') | objects(predictions) | sort(-score) | limit(500)"
    again = parse_view(str(view), engine)
    assert isinstance(again, ObjectView)
    assert again == view
    assert str(view.samples()).endswith("| limit(500) | samples()")
    assert parse_view(str(view.samples()), engine) == view.samples()


def test_a_view_may_be_written_over_lines_with_any_script():
    found = ops.ops_from_text("where(path == 'é|ü')  # rain\n | sort(\n-é) | limit(3)")
    assert found == (
        ops.Where(parse("path == 'é|ü'")),
        ops.Sort((ops.SortKey(Name("é"), descending=True),)),
        ops.Limit(3),
    )


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("limit(10) | shuffle()", 12),
        ("limit()", 0),
        ("limit('x')", 6),
        ("limit(1 + 1)", 6),
        ("limit(n=3)", 6),
        ("where(a) where(b)", 9),
        ("limit(3) | where(a = 1)", 17),
        ("limit(3) | where(lambda: 1)", 17),
        ("é() | where(a)", 0),
        ("'é' | where(a)", 0),
        ("keep(a.b, c)", 5),
        ("keep(a)", 0),
        ("sort()", 0),
        ("sample(10)", 0),
        ("samples(10)", 0),
        ("select(3)", 7),
        ("select(['a'])", 8),
        ("where(__import__('os').system('x') | 3)", 6),
        ("", 0),
    ],
)
def test_a_fault_in_a_view_is_named_where_it_stands(text, column):
    with pytest.raises(QuerySyntaxError) as caught:
        ops.ops_from_text(text)
    assert caught.value.column == column, str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "samples()",
        "objects(predictions) | keep(predictions, score > 1)",
        "objects(predictions) | objects(predictions)",
        "objects(predictions) | select_fields(predictions)",
        "sort(1)",
        "sort(-2)",
    ],
)
def test_steps_in_an_order_that_makes_no_sense_are_refused(text):
    with pytest.raises(QueryTypeError):
        ops.ops_from_text(text)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "nonsense",
        {},
        [{}],
        [{"op": "where"}],
        [{"op": "where", "condition": 3}],
        [{"op": "where", "condition": "a ="}],
        [{"op": "shell", "condition": "a"}],
        [{"op": "limit", "count": True}],
        [{"op": "limit", "count": "3; drop"}],
        [{"op": "select", "ids": [1, "2"]}],
        [{"op": "select", "ids": 3}],
        [{"op": "objects", "field": "a b"}],
        [{"op": "sort", "keys": []}],
        [{"op": "sort", "keys": [{"value": "a"}]}],
        [{"op": "limit", "count": 3, "more": 1}],
        [{"op": "where", "condition": "wether == 'rain'"}],
        [{"op": "objects", "field": "nothing"}],
        "[" * 100_000,
    ],
)
def test_json_that_is_no_view_is_refused(value):
    with pytest.raises(LooplineError):
        view_from_json(value, make_engine(STREET, []))


def test_too_many_steps_are_refused():
    with pytest.raises(QueryError, match="at most"):
        ops.ops_from_text(" | ".join(["limit(3)"] * 500))


def test_a_long_list_of_ids_reads_back():
    found = (ops.Select(tuple(range(50_000))),)
    assert ops.ops_from_text(ops.ops_to_text(found)) == found
