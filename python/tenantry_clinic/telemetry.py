"""What the app tells of itself: Server-Timing and traceparent on each answer, figures for Prometheus."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

if TYPE_CHECKING:
    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tenantry_clinic.db import Database

# https://www.w3.org/TR/trace-context/#traceparent-header
# Version 00 ends there; later ones may go on; ff and zeros are no ids.
_TRACEPARENT = re.compile(rb"(?:(00)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?(1)|(?:-.*)?)")
_LAG_EVERY_S = 0.05
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(slots=True)
class Timing:
    """Where the time of one request goes, in seconds; `app` is what the other parts leave."""

    began: float = field(default_factory=perf_counter)
    route: str = "unknown"
    pool: float = 0.0
    database: float = 0.0
    external: float = 0.0
    answered: bool = False

    def header(self) -> bytes:
        """As a Server-Timing header, in milliseconds."""
        total = perf_counter() - self.began
        app = max(total - self.pool - self.database - self.external, 0.0)
        parts = {"pool": self.pool, "db": self.database, "ext": self.external, "app": app, "total": total}
        return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in parts.items()).encode()


class Telemetry:
    """Middleware around the whole app; puts a Timing into the scope of each request."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure, count and mark one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        timing = scope["timing"] = Timing()
        trace = next((value for name, value in scope["headers"] if name == b"traceparent"), None)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                timing.answered = True
                self._figures.requests[timing.route, message["status"]] += 1
                message["headers"].append((b"server-timing", timing.header()))
                if trace is not None and (parent := _TRACEPARENT.fullmatch(trace)):
                    own = b"00-%b-%b-%b" % (parent[2], token_hex(8).encode(), parent[3])
                    message["headers"].append((b"traceparent", own))
            await send(message)

        self._figures.in_flight += 1
        try:
            await self._app(scope, receive, marked)
        except Exception:
            # Starlette's own answer would pass by this middleware: neither counted nor marked.
            if not timing.answered:
                await Response('{"error":"internal error"}', 500, media_type="application/json")(scope, receive, marked)
            raise
        finally:
            self._figures.in_flight -= 1


class Figures(Collector):
    """The figures of one worker process, for Prometheus."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: Counter[tuple[str, int]] = Counter()
        self.database: Database | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._lag = Histogram(
            "clinic_event_loop_lag_seconds", "How late a timer of the event loop was", buckets=_LAG_BUCKETS, registry=self._registry
        )
        self._registry.register(self)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """The figures that are read when they are asked for."""
        yield GaugeMetricFamily("clinic_worker_pid", "Process id of the worker that answers", os.getpid())
        yield GaugeMetricFamily("clinic_requests_in_flight", "Requests that have begun and are not answered", self.in_flight)
        requests = CounterMetricFamily("clinic_requests", "Requests answered", labels=("route", "status"))
        for (route, status), count in self.requests.items():
            requests.add_metric((route, str(status)), count)
        yield requests
        if self.database is not None:
            yield GaugeMetricFamily("clinic_pool_size", "Database connections of the pool", self.database.size)
            yield GaugeMetricFamily("clinic_pool_in_use", "Database connections that a request holds", self.database.in_use)
            yield GaugeMetricFamily("clinic_pool_waiting", "Requests that wait for a database connection", self.database.waiting)

    @asynccontextmanager
    async def watching(self, database: Database) -> AsyncIterator[None]:
        """Read the pool of `database`, and measure the event loop's lag."""
        self.database = database
        watch = asyncio.create_task(self._watch_loop())
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch_loop(self) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(_LAG_EVERY_S)
            self._lag.observe(max(perf_counter() - began - _LAG_EVERY_S, 0.0))
