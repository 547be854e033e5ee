"""All that a run knows of itself, in the form in which the rules ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from tenantry.diagnose.gauges import Readings
from tenantry.diagnose.model import Part
from tenantry.diagnose.requests import TOLD, Endpoint, endpoints
from tenantry.diagnose.sessions import Sessions, sessions
from tenantry.diagnose.statements import Statement, Statements, statements
from tenantry.results.model import Check, Failure
from tenantry.results.probes import read_facts
from tenantry.results.run import Run

_NS = 1_000_000_000


class Evidence:
    """A stored run, seen by a diagnosis. Parts of time are in requests at a time: seconds of request time per second of the load."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.duration_s = max(run.duration_s, 1e-9)
        self.span = (0, round(self.duration_s * _NS))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the observer wrote down once; empty when nothing was observed."""
        return read_facts(self.run.folder)

    @cached_property
    def postgres(self) -> dict[str, Any]:
        """The catalog's facts; empty when Postgres was not observed."""
        found: dict[str, Any] = self.facts.get("postgres", {})
        return found

    def setting(self, name: str) -> str:
        """A setting of the server, in its own unit; empty when it is not known."""
        return str(self.postgres.get("settings", {}).get(name, {}).get("setting", ""))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """`tables`, `indexes`, `policies`, `foreign_keys`, `functions` or `role_settings` of the catalog."""
        found: list[dict[str, Any]] = self.postgres.get(kind, [])
        return found

    # requests

    @cached_property
    def endpoints(self) -> list[Endpoint]:
        """Those with the most time first."""
        return endpoints(self.run.tables)

    @cached_property
    def requests(self) -> int:
        return sum(endpoint.requests for endpoint in self.endpoints)

    @cached_property
    def time(self) -> float:
        """Requests at a time, from their intended starts on: what the shares are shares of."""
        return sum(endpoint.response_s for endpoint in self.endpoints) / self.duration_s

    @cached_property
    def is_told(self) -> bool:
        """Whether the app tells (Server-Timing) where most of the time went."""
        told = sum(endpoint.response_s for endpoint in self.endpoints if endpoint.is_told)
        return told > 0.5 * self.time * self.duration_s

    def part(self, name: str) -> float:
        """Requests that were at this part at a time: `pool`, `db`, `ext`, `app` by the app's word; `door`, `receive`, `connecting`,
        `untold`, `late` by what the generator saw."""
        match name:
            case "late":
                seconds = sum(max(endpoint.response_s - endpoint.service_s, 0.0) for endpoint in self.endpoints)
            case "door" | "untold" | "connecting" | "receive":
                seconds = sum(getattr(endpoint, f"{name}_s") for endpoint in self.endpoints)
            case _:
                seconds = sum(endpoint.part(name) for endpoint in self.endpoints)
        return float(seconds) / self.duration_s

    @cached_property
    def inside(self) -> float:
        """Requests that were in the app at a time, by its own word."""
        return sum(self.part(name) for name in TOLD)

    @cached_property
    def held(self) -> float:
        """Requests that were being worked on at a time: those that waited for a connection, or began late, wait for these."""
        return max(self.time - self.part("pool") - self.part("late"), 1e-9)

    def share(self, at_a_time: float) -> float:
        """A part of all request time, from 0 to 1."""
        return min(max(at_a_time / self.time, 0.0), 1.0) if self.time else 0.0

    def held_share(self, at_a_time: float) -> float:
        """A part of the time in which requests were being worked on, from 0 to 1."""
        return min(max(at_a_time / self.held, 0.0), 1.0)

    @cached_property
    def failed(self) -> float:
        """The share of the requests that failed."""
        return sum(endpoint.failures for endpoint in self.endpoints) / self.requests if self.requests else 0.0

    @property
    def failures(self) -> list[Failure]:
        return self.run.failures

    @property
    def checks(self) -> list[Check]:
        return self.run.checks

    # database

    @cached_property
    def sessions(self) -> Sessions:
        return sessions(self.run.tables, self.span)

    @cached_property
    def late_sessions(self) -> Sessions:
        """The last third of the load: what grows shows there, what is over does not."""
        return sessions(self.run.tables, (self.span[1] * 2 // 3, self.span[1]))

    @cached_property
    def early_sessions(self) -> Sessions:
        """The first third of the load."""
        return sessions(self.run.tables, (0, self.span[1] // 3))

    @cached_property
    def after(self) -> Sessions:
        """What was left when the load was over."""
        return sessions(self.run.tables, (self.span[1] + _NS // 2, self.span[1] + 60 * _NS))

    @cached_property
    def is_sampled(self) -> bool:
        """Whether anybody looked at the sessions."""
        return self.sessions.samples >= 10

    @cached_property
    def readings(self) -> Readings:
        return Readings(self.run.tables, self.span)

    @cached_property
    def statements(self) -> Statements:
        return statements(self.readings, self.sessions, self.postgres, duration_s=self.duration_s)

    @cached_property
    def database_time(self) -> float:
        """Sessions at work at a time, as counted if it can be, else as sampled."""
        return max(sum(statement.load for statement in self.statements.all), self.sessions.working)

    def heavy(self, least: float = 0.25) -> Iterator[Statement]:
        """Statements that make up at least this share of the database's time."""
        for statement in self.statements.all:
            if statement.load >= least * self.database_time > 0:
                yield statement

    @cached_property
    def travel(self) -> float:
        """Requests that waited for the database, by the app's word, while it was not at work for them: round trips, drivers, poolers."""
        return max(self.part("db") - self.database_time, 0.0)

    # machine

    def cores(self, group: str) -> float | None:
        """Cores that a group of processes used on average: `app`, `postgres`, `generator`; None when nobody looked."""
        return self._cores.get(group)

    @cached_property
    def busiest_worker(self) -> float | None:
        """Cores that the busiest process of the app used."""
        workers = [cores for subject, cores in self._cores.items() if subject.startswith("app:")]
        return max(workers) if workers else self.cores("app")

    @cached_property
    def _cores(self) -> dict[str, float]:
        return self.readings.rates("process.cpu_s")

    @cached_property
    def loop_lag_s(self) -> float | None:
        """How late timers of the app's event loop were; None when the app does not tell."""
        gauge = self.readings.gauge("loop.lag_s", worst=True)
        return gauge.mean if gauge else None

    @cached_property
    def machine_busy(self) -> float | None:
        """The share of the machine's cores that was busy; None when nobody looked."""
        busy, cores = self.readings.rates("cpu.busy_s").get(""), self.readings.last("cpu.cores")
        return busy / cores if cores and busy is not None else None

    # answers

    @cached_property
    def parts(self) -> list[Part]:
        """Where the time went; the parts add up to it, with what is not explained as one of them."""
        waits = self._database_parts()
        named = [
            Part("generator", self.part("late")),
            Part("connecting", self.part("connecting")),
            Part("before the app", self.part("door")),
            Part("app", self.part("app")),
            Part("waiting for a connection of the pool", self.part("pool")),
            *waits,
            Part("other services", self.part("ext")),
            Part("receiving", self.part("receive")),
            Part("inside the app, untold", self.part("untold")),
        ]
        rest = self.time - sum(part.at_a_time for part in named)
        return [part for part in [*named, Part("unexplained", rest)] if abs(part.at_a_time) > 1e-9]

    def _database_parts(self) -> list[Part]:
        """The database's part by what its sessions did, in the proportions of the samples."""
        told = self.part("db")
        working = self.sessions.working
        inside = min(self.database_time, told) if told else 0.0
        if not working or not inside:
            return [Part("database", told)] if told else []
        kinds: dict[str, float] = {}
        for each in self.sessions.doing:
            if each.works:
                name = f"database: {each.wait_type}:{each.wait_event}" if each.wait_type else "database: executing"
                kinds[name] = kinds.get(name, 0.0) + each.sessions
        split = [Part(name, inside * sessions / working) for name, sessions in sorted(kinds.items(), key=lambda item: -item[1])]
        return [*split, Part("database: round trips and driver", told - inside)]
