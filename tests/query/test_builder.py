"""F gives the tree of the same expression in text."""

# ruff: noqa: DTZ001 - times in the store are UTC without a zone

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from loopline.errors import QuerySyntaxError, QueryTypeError
from loopline.query.builder import F, as_expr
from loopline.query.parse import parse


@pytest.mark.parametrize(
    ("built", "text"),
    [
        (F.ground_truth.count(F.label == "mask") > 3, "ground_truth.count(label == 'mask') > 3"),
        ((F.score > 0.5) & ~F.label.isin(["car", "bus"]), "score > 0.5 and not label in ['car', 'bus']"),
        (F.tags.has("todo") | F.split.is_none(), "'todo' in tags or split is None"),
        (F.split.is_not_none(), "split is not None"),
        (F.score.between(0.2, 0.5), "0.2 <= score <= 0.5"),
        (F.path.contains("x"), "path.contains('x')"),
        (F["weather"] != "rain", "weather != 'rain'"),
        (F.meta["camera"]["id"] == "3", "meta['camera']['id'] == '3'"),
        (F.predictions.any(), "predictions.any()"),
        (F.predictions.max(F.score, F.label == "car") <= 1, "predictions.max(score, label == 'car') <= 1"),
        (F.predictions.any(F.box.rel_area < F.sample.width), "predictions.any(box.rel_area < sample.width)"),
        (F.if_(F.width > 640, "wide", "narrow") == "wide", "('wide' if width > 640 else 'narrow') == 'wide'"),
        (F.sqrt(F.width) + F.len(F.predictions), "sqrt(width) + len(predictions)"),
        (abs(-F.x), "abs(-x)"),
        (1 + F.a - 2 * F.b / 3 // F.c % 4**F.d, "1 + a - 2 * b / 3 // c % 4 ** d"),
        (10 - F.a, "10 - a"),
        (1 / F.a, "1 / a"),
        (7 // F.a, "7 // a"),
        (7 % F.a, "7 % a"),
        (F.a > 2, "a > 2"),
        (True & F.a, "True and a"),
        (False | F.a, "False or a"),
        ((F.a & F.b) & F.c, "a and b and c"),
        (F.a > np.float64(0.5), "a > 0.5"),
        (F.a == np.int64(3), "a == 3"),
        (F.taken_at > dt.datetime(2026, 1, 31, 12), "taken_at > '2026-01-31T12:00:00'"),
        (F.taken_at > dt.date(2026, 1, 31), "taken_at > '2026-01-31'"),
        (F.a > -1, "a > -1"),
    ],
)
def test_f_gives_the_tree_of_the_text(built, text):
    assert as_expr(built) == parse(text)
    assert str(built) == str(parse(text))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: (F.a > 1) and (F.b > 2),
        lambda: 1 < F.a < 3,
        lambda: not F.a,
        lambda: "x" in F.tags,
        lambda: list(F.a),
        lambda: len(F.predictions),
        lambda: range(3)[F.a],
        lambda: F.a.isin("text"),
        lambda: F.a.isin([F.b]),
        lambda: F.a == object(),
        lambda: F.a == float("nan"),
        lambda: F.a == 2**64,
        lambda: F.tags.has(),
        lambda: F.a.between(1),
    ],
)
def test_what_python_cannot_overload_says_so(misuse):
    with pytest.raises(QueryTypeError):
        misuse()


def test_a_name_that_is_no_name_is_refused():
    with pytest.raises(QuerySyntaxError):
        F["a; drop table"]


def test_the_hint_for_and_names_the_operators():
    with pytest.raises(QueryTypeError, match="&"):
        bool(F.a)


def test_notebooks_and_copies_find_no_surprises():
    assert not hasattr(F.a, "_repr_html_")
    assert not hasattr(F, "__array__")
    assert not hasattr(F.a, "__array__")
    assert repr(F.a > 1) == "<F: a > 1>"
    with pytest.raises(TypeError):
        hash(F.a)
    with pytest.raises(AttributeError):
        F.a.b = 3
