"""What single requests tell that were kept: the slowest of the run, and how the answers came out by status."""

from __future__ import annotations

from typing import Any

from tenantry.results.model import Slow, Status
from tenantry.results.tables import Tables

MOST_SLOW = 100
SLOW_IN_SLICE = 3


def slowest(tables: Tables, *, slice_s: int) -> list[Slow]:
    """The slowest requests by response time, the slowest first: 100 of the run, and the three of each `slice_s` seconds."""
    rows = tables.rows(
        f"""WITH once AS (SELECT id, arg_max(rowid, kind) AS kept, any_value(end_ns) // {slice_s * 1_000_000_000} AS slice,
                                any_value(end_ns - intended_start_ns) AS ns
                         FROM kept_requests WHERE end_ns >= 0 AND reason <> 'uniform' OR weight > 0 GROUP BY id),
                told AS ((SELECT kept FROM once ORDER BY ns DESC, id LIMIT {MOST_SLOW})
                         UNION SELECT unnest(max_by(kept, (ns, -id), {SLOW_IN_SLICE})) FROM once GROUP BY slice)
           SELECT round(end_ns / 1e9, 3), name, scenario, "group", tenant, status, kind, (end_ns - intended_start_ns) / 1e9,
                  (end_ns - start_ns) / 1e9, wait_ns / 1e9, trace_id
           FROM told JOIN kept_requests ON kept_requests.rowid = kept ORDER BY end_ns - intended_start_ns DESC, id""",
        of=("kept_requests",),
    )
    return [_slow(*row) for row in rows]


def _slow(second: float, name: str, scenario: str, group: str, tenant: int, *rest: Any) -> Slow:
    return Slow(second, name, scenario, group, tenant + 1 if tenant >= 0 else None, *rest)


def statuses(tables: Tables, *, requests: int, failures: int) -> list[Status]:
    """Answers by status, the most frequent first. `requests` and `failures` are those of the whole run, which the counts add up to."""
    rows = tables.rows(
        """WITH told AS (SELECT any_value(status) AS status, kind <> '' AS failed, any_value(end_ns - intended_start_ns) AS ns,
                                greatest(any_value(weight), 1) AS weight FROM kept_requests WHERE end_ns >= 0 GROUP BY id, failed),
                ranked AS (SELECT *, sum(weight) OVER (PARTITION BY status, failed ORDER BY ns) AS running,
                                  sum(weight) OVER (PARTITION BY status, failed) AS whole FROM told)
           SELECT status, failed, any_value(whole), count(*), min(ns) FILTER (running >= 0.5 * whole),
                  min(ns) FILTER (running >= 0.95 * whole), max(ns)
           FROM ranked GROUP BY status, failed ORDER BY any_value(whole) DESC, status""",
        of=("kept_requests",),
    )
    truth = {True: failures, False: requests - failures}
    kept = {failed: sum(row[2] for row in rows if row[1] == failed) for failed in truth}
    alone = {failed: sum(row[1] == failed for row in rows) == 1 for failed in truth}
    return [
        Status(
            status,
            failed,
            round(weight * truth[failed] / kept[failed]),
            not alone[failed] and round(kept[failed]) != truth[failed],
            n,
            p50 / 1e9,
            p95 / 1e9,
            longest / 1e9,
        )
        for status, failed, weight, n, p50, p95, longest in rows
    ]
