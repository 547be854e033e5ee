"""What stands beside the requests: checks, failures by kind, tenants, the generator itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from tenantry.metrics.confidence import samples_needed
from tenantry.results.histogram import rank, sketch_value_s
from tenantry.results.model import Check, Failure, Generator, ScriptCost, Summary, Tenant, Tenants
from tenantry.results.stored import Label, Merged, everything
from tenantry.results.summaries import summaries
from tenantry.results.tables import Tables

LEAST_REQUESTS = 20
RANKED = 10
QUANTILES = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
BUSY_WINDOW = 10
LEAST_READINGS = 3
MOST_SAMPLES = 50


def checks(tables: Tables) -> list[Check]:
    """Checks per scenario and name, those that failed most first."""
    rows = tables.rows(
        """SELECT scenario, name, sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails
           FROM checks GROUP BY scenario, name ORDER BY fails DESC, scenario, name""",
        of=("checks",),
    )
    return [Check(*row) for row in rows]


def failures(tables: Tables) -> list[Failure]:
    """Failed requests per series and kind, the most frequent first, each with its first kept sample."""
    rows = tables.rows(
        """WITH counted AS (SELECT name, scenario, kind, sum(count)::BIGINT AS count, min(second) AS first, max(second) AS last
                            FROM failures GROUP BY ALL),
                sample AS (SELECT name, scenario, kind, arg_min({'id': id, 'file': filename, 'status': status, 'detail': detail,
                                                                 'trace_id': trace_id}, id) AS kept
                           FROM kept_requests WHERE kind <> '' GROUP BY ALL)
           SELECT name, scenario, kind, count, first, last, kept.id, kept.file, kept.status, kept.detail, kept.trace_id
           FROM counted LEFT JOIN sample USING (name, scenario, kind) ORDER BY count DESC, scenario, name, kind""",
        of=("failures", "kept_requests"),
    )
    sent = tables.exchanges([(row[7], row[6]) for row in rows[:MOST_SAMPLES] if row[7]])
    return [
        Failure(name, scenario, kind, count, detail or _status(status), first, last, trace_id or "", *sent.get(number, ("", "")))
        for name, scenario, kind, count, first, last, number, _, status, detail, trace_id in rows
    ]


def _status(status: int | None) -> str:
    return f"status {status}" if status else ""


def tenants(tables: Tables) -> Tenants:
    """The tenants side by side, by their numbers, which begin at 1 as their keys do."""
    counted = tables.rows(
        "SELECT tenant, sum(requests)::BIGINT, sum(failures)::BIGINT, max(max_ns) FROM tenants GROUP BY tenant", of=("tenants",)
    )
    sketches = {tenant: merged for (_, tenant), merged in tables.merged("tenants", "", everything, step=1).items()}
    rows = [
        _Tenant(number, requests, failures, max_ns, sketches[number])
        for number, requests, failures, max_ns in counted
        if requests >= LEAST_REQUESTS and number in sketches
    ]
    ranked = sorted(((row.quantile_s(0.95), row) for row in rows), key=lambda found: (-found[0], found[1].number))
    p95s = [p95_s for p95_s, _ in ranked]
    middle = median(p95s) if len(ranked) > 1 else 0
    return Tenants(
        seen=len(counted),
        requests_p50=float(median(row[1] for row in counted)) if counted else None,
        worst=[row.told() for _, row in ranked[:RANKED]],
        best=[row.told() for _, row in ranked[: -RANKED - 1 : -1]],
        p95_ratio=p95s[0] / middle if middle else None,
        failures_worst=max((row.failures / row.requests for _, row in ranked), default=None),
        ranked=len(ranked),
        fairness=fairness(p95s),
    )


def fairness(values: Sequence[float]) -> float | None:
    """Jain's fairness index, `sum(x)**2 / (n * sum(x**2))`; None for fewer than two values.

    Jain, Chiu and Hawe, A quantitative measure of fairness and discrimination for resource allocation in shared computer systems, 1984.
    """
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if len(values) > 1 and squares else None


class _Tenant(NamedTuple):
    """One tenant, by its number from 0, with the sketch of its response times."""

    number: int
    requests: int
    failures: int
    max_ns: int
    sketch: Merged

    def quantile_s(self, q: float) -> float:
        return sketch_value_s(self.sketch.bucket_at_rank(rank(q, self.sketch.n)), self.max_ns)

    def told(self) -> Tenant:
        """With all quantiles, and which of them its requests are too few for."""
        few = tuple(name for name, q in QUANTILES.items() if self.requests < samples_needed(q))
        p50_s, p95_s, p99_s = (self.quantile_s(q) for q in QUANTILES.values())
        return Tenant(self.number + 1, self.requests, self.failures, p50_s, p95_s, p99_s, few)


def generator(tables: Tables, open_streams: Sequence[str], *, seconds: int) -> Generator:
    """How the load processes fared in a load of `seconds`; the start delay is that of `open_streams`, or of all without any."""
    readings = [
        _Reading(*row)
        for row in tables.rows(
            """SELECT process, second, avg(loop_busy), avg(io_busy), sum(process_cpu_s), max(cores), max(rss_bytes)
               FROM generator GROUP BY process, second ORDER BY process, second""",
            of=("generator",),
        )
    ]
    busiest = max(_busiest(readings), key=lambda found: found[1], default=(None, None))
    memory: Counter[int] = Counter()
    for reading in readings:
        memory[reading.second] += reading.rss_bytes or 0
    return Generator(
        start_delay_s=start_delay(tables, open_streams, seconds=seconds),
        hand_over_s=summaries(tables, "generator", "hand_over", lines=lambda _: ("",), seconds=seconds).get(""),
        busy_share=busiest[1],
        busiest=busiest[0],
        cpu_s=round(sum(reading.cpu_s or 0.0 for reading in readings), 6) if readings else None,
        rss_bytes=max(memory.values(), default=None),
    )


def start_delay(tables: Tables, streams: Sequence[str], *, seconds: int) -> Summary | None:
    """How late the iterations of `streams` began (of all, when none is named); None without a sample."""

    def lines(label: Label) -> tuple[str, ...]:
        return ("",) if not streams or label.stream in streams else ()

    return summaries(tables, "iterations", "delay", lines=lines, seconds=seconds).get("")


def script_costs(tables: Tables) -> list[ScriptCost]:
    """What each scenario cost the thread that runs the scripts, the costliest first."""
    rows = tables.rows(
        """SELECT scenario, sum(started)::BIGINT, sum(script_ns)::BIGINT AS cost FROM iterations
           WHERE scenario <> '' GROUP BY scenario ORDER BY cost DESC, scenario""",
        of=("iterations",),
    )
    return [ScriptCost(scenario, iterations, cost / 1e9) for scenario, iterations, cost in rows]


def highest_average(values: Sequence[float], *, width: int = BUSY_WINDOW, least: int = LEAST_READINGS) -> float | None:
    """The highest mean over `width` consecutive values, or over all when there are fewer; None below `least`."""
    if len(values) < least:
        return None
    width = min(width, len(values))
    return max(sum(values[i : i + width]) for i in range(len(values) - width + 1)) / width


class _Reading(NamedTuple):
    """One load process in one second of its load."""

    process: int
    second: int
    loop_busy: float | None
    io_busy: float | None
    cpu_s: float | None
    cores: float | None
    rss_bytes: int | None


def _busiest(readings: Sequence[_Reading]) -> Iterator[tuple[str, float]]:
    """How near to its limit each part of the generator was: the two threads of each process, and all of them where they share cores."""
    processes = {reading.process for reading in readings}
    for process in processes:
        own = [reading for reading in readings if reading.process == process]
        yield from _highest("scripts", [reading.loop_busy for reading in own])
        yield from _highest("engine", [reading.io_busy for reading in own])
    if any(reading.cores and reading.cores < 2 * len(processes) for reading in readings):
        shares: dict[int, float] = {}
        for reading in readings:
            share = reading.cpu_s / reading.cores if reading.cpu_s is not None and reading.cores else 0.0
            shares[reading.second] = shares.get(reading.second, 0.0) + share
        yield from _highest("process", [shares[second] for second in sorted(shares)])


def _highest(part: str, shares: Sequence[float | None]) -> Iterator[tuple[str, float]]:
    highest = highest_average([share if share is not None and not math.isnan(share) else 0.0 for share in shares])
    if highest is not None:
        yield part, highest
