"""Errors as RFC 9457 problem documents: the one place where an exception becomes an HTTP answer."""

from __future__ import annotations

import logging
import re
from typing import Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from loopline import errors
from loopline.server.wire import Problem

MEDIA_TYPE: Final = "application/problem+json"


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

_log = logging.getLogger("loopline.server")


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


def answer(problem: Problem) -> Response[bytes]:
    return Response(msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE)


def _loopline(_: Request, error: errors.LooplineError) -> Response[bytes]:  # type: ignore[type-arg]
    return answer(problem_of(error))


def _located(_: Request, error: Located) -> Response[bytes]:  # type: ignore[type-arg]
    return answer(problem_of(error.cause, error.part))


def _http(_: Request, error: HTTPException) -> Response[bytes]:  # type: ignore[type-arg]
    """What the framework refuses: no such path, a body that does not fit its type."""
    detail = error.detail
    if isinstance(error.extra, list) and error.extra:
        first = error.extra[0]
        detail = (
            f"{first.get('key', '')}: {first.get('message', '')}".strip(": ") if isinstance(first, dict) else detail
        )
    status = error.status_code
    title = {400: "Bad request", 404: "Not found", 405: "Method not allowed", 413: "Too large"}.get(status, "Refused")
    found = answer(Problem(type="loopline:Http", title=title, status=status, detail=detail))
    for name, value in (error.headers or {}).items():
        found.headers[name] = value
    return found


def _unexpected(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]
    """A fault of ours: told in the log with its trace, to the reader in one line."""
    _log.exception("%s %s", request.method, request.url.path, exc_info=error)
    said = f"unexpected {type(error).__name__}: {error}"
    return answer(Problem("loopline:Unexpected", "Unexpected fault", 500, said[:500], hint="please report it"))


HANDLERS: Final[ExceptionHandlersMap] = {
    errors.LooplineError: _loopline,
    Located: _located,
    HTTPException: _http,
    Exception: _unexpected,
}
