"""What a name stands for where an expression stands: a column, an object's part, an outcome, whose tags; or what is wrong
with it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from loopline.errors import QueryTypeError, UnknownName, near
from loopline.kernel import expr as tree
from loopline.kernel.expr import Expr
from loopline.kernel.schema import GEOMETRIC, DatasetSchema, match_columns
from loopline.query import bound, names
from loopline.query.bound import Bound, Value

AGGREGATES = ("any", "all", "count", "min", "max", "mean", "sum")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands.

    field   the label field whose objects it is about; None: about samples
    kept    for each field, the condition that its objects must meet to be seen at all (`View.keep`)
    """

    schema: DatasetSchema
    field: str | None = None
    kept: Mapping[str, Bound] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hint:
    """Something that is allowed and likely a slip: a class that the field does not have."""

    what: str
    text: str
    column: int

    def __str__(self) -> str:
        return f"{self.what}\n  {self.text}\n  {' ' * self.column}^"


class Names:
    """The names of one expression. Hints gather as names are looked up."""

    def __init__(self, scope: Scope, text: str) -> None:
        self.scope = scope
        self.text = text
        self.hints: list[Hint] = []

    def wrong(self, node: Expr, what: str, hint: str = "") -> QueryTypeError:
        return QueryTypeError(what, text=self.text, column=node.at, hint=hint)

    def unknown(self, node: Expr, what: str, hint: str) -> UnknownName:
        return UnknownName(what, text=self.text, column=node.at, hint=hint)

    # -- names

    def name(self, node: tree.Name, name: str) -> Bound:
        schema, inside = self.scope.schema, self.scope.field
        if inside is None:
            columns = schema.sample_columns()
            if name in columns:
                return bound.SampleColumn(columns[name], name)
            if schema.has_field(name):
                raise self.wrong(
                    node,
                    f'"{name}" is a label field: it has objects, not one value',
                    f"write {name}.any(…), .all(…), .count(…), .min(…), .max(…), .mean(…) or .sum(…)",
                )
        else:
            own = names.object_columns(schema.field(inside))
            if name in own:
                return bound.ObjectColumn(own[name], inside, name)
            if name in ("box", "sample"):
                raise self.wrong(
                    node, f'"{name}" has parts: write {name}.{"area" if name == "box" else "width"} or another'
                )
            if name in schema.evaluations_of(inside):
                raise self.wrong(node, f'"{name}" is an evaluation: write {name}.outcome or {name}.iou')
        if name == "tags":
            raise self.wrong(node, "tags are a set: ask for one of them", "write 'todo' in tags, or tags.count()")
        raise self.unknown(node, f'no name "{name}"{self._place()}', self._near_name(name))

    def _place(self) -> str:
        return f" in the objects of {self.scope.field}" if self.scope.field else ""

    def _near_name(self, name: str) -> str:
        schema, inside = self.scope.schema, self.scope.field
        if inside is None:
            fields = names.fields_with(schema, name)
            if fields:
                return f"objects have it: write {fields[0]}.any({name} …)"
            if name in ("any", "all", "count"):
                return "name the label field: ground_truth.any(…)"
            return near(name, names.sample_names(schema))
        if name in schema.sample_columns():
            return f"samples have it: write sample.{name}"
        return near(name, names.object_names(schema.field(inside), schema))

    def part(self, node: tree.Attr) -> Bound | None:
        """What `of.name` stands for; None where it is no name of the schema."""
        schema, inside = self.scope.schema, self.scope.field
        match node.of:
            case tree.Name(name="box") if inside is not None:
                return self.box(node, inside)
            case tree.Name(name=key) if inside is not None and key in schema.evaluations_of(inside):
                kind = schema.field(inside).kind
                known = match_columns(kind)
                if node.name not in known:
                    what = f'an evaluation of {kind} labels has no "{node.name}"'
                    raise self.unknown(node, what, near(node.name, known))
                return bound.MatchColumn(known[node.name], inside, key, node.name)
            case tree.Name(name="sample") if inside is not None:
                columns = schema.sample_columns()
                if node.name in columns:
                    return bound.SampleColumn(columns[node.name], node.name)
                raise self.unknown(node, f'no sample column "{node.name}"', near(node.name, columns))
            case tree.Name(name=name) if inside is None and schema.has_field(name):
                return self.shorthand(node, name)
            case tree.Attr(of=tree.Name(name=name), name="box") if inside is None and schema.has_field(name):
                raise self.several(node.of, name, f"box.{node.name}")
        return None

    def box(self, node: tree.Attr, field_name: str) -> Bound:
        label_field = self.scope.schema.field(field_name)
        if label_field.kind not in GEOMETRIC:
            raise self.unknown(node, f"{field_name} holds {label_field.kind} labels, which have no box", "")
        if node.name not in names.BOX_NAMES:
            raise self.unknown(node, f'a box has no part "{node.name}"', near(node.name, names.BOX_NAMES, limit=9))
        return names.box_value(label_field, node.name)

    def shorthand(self, node: tree.Attr, field_name: str) -> Bound:
        label_field = self.scope.schema.field(field_name)
        columns = names.object_columns(label_field)
        if label_field.kind not in names.SHORTHAND_KINDS:
            if node.name in columns or node.name == "box":
                raise self.several(node, field_name, node.name)
            known = [*(f"{name}(…)" for name in AGGREGATES), *names.object_names(label_field)]
            raise self.unknown(node, f'{field_name} has no "{node.name}"', near(node.name, known))
        if node.name not in columns:
            raise self.unknown(node, f'{field_name} has no "{node.name}"', near(node.name, columns))
        return bound.ObjectColumn(columns[node.name], field_name, node.name)

    def several(self, node: Expr, field_name: str, name: str) -> QueryTypeError:
        return self.wrong(
            node,
            f"a sample has several objects in {field_name}: which {name} is meant?",
            f"write {field_name}.any({name} …), or {field_name}.max({name})",
        )

    # -- tags, and closed lists of values

    def tag_owner(self, node: Expr) -> tuple[str | None] | None:
        """Whose tags a node names, in a tuple; None if it names none."""
        inside, schema = self.scope.field, self.scope.schema
        match node:
            case tree.Name(name="tags"):
                return (inside,)
            case tree.Attr(of=tree.Name(name="sample"), name="tags") if inside is not None:
                return (None,)
            case tree.Attr(of=tree.Name(name=name), name="tags") if inside is None and schema.has_field(name):
                if schema.field(name).kind not in names.SHORTHAND_KINDS:
                    raise self.several(node, name, "tags")
                return (name,)
        return None

    def closed_list(self, node: Expr, of: Bound, value: Bound) -> None:
        """A hint where a constant is none of the values that the schema lists."""
        listed = names.choices(self.scope.schema, of)
        if listed is None or not isinstance(value, Value) or value.value in listed[1]:
            return
        what, known = listed
        kind, _, place = what.partition(" in ")
        close = difflib.get_close_matches(str(value.value), known, n=1)
        guess = f'; did you mean "{close[0]}"?' if close else ""
        self.hints.append(Hint(f'no {kind} "{value.value}" in {place}{guess}', self.text, node.at))
