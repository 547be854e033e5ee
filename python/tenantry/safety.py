"""Where load and seeding may go: this machine, or a host that the user has allowed by name.

A host, database or environment that looks like production needs both: to be allowed by name, and its host typed in full as confirmation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

from tenantry.errors import UnsafeTarget, UsageError

_PRODUCTION = re.compile(r"(?<![a-z])(?:prod(?!uc|ig)|production|prd(?![a-z])|live(?![a-z]))")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|\d+)")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")


def looks_like_production(name: str) -> bool:
    """Whether a name holds prod, production, prd or live as a word: `db.prod.example`, `clinic_live`; not `product`, `olive`."""
    return _PRODUCTION.search(name.lower()) is not None


def check_target(url: str, *, allow: Collection[str] = (), confirm: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The target in one spelling: `http://127.0.0.1:8000`, or with a path that all URLs begin with.

    Raises UsageError for a bad URL and UnsafeTarget for a host that is not allowed. `confirm` is the host as the user typed it after
    `--yes-production`; `environment` holds further names by what they are, such as `{"APP_ENV": "production"}`.
    """
    parts = _split(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    check_host(host, allow=allow, what=f"target {parts.scheme}://{shown}", confirm=confirm, names=environment)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}"


def check_host(
    host: str, *, allow: Collection[str] = (), what: str = "host", confirm: str | None = None, names: Mapping[str, str] | None = None
) -> None:
    """Raise UnsafeTarget unless `host` is this machine or named in `allow`, and unless production is confirmed.

    `names` are further names to look at, by what they are: `{"database": "clinic_prod"}`. A path is a Unix socket, on this machine.
    """
    clean = _normal(host, what)
    allowed = clean in {_normal(entry, "[safety] allow") for entry in allow}
    suspects = {"host": host, **(names or {})}
    odd = [f"{kind} {name!r}" for kind, name in suspects.items() if looks_like_production(name)]
    if odd and not (allowed and confirm is not None and _normal(confirm, "--yes-production") == clean):
        raise UnsafeTarget(f"{' and '.join(odd)} looks like production", where=what, hint=_both(host, allowed))
    if not allowed and not is_loopback(host):
        raise UnsafeTarget(
            f"{host} is not on this machine, and other hosts must be allowed by name",
            where=what,
            hint=f'if it may be put under load, write in tenantry.toml: [safety] allow = ["{host}"], or set TENANTRY_SAFETY_ALLOW={host}',
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine beyond doubt: localhost, 127.0.0.0/8, ::1, or the path of a Unix socket."""
    if host.startswith("/"):
        return True
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback and "%" not in host


def _split(url: str) -> SplitResult:
    """The parts of a target URL; raises UsageError for anything but scheme, host, port and path."""
    example = "write it as http://127.0.0.1:8000"
    if re.search(r"[\s\\\x00-\x1f]", url):
        raise UsageError("the target holds a space, backslash or control character", where="target", hint=example)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the target {_bare(url)!r} is not a URL: {str(error).lower()}", where="target", hint=example) from None
    if parts.scheme not in ("http", "https"):
        what = "has no scheme" if "://" not in url else f"has the scheme {parts.scheme!r}; http and https are known"
        raise UsageError(f"the target {_bare(url)!r} {what}", where="target", hint=example)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the target holds a user name or password", where="target", hint="send credentials in headers, from the environment"
        )
    if not parts.hostname or port == 0:
        raise UsageError(
            f"the target {_bare(url)!r} has no {'host' if not parts.hostname else 'usable port'}", where="target", hint=example
        )
    if parts.query or parts.fragment:
        raise UsageError(f"the target {_bare(url)!r} has a query or fragment", where="target", hint="put it into the URLs of the scenarios")
    return parts


def _bare(url: str) -> str:
    """The URL without what may be a password."""
    return re.sub(r"//[^/@]*@", "//...@", url)


def _normal(host: str, what: str) -> str:
    """One spelling per host; raises UsageError for text that is no host, and for addresses written to be misread."""
    bare = host.strip().removeprefix("[").removesuffix("]")
    if bare.startswith("/"):
        return bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        name = bare.removesuffix(".").encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise UsageError(f"{host} is not a plain address", where=what, hint="write all four numbers in decimal, as in 127.0.0.1")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{host!r} is not a host name", where=what, hint="name one host, without scheme, port, path or wildcard")
    return name


def _both(host: str, allowed: bool) -> str:
    first = "" if allowed else f'allow it by name in tenantry.toml ([safety] allow = ["{host}"]), and '
    return f"if it really is the one that you mean: {first}confirm with --yes-production {host}"
