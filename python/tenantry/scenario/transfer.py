"""How a single request is sent, where that differs from all others: authentication, redirects, retries, codings, limits."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from tenantry.errors import UsageError
from tenantry.types import RequestOptions, did_you_mean
from tenantry.units import size_bytes

CODINGS = ("gzip", "deflate", "br", "zstd")
_MOST = 255


@dataclass(frozen=True, slots=True)
class Basic:
    """Name and password in the `authorization` header (RFC 7617)."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token in the `authorization` header (RFC 6750)."""

    token: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Name and password as an answer to the server's challenge (RFC 7616): two samples, the challenge is no failure."""

    name: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How one request is sent: `vu.get("/export", transfer=Transfer(discard=True))`.

    `auth`: Basic, Bearer or Digest. `redirects`: how many are followed. `retries`: how often it is sent again after a failure of the
    connection or a status of 429, 502, 503, 504; after 0.1 s, 0.2 s, 0.4 s and so on. `coding`: the content coding that its body gets.
    `discard`: count the body of the response, keep nothing of it. `most_body`: its longest size (`10MB`, or bytes); a longer one is the
    failure `too_large`. Every redirect and every retry is a sample of its own, in the series of the request with `(redirected)` or
    `(retried)`.
    """

    auth: Basic | Bearer | Digest | None = None
    redirects: int | None = None
    retries: int = 0
    coding: str | None = None
    discard: bool = False
    most_body: str | int | None = None

    def options(self, headers: Mapping[str, str] | None) -> RequestOptions:
        """Options of the engine; raises UsageError for a wrong one."""
        found: RequestOptions = {}
        if self.redirects is not None:
            found["redirects"] = _count(self.redirects, "redirects")
        if self.retries:
            found["retries"] = _count(self.retries, "retries")
        if self.coding is not None:
            if self.coding not in CODINGS:
                raise UsageError(f"unknown content coding {self.coding!r}", hint=did_you_mean(self.coding, CODINGS))
            found["coding"] = self.coding
        if self.discard:
            found["discard"] = True
        if self.most_body is not None:
            found["most_body"] = self.most_body if isinstance(self.most_body, int) else size_bytes(self.most_body, what="most_body")
        match self.auth:
            case None:
                pass
            case Basic(name, password):
                proof = b64encode(f"{name}:{password}".encode()).decode()
                found["headers"] = {**(headers or {}), "authorization": f"Basic {proof}"}
            case Bearer(token):
                found["headers"] = {**(headers or {}), "authorization": f"Bearer {token}"}
            case Digest(name, password):
                found["digest"] = (name, password)
            case other:
                raise UsageError(f"auth is {other!r}", hint="give Basic(...), Bearer(...) or Digest(...)")
        return found


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise UsageError(f"{what} is {value!r}; it must be a whole number from 0 to {_MOST}")
    return value
