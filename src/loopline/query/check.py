"""Resolve the names of an expression, and find what cannot be right before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from loopline.errors import QueryTypeError, near
from loopline.kernel import expr as tree
from loopline.kernel.expr import Expr, to_text
from loopline.query import bound
from loopline.query.bound import NUMBERS, Bound, Type, Value, both, object_fields
from loopline.query.check_names import AGGREGATES, Hint, Names, Scope
from loopline.query.check_words import condition_hint, in_words, pattern_fault, type_of
from loopline.query.functions import CALLABLE, FUNCTIONS, ONLY_METHODS, ROUNDING, SEVERAL, TEXT_METHODS
from loopline.query.parse import parse


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that may run, and hints about it."""

    bound: Bound
    hints: tuple[Hint, ...]


def check_condition(expression: Expr | str, scope: Scope) -> Checked:
    """The expression as a condition. Raises a QueryError that points at the fault."""
    checker, root = _prepare(expression, scope)
    return Checked(checker.condition(root), tuple(checker.hints))


def check_value(expression: Expr | str, scope: Scope) -> Checked:
    """The expression as a value: a number, text, time or truth. Raises a QueryError that points at the fault."""
    checker, root = _prepare(expression, scope)
    found = checker.value(root)
    if found.type == "opaque":
        raise checker.wrong(root, "a mask or point list has no value to compare", "ask whether it is None")
    return Checked(checker.first_row(found), tuple(checker.hints))


def _prepare(expression: Expr | str, scope: Scope) -> tuple[_Checker, Expr]:
    # A tree is printed and read again: then its nodes know their columns, and its depth and sizes are checked.
    text = expression if isinstance(expression, str) else _text_of(expression)
    return _Checker(scope, text), parse(text)


def _text_of(expression: Expr) -> str:
    if tree.depth(expression) > tree.MAX_DEPTH:
        raise QueryTypeError(f"the expression is nested more than {tree.MAX_DEPTH} levels deep")
    return to_text(expression)


class _Checker(Names):
    """One walk over one expression. Methods give the bound form of a node or raise."""

    # -- conditions

    def condition(self, node: Expr) -> Bound:
        """`node` as something that holds or does not."""
        match node:
            case tree.And(parts=parts):
                return bound.Joined("and", tuple(self.condition(part) for part in parts))
            case tree.Or(parts=parts):
                return bound.Joined("or", tuple(self.condition(part) for part in parts))
            case tree.Not(of=of):
                return bound.Negated(self.condition(of))
        found = self.value(node)
        if found.type != "bool":
            raise self.wrong(
                node, f"this is {in_words(found.type)}, and a condition is needed here", condition_hint(found)
            )
        return self.any_row(found, node)

    def any_row(self, found: Bound, node: Expr) -> Bound:
        """A condition on `weather.label` and the like is about any row of the field."""
        fields = object_fields(found)
        if self.scope.field is not None or not fields:
            return found
        if len(fields) > 1:
            listed = " and ".join(sorted(fields))
            raise self.wrong(
                node, f"{listed} are compared row by row here", f"write {min(fields)}.any(…) with one field inside"
            )
        name = fields.pop()
        return bound.Aggregate("bool", "any", name, None, both(self.scope.kept.get(name), found))

    def first_row(self, found: Bound) -> Bound:
        """Where a value is asked for, `weather.label` is that of the sample's first row."""
        fields = object_fields(found)
        if self.scope.field is not None or len(fields) != 1:
            return found
        name = fields.pop()
        return bound.Aggregate(found.type, "first", name, found, self.scope.kept.get(name))

    # -- values

    def value(self, node: Expr) -> Bound:
        match node:
            case tree.Const(value=value):
                return Value(type_of(value), value)
            case tree.Name(name=name):
                return self.name(node, name)
            case tree.Attr():
                return self.attribute(node)
            case tree.Item():
                return self.item(node)
            case tree.Negative(of=of):
                number = self.number(of)
                return bound.Arithmetic(number.type, "neg", (number,))
            case tree.Arithmetic(op=op, left=left, right=right):
                return self.arithmetic(op, left, right)
            case tree.Compare():
                return self.compare(node)
            case tree.IfElse(then=then, test=test, otherwise=otherwise):
                return self.choose(node, then, test, otherwise)
            case tree.Call(name=name, args=args):
                return self.call(node, name, args)
            case tree.Method():
                return self.method(node)
            case tree.Listing():
                raise self.wrong(node, "a list may only stand to the right of `in`")
        return self.condition(node)

    def number(self, node: Expr) -> Bound:
        found = self.value(node)
        if found.type not in NUMBERS:
            hint = "count objects with .count(condition)" if found.type == "bool" else ""
            raise self.wrong(node, f"a number is needed here, and this is {in_words(found.type)}", hint)
        return found

    def attribute(self, node: tree.Attr) -> Bound:
        found = self.part(node)
        if found is not None:
            return found
        of = self.value(node.of)
        if of.type == "json":
            raise self.wrong(node, "a json column is read with brackets", f"write {to_text(node.of)}[{node.name!r}]")
        raise self.unknown(
            node, f'{in_words(of.type)} has no part "{node.name}"', "a method needs brackets: path.lower()"
        )

    def item(self, node: tree.Item) -> Bound:
        path: list[str | int] = []
        inner: Expr = node
        while isinstance(inner, tree.Item):
            path.insert(0, inner.key)
            inner = inner.of
        of = self.value(inner)
        if of.type != "json":
            raise self.wrong(node, f"brackets read a json column, and this is {in_words(of.type)}")
        return bound.Extract(of, tuple(path))

    def arithmetic(self, op: tree.ArithmeticOp, left: Expr, right: Expr) -> Bound:
        args = (self.number(left), self.number(right))
        whole = op not in ("/", "**") and all(arg.type == "int" for arg in args)
        return bound.Arithmetic("int" if whole else "float", op, args)

    def choose(self, node: Expr, then: Expr, test: Expr, otherwise: Expr) -> Bound:
        a, b = self.value(then), self.value(otherwise)
        kinds = {a.type, b.type} - {"none"}
        if len(kinds) > 1 and not kinds <= set(NUMBERS):
            raise self.wrong(node, f"the two sides of `if` differ: {in_words(a.type)} and {in_words(b.type)}")
        result: Type = "float" if len(kinds) > 1 else next(iter(kinds), "none")
        return bound.Choose(result, self.condition(test), a, b)

    # -- comparisons

    def compare(self, node: tree.Compare) -> Bound:
        found = [self.pair(left, op, right) for left, op, right in node.pairs()]
        positive = [not isinstance(part, bound.Negated) for part in found]
        if len(found) == 1:
            return found[0]
        if all(positive):
            return bound.Joined("and", tuple(found))
        return bound.Joined("and", tuple(self.any_row(part, node) for part in found))

    def pair(self, left: Expr, op: tree.CompareOp, right: Expr) -> Bound:
        match op:
            case "is":
                return bound.Negated(self.present(left))
            case "is not":
                return self.present(left)
            case "in":
                return self.membership(left, right)
            case "not in":
                return bound.Negated(self.any_row(self.membership(left, right), left))
            case "!=":
                return bound.Negated(self.any_row(self.ordered(left, "==", right), left))
        return self.ordered(left, op, right)

    def present(self, node: Expr) -> Bound:
        inside, schema = self.scope.field, self.scope.schema
        match node:
            case tree.Name(name="tags"):
                return bound.Tagged(inside, None)
            case tree.Name(name=name) if inside is None and schema.has_field(name):
                return bound.Aggregate("bool", "any", name, None, self.scope.kept.get(name))
        return self.any_row(bound.Present(self.value(node)), node)

    def membership(self, left: Expr, right: Expr) -> Bound:
        tagged = self.tag_owner(right)
        if tagged is not None:
            if not isinstance(left, tree.Const) or not isinstance(left.value, str):
                raise self.wrong(left, "a tag is a text in quotes", "write 'todo' in tags")
            return bound.Tagged(tagged[0], left.value)
        if not isinstance(right, tree.Listing):
            of = self.value(right)
            hint = f"write {to_text(right)}.contains({to_text(left)})" if of.type == "text" else ""
            raise self.wrong(right, "`in` needs a list in brackets, or tags", hint)
        of = self.value(left)
        items = []
        for item in right.items:
            if item.value is None:
                raise self.wrong(item, "None cannot be in a list", "add `or … is None`")
            value, _ = self.alike(item, self.value(item), of)
            self.closed_list(item, of, value)
            items.append(cast("Value", value))
        return bound.Among(of, tuple(items))

    def ordered(self, left: Expr, op: bound.CompareOp, right: Expr) -> Bound:
        a, b = self.value(left), self.value(right)
        for node, side in ((left, a), (right, b)):
            if side.type == "none":
                raise self.wrong(node, "nothing compares with None", "write `is None` or `is not None`")
        a, b = self.alike(left, a, b)
        b, a = self.alike(right, b, a)
        if op != "==" and a.type == "bool":
            raise self.wrong(left, "True and False have no order", "write == or !=")
        if op == "==":
            self.closed_list(right, a, b)
            self.closed_list(left, b, a)
        return bound.Compared(op, a, b)

    def alike(self, node: Expr, a: Bound, b: Bound) -> tuple[Bound, Bound]:
        """`a` (of `node`) made comparable with `b`, or an error at `node`."""
        if a.type == "text" and b.type == "time" and isinstance(a, Value):
            return Value("time", self.time(node, str(a.value))), b
        if a.type == "time" and b.type == "text" and isinstance(b, Value):
            return a, b  # the other side's turn
        for side in (a, b):
            if side.type == "json":
                raise self.wrong(node, "a json column does not compare as a whole", "write meta['key'] == 'text'")
            if side.type == "opaque":
                raise self.wrong(node, "a mask or point list has no value to compare", "ask whether it is None")
        if a.type == b.type or (a.type in NUMBERS and b.type in NUMBERS):
            return a, b
        hint = ""
        if {a.type, b.type} & set(NUMBERS) and "text" in (a.type, b.type):
            hint = "number(text) reads a number; a number has no quotes"
        raise self.wrong(node, f"{in_words(a.type)} does not compare with {in_words(b.type)}", hint)

    def time(self, node: Expr, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            hint = "write '2026-01-31' or '2026-01-31T12:30:00', in UTC"
            raise self.wrong(node, f'"{text}" is not a time', hint) from None
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

    # -- calls

    def call(self, node: tree.Call, name: str, args: tuple[Expr, ...]) -> Bound:
        if name == "len" and len(args) == 1:
            match args[0]:
                case tree.Name(name="tags"):
                    return bound.TagCount(self.scope.field)
                case tree.Name(name=of) if self.scope.field is None and self.scope.schema.has_field(of):
                    return self.aggregate(node, of, "count", ())
            return self.apply(node, "length", args)
        if name == "inside":
            return self.in_plane(node, args)
        if name in SEVERAL and len(args) >= 2:
            return self.several_args(name, args)
        if name in AGGREGATES and name not in CALLABLE:
            raise self.unknown(node, f'no function "{name}"', f"name the label field: ground_truth.{name}(…)")
        if name in ONLY_METHODS:
            raise self.unknown(node, f'"{name}" follows a text', f"write path.{name}('…')")
        if name not in CALLABLE:
            raise self.unknown(node, f'no function "{name}"', near(name, CALLABLE))
        if name in SEVERAL or name == "len":
            raise self.wrong(node, f"{name} needs {'one value' if name == 'len' else 'two values or more'}")
        return self.apply(node, name, args)

    def in_plane(self, node: tree.Call, args: tuple[Expr, ...]) -> Bound:
        match args:
            case (tree.Const(value=str(key)), tree.Listing(items=items)):
                numbers = [
                    i.value for i in items if isinstance(i.value, (int, float)) and not isinstance(i.value, bool)
                ]
                corners = [float(number) for number in numbers]
                if len(corners) == len(items) and len(corners) % 2 == 0 and len(corners) >= 6:
                    return bound.InPlane(key, tuple(corners))
        raise self.wrong(
            node,
            "inside takes the key of an embedding, and x and y of three corners or more, from 0 to 1",
            "inside('looks', [0.1, 0.1, 0.4, 0.1, 0.2, 0.5])",
        )

    def several_args(self, name: str, args: tuple[Expr, ...]) -> Bound:
        found = tuple(self.value(arg) for arg in args)
        for arg, value in zip(args, found, strict=True):
            if value.type not in (*NUMBERS, "text", "time"):
                raise self.wrong(arg, f"{name} takes numbers, texts or times, and this is {in_words(value.type)}")
            if value.type != found[0].type and not {value.type, found[0].type} <= set(NUMBERS):
                raise self.wrong(arg, f"{in_words(value.type)} does not compare with {in_words(found[0].type)}")
        kinds = {value.type for value in found}
        return bound.Apply("float" if len(kinds) > 1 else kinds.pop(), name, found)

    def apply(self, node: Expr, name: str, args: tuple[Expr, ...]) -> Bound:
        function = FUNCTIONS[name]
        if len(args) != len(function.takes):
            count = len(function.takes) - (name in ONLY_METHODS)
            raise self.wrong(node, f"{name} takes {count} {'value' if count == 1 else 'values'}")
        found: list[Bound] = []
        for arg, wanted in zip(args, function.takes, strict=True):
            if wanted == "number":
                found.append(self.number(arg))
                continue
            value = self.value(arg)
            if value.type != ("text" if wanted == "pattern" else wanted):
                needed = in_words("text" if wanted == "pattern" else wanted)
                raise self.wrong(arg, f"{name} needs {needed}, and this is {in_words(value.type)}")
            if wanted == "pattern":
                self.pattern(arg, value)
            found.append(value)
        if name in ROUNDING and found[0].type == "int":
            return found[0]
        result: Type = found[0].type if function.gives == "same" else function.gives
        return bound.Apply(result, name, tuple(found))

    def pattern(self, node: Expr, value: Bound) -> None:
        if not isinstance(value, Value):
            raise self.wrong(node, "a pattern is a text in quotes")
        fault = pattern_fault(str(value.value))
        if fault:
            raise self.wrong(
                node, f"this pattern cannot be read: {fault}", "patterns are RE2: no look-around, no back-references"
            )

    def method(self, node: tree.Method) -> Bound:
        inside, schema, name = self.scope.field, self.scope.schema, node.name
        match node.of:
            case tree.Name(name=of) if inside is None and schema.has_field(of):
                return self.aggregate(node, of, name, node.args)
            case tree.Attr(of=tree.Name(name="sample"), name=of) if inside is not None and schema.has_field(of):
                outer = _Checker(Scope(schema, None, self.scope.kept), self.text)
                found = outer.aggregate(node, of, name, node.args)
                self.hints += outer.hints
                return found
        owner = self.tag_owner(node.of)
        if owner is not None:
            if name == "count" and not node.args:
                return bound.TagCount(owner[0])
            raise self.unknown(node, f'tags have no "{name}"', "write 'todo' in tags, or tags.count()")
        of_bound = self.value(node.of)
        if name not in TEXT_METHODS:
            if of_bound.type == "text":
                raise self.unknown(node, f'a text has no method "{name}"', near(name, TEXT_METHODS))
            raise self.unknown(
                node, f'{in_words(of_bound.type)} has no method "{name}"', f"functions: {', '.join(CALLABLE)}"
            )
        if of_bound.type != "text":
            raise self.wrong(node, f".{name} is for text, and this is {in_words(of_bound.type)}")
        return self.apply(node, name, (node.of, *node.args))

    def aggregate(self, node: Expr, field_name: str, name: str, args: tuple[Expr, ...]) -> Bound:
        if name not in AGGREGATES:
            raise self.unknown(node, f'a label field has no "{name}"', near(name, AGGREGATES))
        takes_value = name in ("min", "max", "mean", "sum")
        if len(args) > 1 + takes_value or (takes_value and not args) or (name == "all" and not args):
            example = {"all": "score > 0.5"}.get(name, "score, label == 'car'" if takes_value else "label == 'car'")
            raise self.wrong(node, f".{name} cannot be called like this", f"write {field_name}.{name}({example})")
        inner = _Checker(Scope(self.scope.schema, field_name, self.scope.kept), self.text)
        value = inner.value(args[0]) if takes_value else None
        condition = inner.condition(args[-1]) if len(args) > takes_value else None
        self.hints += inner.hints
        kept = self.scope.kept.get(field_name)
        if name == "all":
            assert condition is not None
            return bound.Negated(bound.Aggregate("bool", "any", field_name, None, both(kept, bound.Negated(condition))))
        where = both(kept, condition)
        if name == "any":
            return bound.Aggregate("bool", "any", field_name, None, where)
        if value is None:
            return bound.Aggregate("int", "count", field_name, None, where)
        allowed: tuple[Type, ...] = (*NUMBERS, "text", "time") if name in ("min", "max") else NUMBERS
        if value.type not in allowed:
            raise self.wrong(
                args[0], f".{name} needs a number, and this is {in_words(value.type)}", "count with .count(condition)"
            )
        result: Type = "float" if name == "mean" else value.type
        return bound.Aggregate(result, cast("bound.AggregateFunction", name), field_name, value, where)
