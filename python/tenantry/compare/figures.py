"""The key figures of a run and of its series, as lists, trends and histories show them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenantry.errors import TenantryError
from tenantry.results import open_run
from tenantry.results.model import Totals

MOST_SERIES = 200


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole run (three empty names) or one of its series came to; None where there is nothing to tell. Times in seconds."""

    scenario: str = ""
    group: str = ""
    name: str = ""
    requests: int = 0
    failures: int = 0
    throughput: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def failed_share(self) -> float | None:
        return self.failures / self.requests if self.requests else None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scenario, self.group, self.name


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The run as a whole, and its series with the most requests; `fault` says why nothing could be read."""

    total: Line = Line()
    series: tuple[Line, ...] = ()
    fault: str = ""


def read_figures(folder: Path) -> Figures:
    """The figures of a run folder; a run that cannot be read has none."""
    import duckdb

    try:
        with open_run(folder) as run:
            series = [line_of(one, scenario=one.scenario, group=one.group, name=one.name) for one in run.series]
            most = sorted(series, key=lambda line: -line.requests)[:MOST_SERIES]
            return Figures(total=line_of(run.totals), series=tuple(sorted(most, key=lambda line: line.key)))
    except (TenantryError, OSError, duckdb.Error) as error:
        return Figures(fault=str(error).partition("\n")[0])


def line_of(totals: Totals, scenario: str = "", group: str = "", name: str = "") -> Line:
    """The figures of a run or of one of its series."""
    times = totals.response_time_s
    return Line(
        scenario=scenario,
        group=group,
        name=name,
        requests=totals.requests,
        failures=totals.failures,
        throughput=totals.throughput,
        p50=times.p50 if times else None,
        p95=times.p95 if times else None,
        p99=times.p99 if times else None,
    )
