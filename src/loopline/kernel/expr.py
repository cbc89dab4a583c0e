"""The query tree: what an expression says, as small frozen values.

The text of an expression (`loopline.query.parse`) and the builder `F` give the same tree. A tree compares, hashes,
prints as text that parses back to it, and goes over the wire as plain JSON with named fields.
"""

from __future__ import annotations

import dataclasses
import keyword
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast, get_args

Scalar: TypeAlias = str | int | float | bool | None

CompareOp = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"]
ArithmeticOp = Literal["+", "-", "*", "/", "//", "%", "**"]

MAX_DEPTH: Final = 100
"""Levels of nesting in one expression. Walking a tree recurses, and must not exhaust the caller's stack."""

INT_RANGE: Final = (-(2**63), 2**63 - 1)


class Expr:
    """Base of the nodes, so that they can be told from other values. `at`: 0-based column of the node in the text
    that it came from, -1 where there is none; it does not take part in comparison."""

    __slots__ = ()
    at: int

    def __str__(self) -> str:
        return to_text(self)


def _at() -> int:
    return field(default=-1, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class Const(Expr):
    """A text, number, True, False or None. 1, 1.0 and True are three different constants."""

    value: Scalar
    at: int = _at()

    def __post_init__(self) -> None:
        value = self.value
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} cannot stand in a query")
        if type(value) is int and not INT_RANGE[0] <= value <= INT_RANGE[1]:
            raise ValueError("a whole number in a query has at most 64 bits")
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise ValueError("text in a query must be valid Unicode (it has a lone surrogate)") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """`weather`, `predictions`, `label`, `tags`: what it stands for depends on the scope."""

    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Attr(Expr):
    """`box.area`, `sample.width`, `weather.label`."""

    of: Expr
    name: str
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Item(Expr):
    """`meta['camera']`: a value inside a json column."""

    of: Expr
    key: str | int
    at: int = _at()

    def __post_init__(self) -> None:
        Const(self.key)


@dataclass(frozen=True, slots=True)
class Listing(Expr):
    """`['a', 'b']`, to the right of `in`."""

    items: tuple[Const, ...]
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Negative(Expr):
    """`-x`. The negative of a number is a `Const`; see `negative`."""

    of: Expr
    at: int = _at()

    def __post_init__(self) -> None:
        if _has_negative(self.of):
            raise ValueError("the negative of a number is itself a Const; use negative()")


@dataclass(frozen=True, slots=True)
class Arithmetic(Expr):
    """`left op right`."""

    op: ArithmeticOp
    left: Expr
    right: Expr
    at: int = _at()

    def __post_init__(self) -> None:
        _one_of(self.op, ArithmeticOp)


@dataclass(frozen=True, slots=True)
class Compare(Expr):
    """`first op item op item …`: a chain holds where each neighbouring pair holds."""

    first: Expr
    ops: tuple[CompareOp, ...]
    rest: tuple[Expr, ...]
    at: int = _at()

    def __post_init__(self) -> None:
        if not self.ops or len(self.ops) != len(self.rest):
            raise ValueError("a comparison has one operator before each further part")
        for op in self.ops:
            _one_of(op, CompareOp)

    def pairs(self) -> Iterator[tuple[Expr, CompareOp, Expr]]:
        left = self.first
        for op, right in zip(self.ops, self.rest, strict=True):
            yield left, op, right
            left = right


@dataclass(frozen=True, slots=True)
class Not(Expr):
    of: Expr
    at: int = _at()


@dataclass(frozen=True, slots=True)
class _Logic(Expr):
    parts: tuple[Expr, ...]
    at: int = _at()

    def __post_init__(self) -> None:
        flat: list[Expr] = []
        for part in self.parts:
            flat.extend(part.parts if isinstance(part, _Logic) and type(part) is type(self) else [part])
        if len(flat) < 2:
            raise ValueError("`and` and `or` join at least two parts")
        object.__setattr__(self, "parts", tuple(flat))


@dataclass(frozen=True, slots=True)
class And(_Logic):
    """All of two or more parts. `(a and b) and c` is `a and b and c`."""


@dataclass(frozen=True, slots=True)
class Or(_Logic):
    """Any of two or more parts."""


@dataclass(frozen=True, slots=True)
class IfElse(Expr):
    """`then if test else otherwise`."""

    then: Expr
    test: Expr
    otherwise: Expr
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """`abs(x)`, `min(a, b)`."""

    name: str
    args: tuple[Expr, ...]
    at: int = _at()


@dataclass(frozen=True, slots=True)
class Method(Expr):
    """`path.contains('night')`, `predictions.any(score > 0.5)`."""

    of: Expr
    name: str
    args: tuple[Expr, ...] = ()
    at: int = _at()


NODES: Final[dict[str, type[Expr]]] = {
    "const": Const,
    "name": Name,
    "attr": Attr,
    "item": Item,
    "list": Listing,
    "negative": Negative,
    "arithmetic": Arithmetic,
    "compare": Compare,
    "not": Not,
    "and": And,
    "or": Or,
    "if": IfElse,
    "call": Call,
    "method": Method,
}
_KIND: Final = {node: kind for kind, node in NODES.items()}


def negative(of: Expr, at: int = -1) -> Expr:
    """`-of`; the negative of a number is a number, where 64 bits hold it."""
    if _has_negative(of):
        return Const(-cast("float", cast("Const", of).value), at=at)
    return Negative(of, at=at)


def _has_negative(of: Expr) -> bool:
    """Whether it is a number whose negative is a constant as well."""
    return isinstance(of, Const) and type(of.value) in (int, float) and of.value != INT_RANGE[0]


def children(expr: Expr) -> Iterator[Expr]:
    """The nodes directly inside a node, left to right."""
    for f in dataclasses.fields(cast("Const", expr)):
        value = getattr(expr, f.name)
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Expr))


def depth(expr: Expr) -> int:
    """Levels of nesting, counted without recursion; a constant has 1."""
    deepest, stack = 0, [(expr, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children(node))
    return deepest


# -- text

_IF, _OR, _AND, _NOT, _COMPARE, _ADD, _MULTIPLY, _UNARY, _POWER, _ATOM = range(10)
_ARITHMETIC: Final = {"+": _ADD, "-": _ADD, "*": _MULTIPLY, "/": _MULTIPLY, "//": _MULTIPLY, "%": _MULTIPLY}


def to_text(expr: Expr) -> str:
    """The canonical text of a tree: parsing it gives the tree again. Parentheses only where they are needed.

    >>> to_text(And((Compare(Name("a"), (">",), (Const(1),)), Or((Name("b"), Name("c"))))))
    'a > 1 and (b or c)'
    """
    return _printed(expr)[0]


def _inside(expr: Expr, least: int) -> str:
    """The text of `expr`, in parentheses where it binds less tightly than `least`."""
    text, strength = _printed(expr)
    return text if strength >= least else f"({text})"


def _printed(expr: Expr) -> tuple[str, int]:
    """Text, and how tightly its outermost operator binds."""
    match expr:
        case Const(value):
            is_signed = type(value) in (int, float) and math.copysign(1, cast("float", value)) < 0
            return repr(value), _UNARY if is_signed else _ATOM
        case Name(name):
            return name, _ATOM
        case Attr(of, name):
            return f"{_receiver(of)}.{name}", _ATOM
        case Item(of, key):
            return f"{_receiver(of)}[{key!r}]", _ATOM
        case Listing(items):
            return f"[{', '.join(repr(item.value) for item in items)}]", _ATOM
        case Negative(of):
            return f"-{_inside(of, _UNARY)}", _UNARY
        case Arithmetic("**", left, right):
            return f"{_inside(left, _ATOM)} ** {_inside(right, _UNARY)}", _POWER
        case Arithmetic(op, left, right):
            strength = _ARITHMETIC[op]
            return f"{_inside(left, strength)} {op} {_inside(right, strength + 1)}", strength
        case Compare(first, ops, rest):
            pairs = zip(ops, rest, strict=True)
            tail = "".join(f" {op} {_inside(right, _COMPARE + 1)}" for op, right in pairs)
            return _inside(first, _COMPARE + 1) + tail, _COMPARE
        case Not(of):
            return f"not {_inside(of, _NOT)}", _NOT
        case And(parts):
            return " and ".join(_inside(part, _AND + 1) for part in parts), _AND
        case Or(parts):
            return " or ".join(_inside(part, _OR + 1) for part in parts), _OR
        case IfElse(then, test, otherwise):
            return f"{_inside(then, _IF + 1)} if {_inside(test, _IF + 1)} else {_inside(otherwise, _IF)}", _IF
        case Call(name, args):
            return f"{name}({', '.join(map(to_text, args))})", _ATOM
        case Method(of, name, args):
            return f"{_receiver(of)}.{name}({', '.join(map(to_text, args))})", _ATOM
    raise TypeError(f"{type(expr).__name__} is not a node of the query tree")


def _receiver(of: Expr) -> str:
    is_number = isinstance(of, Const) and type(of.value) in (int, float)
    return f"({to_text(of)})" if is_number else _inside(of, _ATOM)


# -- JSON


def to_json(expr: Expr) -> dict[str, object]:
    """The tree as plain JSON: `{"node": "compare", "first": …, "ops": ["=="], "rest": […]}`."""
    out: dict[str, object] = {"node": _KIND[type(expr)]}
    for f in dataclasses.fields(cast("Const", expr)):
        if f.name != "at":
            out[f.name] = _value_to_json(getattr(expr, f.name))
    return out


def _value_to_json(value: object) -> object:
    if isinstance(value, Expr):
        return to_json(value)
    return [_value_to_json(item) for item in value] if isinstance(value, tuple) else value


def from_json(value: object) -> Expr:
    """The tree that `to_json` wrote. Raises ValueError where it is none, or is nested more than MAX_DEPTH deep."""
    return _from_json(value, MAX_DEPTH)


_MEMBERS: Final[dict[str, type | tuple[type, ...]]] = {
    "name": str,
    "op": str,
    "key": (str, int),
    "value": (str, int, float, bool, type(None)),
}
_LISTS: Final = ("items", "ops", "rest", "parts", "args")


def _from_json(value: object, levels: int) -> Expr:
    if levels <= 0:
        raise ValueError(f"the expression is nested more than {MAX_DEPTH} levels deep")
    if not isinstance(value, Mapping) or value.get("node") not in NODES:
        raise ValueError(f'a node is an object whose "node" is one of {", ".join(NODES)}')
    node = NODES[value["node"]]
    names = [f.name for f in dataclasses.fields(cast("type[Const]", node)) if f.name != "at"]
    if set(value) - {"node"} != set(names):
        raise ValueError(f'node "{value["node"]}" has the members {", ".join(names)}')
    given: dict[str, object] = {}
    for name in names:
        item = value[name]
        if name in _LISTS:
            if not isinstance(item, list):
                raise ValueError(f'"{name}" of node "{value["node"]}" is a list')
            given[name] = tuple(i if name == "ops" else _from_json(i, levels - 1) for i in item)
        elif name in _MEMBERS:
            if not isinstance(item, _MEMBERS[name]):
                raise ValueError(f'"{name}" of node "{value["node"]}" has the wrong type')
            given[name] = item
        else:
            given[name] = _from_json(item, levels - 1)
    if node is Listing and not all(isinstance(i, Const) for i in cast("tuple[object, ...]", given["items"])):
        raise ValueError("a list holds constants only")
    word = given.get("name", "x")
    if not isinstance(word, str) or not word.isidentifier() or keyword.iskeyword(word):
        raise ValueError(f"{word!r} is not a name")
    return node(**given)


def _one_of(op: str, allowed: object) -> None:
    if op not in get_args(allowed):
        raise ValueError(f"{op!r} is not one of {', '.join(get_args(allowed))}")
