"""A stored run, opened for reading."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tenantry.errors import UsageError
from tenantry.metrics.selector import Selectors
from tenantry.plan.stages import Stage, courses, stage_span, steady_load
from tenantry.results import custom, heat, kept, probes, requests, side, slices, timeline
from tenantry.results.custom import Measured
from tenantry.results.histogram import Distribution
from tenantry.results.manifest import Manifest, ScriptError, merged_errors, read_errors, read_manifest
from tenantry.results.model import (
    Check,
    Event,
    Failure,
    Generator,
    Heat,
    Iterations,
    Metric,
    Part,
    ScriptCost,
    Sent,
    Series,
    Slow,
    Status,
    Steady,
    Tenants,
    Timeline,
    Totals,
    Waits,
)
from tenantry.results.schedule import Kept, exhausted, schedule_kept
from tenantry.results.slices import Grid, Slices
from tenantry.results.source import Spans
from tenantry.results.steady import steady_state
from tenantry.results.tables import Tables, process_folders
from tenantry.types import OrderWord

# Orders of the user that change what the load asks for.
_CHANGES: frozenset[OrderWord] = frozenset({"rate", "vus", "pause", "resume"})


class Run:
    """One run folder. Answers come from its files alone and are worked out once; use it in a `with` block or call `close`.

    A run that was killed is read as far as its files go: what is missing is empty, what is damaged is left out and named in `warnings`.
    It is a `Source` of thresholds: `trend`, `share`, `count` and `value` tell a metric over a span of seconds.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.tables = Tables(folder, unended=manifest.elapsed_ns is None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.tables.close()

    def read_ahead(self) -> None:
        """Begin to read what every report needs, beside whatever else there is to do."""
        self.tables.read_ahead("http", "iterations", "tenants")

    @property
    def warnings(self) -> list[str]:
        """Files that could not be read, one sentence each; complete once everything was asked for."""
        return self.tables.warnings

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return self.folder.name

    @cached_property
    def last_second(self) -> int:
        """The last second that has data; -1 without any."""
        latest = "SELECT max(s) FROM (SELECT max(second) AS s FROM http UNION ALL SELECT max(second) FROM iterations)"
        second = self.tables.rows(latest, of=("http", "iterations"))[0][0]
        return -1 if second is None else int(second)

    @cached_property
    def duration_s(self) -> float:
        """Length of the load in seconds, by which rates divide; of a killed run, those that were written in full."""
        return self.manifest.elapsed_s or float(self.tables.whole_seconds() or self.last_second + 1)

    @cached_property
    def seconds(self) -> int:
        """Whole seconds that the time line covers, the time after the load included in which its last requests ended."""
        return max(math.ceil(self.duration_s), self.last_second + 1)

    @cached_property
    def iterations(self) -> dict[str, Iterations]:
        """Iterations per scenario."""
        return requests.iterations(self.tables)

    @cached_property
    def sent(self) -> dict[str, Sent]:
        """Requests per scenario."""
        return requests.sent(self.tables)

    @cached_property
    def parts(self) -> list[Part]:
        """Scenarios, then groups within them, with their requests and iterations."""
        names = sorted(name for name in self.sent.keys() | self.iterations.keys() if name)
        scenarios = [Part(name, None, self.sent.get(name, Sent()), self.iterations.get(name, Iterations())) for name in names]
        grouped = requests.sent_by_group(self.tables) if any(one.group for one in self.series) else {}
        return scenarios + [Part(scenario, group, found, None) for (scenario, group), found in grouped.items()]

    @cached_property
    def statuses(self) -> list[Status]:
        """Answers by status, the most frequent first."""
        return kept.statuses(self.tables, requests=self.totals.requests, failures=self.totals.failures)

    @cached_property
    def slowest(self) -> list[Slow]:
        """The slowest requests that were kept: of the whole run, and of each slice."""
        return kept.slowest(self.tables, slice_s=max(-(-self.seconds // slices.MOST_SLICES), 1))

    @cached_property
    def slices(self) -> Slices:
        """The run in coarse slices of time."""
        checks = [(check.scenario, check.name) for check in self.checks]
        failures = [(failure.name, failure.scenario, failure.kind) for failure in self.failures]
        return slices.slices(
            self.tables,
            self._grid,
            load_s=self.duration_s,
            checks=checks,
            failures=failures,
            statuses=self.statuses,
            measured=self._measured,
        )

    @cached_property
    def _grid(self) -> Grid:
        return slices.grid(self.tables, self.seconds)

    @cached_property
    def _measured(self) -> dict[custom.Key, dict[int, custom.Measured]]:
        """What scripts measured, in the slices of the page: the table is read once, whoever asks for it."""
        return custom.in_slices(self.tables, self._grid.step)

    @cached_property
    def heat(self) -> Heat:
        """Response times over time."""
        return heat.heat(self.tables, seconds=self.seconds)

    @cached_property
    def all_iterations(self) -> Iterations:
        return requests.added(self.iterations.values())

    @cached_property
    def _requests(self) -> tuple[Totals, list[Series]]:
        return requests.totals_and_series(self.tables, self.iterations, duration_s=self.duration_s, open_scenarios=self.open_scenarios)

    @property
    def totals(self) -> Totals:
        """The whole run."""
        return self._requests[0]

    @property
    def series(self) -> list[Series]:
        """One entry per scenario, group and request name, in that order."""
        return self._requests[1]

    @cached_property
    def open_scenarios(self) -> frozenset[str]:
        """Scenarios whose iterations a schedule starts, whatever the answers."""
        if self.manifest.streams:
            return self.manifest.open_scenarios
        return frozenset(name for name, counts in self.iterations.items() if counts.due)

    @cached_property
    def waits(self) -> Waits | None:
        """How long answers took to begin; None without a kept request that got one."""
        return requests.waits(self.tables)

    @cached_property
    def checks(self) -> list[Check]:
        """Checks, those that failed most first."""
        return side.checks(self.tables)

    @cached_property
    def metrics(self) -> list[Metric]:
        """What scripts measured themselves, by name."""
        declared = self.manifest.plan.get("metrics")
        return custom.metrics(self._measured, declared if isinstance(declared, dict) else {}, self.duration_s)

    @cached_property
    def failures(self) -> list[Failure]:
        """Failed requests per series and kind, the most frequent first."""
        return side.failures(self.tables)

    @cached_property
    def errors(self) -> list[ScriptError]:
        """Exceptions of the scenarios, the most frequent first."""
        found: list[ScriptError] = []
        for folder in process_folders(self.folder):
            more, warning = read_errors(folder)
            found += more
            if warning:
                self.warnings.append(warning)
        return merged_errors(found)

    @cached_property
    def generator(self) -> Generator:
        """The load processes; `start_delay_s` covers the open streams when there are any."""
        return side.generator(self.tables, self.manifest.open_streams, seconds=int(self.duration_s))

    @cached_property
    def schedule(self) -> Kept:
        """How the schedule of the open streams was kept."""
        return schedule_kept(self.tables, self.manifest.open_streams, duration_s=self.duration_s)

    @cached_property
    def exhausted(self) -> dict[str, int]:
        """What the generator's system ran out of, with how many kept failures say so."""
        return exhausted(self.tables)

    @cached_property
    def script_costs(self) -> list[ScriptCost]:
        """What each scenario cost the thread that runs the scripts, the costliest first."""
        return side.script_costs(self.tables)

    @cached_property
    def tenants(self) -> Tenants:
        """The tenants that sent requests."""
        return side.tenants(self.tables)

    @cached_property
    def timeline(self) -> Timeline:
        """The run over time."""
        return timeline.timeline(self.tables, seconds=self.seconds, load_s=self.duration_s, is_open=bool(self.open_scenarios))

    @cached_property
    def events(self) -> list[Event]:
        """Stages, warnings and notes in order of time."""
        rows = self.tables.rows("SELECT at_ns, kind, text FROM events ORDER BY at_ns", of=("events",))
        return [Event(round(at_ns / 1e9, 3), kind, text) for at_ns, kind, text in rows]

    @cached_property
    def _spans(self) -> Spans:
        return Spans(self.tables, self.seconds)

    def trend(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> Distribution | Measured | None:
        """The distribution of a trend metric; None without a sample."""
        return self._spans.trend(metric, tags, start_s, end_s)

    def share(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> tuple[int, int]:
        """The part and the whole of a rate metric."""
        return self._spans.share(metric, tags, start_s, end_s)

    def count(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> float | None:
        """The events of a counter metric; None when nothing in the run fits the tags."""
        return self._spans.count(metric, tags, start_s, end_s)

    def value(self, metric: str, tags: Selectors = (), /) -> float | None:
        """A gauge over the whole run; None when the run cannot tell."""
        match metric:
            case "tenant_p95_ratio":
                return self.tenants.p95_ratio
            case "tenant_p95_worst":
                return self.tenants.worst[0].p95_s if self.tenants.worst else None
            case "tenant_failures_worst":
                return self.tenants.failures_worst
            case "busy_share":
                return self.generator.busy_share
            case "db_connections":
                return probes.connections_in_use(self.tables)
            case "rss_bytes":
                return self.generator.rss_bytes
            case _:
                return self._spans.last(metric, tags)

    @cached_property
    def steady(self) -> Steady:
        """The part of the load in which nothing changes any more, or why there is none."""
        quiet = steady_load(courses(self.manifest.streams), self.duration_s, self._changed)
        return steady_state(self.timeline, quiet)

    @property
    def _changed(self) -> list[Stage]:
        """From each order that changed the load to the next, or to the end."""
        orders = [event for event in self.events if event.kind in _CHANGES]
        found, paused = [], False
        for place, order in enumerate(orders):
            paused = order.kind == "pause" or (paused and order.kind != "resume")
            end = orders[place + 1].second if place + 1 < len(orders) else self.duration_s
            found.append(Stage(order.second, end, not paused))
        return found

    def steady_span(self) -> tuple[int, int] | str:
        """The whole seconds of the steady state, or why there is none."""
        found = self.steady
        return found.reason if found.from_s is None or found.to_s is None else (found.from_s, found.to_s)

    def stage_span(self, number: int, runs: Callable[[str], bool], /) -> tuple[int, int] | str:
        """The whole seconds of a stage of the streams with a scenario that `runs`, or why there are none."""
        try:
            return stage_span(courses(self.manifest.streams), number, runs)
        except UsageError as fault:
            return fault.what


def open_run(folder: Path | str) -> Run:
    """Open a run folder; raises UsageError when it is not one, is damaged, or was written by a newer tenantry."""
    folder = Path(folder).resolve()
    return Run(folder, read_manifest(folder))
