"""The load in stretches of equal length, with what was asked for, what came back, and what the probes read in each."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import ceil
from statistics import fmean
from typing import Any

from tenantry.diagnose.model import WHOLE, Stretch
from tenantry.diagnose.requests import MEANING, TOLD
from tenantry.plan.stages import courses
from tenantry.results.run import Run

LEAST_S = 3
_MOST = 20
# A load that was to change and did so by less is as good as constant.
_GROWN = 1.5
# What a single window holds is too little to go by.
_FEWEST = 2
_ORDERS = ("rate", "vus", "pause")
_NS = 1_000_000_000
Column = list[float | None]


class Windows:
    """At most twenty of at least three seconds; what is left at the end of the load belongs to none."""

    def __init__(self, run: Run) -> None:
        self._run, self._tables = run, run.tables
        whole = max(int(run.duration_s), 1)
        self.width_s = min(max(LEAST_S, ceil(whole / _MOST)), whole)
        self.count = whole // self.width_s
        self._rates: dict[str, dict[str, Column]] = {}

    def start_s(self, window: int) -> int:
        """When a window begins, in seconds of the load."""
        return window * self.width_s

    @cached_property
    def requests(self) -> list[float]:
        """Requests that ended per second."""
        return [value or 0.0 for value in self._sums("http", "sum(requests)")]

    @cached_property
    def iterations(self) -> Column:
        """Iterations per second: those that were due where all streams are open, else those that began; empty without any."""
        due = self._sums("iterations", "sum(due)")
        is_open = bool(self._run.open_scenarios) and len(self._run.manifest.open_streams) == len(self._run.manifest.streams)
        found = due if is_open and any(due) else self._sums("iterations", "sum(started)")
        return found if any(found) else [None] * self.count

    @cached_property
    def load(self) -> list[float]:
        """What was asked for: iterations by an open schedule, else virtual users, else the requests that came back."""
        if self._run.open_scenarios and any(self.iterations):
            return [value or 0.0 for value in self.iterations]
        vus = self._vus()
        return vus if max(vus) > 0 else self.requests

    @cached_property
    def grows(self) -> bool:
        """Whether the load was to change, and did."""
        planned = courses(self._run.manifest.streams)
        changes = any(not stage.flat for course in planned for stage in course.stages) or len({c.stages[0].start_s for c in planned}) > 1
        ordered = any(event.kind in _ORDERS for event in self._run.events)
        some = [value for value in self.load if value > 0]
        return (changes or ordered) and len(some) > 1 and max(some) >= _GROWN * min(some)

    @cached_property
    def low(self) -> list[int]:
        """Windows of the lowest quarter of the load; none where it did not grow."""
        if not self.grows:
            return []
        some = [value for value in self.load if value > 0]
        bound = min(some) + (max(some) - min(some)) / 4
        return [at for at in range(self.count) if 0 < self.load[at] <= bound and self.requests[at] > 0]

    @cached_property
    def high(self) -> list[int]:
        """Windows of the highest quarter of the load, all where it did not grow."""
        if not self.grows:
            return list(range(self.count))
        bound = max(self.load) - (max(self.load) - min(value for value in self.load if value > 0)) / 4
        return [at for at in range(self.count) if self.load[at] >= bound]

    @cached_property
    def highest(self) -> Stretch:
        """From the first to the last window of the highest load; all of it where those are fewer than two."""
        first, last = self.high[0], self.high[-1]
        if last - first + 1 < _FEWEST:
            return WHOLE
        return Stretch(self.start_s(first), None if last == self.count - 1 else self.start_s(last + 1))

    @cached_property
    def lowest(self) -> Stretch | None:
        """The first windows of the lowest load that come in one piece; None where it did not grow."""
        if not self.low:
            return None
        piece = [at for place, at in enumerate(self.low) if at == self.low[0] + place]
        return Stretch(self.start_s(piece[0]), self.start_s(piece[-1] + 1))

    def gauge(self, metric: str, wanted: Callable[[str], bool] = lambda _: True, fold: Callable[[list[float]], float] = sum) -> Column:
        """The mean of a gauge in each window, its wanted subjects folded; one that was not read keeps its value."""
        rows = self._tables.rows(
            "SELECT subject, at_ns // ?, avg(value) FROM readings WHERE metric = ? AND at_ns >= 0 GROUP BY ALL ORDER BY ALL",
            [self.width_s * _NS, metric],
            of=("readings",),
        )
        by_subject: defaultdict[str, dict[int, float]] = defaultdict(dict)
        for subject, window, value in rows:
            if wanted(subject):
                by_subject[subject][window] = value
        return self.folded([self._kept(values) for values in by_subject.values()], fold)

    def rates(self, metric: str) -> dict[str, Column]:
        """What a counter grew by per second in each window, by subject."""
        # Several stations ask for the same one.
        if metric not in self._rates:
            self._rates[metric] = self._read_rates(metric)
        return self._rates[metric]

    def _read_rates(self, metric: str) -> dict[str, Column]:
        rows = self._tables.rows(
            "SELECT subject, at_ns, value FROM readings WHERE metric = ? ORDER BY subject, at_ns", [metric], of=("readings",)
        )
        points: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for subject, at_ns, value in rows:
            points[subject].append((at_ns, value))
        return {subject: [_rate(found, *self._edges(window)) for window in range(self.count)] for subject, found in points.items()}

    def gauge_of_rates(self, metric: str, wanted: Callable[[str], bool]) -> Column:
        """The highest of the rates of the wanted subjects in each window."""
        return self.folded([column for subject, column in self.rates(metric).items() if wanted(subject)], max)

    @cached_property
    def generator(self) -> Column:
        """The busiest thread of the generator: the share of a core that it used."""
        rows = self._tables.rows(
            """SELECT place, max(busy) FROM (
                   SELECT second // ? AS place, process, greatest(avg(loop_busy) FILTER (NOT isnan(loop_busy)),
                                                                    avg(io_busy) FILTER (NOT isnan(io_busy))) AS busy
                   FROM generator GROUP BY ALL) GROUP BY place""",
            [self.width_s],
            of=("generator",),
        )
        return self._dense(rows)

    @cached_property
    def inside(self) -> Column:
        """Requests in the app at a time, by its own word."""
        rows = self._tables.rows(
            "SELECT second // ?, metric, sum(sum_ns)::DOUBLE / 1e9 FROM server_timing GROUP BY ALL", [self.width_s], of=("server_timing",)
        )
        named = [(window, MEANING.get(metric.lower().replace("-", "_")), seconds) for window, metric, seconds in rows]
        parts = TOLD if any(meaning == "app" for _, meaning, _ in named) else ("total",)
        sums: defaultdict[int, float] = defaultdict(float)
        for window, meaning, seconds in named:
            if meaning in parts:
                sums[window] += seconds / self.width_s
        return self._dense(sums.items())

    @cached_property
    def waits(self) -> Column:
        """Requests at a time that were sent, and whose answers had not begun."""
        return self._sums("http", "sum(wait_ns)::DOUBLE / 1e9")

    def lock(self, query_id: str, relation: str) -> tuple[Column, float]:
        """The share of the looks at which a statement waited for a lock of this table, and how many sessions stood at the heads then."""
        rows = self._tables.rows(
            """SELECT at_ns // ?, count(DISTINCT at_ns)::DOUBLE, count(DISTINCT (at_ns, blocker_pid))::DOUBLE FROM blocking
               WHERE query_id = ? AND relation = ? AND at_ns >= 0 GROUP BY 1""",
            [self.width_s * _NS, query_id, relation],
            of=("blocking",),
        )
        looks = self._dense(
            self._tables.rows(
                "SELECT at_ns // ?, count(*) FROM readings WHERE metric = 'sessions' AND subject = '' AND at_ns >= 0 GROUP BY 1",
                [self.width_s * _NS],
                of=("readings",),
            )
        )
        waited = self._dense([(window, number) for window, number, _ in rows])
        shares: Column = [(some or 0.0) / number if number else None for some, number in zip(waited, looks, strict=True)]
        return shares, sum(heads for *_, heads in rows) / max(sum(number for _, number, _ in rows), 1.0)

    def mean(self, column: Sequence[float | None], windows: Sequence[int]) -> float | None:
        """Over some windows, those without a value left out."""
        values = [value for at in windows if (value := column[at]) is not None]
        return fmean(values) if values else None

    def _edges(self, window: int) -> tuple[int, int]:
        return window * self.width_s * _NS, (window + 1) * self.width_s * _NS

    def _vus(self) -> list[float]:
        """The mean of the most virtual users that were busy in each second."""
        rows = self._tables.rows(
            """SELECT second // ?, sum(most)::DOUBLE / ?
               FROM (SELECT second, stream, process, max(vus) AS most FROM iterations GROUP BY ALL) GROUP BY 1""",
            [self.width_s, self.width_s],
            of=("iterations",),
        )
        return [value or 0.0 for value in self._dense(rows)]

    def _sums(self, table: str, what: str) -> Column:
        sql = f"SELECT second // ?, ({what})::DOUBLE / ? FROM {table} GROUP BY 1"
        return [value or 0.0 for value in self._dense(self._tables.rows(sql, [self.width_s, self.width_s], of=(table,)))]

    def _dense(self, rows: Any) -> Column:
        found: Column = [None] * self.count
        for window, value in rows:
            if 0 <= window < self.count:
                found[window] = value
        return found

    def _kept(self, values: dict[int, float]) -> Column:
        found, last = self._dense(values.items()), None
        for at, value in enumerate(found):
            found[at] = last = last if value is None else value
        return found

    def folded(self, columns: Sequence[Column], fold: Callable[[list[float]], float] = sum) -> Column:
        """Several columns as one; what one of them does not know is left out."""
        return [fold(some) if (some := list(_known(column[at] for column in columns))) else None for at in range(self.count)]


def _known(values: Iterator[float | None]) -> Iterator[float]:
    return (value for value in values if value is not None)


def _rate(points: Sequence[tuple[int, float]], start: int, end: int) -> float | None:
    """Between two moments, as far as they are known; None where that is less than half of the time."""
    start_at, end_at = max(start, points[0][0]), min(end, points[-1][0])
    if end_at - start_at < (end - start) / 2:
        return None
    return (_value(points, end_at) - _value(points, start_at)) * _NS / (end_at - start_at)


def _value(points: Sequence[tuple[int, float]], at_ns: int) -> float:
    """Between two readings a counter is taken to grow evenly."""
    after = min(bisect_right(points, at_ns, key=lambda point: point[0]), len(points) - 1)
    (left_ns, left), (right_ns, right) = points[max(after - 1, 0)], points[after]
    return right if right_ns == left_ns else left + (right - left) * (at_ns - left_ns) / (right_ns - left_ns)
