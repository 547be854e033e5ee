"""What stands beside the requests: checks, failures by kind, tenants, the generator itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tenantry.results.histogram import sketch_quantile_s
from tenantry.results.model import Check, Failure, Generator, Summary, Tenant, Tenants
from tenantry.results.sql import SUMMARY_PERMILLE, quantiles, summary
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
        Tenant(tenant, requests, failed, sketch_quantile_s(buckets, counts, 0.95, max_ns=max_ns))
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
    )


def generator(tables: Tables, open_streams: Sequence[str]) -> Generator:
    """How the load process fared; the start delay is that of `open_streams`, or of everything when there are none."""
    readings = tables.rows(
        """SELECT avg(loop_busy), avg(io_busy), sum(process_cpu_s), max(cores), max(rss_bytes)
           FROM generator GROUP BY second ORDER BY second""",
        of=("generator",),
    )
    return Generator(
        start_delay_s=start_delay(tables, open_streams),
        hand_over_s=_one_summary(tables.rows(_over_all("generator", "hand_over"), of=("generator",))),
        busy_share=highest_average([_busy(*row[:4]) for row in readings]),
        cpu_s=round(sum(row[2] or 0.0 for row in readings), 6) if readings else None,
        rss_bytes=max((row[4] or 0 for row in readings), default=None),
    )


def start_delay(tables: Tables, streams: Sequence[str]) -> Summary | None:
    """How late the iterations of `streams` began (of all, when none is named); None without a sample."""
    source = "(SELECT * FROM iterations WHERE list_contains(?, stream))" if streams else "iterations"
    return _one_summary(tables.rows(_over_all(source, "delay"), [list(streams)] if streams else [], of=("iterations",)))


def highest_average(values: Sequence[float], *, width: int = BUSY_WINDOW, least: int = LEAST_READINGS) -> float | None:
    """The highest mean over `width` consecutive values, or over all when there are fewer; None below `least`."""
    if len(values) < least:
        return None
    width = min(width, len(values))
    return max(sum(values[i : i + width]) for i in range(len(values) - width + 1)) / width


def _busy(loop: float | None, io: float | None, cpu_s: float | None, cores: float | None) -> float:
    """How near to its limit the engine was in one second: its busier thread, or all of it when threads share one core."""
    shares = [loop, io]
    if cores and cores < 2 and cpu_s is not None:
        shares.append(cpu_s / cores)
    return max((share for share in shares if share is not None and not math.isnan(share)), default=0.0)


def _over_all(source: str, histogram: str) -> str:
    return quantiles(source, histogram=histogram, key="1", permille=SUMMARY_PERMILLE)


def _one_summary(rows: list[tuple[int, ...]]) -> Summary | None:
    return summary(*rows[0][1:]) if rows else None
