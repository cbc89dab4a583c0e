"""Text to query tree. The text is Python expression syntax, read with `ast`; nothing in it is ever run."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from typing import Final, cast

from loopline.errors import QuerySyntaxError
from loopline.kernel.expr import (
    MAX_DEPTH,
    And,
    Arithmetic,
    ArithmeticOp,
    Attr,
    Call,
    Compare,
    CompareOp,
    Const,
    Expr,
    IfElse,
    Item,
    Listing,
    Method,
    Name,
    Not,
    Or,
    negative,
)

MAX_CHARACTERS: Final = 64 * 1024
_ONE_AT_A_TIME: Final = threading.Lock()
"""Python 3.11 counts the depth of a tree in one place for all threads ("AST constructor recursion depth mismatch"), and
filters of warnings are shared, too."""

MAX_LISTED: Final = 10_000
MAX_BRACKETS: Final = MAX_DEPTH

_ARITHMETIC: Final[dict[type[ast.operator], ArithmeticOp]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARE: Final[dict[type[ast.cmpop], CompareOp]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_REFUSED: Final[dict[type[ast.AST], str]] = {
    ast.Lambda: "lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.Dict: "a dict",
    ast.Starred: "a starred value",
    ast.Slice: "a slice",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


def parse(text: str) -> Expr:
    """The tree of an expression.

    Raises QuerySyntaxError, with the column in characters, for what is not an expression of the language, and for
    text over MAX_CHARACTERS, nesting over MAX_DEPTH, or a list over MAX_LISTED.

    >>> str(parse("0.2 < score<=.5 and (not occluded)"))
    '0.2 < score <= 0.5 and not occluded'
    """
    return _Reader(text).tree(python_ast(text), 1)


def python_ast(text: str, *, longest: int = MAX_CHARACTERS) -> ast.expr:
    """Python's own tree of `text`, with line breaks outside of quotes read as spaces.

    Raises QuerySyntaxError, also for text so deep or long that Python's parser itself would give up.
    """
    if len(text) > longest:
        raise QuerySyntaxError(
            f"the expression is too long: {len(text):,} characters, at most {longest:,} are read",
            hint="select samples by id with view.select(ids) instead of listing them",
        )
    flat = _one_line(text)
    body = flat.strip(" ")
    if not body.strip():
        raise QuerySyntaxError("the expression is empty", text=text, column=0)
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about '\d' in a pattern: it means what the reader thinks it means
            found = ast.parse(body, mode="eval").body
    except SyntaxError as error:
        column = Source(text).at(error.lineno or 1, (error.offset or len(body) + 1) - 1, in_bytes=False)
        raise QuerySyntaxError(
            _plain(error.msg), text=text, column=min(column, len(text)), hint=_advice(text)
        ) from None
    except (RecursionError, MemoryError):
        raise QuerySyntaxError(f"the expression is nested more than {MAX_DEPTH} levels deep", text=text[:200]) from None
    except ValueError as error:  # a NUL character, a lone surrogate
        raise QuerySyntaxError(f"this is not text that can be read: {error}", text="") from None
    return found


_TOKENS: Final = re.compile(
    r"""(?P<quoted>[A-Za-z]{0,2}(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
        |'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
      |(?P<comment>\#[^\r\n]*)
      |(?P<space>\\\r?\n|[\r\n\t\f])
      |(?P<open>[(\[{])|(?P<close>[)\]}])""",
    re.VERBOSE | re.DOTALL,
)


def _one_line(text: str) -> str:
    """`text`, of the same length, with line breaks and comments outside of quotes made spaces.

    Raises QuerySyntaxError for brackets nested too deeply, before a parser that recurses sees them.
    """
    level = 0
    out: list[str] = []
    end = 0
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            level += 1
            if level > MAX_BRACKETS:
                raise QuerySyntaxError(
                    f"brackets are nested more than {MAX_BRACKETS} levels deep", text=text, column=match.start()
                )
        elif kind == "close":
            level -= 1
        elif kind in ("comment", "space"):
            out += [text[end : match.start()], " " * len(match[0])]
            end = match.end()
    return "".join([*out, text[end:]])


class Source:
    """Where the nodes of `python_ast(text)` stand in `text`, in characters."""

    def __init__(self, text: str) -> None:
        flat = _one_line(text)
        self._indent = len(flat) - len(flat.lstrip(" "))
        self._lines = flat[self._indent :].splitlines(keepends=True)
        self._is_simple = text.isascii() and len(self._lines) <= 1

    def at(self, line: int, column: int, *, in_bytes: bool = True) -> int:
        """Offset in the text of a line from 1 and a column from 0."""
        if self._is_simple or line > len(self._lines):
            return self._indent + column
        before = sum(map(len, self._lines[: line - 1]))
        if in_bytes:
            column = len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))
        return self._indent + before + column

    def span(self, node: ast.expr) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(
            cast("int", node.end_lineno), cast("int", node.end_col_offset)
        )


class _Reader:
    """Python's tree to ours. Holds the text, for the columns of nodes and faults."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._source = Source(text)

    def at(self, node: ast.expr) -> int:
        return self._source.at(node.lineno, node.col_offset)

    def at_end_name(self, node: ast.Attribute) -> int:
        """Column of the name after the dot."""
        return self._source.span(node)[1] - len(node.attr)

    def fault(self, node: ast.expr, what: str, hint: str = "") -> QuerySyntaxError:
        return QuerySyntaxError(what, text=self._text, column=self.at(node), hint=hint)

    def tree(self, node: ast.expr, level: int) -> Expr:
        if level > MAX_DEPTH:
            raise self.fault(node, f"the expression is nested more than {MAX_DEPTH} levels deep")
        at, deeper = self.at(node), level + 1
        match node:
            case ast.Constant(value=value):
                return self.constant(node, value)
            case ast.Name(id=name):
                return Name(name, at=at)
            case ast.Attribute(value=of, attr=name):
                return Attr(self.tree(of, deeper), name, at=self.at_end_name(node))
            case ast.Subscript(value=of, slice=ast.Constant(value=str() | int() as key)) if type(key) is not bool:
                return Item(self.tree(of, deeper), key, at=at)
            case ast.List() | ast.Tuple() | ast.Set():
                return self.listing(node)
            case ast.UnaryOp(op=ast.Not(), operand=of):
                return Not(self.tree(of, deeper), at=at)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if (
                type(value) is not bool
            ):
                return self.constant(node, -value)
            case ast.UnaryOp(op=ast.USub(), operand=of):
                return negative(self.tree(of, deeper), at=at)
            case ast.UnaryOp(op=ast.UAdd(), operand=of):
                return self.tree(of, deeper)
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(node, op, left, right, deeper)
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self.tree(value, deeper) for value in values)
                return And(parts, at=at) if isinstance(op, ast.And) else Or(parts, at=at)
            case ast.Compare():
                return self.compare(node, deeper)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                return IfElse(self.tree(then, deeper), self.tree(test, deeper), self.tree(otherwise, deeper), at=at)
            case ast.Call():
                return self.call(node, deeper)
            case ast.Subscript():
                raise self.fault(node, "only meta['key'] or meta[0] is understood in brackets")
        raise self.fault(node, f"{_REFUSED.get(type(node), 'this')} is not part of the query language")

    def constant(self, node: ast.expr, value: object) -> Const:
        if isinstance(value, (str, int, float)) or value is None:  # bool is an int
            try:
                return Const(value, at=self.at(node))
            except ValueError as error:
                raise self.fault(node, str(error)) from None
        words = {bytes: "bytes", complex: "a complex number"}.get(type(value), "this")
        raise self.fault(node, f"{words} cannot stand in a query")

    def listing(self, node: ast.List | ast.Tuple | ast.Set) -> Listing:
        if len(node.elts) > MAX_LISTED:
            raise self.fault(
                node,
                f"the list has {len(node.elts):,} values; at most {MAX_LISTED:,} are allowed",
                "select samples by id with view.select(ids)",
            )
        items: list[Const] = []
        for element in node.elts:
            item = self.tree(element, MAX_DEPTH - 1)
            if not isinstance(item, Const):
                raise self.fault(element, "a list holds texts and numbers only")
            items.append(item)
        return Listing(tuple(items), at=self.at(node))

    def arithmetic(self, node: ast.expr, op: ast.operator, left: ast.expr, right: ast.expr, level: int) -> Expr:
        symbol = _ARITHMETIC.get(type(op))
        if symbol is None:
            words = {ast.BitAnd: ("&", "and"), ast.BitOr: ("|", "or")}.get(type(op))
            if words is None:
                raise self.fault(node, "this operator is not part of the query language")
            raise self.fault(node, f"`{words[0]}` is for F in Python code", f"write `{words[1]}` in text")
        return Arithmetic(symbol, self.tree(left, level), self.tree(right, level), at=self.at(node))

    def compare(self, node: ast.Compare, level: int) -> Compare:
        ops = tuple(_COMPARE[type(op)] for op in node.ops)
        for op, right in zip(ops, node.comparators, strict=True):
            if op in ("is", "is not") and not (isinstance(right, ast.Constant) and right.value is None):
                raise self.fault(right, f"`{op}` is only for None", "write == or !=")
        rest = tuple(self.tree(right, level) for right in node.comparators)
        return Compare(self.tree(node.left, level), ops, rest, at=self.at(node))

    def call(self, node: ast.Call, level: int) -> Expr:
        if node.keywords:
            raise self.fault(node.keywords[0].value, "arguments have no names here", "write the values alone, in order")
        args = tuple(self.tree(arg, level) for arg in node.args)
        match node.func:
            case ast.Name(id=name):
                return Call(name, args, at=self.at(node))
            case ast.Attribute(value=of, attr=name):
                return Method(self.tree(of, level), name, args, at=self.at_end_name(node.func))
        raise self.fault(node, "only a name can be called")


def _plain(message: str) -> str:
    """Python's own message in the words of this language."""
    if message.startswith("Exceeds the limit"):
        return "a whole number in a query has at most 64 bits"
    if message.startswith("invalid syntax. Maybe you meant '=='"):
        return "a single = compares nothing; write =="
    return message[:1].lower() + message[1:]


def _advice(text: str) -> str:
    if re.search(r"(?<![=!<>:])=(?!=)", text):
        return "a comparison is written =="
    if re.search(r"&&|\|\|", text):
        return "write `and` and `or`"
    if re.search(r"\bSELECT\b|\bLIKE\b|<>|\bAND\b|\bOR\b|\bNULL\b", text):
        return "this is Python syntax, not SQL: == != and or not in, is None, path.contains('x')"
    return ""
