"""What stands beside the requests: checks, failures by kind, tenants, the generator itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from tenantry.results.histogram import sketch_quantile_s
from tenantry.results.model import Check, Failure, Generator, ScriptCost, Summary, Tenant, Tenants
from tenantry.results.summaries import summaries
from tenantry.results.tables import Tables

LEAST_REQUESTS = 20
RANKED = 10
BUSY_WINDOW = 10
LEAST_READINGS = 3


def checks(tables: Tables) -> list[Check]:
    """Checks per scenario and name, those that failed most first."""
    rows = tables.rows(
        """SELECT scenario, name, sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails
           FROM checks GROUP BY scenario, name ORDER BY fails DESC, scenario, name""",
        of=("checks",),
    )
    return [Check(*row) for row in rows]


def failures(tables: Tables) -> list[Failure]:
    """Failed requests per series and kind, the most frequent first, each with the detail of its first kept sample."""
    rows = tables.rows(
        """WITH counted AS (SELECT name, scenario, kind, sum(count)::BIGINT AS count FROM failures GROUP BY ALL),
                example AS (SELECT name, scenario, kind, arg_min({'status': status, 'detail': detail}, id) AS first
                            FROM failed_requests GROUP BY ALL)
           SELECT name, scenario, kind, count, first.status, first.detail
           FROM counted LEFT JOIN example USING (name, scenario, kind) ORDER BY count DESC, scenario, name, kind""",
        of=("failures", "failed_requests"),
    )
    return [Failure(name, scenario, kind, count, detail or _status(status)) for name, scenario, kind, count, status, detail in rows]


def _status(status: int | None) -> str:
    return f"status {status}" if status else ""


def tenants(tables: Tables) -> Tenants:
    """The tenants side by side."""
    rows = tables.rows("SELECT tenant, requests, failures, max_ns, buckets, counts FROM tenants", of=("tenants",))
    ranked = [
        Tenant(tenant, requests, failed, *(sketch_quantile_s(buckets, counts, q, max_ns=max_ns) for q in (0.5, 0.95, 0.99)))
        for tenant, requests, failed, max_ns, buckets, counts in rows
        if requests >= LEAST_REQUESTS and counts
    ]
    ranked.sort(key=lambda tenant: (-tenant.p95_s, tenant.tenant))
    middle = median(tenant.p95_s for tenant in ranked) if len(ranked) > 1 else 0
    return Tenants(
        seen=len(rows),
        requests_p50=float(median(row[1] for row in rows)) if rows else None,
        worst=ranked[:RANKED],
        best=ranked[: -RANKED - 1 : -1],
        p95_ratio=ranked[0].p95_s / middle if middle else None,
        failures_worst=max((tenant.failures / tenant.requests for tenant in ranked), default=None),
    )


def generator(tables: Tables, open_streams: Sequence[str], *, seconds: int) -> Generator:
    """How the load process fared in a load of `seconds`; the start delay is that of `open_streams`, or of all without any."""
    readings = tables.rows(
        """SELECT avg(loop_busy), avg(io_busy), sum(process_cpu_s), max(cores), max(rss_bytes)
           FROM generator GROUP BY second ORDER BY second""",
        of=("generator",),
    )
    busiest = max(_busiest(readings), key=lambda found: found[1], default=(None, None))
    return Generator(
        start_delay_s=start_delay(tables, open_streams, seconds=seconds),
        hand_over_s=summaries(tables, "generator", histogram="hand_over", key="1", seconds=seconds).get(1),
        busy_share=busiest[1],
        busiest=busiest[0],
        cpu_s=round(sum(row[2] or 0.0 for row in readings), 6) if readings else None,
        rss_bytes=max((row[4] or 0 for row in readings), default=None),
    )


def start_delay(tables: Tables, streams: Sequence[str], *, seconds: int) -> Summary | None:
    """How late the iterations of `streams` began (of all, when none is named); None without a sample."""
    where = ("list_contains(?, stream)", [list(streams)]) if streams else ("true", [])
    return summaries(tables, "iterations", histogram="delay", key="1", seconds=seconds, where=where).get(1)


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


def _busiest(readings: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, float]]:
    """How near to its limit each part of the generator was: its two threads, and the process as a whole where both share one core."""
    parts: dict[str, list[float | None]] = {"scripts": [row[0] for row in readings], "engine": [row[1] for row in readings]}
    if any(cores and cores < 2 for _, _, _, cores, _ in readings):
        parts["process"] = [cpu_s / cores if cpu_s is not None and cores else None for _, _, cpu_s, cores, _ in readings]
    for name, shares in parts.items():
        highest = highest_average([share if share is not None and not math.isnan(share) else 0.0 for share in shares])
        if highest is not None:
            yield name, highest
