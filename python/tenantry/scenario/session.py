"""The seam between `Vu` and the engine: what a virtual user asks for, and what comes back."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, Unpack

from tenantry.types import RequestOptions


class Response(Protocol):
    """The answer to one request, or the failure that came instead (`status` 0)."""

    @property
    def status(self) -> int:
        """HTTP status; 0 when no response came."""
        ...

    @property
    def ok(self) -> bool:
        """True when the request did not fail: a response came, with an expected status."""
        ...

    @property
    def failure(self) -> str | None:
        """One of `tenantry.types.FAILURE_KINDS`, or None."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names in lower case."""
        ...

    @property
    def body(self) -> bytes:
        """The body without its content coding; empty when no response came. Raises RequestFailed when it is not in that coding."""
        ...

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not UTF-8 is replaced."""
        ...

    @property
    def http_version(self) -> str:
        """`1.1` or `2`."""
        ...

    def json(self) -> Any:
        """The decoded body. Raises RequestFailed when the request failed or the body is not JSON: the app's fault, ends the iteration."""
        ...

    def expect(self, status: int | tuple[int, ...] = ...) -> Response:
        """Count a check that the status is (one of) `status`; by default that the request did not fail. Raises CheckFailed if not."""
        ...

    @property
    def service_time_s(self) -> float:
        """Seconds from the start of the request to its end."""
        ...

    @property
    def response_time_s(self) -> float:
        """Seconds from the intended start to the end: the first request of an iteration carries the start delay."""
        ...

    @property
    def blocked_s(self) -> float:
        """Seconds: waiting for a connection of this virtual user to be free."""
        ...

    @property
    def dns_s(self) -> float:
        """Seconds: resolving the host name."""
        ...

    @property
    def connect_s(self) -> float:
        """Seconds: the TCP handshake."""
        ...

    @property
    def tls_s(self) -> float:
        """Seconds: the TLS handshake."""
        ...

    @property
    def send_s(self) -> float:
        """Seconds: writing the request."""
        ...

    @property
    def wait_s(self) -> float:
        """Seconds: from the last byte written to the first byte of the response."""
        ...

    @property
    def receive_s(self) -> float:
        """Seconds: reading the response."""
        ...


class Stream(Protocol):
    """A response on its way; an awaitable that it gives means: ask again after it."""

    def head(self) -> Response | Coroutine[Any, Any, None]:
        """The response without its body."""
        ...

    def next(self) -> bytes | Response | Coroutine[Any, Any, None]:
        """The next piece of the body, or the response when it has ended."""
        ...

    def close(self, failed: bool) -> None:
        """Give the rest up."""
        ...


class Session(Protocol):
    """One virtual user's connections in the engine. `group` and `tags` are passed only inside `vu.group(...)` or where given."""

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Coroutine[Any, Any, Response]:
        """Start a request. `url` is a path with query, or absolute; the series is `name`, by default METHOD and path without query."""
        ...

    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Stream:
        """Start a request whose response is read while it comes in."""
        ...

    def cookies(self, url: str) -> list[tuple[str, str]]:
        """Name and value of the cookies that a request to `url` would carry."""
        ...

    def set_cookie(self, name: str, value: str, url: str) -> bool:
        """Set a cookie for the host of `url`; False when it cannot be one."""
        ...

    def clear_cookies(self) -> None:
        """Forget all cookies."""
        ...

    def identify(self, tenant: int, headers: Sequence[tuple[str, str]], /) -> None:
        """From now on requests are this tenant's (-1: nobody's), and carry these headers."""
        ...

    def pause(self, seconds: float, /) -> Coroutine[Any, Any, None]:
        """Wait on the engine's timers."""
        ...

    def check(self, name: str, ok: bool, group: str = "", tags: dict[str, str] | None = None, /) -> None:
        """Count a check."""
        ...

    def measure(self, metric: str, value: float, group: str = "", tags: dict[str, str] | None = None, /) -> None:
        """Take a value of one of the run's metrics."""
        ...

    def now_ns(self) -> int:
        """Nanoseconds since the run's start."""
        ...
