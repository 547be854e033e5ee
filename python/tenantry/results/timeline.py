"""A run over time: counts and quantiles on one dense axis of seconds."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any

from tenantry.results.model import Column, Timeline
from tenantry.results.stored import everything
from tenantry.results.summaries import quantiles
from tenantry.results.tables import Tables
from tenantry.types import PHASES

MOST_POINTS = 7200
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


def timeline(tables: Tables, *, seconds: int, load_s: float, is_open: bool) -> Timeline:
    """Everything per second; runs of more than two hours in steps of several seconds, so that their size stays bounded.

    After the load of `load_s` nothing is due: what is asked for has no value there, rather than zero.
    """
    step = next((step for step in _STEPS if seconds <= MOST_POINTS * step), -(-seconds // MOST_POINTS))
    axis = _Axis(tables, step, -(-seconds // step))
    counts = axis.columns(_REQUESTS, 5, of="http", empty=0, scale=1 / step)
    began = axis.columns(_ITERATIONS, 4, of="iterations", empty=0, scale=1 / step)
    response = axis.quantiles("http", "response", (500, 950, 990))
    service = axis.quantiles("http", "service", (500, 950, 990))
    own = axis.columns(_GENERATOR, 2, of="generator")
    delay = axis.quantiles("iterations", "delay", (500, 990))
    asked = [column[: ceil(load_s / step)] + [None] * (axis.length - ceil(load_s / step)) for column in began[:2]]
    nothing: Column = [None] * axis.length
    return Timeline(
        step_s=step,
        second=list(range(0, axis.length * step, step)),
        offered=asked[0] if is_open else nothing,
        started=asked[1],
        completed=began[2],
        dropped=began[3] if is_open else nothing,
        requests=counts[0],
        failures=counts[1],
        vus=axis.columns(_VUS, 1, of="iterations", empty=0)[0],
        response_p50=response[1],
        response_p95=response[2],
        response_p99=response[3],
        service_p50=service[1],
        service_p95=service[2],
        service_p99=service[3],
        start_delay_p50=delay[1],
        start_delay_p99=delay[2],
        start_delay_max=delay[0],
        failure_kinds=_failure_kinds(axis),
        phases_s=dict(zip(PHASES, axis.columns(_PHASES, len(PHASES), of="http"), strict=True)),
        bytes_sent=counts[2],
        bytes_received=counts[3],
        connections=counts[4],
        busy_share=own[0],
        rss_bytes=own[1],
        hand_over_p99=axis.quantiles("generator", "hand_over", (990,))[1],
    )


_REQUESTS = """SELECT second // {step} AS point, sum(requests)::BIGINT, sum(failures)::BIGINT, sum(bytes_sent)::BIGINT,
    sum(bytes_received)::BIGINT, sum(connections)::BIGINT FROM http GROUP BY point"""
_GENERATOR = """SELECT second // {step} AS point, max(busy), max(rss)
    FROM (SELECT second, max(CASE WHEN isnan(loop_busy) THEN NULL ELSE greatest(loop_busy, io_busy) END) AS busy,
                 sum(rss_bytes)::BIGINT AS rss
          FROM (SELECT second, process, avg(loop_busy) AS loop_busy, avg(io_busy) AS io_busy, max(rss_bytes) AS rss_bytes
                FROM generator GROUP BY ALL) GROUP BY second)
    GROUP BY point"""
_ITERATIONS = """SELECT second // {step} AS point, sum(due)::BIGINT, sum(started)::BIGINT, sum(completed)::BIGINT, sum(dropped)::BIGINT
    FROM iterations GROUP BY point"""
_VUS = """SELECT second // {step} AS point, max(vus)::BIGINT
    FROM (SELECT second, sum(vus) AS vus
          FROM (SELECT second, stream, process, max(vus) AS vus FROM iterations GROUP BY ALL) GROUP BY second)
    GROUP BY point"""
_PHASES = f"""SELECT second // {{step}} AS point, {", ".join(f"round(sum({phase}_ns) / sum(requests) / 1e9, 6)" for phase in PHASES)}
    FROM http GROUP BY point HAVING sum(requests) > 0"""
_KINDS = "SELECT kind, second // {step} AS point, sum(count)::BIGINT FROM failures GROUP BY ALL ORDER BY kind"


class _Axis:
    """The common axis of time: `length` entries of `step` seconds."""

    def __init__(self, tables: Tables, step: int, length: int) -> None:
        self.tables = tables
        self.step = step
        self.length = length

    def columns(self, sql: str, width: int, *, of: str, empty: float | None = None, scale: float = 1) -> list[Column]:
        """The `width` columns of a query whose first column is the place on the axis; `empty` where it has no row."""
        return self.dense(self.tables.rows(sql.format(step=self.step), of=(of,)), width, empty=empty, scale=scale)

    def quantiles(self, table: str, histogram: str, permille: tuple[int, ...]) -> list[Column]:
        """The maximum and the quantiles of a histogram, in seconds."""
        found = self.tables.merged(table, histogram, everything, step=self.step)
        rows = ((at, merged.max_ns, *quantiles(merged, permille)) for (_, at), merged in found.items())
        return self.dense(rows, 1 + len(permille), scale=1e-9)

    def dense(self, rows: Iterable[tuple[Any, ...]], width: int, *, empty: float | None = None, scale: float = 1) -> list[Column]:
        columns: list[Column] = [[empty] * self.length for _ in range(width)]
        for at, *values in rows:
            if 0 <= at < self.length:
                for column, value in zip(columns, values, strict=True):
                    column[at] = round(value * scale, 6) if scale != 1 else value
        return columns


def _failure_kinds(axis: _Axis) -> dict[str, Column]:
    rows: dict[str, list[tuple[int, int]]] = {}
    for kind, at, count in axis.tables.rows(_KINDS.format(step=axis.step), of=("failures",)):
        rows.setdefault(kind, []).append((at, count))
    return {kind: axis.dense(counts, 1, empty=0, scale=1 / axis.step)[0] for kind, counts in rows.items()}
