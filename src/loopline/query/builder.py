"""`F`: expressions written in Python. They give exactly the tree of the same expression in text.

F.ground_truth.count(F.label == "mask") > 3        ground_truth.count(label == 'mask') > 3
(F.score > 0.5) & ~F.label.isin(["car", "bus"])    score > 0.5 and not label in ['car', 'bus']
F.tags.has("todo") | F.split.is_none()             'todo' in tags or split is None
F.score.between(0.2, 0.5)                          0.2 <= score <= 0.5
F.if_(F.width > 640, "wide", "narrow")             'wide' if width > 640 else 'narrow'
F.sqrt(F.width), F.len(F.predictions)              sqrt(width), len(predictions)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Final, NoReturn, TypeAlias

from loopline.errors import QuerySyntaxError, QueryTypeError
from loopline.kernel import expr as tree
from loopline.kernel.expr import Expr

Operand: TypeAlias = "Built | Expr | str | int | float | bool | datetime | date | None"


class Built:
    """An expression in the making. `.expr` is its tree; `str()` its text."""

    __slots__ = ("_expr",)
    _expr: Expr
    __hash__ = None  # type: ignore[assignment]  # == builds a comparison, so a set or dict key would not be found again

    def __init__(self, expr: Expr) -> None:
        object.__setattr__(self, "_expr", expr)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an expression does not change")

    def __getattr__(self, name: str) -> Built:
        if name.startswith(("__", "_repr_", "_ipython", "_expr")):
            raise AttributeError(name)  # Python and notebooks look for such names on everything
        return Built(tree.Attr(self._expr, name))

    def __getitem__(self, key: str | int) -> Built:
        return Built(tree.Item(self._expr, key))

    def __call__(self, *args: Operand | Iterable[Operand]) -> Built:
        match self._expr:
            case tree.Attr(of=of, name=name) if name in _SPELLED:
                return Built(_SPELLED[name](of, *args))
            case tree.Attr(of=of, name=name):
                return Built(tree.Method(of, name, tuple(map(as_expr, args))))
            case tree.Name(name="if_") if len(args) == 3:
                test, then, otherwise = map(as_expr, args)
                return Built(tree.IfElse(then, test, otherwise))
            case tree.Name(name=name):
                return Built(tree.Call(name, tuple(map(as_expr, args))))
        raise QuerySyntaxError("only a name can be called", text=str(self))

    def __str__(self) -> str:
        return str(self._expr)

    def __repr__(self) -> str:
        return f"<F: {self._expr}>"

    def __eq__(self, other: object) -> Built:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> Built:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: Operand) -> Built:
        return self._compare("<", other)

    def __le__(self, other: Operand) -> Built:
        return self._compare("<=", other)

    def __gt__(self, other: Operand) -> Built:
        return self._compare(">", other)

    def __ge__(self, other: Operand) -> Built:
        return self._compare(">=", other)

    def _compare(self, op: tree.CompareOp, other: object) -> Built:
        return Built(tree.Compare(self._expr, (op,), (as_expr(other),)))

    def __and__(self, other: Operand) -> Built:
        return Built(tree.And((self._expr, as_expr(other))))

    def __rand__(self, other: Operand) -> Built:
        return Built(tree.And((as_expr(other), self._expr)))

    def __or__(self, other: Operand) -> Built:
        return Built(tree.Or((self._expr, as_expr(other))))

    def __ror__(self, other: Operand) -> Built:
        return Built(tree.Or((as_expr(other), self._expr)))

    def __invert__(self) -> Built:
        return Built(tree.Not(self._expr))

    def __neg__(self) -> Built:
        return Built(tree.negative(self._expr))

    def __add__(self, other: Operand) -> Built:
        return self._arithmetic("+", other)

    def __radd__(self, other: Operand) -> Built:
        return self._reversed("+", other)

    def __sub__(self, other: Operand) -> Built:
        return self._arithmetic("-", other)

    def __rsub__(self, other: Operand) -> Built:
        return self._reversed("-", other)

    def __mul__(self, other: Operand) -> Built:
        return self._arithmetic("*", other)

    def __rmul__(self, other: Operand) -> Built:
        return self._reversed("*", other)

    def __truediv__(self, other: Operand) -> Built:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: Operand) -> Built:
        return self._reversed("/", other)

    def __floordiv__(self, other: Operand) -> Built:
        return self._arithmetic("//", other)

    def __rfloordiv__(self, other: Operand) -> Built:
        return self._reversed("//", other)

    def __mod__(self, other: Operand) -> Built:
        return self._arithmetic("%", other)

    def __rmod__(self, other: Operand) -> Built:
        return self._reversed("%", other)

    def __pow__(self, other: Operand) -> Built:
        return self._arithmetic("**", other)

    def __rpow__(self, other: Operand) -> Built:
        return self._reversed("**", other)

    def __abs__(self) -> Built:
        return Built(tree.Call("abs", (self._expr,)))

    def _arithmetic(self, op: tree.ArithmeticOp, other: Operand) -> Built:
        return Built(tree.Arithmetic(op, self._expr, as_expr(other)))

    def _reversed(self, op: tree.ArithmeticOp, other: Operand) -> Built:
        return Built(tree.Arithmetic(op, as_expr(other), self._expr))

    def __bool__(self) -> bool:
        raise QueryTypeError(
            "Python's `and`, `or`, `not`, `if` and chained comparisons cannot build an expression",
            hint="write & | ~ with each comparison in brackets: (F.a > 1) & (F.a < 3); or F.a.between(1, 3)",
        )

    def __contains__(self, item: object) -> bool:
        raise QueryTypeError(
            "Python's `in` cannot build an expression", hint="write F.tags.has('todo'), F.label.isin([...])"
        )

    def __iter__(self) -> NoReturn:
        raise QueryTypeError("an expression has no items to go through")

    def __len__(self) -> int:
        raise QueryTypeError("an expression has no length in Python", hint="write F.len(F.predictions)")

    def __index__(self) -> int:
        raise QueryTypeError("an expression is not a number in Python")


class _Root:
    """The start of an expression: every attribute is a name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Built:
        if name.startswith(("__", "_repr_", "_ipython")):
            raise AttributeError(name)
        return Built(tree.Name(name))

    def __getitem__(self, name: str) -> Built:
        if not isinstance(name, str) or not name.isidentifier():
            raise QuerySyntaxError(
                f"{name!r} is not a name", hint="F['name'] takes one name of a column or label field"
            )
        return Built(tree.Name(name))

    def __repr__(self) -> str:
        return "F"


F: Final = _Root()


def as_expr(value: object) -> Expr:
    """The tree of a built expression, or a constant. A date becomes the text that a time compares with."""
    if isinstance(value, Built):
        return value._expr
    if isinstance(value, Expr):
        return value
    if isinstance(value, datetime | date):
        return tree.Const(value.isoformat())
    if hasattr(value, "item") and hasattr(value, "dtype"):
        value = value.item()  # a NumPy scalar
    if value is None or isinstance(value, str | int | float):
        try:
            return tree.Const(value)
        except ValueError as error:
            raise QueryTypeError(str(error)) from None
    raise QueryTypeError(
        f"a {type(value).__name__} cannot stand in an expression", hint="use text, numbers, True, False, None or a date"
    )


def _is_in(of: Expr, *args: object) -> Expr:
    if len(args) != 1 or isinstance(args[0], str) or not isinstance(args[0], Iterable):
        raise QueryTypeError("isin takes one list", hint="F.label.isin(['car', 'bus'])")
    items = [as_expr(item) for item in args[0]]
    constants = tuple(item for item in items if isinstance(item, tree.Const))
    if len(constants) < len(items):
        raise QueryTypeError("a list holds texts and numbers only")
    return tree.Compare(of, ("in",), (tree.Listing(constants),))


def _has(of: Expr, *args: object) -> Expr:
    if len(args) != 1:
        raise QueryTypeError("has takes one tag", hint="F.tags.has('todo')")
    return tree.Compare(as_expr(args[0]), ("in",), (of,))


def _between(of: Expr, *args: object) -> Expr:
    if len(args) != 2:
        raise QueryTypeError("between takes the low and the high end, both inside", hint="F.score.between(0.2, 0.5)")
    return tree.Compare(as_expr(args[0]), ("<=", "<="), (of, as_expr(args[1])))


def _is_none(of: Expr) -> Expr:
    return tree.Compare(of, ("is",), (tree.Const(None),))


def _is_not_none(of: Expr) -> Expr:
    return tree.Compare(of, ("is not",), (tree.Const(None),))


_SPELLED: Final[dict[str, Callable[..., Expr]]] = {
    "isin": _is_in,
    "has": _has,
    "between": _between,
    "is_none": _is_none,
    "is_not_none": _is_not_none,
}
