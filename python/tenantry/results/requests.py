"""Totals and series: requests with their times, and the iterations they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tenantry.results.model import Iterations, Sent, Series, Totals, Waits
from tenantry.results.stored import Merged
from tenantry.results.summaries import quantiles, summaries
from tenantry.results.tables import Tables

_NONE = Iterations()
_WHOLE: tuple[str, ...] = ()


def iterations(tables: Tables) -> dict[str, Iterations]:
    """Iterations per scenario; rows that belong to no scenario count under ''."""
    rows = tables.rows(
        """SELECT scenario, sum(due)::BIGINT, sum(started)::BIGINT, sum(completed)::BIGINT, sum(failed)::BIGINT, sum(errors)::BIGINT,
                  sum(dropped)::BIGINT, sum(interrupted)::BIGINT
           FROM iterations GROUP BY scenario ORDER BY scenario""",
        of=("iterations",),
    )
    return {scenario: Iterations(*counts) for scenario, *counts in rows}


def added(parts: Iterable[Iterations]) -> Iterations:
    """All of them as one."""
    rows = [msgspec.structs.astuple(part) for part in parts]
    return Iterations(*(sum(column) for column in zip(*rows, strict=True))) if rows else _NONE


def sent(tables: Tables) -> dict[str, Sent]:
    """Requests per scenario."""
    return {scenario: found for (scenario,), found in _sent(tables, ("scenario",)).items()}


def sent_by_group(tables: Tables) -> dict[tuple[str, str], Sent]:
    """Requests per scenario and group; those outside of any group are left out."""
    return {(scenario, group): found for (scenario, group), found in _sent(tables, ("scenario", "group")).items() if group}


def _sent(tables: Tables, names: Sequence[str]) -> dict[tuple[str, ...], Sent]:
    columns = ", ".join(f'"{name}"' for name in names)
    counts = f"SELECT {columns}, sum(requests)::BIGINT, sum(failures)::BIGINT FROM http GROUP BY ALL ORDER BY ALL"
    times = tables.merged("http", "response", lambda label: tuple(label.value(name) for name in names))
    found = {}
    for *key, requests, failures in tables.rows(counts, of=("http",)):
        merged = times.get((tuple(key), 0))
        found[tuple(key)] = Sent(requests, failures, *(_figures(merged) if merged else ()))
    return found


def _figures(merged: Merged) -> tuple[int, float, float, float, float]:
    p50, p95, p99 = (ns / 1e9 for ns in quantiles(merged, (500, 950, 990)))
    return merged.n, p95, p50, p99, merged.max_ns / 1e9


def all_sent(parts: Iterable[Sent]) -> Sent:
    """The requests of all of them; a p95 of several cannot be had from theirs."""
    found = list(parts)
    return Sent(sum(part.requests for part in found), sum(part.failures for part in found))


def waits(tables: Tables) -> Waits | None:
    """How long answers took to begin, of the kept requests that got one; None when none did.

    Each of them stands for `weight` requests, so a quantile is where the running weight reaches its share of the whole.
    """
    quantiles_ns = ", ".join(f"min(wait_ns) FILTER (running >= {q} * whole)" for q in (0.5, 0.9, 0.95))
    ((p50_ns, p90_ns, p95_ns, max_ns, n),) = tables.rows(
        f"""WITH ranked AS (SELECT wait_ns, sum(weight) OVER (ORDER BY wait_ns) AS running, sum(weight) OVER () AS whole
                            FROM kept_requests WHERE status > 0 AND weight > 0)
            SELECT {quantiles_ns}, max(wait_ns), count(*) FROM ranked""",
        of=("kept_requests",),
    )
    ((mean_ns,),) = tables.rows("SELECT sum(wait_ns) / sum(requests) FROM http", of=("http",))
    return Waits(p50_ns / 1e9, p90_ns / 1e9, p95_ns / 1e9, mean_ns / 1e9, max_ns / 1e9, n) if n and mean_ns is not None else None


def totals_and_series(
    tables: Tables, scenarios: Mapping[str, Iterations], *, duration_s: float, open_scenarios: frozenset[str]
) -> tuple[Totals, list[Series]]:
    """The whole run and each of its series. Rates divide by `duration_s`; what ended after that, in the graceful stop, is not in them."""
    counts = tables.rows(
        """SELECT scenario, "group", name, sum(requests)::BIGINT, sum(failures)::BIGINT, sum(bytes_received)::BIGINT,
                  sum(resent)::BIGINT, coalesce(sum(requests - failures) FILTER (second < ?), 0)::BIGINT
           FROM http GROUP BY ALL ORDER BY ALL""",
        [duration_s],
        of=("http",),
    )
    seconds = int(duration_s)

    times = {
        f"{kind}_time_s": summaries(tables, "http", kind, lines=lambda label: (_WHOLE, label.series), seconds=seconds)
        for kind in ("service", "response")
    }

    def fields(line: tuple[str, ...], sent: Sequence[int], ran: Iterations, is_open: bool) -> dict[str, Any]:
        return {**_rates(sent, ran, duration_s, is_open=is_open), **{field: found.get(line) for field, found in times.items()}}

    sums = [sum(row[place] for row in counts) for place in range(3, 8)]
    totals = Totals(**fields(_WHOLE, sums, added(scenarios.values()), bool(open_scenarios)))
    series = [
        Series(
            name=name,
            scenario=scenario,
            group=group,
            **fields((scenario, group, name), sent, scenarios.get(scenario, _NONE), scenario in open_scenarios),
        )
        for scenario, group, name, *sent in counts
    ]
    return totals, series


def _rates(sent: Sequence[int], ran: Iterations, duration_s: float, *, is_open: bool) -> dict[str, Any]:
    requests, failures, received, resent, good = sent

    def rate(count: int) -> float | None:
        return count / duration_s if duration_s > 0 else None

    return {
        "requests": requests,
        "failures": failures,
        "iterations": ran.ended,
        "offered_rate": rate(ran.due) if is_open else None,
        "started_rate": rate(ran.started),
        "throughput": rate(good),
        "dropped_iterations": ran.dropped,
        "interrupted_iterations": ran.interrupted,
        "errors": ran.errors,
        "bytes_received": received,
        "resent": resent,
    }
