"""What can go wrong, as one tree.

LooplineError                   anything the user can mend; says what, where, what to do
├── QueryError                  an expression, with the column of the fault
│   ├── QuerySyntaxError
│   ├── UnknownName             (also KeyError) with near names
│   └── QueryTypeError          (also TypeError)
├── SchemaError                 a column, field, class or attribute that does not fit
│   ├── UnknownField            (also KeyError)
│   └── BadValue                (also ValueError)
├── StoreError                  the lake
│   ├── DatasetNotFound         (also KeyError)
│   ├── DatasetExists           (also FileExistsError)
│   ├── UnknownVersion          (also KeyError)
│   ├── ReadOnlyVersion         (also PermissionError)
│   └── Conflict                (also TimeoutError) another writer kept winning
├── FormatError                 (also ValueError) a file that is not what it should be
│   ├── UnknownFormat           (also KeyError)
│   └── NothingAdded            (also ValueError)
├── MediaError                  (also OSError) a picture or video that cannot be read
├── ModelError                  (also ValueError) a model, or the card that describes it
├── MissingDependency           (also ImportError) an optional package that is not installed
└── Stopped                     the user asked a long task to stop
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class LooplineError(Exception):
    """An error with a fact, a place and a next step.

    >>> print(LooplineError("box has no width", where="a.json: annotations[3]", hint="remove it or draw it again"))
    a.json: annotations[3]: box has no width
      hint: remove it or draw it again
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  hint: {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[LooplineError], state: dict[str, object]) -> LooplineError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["what"],)
    return error


class QueryError(LooplineError, ValueError):
    """A fault in an expression. `text` is the expression, `column` the 0-based offset of the fault in it."""

    def __init__(self, what: str, *, text: str = "", column: int | None = None, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.text = text
        self.column = column

    def __str__(self) -> str:
        if not self.text or self.column is None:
            return super().__str__()
        lines = [self.what, *_marked(self.text, self.column)]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def _marked(text: str, column: int, width: int = 100) -> list[str]:
    """The part of `text` around `column`, and a line with a caret under it."""
    start = max(0, column - width // 2)
    shown = text[start : start + width].replace("\n", " ")
    head = "…" if start else ""
    return [f"  {head}{shown}", "  " + " " * (len(head) + column - start) + "^"]


class QuerySyntaxError(QueryError): ...


class UnknownName(QueryError, KeyError):
    __str__ = QueryError.__str__


class QueryTypeError(QueryError, TypeError): ...


class SchemaError(LooplineError): ...


class UnknownField(SchemaError, KeyError):
    __str__ = LooplineError.__str__


class BadValue(SchemaError, ValueError): ...


class StoreError(LooplineError): ...


class DatasetNotFound(StoreError, KeyError):
    __str__ = LooplineError.__str__


class DatasetExists(StoreError, FileExistsError):
    __str__ = LooplineError.__str__


class UnknownVersion(StoreError, KeyError):
    __str__ = LooplineError.__str__


class ReadOnlyVersion(StoreError, PermissionError):
    __str__ = LooplineError.__str__


class Conflict(StoreError, TimeoutError):
    __str__ = LooplineError.__str__


class FormatError(LooplineError, ValueError): ...


class UnknownFormat(FormatError, KeyError):
    __str__ = LooplineError.__str__


class NothingAdded(FormatError):
    """An import without a usable row. `problems` are the first ones, as the import's report has them; `counts` counts
    them all: (kind, what) → rows."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        problems: Sequence[object] = (),
        counts: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.problems = tuple(problems)
        self.counts = dict(counts or {})


class MediaError(LooplineError, OSError):
    __str__ = LooplineError.__str__


class ModelError(LooplineError, ValueError): ...


class MissingDependency(LooplineError, ImportError):
    __str__ = LooplineError.__str__


class Stopped(LooplineError): ...


def near(name: str, known: Iterable[str], *, limit: int = 8) -> str:
    """A hint for an unknown name: the near ones, else the first few known ones.

    >>> near("lable", ["id", "label", "score"])
    'did you mean "label"? known: id, label, score'
    >>> near("q", [])
    'there are none yet'
    """
    names = sorted(set(known))
    if not names:
        return "there are none yet"
    listed = ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if not close:
        return f"known: {listed}"
    return "did you mean " + " or ".join(f'"{name}"' for name in close) + f"? known: {listed}"
