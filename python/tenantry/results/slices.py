"""The run in coarse slices of time, small enough to travel in a page that works its tables out again for a part of the run.

Times are counted in buckets of 32 to a doubling: those of `tenantry.results.histogram`, 32 at a time, so that none is wider than 1/32 of
its value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from tenantry.results import custom
from tenantry.results.model import Status
from tenantry.results.stored import Merged, everything, regrouped
from tenantry.results.tables import Tables

HALF = 32
MOST_SLICES = 120
MOST_CELLS = 7_000
MOST_ROWS = 200
_LEAST_SLICES = 12
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200)

Key = tuple[str, ...]


class Line(msgspec.Struct, frozen=True):
    """What one row of a table is made of, in each slice. `key` is a kind and the names that tell its lines apart.

    A histogram of a slice is a flat list: the distance of each bucket from the one before, and how many times it holds; empty without any.
    `service` holds the differences from `response` in the same way. `values` are the sum, least, greatest and last value of a metric of the
    scripts, None where it has none; its histogram is that of `tenantry.results.custom`, coarse.
    """

    key: Key
    counts: dict[str, list[int]]
    times: dict[str, list[list[int]]] = {}
    longest_us: dict[str, list[int]] = {}
    values: dict[str, list[float | None]] = {}


class Slices(msgspec.Struct, frozen=True):
    """All lines over `count` slices of `step_s` seconds each; series beyond the 200 with the most requests are left out."""

    step_s: int
    count: int
    lines: list[Line]


def highest_us(bucket: int) -> int:
    """The highest value of a bucket of a slice's histogram, in microseconds."""
    if bucket < 2 * HALF:
        return bucket
    return ((bucket % HALF + HALF + 1) << (bucket // HALF - 1)) - 1


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` slices of `step` seconds, and the lines that each series belongs to."""

    step: int
    count: int
    series: Mapping[Key, Sequence[Key]]


def grid(tables: Tables, seconds: int) -> Grid:
    """That of a run of `seconds`: the more series it has, the fewer slices."""
    series = _series(tables)
    step = _step(seconds, len({key for keys in series.values() for key in keys}))
    return Grid(step, -(-seconds // step), series)


def slices(
    tables: Tables,
    grid: Grid,
    *,
    load_s: float,
    checks: Sequence[Key],
    failures: Sequence[Key],
    statuses: Sequence[Status],
    measured: Mapping[custom.Key, Mapping[int, custom.Measured]],
) -> Slices:
    """The slices of a run; `checks` and `failures` are the keys of the rows that are wanted of those, `measured` what its scripts did."""
    maker = _Maker(tables, grid.step, grid.count)
    lines = [*maker.requests(grid.series, load_s), *maker.iterations()]
    lines += maker.counted("check", "checks", ("scenario", "name"), {"passes": "passes", "fails": "fails"}, checks)
    lines += maker.counted("failure", "failures", ("name", "scenario", "kind"), {"count": "count"}, failures)
    lines += maker.statuses(statuses)
    lines += maker.metrics(measured)
    return Slices(grid.step, grid.count, lines)


def _step(seconds: int, lines: int) -> int:
    most = min(max(MOST_CELLS // max(lines, 1), _LEAST_SLICES), MOST_SLICES)
    return next((step for step in _STEPS if seconds <= most * step), -(-seconds // most))


def _series(tables: Tables) -> dict[Key, list[Key]]:
    """The lines that each series belongs to: all, its scenario, its group, and one of its own where it is among the most requested."""
    rows = tables.rows(
        'SELECT scenario, "group", name FROM http GROUP BY ALL ORDER BY sum(requests) DESC, scenario, "group", name', of=("http",)
    )
    found: dict[Key, list[Key]] = {}
    for place, (scenario, group, name) in enumerate(rows):
        keys: list[Key] = [("all",), ("scenario", scenario)]
        keys += [("group", scenario, group)] if group else []
        found[scenario, group, name] = keys + ([("series", scenario, group, name)] if place < MOST_ROWS else [])
    return found


def _longest_us(merged: Merged | None) -> int:
    return merged.max_ns // 1000 if merged else 0


class _Maker:
    """Reads lines of `count` slices of `step` seconds off the tables."""

    def __init__(self, tables: Tables, step: int, count: int) -> None:
        self.tables, self.step, self.count = tables, step, count

    def requests(self, series: Mapping[Key, Sequence[Key]], load_s: float) -> Iterable[Line]:
        """Lines of requests with both of their times."""
        lines = list(dict.fromkeys(key for keys in series.values() for key in keys))
        place = {key: at for at, key in enumerate(lines)}
        rows = self.tables.rows(
            f"""SELECT scenario, "group", name, second // {self.step}, sum(requests)::BIGINT, sum(failures)::BIGINT,
                       coalesce(sum(requests - failures) FILTER (second < ?), 0)::BIGINT
                FROM http GROUP BY ALL""",
            [load_s],
            of=("http",),
        )
        counts = self._dense(((place[key], *row[3:]) for row in rows for key in series[tuple(row[:3])]), len(lines), 3)
        response, service = (self._times(name, series) for name in ("response", "service"))
        for number, key in enumerate(lines):
            places = [(key, at) for at in range(self.count)]
            both = [(response.get(place), service.get(place)) for place in places]
            told = dict(zip(("requests", "failures", "good"), counts[number], strict=True))
            histograms = {
                "response": [whole.flat() if whole else [] for whole, _ in both],
                "service": [own.flat(whole) if own else [] for whole, own in both],
            }
            yield Line(
                key,
                told,
                histograms,
                {"response": [_longest_us(whole) for whole, _ in both], "service": [_longest_us(own) for _, own in both]},
            )

    def _times(self, histogram: str, series: Mapping[Key, Sequence[Key]]) -> dict[tuple[Key, int], Merged]:
        """The histograms of all lines."""
        finest = self.tables.merged("http", histogram, lambda label: tuple(series.get(label.series, ())), step=self.step)
        return regrouped(finest, lambda key: ((line, key[1]) for line in key[0]))

    def iterations(self) -> Iterable[Line]:
        """A line for each scenario and one for all, with the durations of its iterations."""
        columns = ("due", "started", "completed", "failed", "errors", "dropped", "interrupted")
        sums = ", ".join(f"sum({column})::BIGINT" for column in columns)
        rows = self.tables.rows(
            f"""SELECT scenario, second // {self.step}, {sums} FROM iterations
                WHERE scenario <> '' GROUP BY ALL""",
            of=("iterations",),
        )
        names = sorted({scenario for scenario, *_ in rows})
        place = {name: at for at, name in enumerate(names, 1)}
        both = [(line, *row) for scenario, *row in rows for line in (0, place[scenario])]
        counts = self._dense(both, len(names) + 1, len(columns))
        times: dict[int, list[list[int]]] = defaultdict(lambda: [[] for _ in range(self.count)])
        for line_of in (everything, lambda label: label.scenario or None):
            for (name, at), merged in self.tables.merged("iterations", "duration", line_of, step=self.step).items():
                if at < self.count:
                    times[place[name] if name else 0][at] = merged.flat()
        for line, key in enumerate([("iterations",), *(("iterations", name) for name in names)]):
            told = dict(zip(columns, counts[line], strict=True))
            yield Line(key, told, {"duration": times[line]})

    def counted(self, kind: str, table: str, names: Sequence[str], sums: Mapping[str, str], wanted: Sequence[Key]) -> Iterable[Line]:
        """A line for each of the `wanted` rows of a table that only counts."""
        place = {key: at for at, key in enumerate(wanted[:MOST_ROWS])}
        columns, values = ", ".join(names), ", ".join(f"sum({sql})::BIGINT" for sql in sums.values())
        rows = self.tables.rows(f"SELECT {columns}, second // {self.step}, {values} FROM {table} GROUP BY ALL", of=(table,))
        width = len(names)
        found = [(place[tuple(row[:width])], *row[width:]) for row in rows if tuple(row[:width]) in place]
        for key, counts in zip(place, self._dense(found, len(place), len(sums)), strict=True):
            yield Line((kind, *key), dict(zip(sums, counts, strict=True)))

    def statuses(self, wanted: Sequence[Status]) -> Iterable[Line]:
        """A line for each status of answers: the kept requests by their weight, raised to what the whole run has."""
        place = {(one.status, one.failed): at for at, one in enumerate(wanted)}
        rows = self.tables.rows(
            f"""SELECT status, kind <> '' AS failed, end_ns // {self.step * 1_000_000_000}, sum(greatest(weight, 1)) FROM kept_requests
                WHERE end_ns >= 0 GROUP BY ALL""",
            of=("kept_requests",),
        )
        kept = [(place[status, failed], at, weight) for status, failed, at, weight in rows if (status, failed) in place]
        for one, (weights,) in zip(wanted, self._dense(kept, len(place), 1), strict=True):
            whole = sum(weights) or 1
            key = ("status", str(one.status), "failed" if one.failed else "fine")
            yield Line(key, {"requests": [round(weight * one.requests / whole) for weight in weights]})

    def metrics(self, measured: Mapping[custom.Key, Mapping[int, custom.Measured]]) -> Iterable[Line]:
        """A line for each metric of the scripts, and the duration of each group."""
        for (name, kind, _, group), slices in islice(measured.items(), MOST_ROWS):
            each = [slices.get(place) for place in range(self.count)]
            values = {what: [getattr(one, what) if one else None for one in each] for what in ("sum", "min", "max", "last")}
            times = {"metric": [flat(one.coarse) if one else [] for one in each]} if kind == "trend" else {}
            yield Line(("metric", name, group), {"n": [one.n if one else 0 for one in each]}, times, values=values)

    def _dense(self, rows: Iterable[Sequence[Any]], lines: int, width: int) -> list[list[list[int]]]:
        """By line and column, the values of all slices; those of the same place are added up."""
        found = [[[0] * self.count for _ in range(width)] for _ in range(lines)]
        for line, at, *values in rows:
            if 0 <= at < self.count:
                for column, value in zip(found[line], values, strict=True):
                    column[at] += value or 0
        return found


def flat(cell: Mapping[int, int]) -> list[int]:
    """A histogram as it is stored: the distance of each bucket from the one before, and its count."""
    found: list[int] = []
    before = 0
    for bucket in sorted(cell):
        found += (bucket - before, cell[bucket])
        before = bucket
    return found
