"""What may stand at the cursor of a condition: names, values with their counts, operators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from loopline.errors import LooplineError
from loopline.kernel.schema import DatasetSchema
from loopline.query.check_names import AGGREGATES
from loopline.query.functions import CALLABLE, TEXT_METHODS
from loopline.query.names import object_columns, object_names, sample_names
from loopline.server.resident import Resident
from loopline.server.wire import Offer

MAX_OFFERS: Final = 50

_VALUE: Final = re.compile(r"([A-Za-z_][\w.]*)\s*(?:==|!=|in\s*[(\[](?:[^()\[\]]*,)?)\s*(['\"])([^'\"]*)$")
_TAG: Final = re.compile(r"(?:^|[\s(])(['\"])([^'\"]*)$")
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*$|$")
_OPENS: Final = re.compile(r"([A-Za-z_]\w*)\.(any|all|count|min|max|mean|sum)\s*\($")
_AFTER_VALUE: Final = re.compile(r"([\w.]+|['\")\]])\s+$")

Kind = Literal["field", "column", "function", "value", "operator"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the cursor stands: about which objects ("" for samples), and the text before it."""

    field: str
    before: str


def complete(resident: Resident, at: int, text: str, cursor: int, field: str | None = None) -> list[Offer]:
    """Offers for the place of the cursor, likely ones first; at most `MAX_OFFERS`."""
    schema = resident.lake.schema(at)
    here = place(text[:cursor], schema, field or "")
    value = _VALUE.search(here.before)
    if value:
        of = f"{here.field}.{value[1]}" if here.field else value[1]
        return _values(resident, at, of, value[2], value[3], text, cursor)
    opened = _TAG.search(here.before)
    if opened and here.before[: opened.start(1)].count(opened[1]) % 2 == 0:
        of = f"{here.field}.tags" if here.field else "tags"
        return _values(resident, at, of, opened[1], opened[2], text, cursor, tail=" in tags")
    typed = _NAME.search(here.before)
    word = typed[0] if typed else ""
    if not word and _AFTER_VALUE.search(here.before):
        return _operators(resident, at, here, cursor)
    end = cursor + len(re.match(r"\w*", text[cursor:])[0])  # type: ignore[index]  # it always matches
    return _names(schema, here.field, word, cursor - len(word), end)


def place(before: str, schema: DatasetSchema, field: str) -> Cursor:
    """The innermost `predictions.any(` that is open at the end of `before` says about which objects it is."""
    fields = [field]
    quote = ""
    for i, c in enumerate(before):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c == "(":
            found = _OPENS.search(before[: i + 1])
            fields.append(found[1] if found and schema.has_field(found[1]) else fields[-1])
        elif c == ")" and len(fields) > 1:
            fields.pop()
    return Cursor(fields[-1], before)


def _values(
    resident: Resident, at: int, of: str, quote: str, typed: str, text: str, cursor: int, *, tail: str = ""
) -> list[Offer]:
    try:
        codes = resident.values(at, of)
    except LooplineError:
        return []
    end = cursor + (1 if text[cursor : cursor + 1] == quote else 0)
    listed = [(str(v), int(codes.totals[i])) for i, v in enumerate(codes.values) if isinstance(v, str)]
    near = sorted(
        (not v.lower().startswith(typed.lower()), i) for i, (v, _) in enumerate(listed) if typed.lower() in v.lower()
    )
    rest = "" if text[end:].lstrip().startswith("in ") else tail
    return [
        Offer(_quoted(listed[i][0], quote) + rest, cursor - len(typed) - 1, end, "value", of, listed[i][1])
        for _, i in near[:MAX_OFFERS]
    ]


def _quoted(value: str, quote: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return f"{quote}{escaped}{quote}"


def _names(schema: DatasetSchema, field: str, word: str, start: int, end: int) -> list[Offer]:
    head, dot, last = word.rpartition(".")
    if dot and not field and schema.has_field(head):
        known = schema.field(head)
        offers = [(f"{head}.{name}(", "function", "of its objects") for name in AGGREGATES]
        offers += [(f"{head}.{name}", "column", "of its objects") for name in object_names(known)]
    elif dot and head == "tags":
        offers = [("tags.count()", "function", "how many")]
    elif dot and not head.startswith("box"):
        offers = [(f"{head}.{name}(", "function", "of a text") for name in sorted(TEXT_METHODS)]
    elif field:
        kinds = object_columns(schema.field(field))
        offers = [
            (name, "column", str(kinds.get(name.partition(".")[0], "number")))
            for name in object_names(schema.field(field))
        ]
        offers += [(f"sample.{name}", "column", kind) for name, kind in schema.sample_columns().items()]
    else:
        kinds_of_samples = schema.sample_columns()
        own = [c.name for c in schema.columns]
        ranked = [
            *(f.name for f in schema.fields),
            *own,
            *(n for n in sample_names(schema) if n not in own and not schema.has_field(n)),
        ]
        offers = [
            (
                n,
                "field" if schema.has_field(n) else "column",
                schema.field(n).kind if schema.has_field(n) else kinds_of_samples.get(n, "set of texts"),
            )
            for n in ranked
        ]
        offers += [(f"{name}(", "function", "") for name in sorted(CALLABLE)]
        offers += [("not ", "operator", "")]
    lowered = word.lower()
    close = [o for o in offers if o[0].lower().startswith(lowered)]
    close += [o for o in offers if o not in close and last and last.lower() in o[0].lower()]
    return [Offer(text, start, end, kind, detail) for text, kind, detail in close[:MAX_OFFERS]]  # type: ignore[arg-type]


def _operators(resident: Resident, at: int, here: Cursor, cursor: int) -> list[Offer]:
    """After a name: comparisons that fit its type; after a whole condition: and, or."""
    last = re.search(r"([A-Za-z_][\w.]*)\s+$", here.before)
    compared = re.search(r"(==|!=|<=?|>=?|\bin|\bis)\s*[\w.'\"]*\s+$", here.before)
    kind = ""
    if last and not compared:
        try:
            plan, _ = resident.plan(at, here.field)
            kind = plan.value(last[1]).type
        except LooplineError:
            kind = ""
    listed: Iterable[str] = {
        "text": ("== '", "!= '", "in ('", "is None", "is not None"),
        "bool": ("and ", "or ", "== False", "is None"),
        "int": ("> ", "< ", "== ", ">= ", "<= ", "is None"),
        "float": ("> ", "< ", ">= ", "<= ", "is None"),
        "time": ("> '", "< '", "is None"),
    }.get(kind, ("and ", "or "))
    return [Offer(text, cursor, cursor, "operator") for text in listed]
