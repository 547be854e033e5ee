"""URL templates, query strings and bodies: from the arguments of `vu.get(...)` to what goes on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from tenantry.errors import UsageError
from tenantry.types import did_you_mean
from tenantry.units import NS, duration_ns

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")
_OPTIONS = ("name", "params", "json", "data", "headers", "expect", "timeout", "tags", "files", "transfer")


class Template(NamedTuple):
    """A URL with `{fields}`: `start`, then each field with the text after it; `path` is the URL's path with the fields as written."""

    start: str
    rest: tuple[tuple[str, str], ...]
    fields: frozenset[str]
    path: str

    def fill(self, values: Mapping[str, object]) -> str:
        """The URL with percent-encoded values; raises UsageError for a value that is missing, None or not used."""
        if values.keys() != self.fields:
            raise self._mismatch(values)
        url = self.start
        for field, text in self.rest:
            value = values[field]
            url += (str(value) if type(value) is int else self._quoted(field, value)) + text
        return url

    def _quoted(self, field: str, value: object) -> str:
        if value is None:
            raise UsageError(f"{{{field}}} in the URL {self.path} is None", hint="give it a value")
        return quote(str(value), safe="")

    def _mismatch(self, values: Mapping[str, object]) -> UsageError:
        missing = [field for field, _ in self.rest if field not in values]
        if missing:
            return UsageError(f"no value for {{{missing[0]}}} in the URL {self.path}", hint=f"give {missing[0]}=... as a keyword argument")
        extra = next(key for key in values if key not in self.fields)
        known = [*sorted(self.fields), *_OPTIONS]
        return UsageError(f"unknown keyword argument {extra!r} for the URL {self.path}", hint=did_you_mean(extra, known))


@lru_cache(maxsize=4096)
def compile_template(url: str) -> Template:
    """Parse a URL template; raises UsageError for braces that are no field."""
    pieces = _FIELD.split(url)
    fields = tuple(pieces[1::2])
    if any("{" in part or "}" in part for part in pieces[::2]):
        raise UsageError(f"braces in the URL {url} hold no field name", hint="write /pets/{id}, and give id=... as a keyword argument")
    taken = [field for field in fields if field in _OPTIONS]
    if taken:
        raise UsageError(
            f"the field {{{taken[0]}}} of the URL {url} has the name of an option", hint=f"call it {taken[0]}_ or another name"
        )
    rest = tuple(zip(fields, pieces[2::2], strict=True))
    return Template(pieces[0], rest, frozenset(fields), _path(url))


def _path(url: str) -> str:
    bare = url.partition("?")[0].partition("#")[0]
    return bare if bare.startswith("/") else urlsplit(bare).path or "/"


def with_params(url: str, params: Params) -> str:
    """The URL with a query string; None leaves a parameter out, True and False are `true` and `false`, sequences repeat the key."""
    pairs = params.items() if isinstance(params, Mapping) else params
    query = urlencode([pair for key, value in pairs for pair in _values(key, value)])
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _values(key: str, value: Any) -> Iterable[tuple[str, str]]:
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(key, _plain(item)) for item in value]
    return ((key, _plain(value)),)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode_json(value: object) -> bytes:
    """JSON bytes; dataclasses, dates, decimals and UUIDs included."""
    return _encoder()(value)


@cache
def _encoder() -> Callable[[object], bytes]:
    from msgspec.json import encode

    return encode


def encode_data(data: Params | str | bytes) -> tuple[bytes, str | None]:
    """Body and content type: a mapping or pairs as a form, text as UTF-8, bytes as they are."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), None
    if isinstance(data, str):
        return data.encode(), TEXT
    pairs = data.items() if isinstance(data, Mapping) else data
    return urlencode([pair for key, value in pairs for pair in _values(key, value)]).encode(), FORM


@lru_cache(maxsize=256)
def seconds(timeout: str | float) -> float:
    """Seconds of a time-out above zero, `5s` or a number; raises UsageError."""
    parsed = duration_ns(timeout, what="timeout")
    if parsed == 0:
        raise UsageError("timeout is zero; no request can meet it", hint="write it as 5s or 0.5")
    return parsed / NS
