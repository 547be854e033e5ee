"""What the app tells of itself at an address in Prometheus' text format, once a second."""

from __future__ import annotations

import base64
import http.client
import math
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from tenantry import __version__
from tenantry.observe.exposition import Page, Sample, parse
from tenantry.observe.meanings import Meanings, worker, worker_of
from tenantry.observe.recorder import Recorder

TIMEOUT_S = 2.0
MOST_SAMPLES = 500
_MOST_BYTES = 8_000_000
_MOST_LABELS = 200


@dataclass
class App:
    """Scrapes one address. Each scrape has a connection of its own, so that it meets any of the workers behind the port.

    Values are written as they are, those that have not changed once; beside them what is recognised, under common names.
    """

    address: str
    recorder: Recorder
    name: str = "app"
    every_s: float = 1.0
    notes: list[str] = field(default_factory=list)
    _meanings: Meanings = field(default_factory=Meanings)
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    def open(self) -> None:
        """Each reading opens its own connection."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def read(self) -> None:
        at_ns, begun = self.recorder.now_ns(), time.monotonic()
        text = scrape(self.address, TIMEOUT_S)
        took_s = time.monotonic() - begun
        page = parse(text)
        answered = worker(page.samples)
        values = {**self._raw(page, answered), **self._meanings.of(page.samples, answered)}
        self.recorder.readings(at_ns, self.name, {**values, ("scrape.took_s", answered): took_s})

    def _raw(self, page: Page, answered: str) -> dict[tuple[str, str], float]:
        if not page.samples:
            raise ValueError(f"{_shown(self.address)} has no metrics in Prometheus' text format")
        kept = sorted(page.samples, key=lambda sample: sample.name.endswith("_bucket"))[:MOST_SAMPLES]
        if len(page.samples) > MOST_SAMPLES:
            self.notes = [f"{_shown(self.address)} tells {len(page.samples)} values, of which {MOST_SAMPLES} are kept"]
        values = {(sample.name, _subject(sample, answered)): sample.value for sample in kept if math.isfinite(sample.value)}
        changed = {what: value for what, value in values.items() if self._last.get(what) != value}
        self._last |= changed
        return changed


def scrape(address: str, timeout_s: float) -> str:
    """The body at an address; a user and password in it are sent as such. Raises OSError, ValueError."""
    place = urlsplit(address)
    connection = _connection(place, timeout_s)
    try:
        connection.request("GET", f"{place.path or '/'}{f'?{place.query}' if place.query else ''}", headers=_headers(place))
        with connection.getresponse() as response:
            if response.status != http.client.OK:
                raise ValueError(f"{_shown(address)} answered {response.status}")
            return _body(response, timeout_s).decode("utf-8", errors="replace")
    except http.client.HTTPException as error:
        raise ValueError(f"{_shown(address)} gave no HTTP answer: {error!r}") from error
    finally:
        connection.close()


def _connection(place: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    if place.scheme not in ("http", "https") or not place.hostname:
        raise ValueError(f"{place.geturl()!r} is no http address")
    if place.scheme == "https":
        return http.client.HTTPSConnection(place.hostname, place.port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(place.hostname, place.port, timeout=timeout_s)


def _headers(place: SplitResult) -> dict[str, str]:
    headers = {"accept": "text/plain;version=0.0.4", "connection": "close", "user-agent": f"tenantry/{__version__}"}
    if place.username is not None:
        pair = f"{unquote(place.username)}:{unquote(place.password or '')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers


def _body(response: http.client.HTTPResponse, timeout_s: float) -> bytes:
    """All of it, within the time: a server that sends a byte a second is not waited for."""
    give_up, parts, size = time.monotonic() + timeout_s, [], 0
    while part := response.read1(65_536):
        parts.append(part)
        size += len(part)
        if time.monotonic() > give_up or size > _MOST_BYTES:
            raise OSError("the metrics took too long, or are too many")
    return b"".join(parts)


def probes(addresses: Iterable[str], recorder: Recorder) -> list[App]:
    """A probe for each address; several have the address in their name."""
    places = list(dict.fromkeys(addresses))
    return [
        App(place, recorder, name="app" if len(places) == 1 else f"app {urlsplit(place).netloc.rpartition('@')[2]}") for place in places
    ]


def _subject(sample: Sample, answered: str) -> str:
    who = worker_of(sample, answered)
    labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
    return " ".join(part for part in (who, labels) if part)[:_MOST_LABELS]


def _shown(address: str) -> str:
    """The address without user and password."""
    place = urlsplit(address)
    return place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()
