"""A checked expression: names are resolved, types are known, and what can be said in several ways is said in one.

`check` makes these from a query tree; `compile` makes SQL from them. A condition here is two-valued: it holds or it
does not. `!=`, `not in`, `is None` and `.all()` are already rewritten as `not` of their opposites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from loopline.kernel.schema import ScalarType

Type: TypeAlias = ScalarType | Literal["none", "opaque"]
"""`none` is the type of None; `opaque` of a mask or a point list, which can only be present or missing."""

AggregateFunction = Literal["any", "count", "min", "max", "mean", "sum", "first"]
CompareOp = Literal["==", "<", "<=", ">", ">="]

NUMBERS: Final[tuple[Type, ...]] = ("int", "float")


@dataclass(frozen=True, slots=True)
class Value:
    """A constant."""

    type: Type
    value: str | int | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class SampleColumn:
    type: Type
    name: str


@dataclass(frozen=True, slots=True)
class ObjectColumn:
    """A column of a label field's table."""

    type: Type
    field: str
    name: str


@dataclass(frozen=True, slots=True)
class MatchColumn:
    """What the evaluation `key` knows about an object of a label field."""

    type: Type
    field: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`neg` has one operand, `+ - * / // % **` have two."""

    type: Type
    op: str
    args: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of `functions.py`."""

    type: Type
    function: str
    args: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Extract:
    """The text at a path inside a json value; None where there is nothing."""

    of: Bound
    path: tuple[str | int, ...]
    type: Type = "text"


@dataclass(frozen=True, slots=True)
class Choose:
    type: Type
    test: Bound
    then: Bound
    otherwise: Bound


@dataclass(frozen=True, slots=True)
class Compared:
    op: CompareOp
    left: Bound
    right: Bound
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Among:
    """The value is one of a list."""

    of: Bound
    items: tuple[Value, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Present:
    """The value is not missing."""

    of: Bound
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Negated:
    of: Bound
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Joined:
    """All (`and`) or one (`or`) of the parts."""

    op: Literal["and", "or"]
    parts: tuple[Bound, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Tagged:
    """The sample (`field` None) or object has the tag; with `tag` None: has any tag."""

    field: str | None
    tag: str | None
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class TagCount:
    field: str | None
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class InObjects:
    """The object is one of those that an earlier step of a view picked; `step` names it."""

    field: str
    step: str
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class InPlane:
    """The sample's or object's point on the map of the embedding `key` lies inside a polygon of x, y, x, y, …"""

    key: str
    corners: tuple[float, ...]
    type: Type = "bool"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function over the objects of one field on a sample that meet `where`; `value` is None for any and count."""

    type: Type
    function: AggregateFunction
    field: str
    value: Bound | None
    where: Bound | None


Bound: TypeAlias = (
    Value
    | SampleColumn
    | ObjectColumn
    | MatchColumn
    | Arithmetic
    | Apply
    | Extract
    | Choose
    | Compared
    | Among
    | Present
    | Negated
    | Joined
    | Tagged
    | TagCount
    | InObjects
    | InPlane
    | Aggregate
)


def parts(bound: Bound) -> tuple[Bound, ...]:
    """What a node is computed from, in the same scope: not what is inside an aggregate."""
    match bound:
        case Arithmetic(args=args) | Apply(args=args):
            return args
        case Choose(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case Compared(left=left, right=right):
            return (left, right)
        case Joined(parts=joined):
            return joined
        case Extract(of=of) | Among(of=of) | Present(of=of) | Negated(of=of):
            return (of,)
        case _:
            return ()


def object_fields(bound: Bound) -> set[str]:
    """The label fields whose objects the value is of; empty for a value of the sample."""
    return set(_object_fields(bound))


def _object_fields(bound: Bound) -> Iterator[str]:
    match bound:
        case ObjectColumn(field=field) | MatchColumn(field=field) | InObjects(field=field):
            yield field
        case Tagged(field=str() as field) | TagCount(field=str() as field):
            yield field
        case _:
            for part in parts(bound):
                yield from _object_fields(part)


def both(a: Bound | None, b: Bound | None) -> Bound | None:
    """`a and b`, where None stands for no condition."""
    if a is None or b is None:
        return b if a is None else a
    return Joined("and", (a, b))
