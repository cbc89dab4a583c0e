"""The query tree as a value: it compares, prints, and travels as JSON."""

from __future__ import annotations

import json

import pytest

from loopline.kernel.expr import (
    And,
    Arithmetic,
    Attr,
    Compare,
    Const,
    Expr,
    IfElse,
    Item,
    Listing,
    Method,
    Name,
    Negative,
    Not,
    Or,
    depth,
    from_json,
    negative,
    to_json,
)

A, B, C = Name("a"), Name("b"), Name("c")


def test_one_and_true_and_one_point_zero_are_different_constants():
    assert len({Const(1), Const(1.0), Const(True)}) == 3
    assert Const("a") == Const("a")
    assert hash(Const("a")) == hash(Const("a"))


def test_where_a_node_stood_in_its_text_does_not_matter_for_equality():
    assert Name("a", at=7) == Name("a")
    assert hash(Attr(A, "x", at=7)) == hash(Attr(A, "x"))


def test_and_of_and_is_one_and_but_keeps_an_or_inside():
    assert And((And((A, B)), C)) == And((A, B, C))
    assert And((Or((A, B)), C)).parts == (Or((A, B)), C)
    assert And((A, B)) != Or((A, B))


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (And((A, Or((B, C)))), "a and (b or c)"),
        (Or((And((A, B)), C)), "a and b or c"),
        (Not(And((A, B))), "not (a and b)"),
        (Not(Compare(A, ("==",), (Const(1),))), "not a == 1"),
        (Compare(Not(A), ("==",), (B,)), "(not a) == b"),
        (Compare(Compare(A, ("<",), (B,)), ("<",), (C,)), "(a < b) < c"),
        (Arithmetic("-", A, Arithmetic("-", B, C)), "a - (b - c)"),
        (Arithmetic("-", Arithmetic("-", A, B), C), "a - b - c"),
        (Arithmetic("**", Const(-1), Const(2)), "(-1) ** 2"),
        (Arithmetic("**", A, Const(-2)), "a ** -2"),
        (Arithmetic("**", Arithmetic("**", A, B), C), "(a ** b) ** c"),
        (Arithmetic("**", A, Arithmetic("**", B, C)), "a ** b ** c"),
        (Negative(Arithmetic("**", A, B)), "-a ** b"),
        (Arithmetic("*", Negative(A), B), "-a * b"),
        (Negative(Arithmetic("*", A, B)), "-(a * b)"),
        (Method(Const(1), "f"), "(1).f()"),
        (Method(Const("x"), "lower"), "'x'.lower()"),
        (Attr(Arithmetic("+", A, B), "x"), "(a + b).x"),
        (Item(Item(A, "k"), 0), "a['k'][0]"),
        (IfElse(IfElse(A, B, C), B, IfElse(A, B, C)), "(a if b else c) if b else a if b else c"),
        (Compare(A, ("in",), (Listing((Const("x"), Const(-2))),)), "a in ['x', -2]"),
        (Compare(A, ("is not",), (Const(None),)), "a is not None"),
        (Const(-0.0), "-0.0"),
    ],
)
def test_text_has_brackets_only_where_they_are_needed(tree: Expr, text: str):
    assert str(tree) == text
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_what_cannot_be_written_cannot_be_made():
    with pytest.raises(ValueError, match="inf"):
        Const(float("inf"))
    with pytest.raises(ValueError, match="64 bits"):
        Const(2**63)
    with pytest.raises(ValueError, match="Unicode"):
        Const("\ud800")
    with pytest.raises(ValueError, match="negative"):
        Negative(Const(1))
    with pytest.raises(ValueError, match="at least two"):
        And((A,))
    with pytest.raises(ValueError, match="one operator"):
        Compare(A, (), ())
    with pytest.raises(ValueError, match="'&'"):
        Arithmetic("&", A, B)
    assert negative(Const(-3)) == Const(3)


def test_depth_is_counted_without_recursion():
    tree: Expr = A
    for _ in range(50_000):
        tree = Not(tree)
    assert depth(tree) == 50_001


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"node": "shell"},
        {"node": "name"},
        {"node": "name", "name": "a", "more": 1},
        {"node": "name", "name": "a b"},
        {"node": "name", "name": "if"},
        {"node": "name", "name": 3},
        {"node": "const", "value": [1]},
        {"node": "const", "value": 2**70},
        {"node": "and", "parts": [{"node": "name", "name": "a"}]},
        {"node": "list", "items": [{"node": "name", "name": "a"}]},
        {
            "node": "compare",
            "first": {"node": "name", "name": "a"},
            "ops": ["; drop"],
            "rest": [{"node": "name", "name": "a"}],
        },
        {"node": "not", "of": "a"},
    ],
)
def test_json_that_is_no_tree_is_refused(value: object):
    with pytest.raises(ValueError):
        from_json(value)


def test_json_nested_too_deeply_is_refused_without_exhausting_the_stack():
    value: dict[str, object] = {"node": "name", "name": "a"}
    for _ in range(5000):
        value = {"node": "not", "of": value}
    with pytest.raises(ValueError, match="levels deep"):
        from_json(value)
