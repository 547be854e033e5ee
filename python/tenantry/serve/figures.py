"""The key figures of stored runs, read once: a run that has ended does not change."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenantry.driver import write_whole
from tenantry.errors import TenantryError
from tenantry.results import open_run
from tenantry.results.model import Totals

FILE = ".serve.json"
MOST_SERIES = 200
_SCHEMA = 1

Stamp = tuple[int, int]


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


class _Kept(msgspec.Struct, frozen=True):
    """Figures with the stamp of the manifest that they belong to."""

    stamp: Stamp
    figures: Figures


class _File(msgspec.Struct, frozen=True):
    schema: int
    runs: dict[str, _Kept]


def read_figures(folder: Path) -> Figures:
    """The figures of a run folder; a run that cannot be read has none."""
    import duckdb

    try:
        with open_run(folder) as run:
            series = [_line(one, scenario=one.scenario, group=one.group, name=one.name) for one in run.series]
            most = sorted(series, key=lambda line: -line.requests)[:MOST_SERIES]
            return Figures(total=_line(run.totals), series=tuple(sorted(most, key=lambda line: line.key)))
    except (TenantryError, OSError, duckdb.Error) as error:
        return Figures(fault=str(error).partition("\n")[0])


def _line(totals: Totals, scenario: str = "", group: str = "", name: str = "") -> Line:
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


class Cache:
    """Figures by the name of their run, and the file beside the runs that keeps them; without the right to write, only in memory."""

    def __init__(self, runs: Path) -> None:
        self._path = runs / FILE
        self._kept = _read(self._path)

    def get(self, name: str, stamp: Stamp) -> Figures | None:
        """The figures of a run whose manifest has this stamp; None when they were never read, or were those of another state."""
        kept = self._kept.get(name)
        return kept.figures if kept is not None and kept.stamp == stamp else None

    def put(self, name: str, stamp: Stamp, figures: Figures) -> None:
        self._kept[name] = _Kept(stamp, figures)

    def save(self, names: set[str]) -> None:
        """Write what belongs to these runs; a folder that cannot be written is left as it is."""
        kept = {name: one for name, one in self._kept.copy().items() if name in names}
        try:
            write_whole(self._path, msgspec.json.encode(_File(_SCHEMA, kept)))
        except OSError:
            return


def _read(path: Path) -> dict[str, _Kept]:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError):
        return {}
    return found.runs if found.schema == _SCHEMA else {}
