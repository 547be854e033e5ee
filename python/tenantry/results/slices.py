"""The run in coarse slices of time, small enough to travel in a page that works its tables out again for a part of the run.

Times are counted in buckets of 32 to a doubling: those of `tenantry.results.histogram`, 32 at a time, so that none is wider than 1/32 of
its value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tenantry.results.model import Status
from tenantry.results.tables import Tables

HALF = 32
MOST_SLICES = 120
MOST_CELLS = 7_000
MOST_ROWS = 200
_LEAST_SLICES = 12
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200)
COARSE = f"""(CASE WHEN bucket < 64 THEN bucket
    WHEN bucket < 2048 THEN (floor(log2(bucket))::INTEGER - 5) * {HALF} + (bucket >> (floor(log2(bucket))::INTEGER - 5))
    ELSE (bucket // 1024 + 4) * {HALF} + ((bucket % 1024 + 1024) >> 5) END)"""

Key = tuple[str, ...]


class Line(msgspec.Struct, frozen=True):
    """What one row of a table is made of, in each slice. `key` is a kind and the names that tell its lines apart.

    A histogram of a slice is a flat list: the distance of each bucket from the one before, and how many times it holds; empty without any.
    `service` holds the differences from `response` in the same way.
    """

    key: Key
    counts: dict[str, list[int]]
    times: dict[str, list[list[int]]] = {}
    longest_us: dict[str, list[int]] = {}


class Slices(msgspec.Struct, frozen=True):
    """All lines over `count` slices of `step_s` seconds each; series beyond the 200 with the most requests are left out."""

    step_s: int
    count: int
    lines: list[Line]


def coarse_of(us: int) -> int:
    """The bucket of a slice's histogram that holds `us` microseconds."""
    shift = max(us.bit_length() - HALF.bit_length(), 0)
    return shift * HALF + (us >> shift)


def highest_us(bucket: int) -> int:
    """The highest value of a bucket of a slice's histogram, in microseconds."""
    if bucket < 2 * HALF:
        return bucket
    return ((bucket % HALF + HALF + 1) << (bucket // HALF - 1)) - 1


def slices(
    tables: Tables, *, seconds: int, load_s: float, checks: Sequence[Key], failures: Sequence[Key], statuses: Sequence[Status]
) -> Slices:
    """The slices of a run of `seconds`; `checks` and `failures` are the keys of the rows that are wanted of those."""
    series = _series(tables)
    step = _step(seconds, len({key for keys in series.values() for key in keys}))
    maker = _Maker(tables, step, -(-seconds // step))
    lines = [*maker.requests(series, load_s), *maker.iterations()]
    lines += maker.counted("check", "checks", ("scenario", "name"), {"passes": "passes", "fails": "fails"}, checks)
    lines += maker.counted("failure", "failures", ("name", "scenario", "kind"), {"count": "count"}, failures)
    lines += maker.statuses(statuses)
    return Slices(step, maker.count, lines)


def _step(seconds: int, lines: int) -> int:
    most = min(max(MOST_CELLS // max(lines, 1), _LEAST_SLICES), MOST_SLICES)
    return next((step for step in _STEPS if seconds <= most * step), -(-seconds // most))


def _series(tables: Tables) -> dict[int, list[Key]]:
    """The lines that each series belongs to: all, its scenario, its group, and one of its own where it is among the most requested."""
    rows = tables.rows(
        'SELECT series, scenario, "group", name, sum(requests) AS sent FROM requests GROUP BY ALL ORDER BY sent DESC, series', of=("http",)
    )
    found: dict[int, list[Key]] = {}
    for place, (series, scenario, group, name, _) in enumerate(rows):
        keys: list[Key] = [("all",), ("scenario", scenario)]
        keys += [("group", scenario, group)] if group else []
        found[series] = keys + ([("series", scenario, group, name)] if place < MOST_ROWS else [])
    return found


class _Maker:
    """Reads lines of `count` slices of `step` seconds off the tables."""

    def __init__(self, tables: Tables, step: int, count: int) -> None:
        self.tables, self.step, self.count = tables, step, count

    def requests(self, series: Mapping[int, Sequence[Key]], load_s: float) -> Iterable[Line]:
        """Lines of requests with both of their times."""
        lines = list(dict.fromkeys(key for keys in series.values() for key in keys))
        place = {key: at for at, key in enumerate(lines)}
        pairs = [(number, place[key]) for number, keys in series.items() for key in keys]
        members, columns = (list(column) for column in zip(*pairs, strict=True)) if pairs else ([], [])
        belongs = "(SELECT unnest(?::INTEGER[]) AS series, unnest(?::INTEGER[]) AS line)"
        sums = self.tables.rows(
            f"""SELECT line, second // {self.step} AS slice, sum(requests)::BIGINT, sum(failures)::BIGINT,
                       coalesce(sum(requests - failures) FILTER (second < ?), 0)::BIGINT,
                       max(response_max_ns) // 1000, max(service_max_ns) // 1000
                FROM requests JOIN {belongs} USING (series) GROUP BY ALL""",
            [load_s, members, columns],
            of=("http",),
        )
        counts = self._dense(sums, len(lines), 5)
        times = {name: self._times(name, belongs, [members, columns], len(lines)) for name in ("response", "service")}
        for at, key in enumerate(lines):
            told = dict(zip(("requests", "failures", "good"), counts[at][:3], strict=True))
            histograms = {
                "response": [flat(cell) for cell in times["response"][at]],
                "service": [flat(_less(cell, base)) for cell, base in zip(times["service"][at], times["response"][at], strict=True)],
            }
            yield Line(key, told, histograms, {"response": counts[at][3], "service": counts[at][4]})

    def _times(self, histogram: str, belongs: str, parameters: Sequence[object], lines: int) -> list[list[dict[int, int]]]:
        rows = self.tables.rows(
            f"""WITH entries AS (SELECT series, second // {self.step} AS slice, unnest({histogram}_buckets) AS bucket,
                                        unnest({histogram}_counts) AS c FROM requests),
                merged AS (SELECT series, slice, {COARSE} AS bucket, sum(c)::BIGINT AS c FROM entries GROUP BY ALL),
                added AS (SELECT line, slice, bucket, sum(c)::BIGINT AS c FROM merged JOIN {belongs} USING (series) GROUP BY ALL)
                SELECT line, slice, list(bucket ORDER BY bucket), list(c ORDER BY bucket) FROM added GROUP BY line, slice""",
            parameters,
            of=("http",),
        )
        found: list[list[dict[int, int]]] = [[{} for _ in range(self.count)] for _ in range(lines)]
        for line, at, buckets, counts in rows:
            if at < self.count:
                found[line][at] = dict(zip(buckets, counts, strict=True))
        return found

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
        times: dict[int, list[dict[int, int]]] = defaultdict(lambda: [{} for _ in range(self.count)])
        for scenario, at, bucket, count in self.tables.rows(
            f"""WITH entries AS (SELECT scenario, second // {self.step} AS slice, unnest(duration_buckets) AS bucket,
                                        unnest(duration_counts) AS c FROM iterations)
                SELECT scenario, slice, {COARSE} AS coarse, sum(c)::BIGINT FROM entries WHERE scenario <> '' GROUP BY ALL""",
            of=("iterations",),
        ):
            for line in (0, place[scenario]) if at < self.count else ():
                times[line][at][bucket] = times[line][at].get(bucket, 0) + count
        for line, key in enumerate([("iterations",), *(("iterations", name) for name in names)]):
            told = dict(zip(columns, counts[line], strict=True))
            yield Line(key, told, {"duration": [flat(cell) for cell in times[line]]})

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

    def _dense(self, rows: Iterable[Sequence[Any]], lines: int, width: int) -> list[list[list[int]]]:
        """By line and column, the values of all slices; those of the same place are added up."""
        found = [[[0] * self.count for _ in range(width)] for _ in range(lines)]
        for line, at, *values in rows:
            if 0 <= at < self.count:
                for column, value in zip(found[line], values, strict=True):
                    column[at] += value or 0
        return found


def _less(cell: Mapping[int, int], base: Mapping[int, int]) -> dict[int, int]:
    """What has to be added to `base` to get `cell`."""
    found = {bucket: cell.get(bucket, 0) - base.get(bucket, 0) for bucket in cell.keys() | base.keys()}
    return {bucket: count for bucket, count in found.items() if count}


def flat(cell: Mapping[int, int]) -> list[int]:
    """A histogram as it is stored: the distance of each bucket from the one before, and its count."""
    found: list[int] = []
    before = 0
    for bucket in sorted(cell):
        found += (bucket - before, cell[bucket])
        before = bucket
    return found
