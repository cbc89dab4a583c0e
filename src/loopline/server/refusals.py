"""The one place where an exception becomes an HTTP answer."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from loopline import errors
from loopline.server.problems import Located, problem_of
from loopline.server.wire import Problem

MEDIA_TYPE: Final = "application/problem+json"

_log = logging.getLogger("loopline.server")


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
