"""Requests as a diagnosis sees them: each endpoint's time, divided into the parts that add up to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tenantry.results.tables import Tables

# What apps call the parts of their time (Server-Timing metric names), by what they are to us.
_MEANINGS = {
    "pool": ("pool", "conn", "connection", "acquire", "checkout", "poolwait", "pool_wait", "db_pool"),
    "db": ("db", "sql", "database", "pg", "postgres", "query", "queries"),
    "ext": ("ext", "external", "upstream", "http", "remote", "call", "calls"),
    "app": ("app", "handler", "cpu", "render", "view", "code", "other"),
    "total": ("total", "all", "request", "duration", "response"),
}
MEANING = {name: meaning for meaning, names in _MEANINGS.items() for name in names}
TOLD = ("pool", "db", "ext", "app")
_S = 1e-9
_EVER = 2**31 - 1


@dataclass(slots=True)
class Endpoint:
    """One request name; times in seconds, summed over all its requests. `told`: parts by the app's own word, of `told_requests`."""

    name: str
    requests: int = 0
    failures: int = 0
    response_s: float = 0.0
    service_s: float = 0.0
    connecting_s: float = 0.0
    wait_s: float = 0.0
    receive_s: float = 0.0
    bytes_received: int = 0
    told: dict[str, float] = field(default_factory=dict)
    told_requests: int = 0

    @property
    def mean_s(self) -> float:
        return self.response_s / self.requests if self.requests else 0.0

    @property
    def is_told(self) -> bool:
        """Whether the app tells where the time of most of these requests went."""
        return self.told_requests >= 0.5 * self.requests > 0

    @property
    def bytes_each(self) -> float:
        return self.bytes_received / self.requests if self.requests else 0.0

    def part(self, name: str) -> float:
        """Seconds of `pool`, `db`, `ext` or `app`, scaled to all requests."""
        return self.told.get(name, 0.0) * self.requests / self.told_requests if self.told_requests else 0.0

    @property
    def inside_s(self) -> float:
        """Seconds in the app, by its own word."""
        return sum(self.part(name) for name in TOLD)

    @property
    def door_s(self) -> float:
        """Seconds before the app saw the requests: the network, the accept queue, workers that were busy."""
        return max(self.wait_s - self.inside_s, 0.0) if self.is_told else 0.0

    @property
    def untold_s(self) -> float:
        """Seconds behind the app's door of which nothing is known."""
        return 0.0 if self.is_told else self.wait_s


def seconds_of(some: Iterable[Endpoint], part: str) -> float:
    """Seconds that requests spent in a part, together: `pool`, `db`, `ext`, `app` by the app's word; `response`, `late`, `connecting`,
    `door`, `untold`, `receive` by what the generator saw.
    """
    match part:
        case "late":
            return sum(max(endpoint.response_s - endpoint.service_s, 0.0) for endpoint in some)
        case "response" | "connecting" | "door" | "untold" | "receive":
            return float(sum(getattr(endpoint, f"{part}_s") for endpoint in some))
        case _:
            return sum(endpoint.part(part) for endpoint in some)


def endpoints(tables: Tables, from_s: int, until_s: int | None) -> list[Endpoint]:
    """Per request name, those with the most time first: requests that ended between two seconds of the load."""
    stretch = (from_s, _EVER if until_s is None else until_s)
    found: dict[str, Endpoint] = {}
    for name, requests, failures, received, response, service, connecting, wait, receive in tables.rows(
        """SELECT name, sum(requests)::BIGINT, sum(failures)::BIGINT, sum(bytes_received)::BIGINT, sum(response_sum_ns)::DOUBLE,
                  sum(service_sum_ns)::DOUBLE, sum(blocked_ns + dns_ns + connect_ns + tls_ns + send_ns)::DOUBLE, sum(wait_ns)::DOUBLE,
                  sum(receive_ns)::DOUBLE FROM http WHERE second >= ? AND second < ? GROUP BY name HAVING sum(requests) > 0""",
        stretch,
        of=("http",),
    ):
        response, service, connecting, wait, receive = (part * _S for part in (response, service, connecting, wait, receive))
        found[name] = Endpoint(name, requests, failures, response, service, connecting, wait, receive, received)
    told: defaultdict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for name, metric, seconds, count in tables.rows(
        """SELECT name, metric, sum(sum_ns)::DOUBLE, sum(count)::BIGINT FROM server_timing WHERE second >= ? AND second < ?
           GROUP BY name, metric""",
        stretch,
        of=("server_timing",),
    ):
        told[name][metric] = (seconds * _S, count)
    for name, metrics in told.items():
        if name in found:
            _tell(found[name], metrics)
    return sorted(found.values(), key=lambda endpoint: -endpoint.response_s)


def _tell(endpoint: Endpoint, metrics: dict[str, tuple[float, int]]) -> None:
    sums: defaultdict[str, float] = defaultdict(float)
    for metric, (seconds, count) in metrics.items():
        if (meaning := MEANING.get(metric.lower().replace("-", "_"))) is not None:
            sums[meaning] += seconds
            endpoint.told_requests = max(endpoint.told_requests, count)
    if "app" not in sums and "total" in sums:
        sums["app"] = max(sums["total"] - sum(sums[part] for part in ("pool", "db", "ext")), 0.0)
    sums.pop("total", None)
    endpoint.told = dict(sums)
