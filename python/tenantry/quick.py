"""Load without a script: URLs and flags become a plan; every fault is reported before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tenantry.errors import UsageError
from tenantry.plan.drill import Drill
from tenantry.plan.faults import at_least_one, raise_all, some_duration, some_rate, zero_or_more
from tenantry.plan.http import HttpSettings, http_settings, redirect_count
from tenantry.plan.profiles import Profile, constant_rate, constant_vus, shared_iterations
from tenantry.prepare import Prepared
from tenantry.safety import check_target
from tenantry.scenario.decorators import Scenario
from tenantry.scenario.vu import Vu
from tenantry.scenario.workload import Part, Workload
from tenantry.thresholds.check import check_thresholds
from tenantry.types import did_you_mean
from tenantry.units import NS

VUS = 50
DURATION = "10s"
MAX_VUS = 1000
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for, as text from the command line; None where nothing was said."""

    urls: Sequence[str]
    rate: str | None = None
    vus: str | None = None
    duration: str | None = None
    requests: str | None = None
    max_vus: str | None = None
    method: str | None = None
    body: str | None = None
    headers: Sequence[str] = ()
    expect: str | None = None
    thresholds: Sequence[str] = ()
    timeout: str = "60s"
    rng_seed: str = "1"
    name: str = "quick"
    redirects: str = "none"
    http1: bool = False
    http2: bool = False
    insecure: bool = False
    keep_alive: bool = True


def prepare_quick(
    wish: Wish, *, allow: Collection[str] = (), confirm: str | None = None, environment: Mapping[str, str] | None = None
) -> Prepared:
    """The plan of a load without a script; raises UsageError, UnsafeTarget or UsageErrors, and sends nothing.

    `allow`, `confirm` and `environment` are those of `tenantry.safety.check_target`.
    """
    note = _Note()
    origins = [note.take("URL", url, "", lambda url, _: _origin(url, allow, confirm, environment)) for url in wish.urls]
    if not wish.urls:
        note.add("URL", "there is no URL", "give one, such as http://127.0.0.1:8000/")
    if not wish.name.strip():
        note.add("--name", "the name is empty", "give one, or leave the option out")
    workload = Workload(
        parts=(Part(None, _profile(wish, note), ((Scenario("quick", _by_the_engine), 1.0),)),),
        name=wish.name,
        thresholds=tuple(wish.thresholds),
        rng_seed=note.take("--rng-seed", wish.rng_seed, 1, zero_or_more),
        request_timeout_ns=note.take("--timeout", wish.timeout, NS, some_duration),
        http=_settings(wish, note),
    )
    plan, faults = workload.draft(target=next(iter(origins), ""))
    drill = _drill(wish, note)
    thresholds, wrong = check_thresholds(plan.as_dict(), where="--threshold")
    raise_all([*note.found, *faults, *wrong])
    return Prepared(workload, replace(plan, allow=tuple(allow), drill=drill), tuple(thresholds))


async def _by_the_engine(vu: Vu) -> None:
    """Stands for the requests in the list of scenarios; the engine sends them without asking Python."""


class _Note:
    """Collects faults, each with the flag that it is about."""

    def __init__(self) -> None:
        self.found: list[UsageError] = []

    def add(self, flag: str, what: str, hint: str) -> None:
        self.found.append(UsageError(what, where=flag, hint=hint))

    def take(self, flag: str, value: Any, instead: T, parse: Callable[[Any, str], T]) -> T:
        """What `parse` makes of the value, or `instead` after noting why it refuses."""
        try:
            return parse(value, flag.removeprefix("--"))
        except UsageError as fault:
            # What the safety rules say names its place itself.
            self.found.append(fault if fault.where.startswith("target ") else UsageError(fault.what, where=flag, hint=fault.hint))
            return instead


def _origin(url: str, allow: Collection[str], confirm: str | None, environment: Mapping[str, str] | None) -> str:
    """Scheme, host and port of a URL that load may be put on."""
    if re.search(r"\s", url):
        raise UsageError(f"{url!r} holds a space", hint="write a space in a URL as %20")
    checked = urlsplit(check_target(url.partition("?")[0], allow=allow, confirm=confirm, environment=environment))
    return f"{checked.scheme}://{checked.netloc}"


def _profile(wish: Wish, note: _Note) -> Profile:
    """Open with a rate, closed without; both end after a time or a number of requests, or whichever comes first."""
    if wish.rate is not None and wish.vus is not None:
        note.add(
            "--rate", "--rate and --vus together", "give --rate for starts whatever the answers, or --vus for a loop of each virtual user"
        )
    if wish.max_vus is not None and wish.rate is None:
        note.add("--max-vus", "--max-vus without --rate", "give --vus: in a closed loop that is how many there are")
    duration = note.take("--duration", wish.duration or DURATION, NS, some_duration)
    requests = None if wish.requests is None else note.take("--requests", wish.requests, 1, at_least_one)
    if wish.rate is not None:
        rate = note.take("--rate", wish.rate, Fraction(1), some_rate)
        length = duration if requests is None else int(requests * NS / rate)
        length = min(length, duration) if wish.duration is not None else length
        most = note.take("--max-vus", wish.max_vus or MAX_VUS, 1, at_least_one)
        return replace(constant_rate(1, 1, max_vus=most), rate=rate, duration_ns=max(length, 1))
    vus = note.take("--vus", wish.vus or VUS, 1, at_least_one)
    if requests is None:
        return replace(constant_vus(vus, 1), duration_ns=duration)
    if wish.vus is not None and vus > requests and not note.found:
        note.add("--requests", f"{requests} requests for {vus} virtual users", "give no more --vus than --requests")
    shared = shared_iterations(requests, vus=min(vus, requests))
    return replace(shared, max_duration_ns=duration) if wish.duration is not None else shared


def _settings(wish: Wish, note: _Note) -> HttpSettings:
    if wish.http1 and wish.http2:
        note.add("--http2", "--http1.1 and --http2 together", "give one of them, or none to let a TLS server choose")
    return http_settings(
        version="2" if wish.http2 else "1.1" if wish.http1 else "auto",
        verify=not wish.insecure,
        keep_alive=wish.keep_alive,
        cookies=False,
        redirects=note.take("--redirects", wish.redirects, 0, _redirects),
        compressed=False,
        traceparent=False,
    )


def _redirects(text: str, what: str) -> int:
    try:
        return 0 if text == "none" else redirect_count(text, what)
    except UsageError as fault:
        raise UsageError(fault.what, hint="give a number such as 5, or none") from None


def _drill(wish: Wish, note: _Note) -> Drill:
    body = note.take("--body", wish.body, b"", _body) if wish.body is not None else b""
    method = note.take("--method", wish.method or ("GET" if wish.body is None else "POST"), "GET", _method)
    no_header: tuple[tuple[str, str], ...] = ()
    headers = [header for text in wish.headers for header in note.take("--header", text, no_header, _headers)]
    nothing: tuple[int, ...] = ()
    expect = note.take("--expect", wish.expect, nothing, _statuses) if wish.expect is not None else nothing
    return Drill(method=method, urls=tuple(_named(wish.urls, method)), headers=tuple(headers), body=body, expect=expect)


def _named(urls: Sequence[str], method: str) -> Iterator[tuple[str, str]]:
    """Each URL with the name of its series: the path, and the host where there are several."""
    several = len({url.split("/", 3)[2:3] != urls[0].split("/", 3)[2:3] for url in urls}) > 1
    for url in urls:
        _, _, host, path = (*url.partition("?")[0].split("/", 3), "", "", "")[:4]
        yield url, f"{method} {host if several else ''}/{path}"


def _method(text: str, what: str) -> str:
    if text.upper() not in METHODS:
        raise UsageError(f"{text!r} is no method of HTTP", hint=did_you_mean(text.upper(), METHODS))
    return text.upper()


def _body(text: str, what: str) -> bytes:
    return _file(text[1:]) if text.startswith("@") else text.encode()


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name!r} cannot be read: {error.strerror or error}", hint="write @ and the path of a file") from None


def _headers(text: str, what: str) -> tuple[tuple[str, str], ...]:
    """The header of `name: value`, or those of `@file`, one a line."""
    if not text.startswith("@"):
        return (_header(text),)
    lines = _file(text[1:]).decode("utf-8", "replace").splitlines()
    return tuple(_header(line) for line in lines if line.strip())


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name.strip()) or not _VALUE.fullmatch(value):
        raise UsageError(f"{name.strip()!r} is not the beginning of a header", hint="write it as 'accept: text/html'")
    return name.strip(), value.strip()


def _statuses(text: str, what: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-5]\d\d", part) for part in parts):
        raise UsageError(f"{text!r} is not a list of statuses", hint="write it as 200,404")
    return tuple(int(part) for part in parts)


def without_secrets(command: Sequence[str], wish: Wish) -> list[str]:
    """A command line for the manifest: without queries, values of headers and bodies."""
    told = {header: f"{header.partition(':')[0]}: ..." for header in wish.headers if not header.startswith("@")}
    told |= {url: f"{url.partition('?')[0]}?..." for url in wish.urls if "?" in url}
    if wish.body is not None and not wish.body.startswith("@"):
        told[wish.body] = "..."
    return [_replaced(word, told) for word in command]


def _replaced(word: str, told: Mapping[str, str]) -> str:
    if word in told:
        return told[word]
    # `--header=name: value`, `-Hname: value`
    found = next((secret for secret in told if word.startswith("-") and word.endswith(secret)), None)
    return word if not found else word.removesuffix(found) + told[found]
