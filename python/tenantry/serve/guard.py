"""Who may ask: the token, the Host header, the origin of a form; and what a browser may do with an answer."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

from tenantry.safety import is_loopback

COOKIE = "tenantry_session"
LEAST_TOKEN = 16
_OPEN = ("/login", "/assets/")
_SAFE = ("GET", "HEAD")
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
# With `no-referrer` a browser would send no origin with our own forms.
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def session(token: str) -> str:
    """The value of the cookie after a login: made of the token, which itself is not stored in the browser."""
    return hmac.new(token.encode(), b"tenantry serve: session", "sha256").hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def local_path(given: str) -> str:
    """Where to go after a login: a path of ours, never another site."""
    fine = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable()
    return given if fine else "/"


class Guard:
    """Lets through what may be asked; `token` is None on loopback, where the Host header stands in for it.

    A page of another site could have its own name lead to 127.0.0.1 and then read this server as if it were its own (DNS rebinding), but
    the browser still sends that name as Host.
    """

    def __init__(self, app: App, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        fault = self._fault(scope, headers)
        if fault:
            await _answer(_guarded(send), 403, fault)
        elif self._token is None or scope["path"].startswith(_OPEN) or self._is_known(headers):
            await self._app(scope, receive, _guarded(send))
        elif scope["path"].startswith("/api/") or scope["method"] not in _SAFE:
            await _answer(
                _guarded(send), 401, "a token is needed: send it as `Authorization: Bearer TOKEN`", ("www-authenticate", "Bearer")
            )
        else:
            wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            await _answer(_guarded(send), 303, "log in", ("location", f"/login?next={quote(wanted, safe='')}"))

    def _fault(self, scope: Scope, headers: dict[str, str]) -> str:
        """Why a request is refused whoever sends it; empty when it is not."""
        if self._token is None and not is_loopback(_host(headers.get("host", ""))):
            return "without a token this server answers only to localhost; give it a token (TENANTRY_SERVE_TOKEN) to use another name"
        origin = headers.get("origin")
        if scope["method"] not in _SAFE and origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return "a form of another site"
        return ""

    def _is_known(self, headers: dict[str, str]) -> bool:
        token = self._token or ""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and is_same(given.strip(), token):
            return True
        cookies = dict(pair.strip().partition("=")[::2] for pair in headers.get("cookie", "").split(";"))
        return is_same(cookies.get(COOKIE, ""), session(token))


def _host(header: str) -> str:
    """The host of a Host header, without its port; empty for nonsense."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _guarded(send: Send) -> Send:
    """Adds the headers that an answer does not have of its own."""

    async def with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in own]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return with_headers


async def _answer(send: Send, status: int, text: str, header: tuple[str, str] | None = None) -> None:
    headers = [("content-type", "text/plain; charset=utf-8"), *([header] if header else [])]
    await send(
        {"type": "http.response.start", "status": status, "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers]}
    )
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
