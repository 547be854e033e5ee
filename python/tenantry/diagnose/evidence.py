"""All that a run knows of itself, in the form in which the rules ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from tenantry.diagnose.gauges import Readings
from tenantry.diagnose.model import WHOLE, Stretch
from tenantry.diagnose.requests import TOLD, Endpoint, endpoints, seconds_of
from tenantry.diagnose.sessions import Sessions, sessions
from tenantry.diagnose.statements import Statement, Statements, statements
from tenantry.diagnose.windows import Windows
from tenantry.plan.grades import read_bounds
from tenantry.results.model import Check, Failure
from tenantry.results.probes import read_facts
from tenantry.results.run import Run

# Whose processor time grows with the load.
OURS = ("app", "postgres", "pgbouncer", "generator")
MACHINE_FULL = 0.93
# Of a machine that lacks so much of itself, a delay of tens of milliseconds needs no other reason.
_ROBBED = 0.08
_WORKER_FULL = 0.7
_HALF = 0.5
_NS = 1_000_000_000


class Evidence:
    """A stretch of a stored run, by default all of it, seen by a diagnosis. Parts of time are in requests at a time: seconds of request
    time per second of the stretch.
    """

    def __init__(self, run: Run, stretch: Stretch = WHOLE, whole: Evidence | None = None) -> None:
        self.run = run
        self.stretch = stretch
        self.whole = whole or self
        load_ns = round(max(run.duration_s, 1e-9) * _NS)
        self.span = (stretch.from_s * _NS, load_ns if stretch.until_s is None else stretch.until_s * _NS)
        self.duration_s = (self.span[1] - self.span[0]) / _NS

    @cached_property
    def windows(self) -> Windows:
        """The whole load, window by window."""
        return Windows(self.run) if self.whole is self else self.whole.windows

    @cached_property
    def at_highest_load(self) -> Evidence:
        """Where an app that is asked for more and more reaches its limit; all of the load where it did not grow."""
        return Evidence(self.run, self.windows.highest, self.whole)

    @cached_property
    def at_lowest_load(self) -> Evidence | None:
        """None where the load did not grow."""
        return None if self.windows.lowest is None else Evidence(self.run, self.windows.lowest, self.whole)

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
        return endpoints(self.run.tables, *self.stretch)

    @cached_property
    def endpoints_meanwhile(self) -> list[Endpoint]:
        """The same of requests that ended before the load did: what goes with samples of the sessions."""
        if self.stretch.until_s is not None:
            return self.endpoints
        return endpoints(self.run.tables, self.stretch.from_s, self.span[1] // _NS)

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
        return seconds_of(self.endpoints, name) / self.duration_s

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
    def mean_s(self) -> float:
        """The mean response time."""
        return self.time * self.duration_s / self.requests if self.requests else 0.0

    @cached_property
    def critical_s(self) -> float:
        """From where on a response time is critical, by the bounds of the workload's grades."""
        return read_bounds(self.run.manifest.plan.get("grades")).levels["p95"].critical

    def lasted(self, part: str) -> float:
        """How much of what requests spend in a part each they spent in it at the lowest load as well, from 0 to 1; 0 where the load did
        not rise. A limit that the load reaches is not there before; a delay is, and no load makes it longer.
        """
        low = self.at_lowest_load
        if low is None or not low.requests or not self.part(part):
            return 0.0
        return min((low.part(part) / low.rate) / (self.part(part) / self.rate), 1.0)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_s

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
        return sessions(self.run.tables, self._late)

    @cached_property
    def late_readings(self) -> Readings:
        """Those of the last third of the load."""
        return Readings(self.run.tables, self._late)

    @cached_property
    def early_sessions(self) -> Sessions:
        """The first third of the load."""
        return sessions(self.run.tables, (0, self.whole.span[1] // 3))

    @property
    def _late(self) -> tuple[int, int]:
        return self.whole.span[1] * 2 // 3, self.whole.span[1]

    @cached_property
    def after(self) -> Sessions:
        """What was left when the load was over."""
        end_ns = self.whole.span[1]
        return sessions(self.run.tables, (end_ns + _NS // 2, end_ns + 60 * _NS))

    @cached_property
    def is_sampled(self) -> bool:
        """Whether anybody looked at the sessions."""
        return self.sessions.samples >= 10

    @cached_property
    def readings(self) -> Readings:
        return Readings(self.run.tables, self.span, to_the_end=self.stretch.until_s is None)

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
        return _busiest(self._cores)

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
        return self._of_machine("cpu.busy_s")

    @cached_property
    def stolen(self) -> float:
        """The share of the machine's cores that other machines of its host had while it wanted them (steal, proc_stat(5))."""
        return self._of_machine("cpu.steal_s") or 0.0

    def _of_machine(self, metric: str) -> float | None:
        used, cores = self.readings.rates(metric).get(""), self.readings.last("cpu.cores")
        return used / cores if cores and used is not None else None

    @property
    def is_robbed(self) -> bool:
        """Whether other machines had so much of this one that its processes are late by it."""
        return self.stolen >= _ROBBED

    @cached_property
    def is_worker_full(self) -> bool:
        """Whether the busiest process of the app had hardly any processor time left of what other machines leave of a core, at least in
        the last third: a load that rises takes more then.
        """
        late = _busiest(self.late_readings.rates("process.cpu_s"))
        return max(self.busiest_worker or 0.0, late or 0.0) >= _WORKER_FULL * (1 - self.stolen)

    @cached_property
    def starves(self) -> bool:
        """Whether the machine has no processor to spare, and the load itself takes half of it: what waits may wait for one."""
        ours = sum(self.cores(group) or 0.0 for group in OURS)
        return (self.machine_busy or 0.0) >= MACHINE_FULL and ours >= _HALF * (self.readings.last("cpu.cores") or 0.0)


def _busiest(cores: Mapping[str, float]) -> float | None:
    workers = [used for subject, used in cores.items() if subject.startswith("app:")]
    return max(workers) if workers else cores.get("app")
