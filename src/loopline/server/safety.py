"""Who may ask, and what a browser may do with the answers.

The app listens on this machine alone unless told otherwise. Then every request needs the token that was printed at
the start, as a cookie or in the first link. In both cases the Host header must name this server (else any web page
could reach it by a name of its own that points here), and a write must come from a page of this server.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from loopline.server.wire import Problem

if TYPE_CHECKING:  # who may ask is settled before the app is loaded
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

COOKIE: Final = "loopline_token"
MAX_BODY: Final = 8 * 1024 * 1024
MAX_URL: Final = 16 * 1024
_LOOPBACK_NAMES: Final = frozenset({"localhost", "ip6-localhost"})
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Data goes to this server and nowhere else; styles of components are inline.
_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors "
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gate holds requests to.

    token   None: no token is asked for (the server listens on this machine alone)
    hosts   names and addresses beside this machine's that the Host header may have
    frames  origins, beside this machine's, whose pages may show the app in a frame (notebooks)
    """

    token: str | None = None
    hosts: frozenset[str] = field(default_factory=frozenset)
    frames: tuple[str, ...] = ()


def new_token() -> str:
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("[::1]"), is_loopback("evil.example")
    (True, True, True, False)
    """
    bare = host.strip("[]").rstrip(".").lower()
    if bare in _LOOPBACK_NAMES or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


class Gate:
    """ASGI middleware, around everything."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        ancestors = ["'self'", "http://localhost:*", "http://127.0.0.1:*", "vscode-webview:", *rules.frames]
        self._headers = [
            (b"content-security-policy", (_POLICY + " ".join(ancestors)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = str(scope["type"])
        if kind == "lifespan":
            await self._app(scope, receive, send)
        elif kind == "http":  # there are no web sockets here
            await self._pass(cast("HTTPScope", scope), receive, send)

    async def _pass(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = _Headers(scope["headers"])

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await say(marked, refusal)
            return
        if self._rules.token is not None:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if given and scope["method"] == "GET" and self._is_token(given):
                await self._welcome(marked, scope)
                return
            if not self._is_token(_cookie(headers.one("cookie"))) and not self._is_token(
                _bearer(headers.one("authorization"))
            ):
                hint = "open the link that `loopline app` printed; it ends in ?token=…"
                await say(
                    marked,
                    Problem("loopline:NoToken", "Token needed", 401, "this server asks for its token", hint=hint),
                )
                return
        await self._app(scope, _limited(receive), marked)

    def _refusal(self, scope: HTTPScope, headers: _Headers) -> Problem | None:
        hosts = headers.all("host")
        if len(hosts) != 1 or not self._is_own(_host(hosts[0])):
            hint = "use the address that `loopline app` printed"
            return Problem(
                "loopline:WrongHost",
                "Wrong host",
                421,
                f"this server is not {', '.join(hosts)[:200] or 'named'}",
                hint=hint,
            )
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > MAX_URL:
            return Problem("loopline:TooLarge", "URL too long", 414, f"a URL has at most {MAX_URL} bytes")
        length = headers.one("content-length")
        if length and (not length.isdigit() or int(length) > MAX_BODY):
            return Problem("loopline:TooLarge", "Too large", 413, f"a request has at most {MAX_BODY} bytes")
        if scope["method"] not in _READS and not self._is_from_here(headers, hosts[0]):
            return Problem("loopline:ForeignOrigin", "Foreign origin", 403, "only pages of this server may change data")
        return None

    def _is_own(self, host: str) -> bool:
        return is_loopback(host) or host.lower() in self._rules.hosts

    def _is_from_here(self, headers: _Headers, host: str) -> bool:
        """A browser says where a page comes from; a program that says nothing is not a page."""
        if headers.one("sec-fetch-site") in ("cross-site", "same-site"):
            return False
        origin = headers.one("origin")
        return not origin or urlsplit(origin).netloc.lower() == host.lower()

    def _is_token(self, given: str) -> bool:
        token = self._rules.token
        return token is not None and hmac.compare_digest(given.encode(), token.encode())

    async def _welcome(self, send: Send, scope: HTTPScope) -> None:
        """Give the cookie and take the token out of the address bar."""
        rest = [
            (k, v) for k, vs in parse_qs(scope["query_string"].decode("latin-1")).items() for v in vs if k != "token"
        ]
        target = "/" + quote(scope["path"].lstrip("/")) + (f"?{urlencode(rest)}" if rest else "")
        cookie = f"{COOKIE}={self._rules.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"
        headers = [
            (b"location", target.encode("latin-1", "ignore")),
            (b"set-cookie", cookie.encode()),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Headers:
    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = list(raw)

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self._raw if key.lower() == name.encode()]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")


def _host(value: str) -> str:
    """The name in a Host header, without its port.

    >>> _host("localhost:5151"), _host("[::1]:5151"), _host("a:b:c")
    ('localhost', '[::1]', '')
    """
    if value.startswith("["):
        name, _, port = value.partition("]")
        return f"{name}]" if not port or (port[0] == ":" and port[1:].isdigit()) else ""
    name, _, port = value.partition(":")
    return name if not port or port.isdigit() else ""


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _bearer(header: str) -> str:
    kind, _, value = header.partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def _limited(receive: Receive) -> Receive:
    """A body that came without its length is cut off where it grows too long."""
    seen = 0

    async def counted() -> ReceiveMessage:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                return {"type": "http.disconnect"}
        return message

    return counted


async def say(send: Send, problem: Problem) -> None:
    """Answer with a problem document."""
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
