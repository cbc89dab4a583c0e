"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

import re
from typing import Final

from loopline import errors
from loopline.server.wire import Problem


class NotThere(errors.LooplineError, KeyError):
    """A sample, job or view that a request names and that is not there."""

    __str__ = errors.LooplineError.__str__


_STATUS: Final[tuple[tuple[type[errors.LooplineError], int], ...]] = (
    (NotThere, 404),
    (errors.DatasetNotFound, 404),
    (errors.UnknownVersion, 404),
    (errors.DatasetExists, 409),
    (errors.ReadOnlyVersion, 409),
    (errors.Conflict, 503),
    (errors.QueryError, 422),
    (errors.SchemaError, 422),
    (errors.MediaError, 404),
    (errors.MissingDependency, 501),
)


class Located(Exception):
    """A LooplineError in one of the texts of a request: `part` says which."""

    def __init__(self, cause: errors.LooplineError, part: str) -> None:
        super().__init__(str(cause))
        self.cause, self.part = cause, part


def problem_of(error: errors.LooplineError, part: str = "") -> Problem:
    """What happened, where, and what to do."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
    column = error.column if isinstance(error, errors.QueryError) else None
    return Problem(
        type=f"loopline:{type(error).__name__}",
        title=_words(type(error).__name__),
        status=status,
        detail=error.what,
        where=error.where,
        hint=error.hint,
        column=column,
        length=None if column is None else _token_length(getattr(error, "text", ""), column),
        part=part,
    )


def _words(name: str) -> str:
    """
    >>> _words("DatasetNotFound")
    'Dataset not found'
    """
    spaced = re.sub(r"(?<!^)([A-Z])", r" \1", name)
    return spaced[:1] + spaced[1:].lower()


def _token_length(text: str, column: int) -> int:
    """Characters of the word, number or text constant that starts at `column`; at least one."""
    found = re.match(r"\w[\w.]*|'[^']*'?|\"[^\"]*\"?", text[column:])
    return len(found[0]) if found else 1
