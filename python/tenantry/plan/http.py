"""Settings of all connections of a run: versions of HTTP, TLS, names, proxies, cookies."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, any_duration, at_least_one, whole
from tenantry.types import did_you_mean
from tenantry.units import NS

VERSIONS = ("auto", "1.1", "2")
CONNECTIONS = ("vu", "shared")
FAMILIES = {"any": "any", "4": "only4", "6": "only6", "4,6": "prefer4", "6,4": "prefer6"}
_SIX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How connections are made and what requests carry; made by `http_settings`."""

    version: str = "auto"
    connections: str = "vu"
    connections_per_host: int = _SIX
    keep_alive: bool = True
    dns_ttl_ns: int = 300 * NS
    family: str = "any"
    hosts: Mapping[str, str] = field(default_factory=dict)
    proxy: str | None = None
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    verify: bool = True
    source_addresses: tuple[str, ...] = ()
    cookies: bool = True
    redirects: int = 10
    compressed: bool = True
    traceparent: bool = True
    faults: tuple[UsageError, ...] = field(default=(), repr=False, compare=False)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for the manifest of the run; a password in the proxy's URL is left out."""
        plain = {key: value for key, value in asdict(self).items() if key != "faults"}
        return {**plain, "hosts": dict(self.hosts), "proxy": _without_password(self.proxy), "source_addresses": list(self.source_addresses)}

    def for_engine(self, connect_timeout_ns: int) -> dict[str, object]:
        """As the engine reads it."""
        return {
            **self.as_dict(),
            "proxy": _without_password(self.proxy, "//"),
            "proxy_authorization": _authorization(self.proxy),
            "family": FAMILIES[self.family],
            "shared_connections": self.connections == "shared",
            "connect_timeout_ns": connect_timeout_ns,
        }


def _without_password(url: str | None, instead: str = "//***@") -> str | None:
    return re.sub(r"//[^/@]*@", instead, url) if url is not None else None


def _authorization(url: str | None) -> str | None:
    """What the name and password in a proxy's URL are to it; None without them."""
    parts = urlsplit(url or "")
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def http_settings(
    *,
    version: str = "auto",
    connections: str = "vu",
    connections_per_host: int | None = None,
    keep_alive: bool = True,
    dns_ttl: str | float = "5m",
    family: str = "any",
    hosts: Mapping[str, str] | None = None,
    proxy: str | None = None,
    ca: str | Path | None = None,
    client_certificate: str | Path | None = None,
    client_key: str | Path | None = None,
    verify: bool = True,
    source_addresses: Sequence[str] = (),
    cookies: bool = True,
    redirects: int = 10,
    compressed: bool = True,
    traceparent: bool = True,
) -> HttpSettings:
    """Settings for `workload(..., http=http_settings(version="2"))`; faults are noted and reported with those of the workload.

    `version`: `auto` (HTTP/2 where a TLS server offers it), `1.1`, or `2` (without TLS by prior knowledge). `connections`: each virtual
    user has its own (`vu`), as browsers, or all use the same ones (`shared`); at most `connections_per_host` (6; shared: 100).
    `dns_ttl`: how long an address is remembered. `family`: `any`, `4`, `6`, `4,6` or `6,4`. `hosts`: addresses of names, instead of
    asking for them. `proxy`: `http://host:port`. `ca`, `client_certificate`, `client_key`: PEM files. `verify=False` trusts every
    certificate. `source_addresses`: addresses of this machine that connections come from, in turn by virtual user. `redirects`: how
    many are followed. `compressed`: ask for gzip, deflate, br and zstd. `traceparent`: send a W3C trace context.
    """
    note = Faults()
    settings = HttpSettings(
        version=_one_of(note, version, "version", VERSIONS),
        connections=_one_of(note, connections, "connections", CONNECTIONS),
        connections_per_host=note.take(
            at_least_one, connections_per_host or (100 if connections == "shared" else _SIX), "connections_per_host", _SIX
        ),
        keep_alive=_truth(note, keep_alive, "keep_alive"),
        dns_ttl_ns=note.take(any_duration, dns_ttl, "dns_ttl", 0),
        family=_one_of(note, family, "family", tuple(FAMILIES)),
        hosts={name: _address(note, address, f"the address of {name}") for name, address in (hosts or {}).items()},
        proxy=_proxy(note, proxy),
        ca=_file(note, ca, "ca"),
        client_certificate=_file(note, client_certificate, "client_certificate"),
        client_key=_file(note, client_key, "client_key"),
        verify=_truth(note, verify, "verify"),
        source_addresses=tuple(_address(note, address, "a source address") for address in source_addresses),
        cookies=_truth(note, cookies, "cookies"),
        redirects=note.take(redirect_count, redirects, "redirects", 10),
        compressed=_truth(note, compressed, "compressed"),
        traceparent=_truth(note, traceparent, "traceparent"),
    )
    if client_key is not None and client_certificate is None:
        note.add("client_key without client_certificate", "give the certificate that belongs to the key as well")
    return replace(settings, faults=tuple(note.found))


SETTINGS = tuple(one.name.removesuffix("_ns") for one in fields(HttpSettings) if one.name != "faults")


def change(settings: HttpSettings, key: str, value: object, where: str) -> HttpSettings:
    """The settings with one of them changed, from `--set http.KEY=VALUE`; what is wrong is among their faults."""
    if key not in SETTINGS or key in ("hosts", "source_addresses"):
        fault = UsageError(f"unknown setting http.{key}", where=where, hint=did_you_mean(key, SETTINGS))
        return replace(settings, faults=(*settings.faults, fault))
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    given = words.get(str(value).lower(), value)
    changed = http_settings(**{key: given})  # type: ignore[arg-type]  # checked by the function itself
    name = f"{key}_ns" if key == "dns_ttl" else key
    faults = tuple(UsageError(fault.what, where=where, hint=fault.hint) for fault in changed.faults)
    return replace(settings, **{name: getattr(changed, name)}, faults=(*settings.faults, *faults))


def _one_of(note: Faults, value: object, what: str, known: tuple[str, ...]) -> str:
    if str(value) not in known:
        note.add(f"{what} is {value!r}", did_you_mean(str(value), known))
        return known[0]
    return str(value)


def _truth(note: Faults, value: object, what: str) -> bool:
    if not isinstance(value, bool):
        note.add(f"{what} is {value!r}, neither True nor False", f"write {what}=True or {what}=False")
    return bool(value)


def redirect_count(value: object, what: str) -> int:
    """How many redirects are followed, at most 255; raises UsageError."""
    found = whole(value, what, least=0)
    if found > 255:
        raise UsageError(f"{what} is {found}; it must be 255 or less", hint="give a number such as 10, or 0 to follow none")
    return found


def _address(note: Faults, value: object, what: str) -> str:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        note.add(f"{what} is {value!r}, not an IP address", "write it as 127.0.0.1 or ::1")
        return "127.0.0.1"


def _proxy(note: Faults, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(str(value))
        good = parts.scheme == "http" and bool(parts.hostname) and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        good = False
    if not good:
        note.add(f"proxy is {value!r}, not the URL of an HTTP proxy", "write it as http://127.0.0.1:3128")
    return str(value)


def _file(note: Faults, value: str | Path | None, what: str) -> str | None:
    if value is None:
        return None
    if not Path(value).is_file():
        note.add(f"{what} is {str(value)!r}, and there is no such file", "give the path of a PEM file")
    return str(value)
