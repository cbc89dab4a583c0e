"""The steps of a view, as values: they print, read back, and go over the wire.

    where(weather == 'rain') | keep(predictions, score > 0.5) | sort(-uniqueness, path) | limit(100)
    where(split == 'val') | objects(predictions) | sort(-score) | limit(500) | samples()

Each step works on what the one before gives, from left to right. `objects(field)` goes from samples to the objects
of one label field, `samples()` back to the samples that own one of them.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from loopline.errors import QuerySyntaxError, QueryTypeError, near
from loopline.kernel.expr import Const, Expr, Negative, from_json, to_text
from loopline.query.parse import Source, parse, python_ast

MAX_STEPS: Final = 200
MAX_VIEW_TEXT: Final = 4 * 1024 * 1024  # select() and exclude() list ids


@dataclass(frozen=True, slots=True)
class Where:
    """Only what meets the condition."""

    condition: Expr

    def __str__(self) -> str:
        return f"where({self.condition})"


@dataclass(frozen=True, slots=True)
class Keep:
    """All samples, but of a label field only the objects that meet the condition."""

    field: str
    condition: Expr

    def __str__(self) -> str:
        return f"keep({self.field}, {self.condition})"


@dataclass(frozen=True, slots=True)
class SortKey:
    """Ascending, or descending; missing values last either way."""

    value: Expr
    descending: bool = False

    def __str__(self) -> str:
        return to_text(Negative(self.value)) if self.descending else to_text(self.value)


@dataclass(frozen=True, slots=True)
class Sort:
    """By the keys in turn; then in the order there was before."""

    keys: tuple[SortKey, ...]

    def __str__(self) -> str:
        return f"sort({', '.join(map(str, self.keys))})"


@dataclass(frozen=True, slots=True)
class Limit:
    count: int

    def __str__(self) -> str:
        return f"limit({self.count})"


@dataclass(frozen=True, slots=True)
class Skip:
    count: int

    def __str__(self) -> str:
        return f"skip({self.count})"


@dataclass(frozen=True, slots=True)
class Sample:
    """`count` at random, the same ones for the same seed on every machine, in the order there was before."""

    count: int
    seed: int

    def __str__(self) -> str:
        return f"sample({self.count}, {self.seed})"


@dataclass(frozen=True, slots=True)
class Select:
    """Only these ids, in the order there was before."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return f"select({list(self.ids)})"


@dataclass(frozen=True, slots=True)
class Exclude:
    """All but these ids."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return f"exclude({list(self.ids)})"


@dataclass(frozen=True, slots=True)
class SelectFields:
    """Only these label fields come along. Conditions may still name the others."""

    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"select_fields({', '.join(self.fields)})"


@dataclass(frozen=True, slots=True)
class ExcludeFields:
    """These label fields stay behind. Conditions may still name them."""

    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"exclude_fields({', '.join(self.fields)})"


@dataclass(frozen=True, slots=True)
class Objects:
    """From samples to the objects of one label field that are kept, in the order of their ids."""

    field: str

    def __str__(self) -> str:
        return f"objects({self.field})"


@dataclass(frozen=True, slots=True)
class Samples:
    """From objects back to the samples that own one, in the order that these had; other objects of the field are
    not kept."""

    def __str__(self) -> str:
        return "samples()"


Op: TypeAlias = (
    Where | Keep | Sort | Limit | Skip | Sample | Select | Exclude | SelectFields | ExcludeFields | Objects | Samples
)

_ONLY_SAMPLES: Final = (Keep, SelectFields, ExcludeFields, Objects)


def check_order(ops: Iterable[Op]) -> str:
    """The field whose objects the steps end on; empty if they end on samples.

    Raises QueryTypeError for a step that cannot stand where it does.
    """
    field = ""
    for count, op in enumerate(ops, 1):
        if count > MAX_STEPS:
            raise QueryTypeError(f"a view has at most {MAX_STEPS} steps")
        if field and isinstance(op, _ONLY_SAMPLES):
            raise QueryTypeError(
                f"{op} works on samples, and the step before gives objects of {field}", hint="put samples() in between"
            )
        if isinstance(op, Samples):
            if not field:
                raise QueryTypeError("samples() follows objects(field)")
            field = ""
        elif isinstance(op, Objects):
            field = op.field
    return field


# -- text


def ops_to_text(ops: tuple[Op, ...]) -> str:
    """One line; `all()` for a view of everything."""
    return " | ".join(map(str, ops)) or "all()"


def ops_from_text(text: str) -> tuple[Op, ...]:
    """The steps that `ops_to_text` printed. Raises QuerySyntaxError with the column of the fault."""
    reader = _Reader(text)
    ops = tuple(op for call in reader.calls(python_ast(text, longest=MAX_VIEW_TEXT)) for op in reader.op(call))
    check_order(ops)
    return ops


def sort_key(value: Expr, *, descending: bool = False) -> SortKey:
    """`-x` sorts by x, descending."""
    while isinstance(value, Negative):
        value, descending = value.of, not descending
    if isinstance(value, Const):
        raise QueryTypeError(f"sort({value}) would sort by a constant", hint="name a column: sort(-score)")
    return SortKey(value, descending)


class _Reader:
    """Calls joined by `|` to steps. Expressions are cut out of the text and parsed on their own."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = Source(text)

    def calls(self, node: ast.expr) -> list[ast.expr]:
        found: list[ast.expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            found.append(node.right)
            node = node.left
            if len(found) >= MAX_STEPS:
                raise self.fault(node, f"a view has at most {MAX_STEPS} steps")
        return [node, *reversed(found)]

    def fault(self, node: ast.expr, what: str, hint: str = "") -> QuerySyntaxError:
        return QuerySyntaxError(what, text=self.text, column=self.source.span(node)[0], hint=hint)

    def op(self, node: ast.expr) -> tuple[Op, ...]:
        match node:
            case ast.Call(func=ast.Name(id="all"), args=[], keywords=[]):
                return ()
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _READERS:
                return (_READERS[name](self, node, args),)
            case ast.Call(keywords=[keyword, *_]):
                column = self.source.at(keyword.lineno, keyword.col_offset)
                raise QuerySyntaxError(
                    "arguments have no names here", text=self.text, column=column, hint="a comparison is written =="
                )
            case ast.Call(func=ast.Name(id=name)):
                raise self.fault(node, f'no step "{name}", or not with these arguments', near(name, _READERS, limit=20))
        raise self.fault(node, "a view is steps joined by |", "for example where(width > 640) | limit(10)")

    def expr(self, node: ast.expr) -> Expr:
        start, end = self.source.span(node)
        try:
            return parse(self.text[start:end])
        except QuerySyntaxError as error:
            column = None if error.column is None else error.column + start
            raise QuerySyntaxError(error.what, text=self.text, column=column, hint=error.hint) from None

    def one(self, node: ast.expr, args: list[ast.expr]) -> ast.expr:
        if len(args) != 1:
            raise self.fault(node, "this step takes one argument")
        return args[0]

    def name(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise self.fault(node, "the name of a label field is needed here")
        return node.id

    def number(self, node: ast.expr) -> int:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            value = None
        if type(value) is not int:
            raise self.fault(node, "a whole number is needed here")
        return value

    def ids(self, node: ast.expr) -> tuple[int, ...]:
        if not isinstance(node, ast.List):
            raise self.fault(node, "a list of ids is needed here", "write select([1, 2, 3])")
        return tuple(self.number(element) for element in node.elts)


def _keep(reader: _Reader, node: ast.expr, args: list[ast.expr]) -> Op:
    if len(args) != 2:
        raise reader.fault(node, "keep takes a label field and a condition", "keep(predictions, score > 0.5)")
    return Keep(reader.name(args[0]), reader.expr(args[1]))


def _sort(reader: _Reader, node: ast.expr, args: list[ast.expr]) -> Op:
    if not args:
        raise reader.fault(node, "sort takes one key or more")
    return Sort(tuple(sort_key(reader.expr(arg)) for arg in args))


def _sample(reader: _Reader, node: ast.expr, args: list[ast.expr]) -> Op:
    if len(args) != 2:
        raise reader.fault(node, "sample takes a number and a seed", "sample(100, 7)")
    return Sample(reader.number(args[0]), reader.number(args[1]))


def _samples(reader: _Reader, node: ast.expr, args: list[ast.expr]) -> Op:
    if args:
        raise reader.fault(node, "samples() takes nothing", "to draw at random write sample(100, 7)")
    return Samples()


_READERS: Final[dict[str, Callable[[_Reader, ast.expr, list[ast.expr]], Op]]] = {
    "where": lambda r, node, args: Where(r.expr(r.one(node, args))),
    "keep": _keep,
    "sort": _sort,
    "limit": lambda r, node, args: Limit(r.number(r.one(node, args))),
    "skip": lambda r, node, args: Skip(r.number(r.one(node, args))),
    "sample": _sample,
    "select": lambda r, node, args: Select(r.ids(r.one(node, args))),
    "exclude": lambda r, node, args: Exclude(r.ids(r.one(node, args))),
    "select_fields": lambda r, _, args: SelectFields(tuple(map(r.name, args))),
    "exclude_fields": lambda r, _, args: ExcludeFields(tuple(map(r.name, args))),
    "objects": lambda r, node, args: Objects(r.name(r.one(node, args))),
    "samples": _samples,
}


# -- JSON

_KINDS: Final[dict[str, type[Op]]] = {
    "where": Where,
    "keep": Keep,
    "sort": Sort,
    "limit": Limit,
    "skip": Skip,
    "sample": Sample,
    "select": Select,
    "exclude": Exclude,
    "select_fields": SelectFields,
    "exclude_fields": ExcludeFields,
    "objects": Objects,
    "samples": Samples,
}
_KIND_OF: Final = {op: kind for kind, op in _KINDS.items()}


def ops_to_json(ops: tuple[Op, ...]) -> list[dict[str, object]]:
    """Each step as an object: `{"op": "keep", "field": "predictions", "condition": "score > 0.5"}`.

    Expressions go as text, the one form that people also read and write.
    """
    return [{"op": _KIND_OF[type(op)], **_members(op)} for op in ops]


def _members(value: Op | SortKey) -> dict[str, object]:
    return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, Expr):
        return to_text(value)
    if isinstance(value, SortKey):
        return _members(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def ops_from_json(value: object) -> tuple[Op, ...]:
    """The steps that `ops_to_json` wrote; an expression may be text or a tree. Raises QueryError or ValueError."""
    if not isinstance(value, list):
        raise ValueError("a view is a list of steps")
    ops = tuple(map(_op_from_json, value))
    check_order(ops)
    return ops


def _op_from_json(value: object) -> Op:
    if not isinstance(value, Mapping) or value.get("op") not in _KINDS:
        raise ValueError(f'a step is an object whose "op" is one of {", ".join(_KINDS)}')
    kind: Callable[..., Op] = _KINDS[value["op"]]
    names = [f.name for f in dataclasses.fields(_KINDS[value["op"]])]
    if set(value) - {"op"} != set(names):
        raise ValueError(f'step "{value["op"]}" has the members {", ".join(names) or "none"}')
    return kind(**{name: _member(name, value[name]) for name in names})


def _member(name: str, value: object) -> object:
    match name, value:
        case ("condition", str() | Mapping()):
            return expr_from(value)
        case ("keys", [_, *_]):
            return tuple(map(_key_from_json, value))
        case ("ids", list()) if all(type(item) is int for item in value):
            return tuple(value)
        case ("fields", list()) if all(isinstance(item, str) and item.isidentifier() for item in value):
            return tuple(value)
        case ("field", str()) if value.isidentifier():
            return value
        case ("count" | "seed", int()) if type(value) is int:
            return value
    raise ValueError(f'"{name}" of a step has the wrong type')


def _key_from_json(value: object) -> SortKey:
    match value:
        case {"value": str() | Mapping() as key, "descending": bool() as descending, **rest} if not rest:
            return sort_key(expr_from(key), descending=descending)
    raise ValueError('a sort key has the members "value" and "descending"')


def expr_from(value: object) -> Expr:
    """An expression from its text or its JSON tree."""
    return parse(value) if isinstance(value, str) else from_json(value)
