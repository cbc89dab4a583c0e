"""Random expressions that are right by the schema of `tests.query.engine.STREET`, and random trees that need not be."""

from __future__ import annotations

from hypothesis import strategies as st

from loopline.kernel import expr as tree
from loopline.kernel.expr import Const, Expr, Name

Strategy = st.SearchStrategy[Expr]

SHAPES = ("ground_truth", "predictions")
ANY_FIELD = (*SHAPES, "scene", "quality")

names = st.sampled_from(["a", "weather", "box", "predictions", "é", "_x", "match", "日本"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
constants = st.builds(Const, scalars)


def _compare(draw_parts: Strategy) -> Strategy:
    op = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    pair = st.one_of(
        st.tuples(op, draw_parts),
        st.tuples(st.sampled_from(["in", "not in"]), st.one_of(listings, names.map(Name))),
        st.tuples(st.sampled_from(["is", "is not"]), st.just(Const(None))),
    )
    return st.builds(
        lambda first, pairs: tree.Compare(first, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)),
        draw_parts,
        st.lists(pair, min_size=1, max_size=3),
    )


listings = st.lists(constants, max_size=3).map(lambda items: tree.Listing(tuple(items)))


def _grow(inner: Strategy) -> Strategy:
    args = st.lists(inner, max_size=2).map(tuple)
    two = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(tree.Attr, inner, names),
        st.builds(tree.Item, inner, st.one_of(st.text(max_size=5), st.integers(0, 9))),
        inner.map(tree.negative),
        st.builds(tree.Arithmetic, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner, inner),
        _compare(inner),
        st.builds(tree.Not, inner),
        two.map(tree.And),
        two.map(tree.Or),
        st.builds(tree.IfElse, inner, inner, inner),
        st.builds(tree.Call, names, args),
        st.builds(tree.Method, inner, names, args),
    )


trees: Strategy = st.recursive(st.one_of(names.map(Name), constants), _grow, max_leaves=20)
"""Any tree that can be written down, sense or not."""


# -- expressions with a meaning

small_numbers = st.sampled_from([0, 1, 2, 3, -1, 640, 0.5, 0.25, 2.5, -7.25, 1e-9, 100, 2**62]).map(Const)
some_texts = st.sampled_from(["", "a", "car", "person", "rain", "日本", "a'b", "%_", "x"]).map(Const)


def _attr(*parts: str) -> Expr:
    found: Expr = Name(parts[0])
    for part in parts[1:]:
        found = tree.Attr(found, part)
    return found


def _paths(*paths: str) -> Strategy:
    return st.sampled_from([_attr(*path.split(".")) for path in paths])


class Scope:
    """Leaves of each type, about samples (field "") or about objects of a field."""

    def __init__(self, field: str) -> None:
        self.field = field
        extra = {"ground_truth": ["wheels"], "quality": ["value"]}.get(field, [])
        if not field:
            self.numbers = _paths("width", "height", "brightness", "people", "duration_s")
            self.texts = _paths("path", "weather", "split", "media")
            self.bools = _paths("checked")
            self.times = _paths("created_at", "taken_at")
        else:
            shapes = ["box.x", "box.w", "box.area", "box.rel_area", "box.aspect", "box.cx"] if field in SHAPES else []
            self.numbers = _paths("score", "track_id", "id", "sample.width", "sample.brightness", *extra, *shapes)
            self.texts = _paths("label", "sample.path", *(["colour"] if field == "ground_truth" else []))
            flags = ["sample.checked"]
            flags += ["iscrowd"] if field in SHAPES else []
            flags += ["occluded"] if field == "ground_truth" else []
            self.bools = _paths(*flags)
            self.times = _paths("sample.taken_at")


def numbers(field: str, depth: int) -> Strategy:
    scope = Scope(field)
    if depth <= 0:
        return st.one_of(scope.numbers, scope.numbers, small_numbers)
    inner = st.deferred(lambda: numbers(field, depth - 1))
    options = [
        scope.numbers,
        inner.map(tree.negative),
        st.builds(tree.Arithmetic, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner, inner),
        st.builds(
            lambda name, a: tree.Call(name, (a,)),
            st.sampled_from(["abs", "sqrt", "log", "floor", "ceil", "round"]),
            inner,
        ),
        st.builds(lambda name, a, b: tree.Call(name, (a, b)), st.sampled_from(["min", "max"]), inner, inner),
        texts(field).map(lambda t: tree.Call("length", (t,))),
        texts(field).map(lambda t: tree.Call("number", (t,))),
        st.builds(
            lambda n, t: tree.Call(n, (t,)), st.sampled_from(["year", "month", "day", "hour", "weekday"]), scope.times
        ),
        # Of a whole number and a float the choice is a float: the evaluator has no types, so both are floats here.
        st.builds(
            lambda a, c, b: tree.IfElse(tree.Arithmetic("/", a, Const(1)), c, tree.Arithmetic("/", b, Const(1))),
            inner,
            conditions(field, depth - 1),
            inner,
        ),
        st.just(tree.Method(Name("tags"), "count")),
    ]
    if not field:
        options += [aggregates(depth - 1), aggregates(depth - 1)]
    return st.one_of(options)


def texts(field: str) -> Strategy:
    leaves = st.one_of(Scope(field).texts, some_texts)
    if not field:
        leaves = st.one_of(leaves, st.sampled_from(["camera", "x"]).map(lambda k: tree.Item(Name("meta"), k)))
    return st.one_of(
        leaves,
        leaves.map(lambda t: tree.Method(t, "lower")),
    )


def aggregates(depth: int) -> Strategy:
    """Numbers computed from the objects of a field."""

    def of(field: str) -> Strategy:
        value, where = numbers(field, min(depth, 1) - 1), conditions(field, depth)
        return st.one_of(
            st.builds(lambda c: tree.Method(Name(field), "count", (c,)), where),
            st.just(tree.Call("len", (Name(field),))),
            st.builds(lambda f, v: tree.Method(Name(field), f, (v,)), st.sampled_from(["min", "max"]), value),
            st.builds(
                lambda f, v, c: tree.Method(Name(field), f, (v, c)), st.sampled_from(["min", "max"]), value, where
            ),
        )

    return st.sampled_from(ANY_FIELD).flatmap(of)


def conditions(field: str, depth: int) -> Strategy:
    scope = Scope(field)
    ops = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    number, text = numbers(field, depth - 1), texts(field)
    in_list = st.lists(small_numbers, max_size=3).map(lambda items: tree.Listing(tuple(items)))
    in_texts = st.lists(some_texts, max_size=3).map(lambda items: tree.Listing(tuple(items)))
    one = lambda a, op, b: tree.Compare(a, (op,), (b,))  # noqa: E731
    membership, nothing = st.sampled_from(["in", "not in"]), st.sampled_from(["is", "is not"])
    moments = st.sampled_from(["2026-01-01", "2026-01-01T12:30:00", "1969-07-20T20:17:40.000005"]).map(Const)
    options: list[Strategy] = [
        st.builds(one, number, ops, number),
        st.builds(lambda a, x, b, y, c: tree.Compare(a, (x, y), (b, c)), number, ops, number, ops, number),
        st.builds(one, text, ops, text),
        st.builds(one, scope.times, ops, moments),
        st.builds(one, number, membership, in_list),
        st.builds(one, text, membership, in_texts),
        st.builds(one, st.one_of(number, text, scope.bools, scope.times), nothing, st.just(Const(None))),
        scope.bools,
        st.builds(one, scope.bools, st.sampled_from(["==", "!="]), st.booleans().map(Const)),
        st.builds(
            lambda a, name, b: tree.Method(a, name, (b,)),
            text,
            st.sampled_from(["contains", "startswith", "endswith"]),
            some_texts,
        ),
        st.builds(
            lambda a, p: tree.Method(a, "matches", (Const(p),)),
            text,
            st.sampled_from(["a", "^c", "r$", "[0-9]+", "本"]),
        ),
        st.builds(one, st.sampled_from(["todo", "日本", "none"]).map(Const), membership, st.just(Name("tags"))),
        st.builds(one, st.just(Name("tags")), nothing, st.just(Const(None))),
    ]
    if depth > 0:
        inner = st.deferred(lambda: conditions(field, depth - 1))
        options += [
            inner.map(tree.Not),
            st.builds(lambda a, b: tree.And((a, b)), inner, inner),
            st.builds(lambda a, b: tree.Or((a, b)), inner, inner),
        ]
        owner = (lambda f: Name(f)) if not field else (lambda f: tree.Attr(Name("sample"), f))
        options += [
            st.sampled_from(ANY_FIELD).flatmap(
                lambda f: st.builds(
                    lambda name, c: tree.Method(owner(f), name, (c,)),
                    st.sampled_from(["any", "all"]),
                    conditions(f, depth - 1),
                )
            ),
            st.sampled_from(ANY_FIELD).map(lambda f: tree.Method(owner(f), "any")),
        ]
        if not field:
            count = st.sampled_from(ANY_FIELD).flatmap(
                lambda f: conditions(f, depth - 1).map(lambda c: tree.Method(Name(f), "count", (c,)))
            )
            options += [
                st.builds(one, count, ops, st.sampled_from([0, 1, 2, -1, 0.5]).map(Const)),
                st.builds(one, st.sampled_from([0, 1, 2]).map(Const), ops, count),
                st.builds(one, st.sampled_from(ANY_FIELD).map(Name), nothing, st.just(Const(None))),
                st.builds(one, _paths("scene.label"), st.sampled_from(["==", "!=", "<"]), text),
                st.builds(one, _paths("scene.label"), membership, in_texts),
                st.builds(one, _paths("quality.value", "scene.score"), ops, number_leaf),
                st.builds(
                    lambda a, x, b, y, c: tree.Compare(a, (x, y), (b, c)),
                    number_leaf,
                    ops,
                    _paths("quality.value"),
                    ops,
                    number_leaf,
                ),
                st.builds(one, _paths("quality.value", "scene.label"), nothing, st.just(Const(None))),
                st.just(tree.Method(_attr("scene", "label"), "contains", (Const("a"),))),
            ]
    return st.one_of(options)


number_leaf = st.one_of(small_numbers, _paths("brightness", "people"))
