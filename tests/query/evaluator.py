"""The meaning of the query language, written the slow and plain way: one Python value at a time.

It reads the tree itself, not what `check` made of it, so that it is a second opinion on both `check` and `compile`.
None is a missing value; NaN counts as missing. A condition is True or False, never None.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loopline.kernel import expr as tree
from loopline.kernel.expr import Expr
from loopline.kernel.schema import DatasetSchema, LabelField

INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class World:
    """All rows. tags: (owner, id) to the set of tags."""

    schema: DatasetSchema
    samples: Sequence[Mapping[str, object]]
    labels: Mapping[str, Sequence[Mapping[str, object]]]
    tags: Mapping[tuple[str, int], frozenset[str]]

    def objects(self, field: str, sample_id: object) -> list[Mapping[str, object]]:
        found = [row for row in self.labels.get(field, ()) if row["sample_id"] == sample_id]
        return sorted(found, key=lambda row: row["id"])


class Tags(frozenset):
    """Tags of one sample or object."""


@dataclass(frozen=True)
class Here:
    """One sample, or one object on it."""

    world: World
    sample: Mapping[str, object]
    obj: Mapping[str, object] | None = None
    field: LabelField | None = None

    def inside(self, field: str, obj: Mapping[str, object]) -> Here:
        return Here(self.world, self.sample, obj, self.world.schema.field(field))

    def objects(self, field: str) -> list[Here]:
        return [self.inside(field, row) for row in self.world.objects(field, self.sample["id"])]


def holds(expr: Expr, here: Here) -> bool:
    match expr:
        case tree.And(parts=parts):
            return all(holds(p, here) for p in parts)
        case tree.Or(parts=parts):
            return any(holds(p, here) for p in parts)
        case tree.Not(of=of):
            return not holds(of, here)
        case tree.Compare() | tree.Method() | tree.Attr():
            field = shorthand(expr, here)
            if field is not None:
                return shorthand_holds(expr, field, here)
    return evaluate(expr, here) is True


def shorthand(expr: Expr, here: Here) -> str | None:
    """The field of a `scene.label` in a comparison, where the expression is about samples."""
    if here.obj is not None:
        return None
    match expr:
        case tree.Attr(of=tree.Name(name=name)) if here.world.schema.has_field(name):
            return name
        case tree.Method(of=tree.Name(name=name)) if here.world.schema.has_field(name):
            return None
    for child in tree.children(expr):
        found = shorthand(child, here)
        if found:
            return found
    return None


def shorthand_holds(expr: Expr, field: str, here: Here) -> bool:
    """Any row of the field. `!=`, `not in` and `is None` are `not` of their opposites."""
    if isinstance(expr, tree.Compare):
        opposite = {"!=": "==", "not in": "in", "is": "is not"}
        if len(expr.ops) == 1 and expr.ops[0] in opposite:
            return not shorthand_holds(tree.Compare(expr.first, (opposite[expr.ops[0]],), expr.rest), field, here)
        if len(expr.ops) > 1 and any(op in opposite for op in expr.ops):
            return all(holds(tree.Compare(a, (op,), (b,)), here) for a, op, b in expr.pairs())
    return any(holds(_inward(expr, field), obj) for obj in here.objects(field))


def _inward(expr: Expr, field: str) -> Expr:
    """`scene.label == weather`, about samples, as the condition on an object `label == sample.weather`."""
    match expr:
        case tree.Attr(of=tree.Name(name=name), name=part) if name == field:
            return tree.Name(part)
        case tree.Name(name=name):
            return tree.Attr(tree.Name("sample"), name)
        case tree.Compare(first=first, ops=ops, rest=rest):
            return tree.Compare(_inward(first, field), ops, tuple(_inward(r, field) for r in rest))
        case tree.Arithmetic(op=op, left=left, right=right):
            return tree.Arithmetic(op, _inward(left, field), _inward(right, field))
        case tree.Item(of=of, key=key):
            return tree.Item(_inward(of, field), key)
        case tree.Negative(of=of):
            return tree.Negative(_inward(of, field))
        case tree.Method(of=of, name=name, args=args):
            return tree.Method(_inward(of, field), name, tuple(_inward(a, field) for a in args))
        case tree.Call(name=name, args=args):
            return tree.Call(name, tuple(_inward(a, field) for a in args))
        case tree.IfElse(then=then, test=test, otherwise=otherwise):
            return tree.IfElse(_inward(then, field), _inward(test, field), _inward(otherwise, field))
    return expr


def evaluate(expr: Expr, here: Here) -> object:
    """The value, None where it is missing."""
    value = _raw(expr, here)
    return None if isinstance(value, float) and math.isnan(value) else value


def _raw(expr: Expr, here: Here) -> object:
    match expr:
        case tree.Const(value=value):
            return value
        case tree.Name(name=name):
            return _name(name, here)
        case tree.Attr():
            return _attribute(expr, here)
        case tree.Item():
            return _item(expr, here)
        case tree.Negative(of=of):
            return _arithmetic(lambda a: -a, evaluate(of, here))
        case tree.Arithmetic(op=op, left=left, right=right):
            return _arithmetic(ARITHMETIC[op], evaluate(left, here), evaluate(right, here))
        case tree.IfElse(then=then, test=test, otherwise=otherwise):
            return evaluate(then if holds(test, here) else otherwise, here)
        case tree.Compare():
            return all(_pair(a, op, b, here) for a, op, b in expr.pairs())
        case tree.And() | tree.Or() | tree.Not():
            return holds(expr, here)
        case tree.Call(name=name, args=args):
            return _call(name, args, here)
        case tree.Method():
            return _method(expr, here)
    raise TypeError(expr)


def _name(name: str, here: Here) -> object:
    if name == "tags":
        owner = "sample" if here.obj is None else here.field.name
        key = (here.sample if here.obj is None else here.obj)["id"]
        return Tags(here.world.tags.get((owner, key), frozenset()))
    row = here.sample if here.obj is None else here.obj
    return row.get(name)


def _attribute(expr: tree.Attr, here: Here) -> object:
    match expr.of:
        case tree.Name(name="sample"):
            return _name(expr.name, Here(here.world, here.sample))
        case tree.Name(name="box"):
            x, y, w, h = (evaluate(tree.Name(n), here) for n in "xywh")
            sw, sh = here.sample.get("width"), here.sample.get("height")
            area = _arithmetic(ARITHMETIC["*"], w, h)
            half = lambda v: _arithmetic(ARITHMETIC["/"], v, 2)  # noqa: E731
            return {
                "x": lambda: x,
                "y": lambda: y,
                "w": lambda: w,
                "h": lambda: h,
                "cx": lambda: _arithmetic(ARITHMETIC["+"], x, half(w)),
                "cy": lambda: _arithmetic(ARITHMETIC["+"], y, half(h)),
                "area": lambda: area,
                "rel_area": lambda: _arithmetic(ARITHMETIC["/"], area, _arithmetic(ARITHMETIC["*"], sw, sh)),
                "aspect": lambda: _arithmetic(ARITHMETIC["/"], w, h),
            }[expr.name]()
        case tree.Name(name=field):  # the first row that has a value
            values = (evaluate(tree.Name(expr.name), obj) for obj in here.objects(field))
            return next((v for v in values if v is not None), None)
    raise TypeError(expr)


def _item(expr: tree.Item, here: Here) -> str | None:
    path: list[str | int] = []
    inner: Expr = expr
    while isinstance(inner, tree.Item):
        path.insert(0, inner.key)
        inner = inner.of
    try:
        value = json.loads(evaluate(inner, here))
        for key in path:
            value = value[key]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return value if isinstance(value, str) or value is None else json.dumps(value, separators=(",", ":"))


def _fits(value: object) -> object:
    return None if type(value) is int and value not in INT64 else value


def _arithmetic(function: Callable[..., object], *values: object) -> object:
    if any(v is None for v in values):
        return None
    try:
        return _fits(function(*values))
    except ZeroDivisionError:
        return None


def _power(a: float, b: float) -> float:
    a, b = float(a), float(b)
    try:
        found = a**b
    except OverflowError:
        return math.inf if a > 0 or b % 2 == 0 else -math.inf
    except ZeroDivisionError:
        return math.copysign(math.inf, a) if b % 2 == 1 else math.inf
    return math.nan if isinstance(found, complex) else found


def _floor_divide(a: float, b: float) -> object:
    if b == 0:
        return None
    quotient = float(a) / float(b)
    if type(a) is int and type(b) is int:
        return math.floor(quotient)
    return float(math.floor(quotient)) if math.isfinite(quotient) else quotient


def _remainder(a: float, b: float) -> object:
    if b == 0:
        return None
    if type(a) is int and type(b) is int:
        return a % b
    if not math.isfinite(a):
        return None
    return math.fmod(math.fmod(a, b) + b, b) if math.isfinite(math.fmod(a, b) + b) else None


ARITHMETIC: dict[str, Callable[..., object]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: float(a) / float(b),
    "//": _floor_divide,
    "%": _remainder,
    "**": _power,
}


def _pair(left: Expr, op: str, right: Expr, here: Here) -> bool:
    if op in ("!=", "not in", "is"):
        return not _pair(left, {"!=": "==", "not in": "in", "is": "is not"}[op], right, here)
    if op == "is not":
        if isinstance(left, tree.Name) and here.obj is None and here.world.schema.has_field(left.name):
            return bool(here.objects(left.name))
        value = evaluate(left, here)
        return bool(value) if isinstance(value, Tags) else value is not None
    a = evaluate(left, here)
    if op == "in":
        if isinstance(right, tree.Listing):
            return a is not None and any(a == item.value for item in right.items)
        return a in evaluate(right, here)
    b = evaluate(right, here)
    if isinstance(a, dt.datetime) and isinstance(b, str):
        b = dt.datetime.fromisoformat(b)
    if isinstance(b, dt.datetime) and isinstance(a, str):
        a = dt.datetime.fromisoformat(a)
    if a is None or b is None:
        return False
    if type(a) is not type(b) and isinstance(a, (int, float)):
        a, b = float(a), float(b)
    return {"==": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op] if op != "==" else a == b


def _guarded(function: Callable[[float], float]) -> Callable[[float], object]:
    def call(x: float) -> object:
        try:
            return function(x)
        except OverflowError:
            return math.inf
        except ValueError:
            return None

    return call


def _whole(function: Callable[[float], int]) -> Callable[[float], object]:
    return lambda x: function(x) if math.isfinite(x) else None


FUNCTIONS: dict[str, Callable[..., object]] = {
    "abs": abs,
    "sqrt": _guarded(math.sqrt),
    "log": _guarded(math.log),
    "exp": _guarded(math.exp),
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "round": _whole(lambda x: round(float(x))),
    "number": _guarded(float),
    "lower": lambda a: "".join(c.lower() if len(c.lower()) == 1 else c for c in a),
    "upper": lambda a: "".join({"ß": "ẞ"}.get(c, c.upper() if len(c.upper()) == 1 else c) for c in a),
    "length": len,
    "year": lambda t: t.year,
    "month": lambda t: t.month,
    "day": lambda t: t.day,
    "hour": lambda t: t.hour,
    "weekday": lambda t: t.weekday(),
    "contains": lambda a, b: b in a,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "matches": lambda a, b: re.search(b, a) is not None,
}


def _call(name: str, args: tuple[Expr, ...], here: Here) -> object:
    if name == "len":
        of = args[0]
        if isinstance(of, tree.Name) and here.obj is None and here.world.schema.has_field(of.name):
            return len(here.objects(of.name))
        value = evaluate(of, here)
        return None if value is None else len(value)
    values = [evaluate(arg, here) for arg in args]
    if name in ("min", "max"):
        present = [v for v in values if v is not None]
        if any(isinstance(v, float) for v in present):
            present = [float(v) for v in present]
        return (min if name == "min" else max)(present) if present else None
    return _arithmetic(FUNCTIONS[name], *values)


def _method(expr: tree.Method, here: Here) -> object:
    match expr.of:
        case tree.Name(name=name) if here.obj is None and here.world.schema.has_field(name):
            return _aggregate(name, expr.name, expr.args, here)
        case tree.Attr(of=tree.Name(name="sample"), name=name) if here.world.schema.has_field(name):
            return _aggregate(name, expr.name, expr.args, Here(here.world, here.sample))
    of = evaluate(expr.of, here)
    if isinstance(of, Tags):
        return len(of)
    return _call(expr.name, (tree.Const(of) if isinstance(of, str) else tree.Const(None), *expr.args), here)


def _aggregate(field: str, function: str, args: tuple[Expr, ...], here: Here) -> object:
    objects = here.objects(field)
    takes_value = function in ("min", "max", "mean", "sum")
    condition = args[-1] if len(args) > takes_value else None
    if function == "all":
        return all(holds(condition, obj) for obj in objects)
    met = [obj for obj in objects if condition is None or holds(condition, obj)]
    if function == "any":
        return bool(met)
    if function == "count":
        return len(met)
    values = [v for v in (evaluate(args[0], obj) for obj in met) if v is not None]
    if function == "sum":
        return _fits(sum(values))
    if not values:
        return None
    return {"min": min, "max": max, "mean": lambda v: sum(v) / len(v)}[function](values)
