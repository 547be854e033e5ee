"""Readings over time: gauges as they were, counters as what they grew by."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tenantry.results.probes import MOST_STATEMENTS
from tenantry.results.tables import Tables


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value over the span; `subjects` that stand for parts of the same thing (the app's workers) are added up."""

    mean: float
    lowest: float
    highest: float
    last: float


_EVER_NS = 2**62
# A value that did not change is not written again, so the last one before a moment holds.
_COUNTERS = """SELECT metric, subject, coalesce(min(at_ns) > ?, false) AND probe = 'postgres.counters', arg_min(value, at_ns),
                      [arg_max(value, at_ns) FILTER (at_ns <= ?), arg_max(value, at_ns) FILTER (at_ns <= ?),
                       arg_max(value, at_ns) FILTER (at_ns <= ?), arg_max(value, at_ns) FILTER (at_ns <= ?)]
               FROM readings WHERE probe = 'postgres.counters' OR metric LIKE '%.%' GROUP BY metric, subject, probe"""
_SNAPSHOTS = "SELECT DISTINCT at_ns FROM readings WHERE probe = 'postgres.counters' AND metric = 'snapshot' ORDER BY at_ns"
_BETWEEN = """SELECT arg_max(value, at_ns) FILTER (at_ns <= ?), arg_max(value, at_ns) FILTER (at_ns <= ?)
              FROM readings WHERE metric = ? GROUP BY subject"""


class _Moment(NamedTuple):
    """The snapshots before and after a moment, and how far it lies between them: meanwhile a counter is taken to grow evenly."""

    before: int
    after: int
    part: float

    def value(self, before: float, after: float) -> float:
        return before + (after - before) * self.part


class Readings:
    """All readings of a span, by metric and subject; with `to_the_end` counters grow until they are read last, after the load."""

    def __init__(self, tables: Tables, span: tuple[int, int], *, to_the_end: bool = True) -> None:
        self._tables, self._span, self._to_the_end = tables, span, to_the_end
        self._gauges: dict[str, list[tuple[float, float, float, float]]] = {}

    @cached_property
    def _counters(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Each at the start and at the end of the span; what Postgres did not count yet at the first snapshot began at zero."""
        start = self._moment(self._span[0] if self._span[0] > 0 else -_EVER_NS)
        end = self._moment(_EVER_NS if self._to_the_end else self._span[1])
        first_snapshot = self.snapshots[0] if self.snapshots else None
        rows = self._tables.rows(_COUNTERS, [first_snapshot, start.before, start.after, end.before, end.after], of=("readings",))
        old = Counter(metric for metric, _, is_later, *_ in rows if not is_later)
        found: defaultdict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        for metric, subject, is_later, first, values in rows:
            # Of so many statements, one that comes later may have been below those that a snapshot keeps.
            begun = 0.0 if is_later and old[metric] < MOST_STATEMENTS else first
            at = [begun if value is None else value for value in values]
            found[metric][subject] = (start.value(*at[:2]), end.value(*at[2:]))
        return found

    def _moment(self, at_ns: int) -> _Moment:
        place = bisect_right(self.snapshots, at_ns)
        if not 0 < place < len(self.snapshots):
            return _Moment(at_ns, at_ns, 0.0)
        before, after = self.snapshots[place - 1 : place + 1]
        return _Moment(before, after, (at_ns - before) / (after - before))

    def grown(self, metric: str) -> dict[str, float]:
        """What a counter grew by, by subject."""
        return {subject: last - first for subject, (first, last) in self._counters.get(metric, {}).items()}

    @cached_property
    def snapshots(self) -> list[int]:
        """When the server's counters were read, in nanoseconds of the load."""
        return [row[0] for row in self._tables.rows(_SNAPSHOTS, of=("readings",))]

    def between(self, metric: str, start_ns: int, end_ns: int) -> float | None:
        """What a counter, all subjects together, grew by from one snapshot to another; None when nobody read it.

        A statement that is not there yet counts from zero, unless there were more of them than a snapshot keeps.
        """
        rows = self._tables.rows(_BETWEEN, [start_ns, end_ns, metric], of=("readings",))
        known = sum(before is not None for before, _ in rows)
        grown = [after - (before or 0.0) for before, after in rows if after is not None and (before is not None or known < MOST_STATEMENTS)]
        return sum(grown) if grown else None

    def rates(self, metric: str) -> dict[str, float]:
        """What a counter that is read every second or so grew by per second, by subject, within the span."""
        rows = self._tables.rows(
            """SELECT subject, (max(value) - min(value)) * 1e9 / (max(at_ns) - min(at_ns)) FROM readings
               WHERE metric = ? AND at_ns BETWEEN ? AND ? GROUP BY subject HAVING max(at_ns) > min(at_ns)""",
            [metric, *self._span],
            of=("readings",),
        )
        return dict(rows)

    def growth(self, metric: str, subject: str = "") -> float:
        """What one counter grew by; 0 when nobody read it."""
        return self.grown(metric).get(subject, 0.0)

    def last(self, metric: str, subject: str = "") -> float | None:
        """The last value; None when nobody read it."""
        found = self._counters.get(metric, {}).get(subject)
        return found[1] if found else None

    def subjects(self, metric: str) -> list[str]:
        """Whose readings of a metric there are."""
        rows = self._tables.rows("SELECT DISTINCT subject FROM readings WHERE metric = ? ORDER BY 1", [metric], of=("readings",))
        return [subject for (subject,) in rows]

    def own_scrapes(self, metric: str) -> float:
        """Who asks a worker for its gauge may be in it: one for each worker that never told less, before and after the load included."""
        rows = self._tables.rows("SELECT min(value) FROM readings WHERE metric = ? GROUP BY subject", [metric], of=("readings",))
        return float(sum(least >= 1 for (least,) in rows))

    def gauge(self, metric: str, *, worst: bool = False) -> Gauge | None:
        """A gauge over the span, its subjects added up, or the `worst` of them; None when nobody read it."""
        # Several rules ask for the same few.
        if metric not in self._gauges:
            self._gauges[metric] = self._tables.rows(
                """SELECT avg(value), min(value), max(value), arg_max(value, at_ns) FROM readings
                   WHERE metric = ? AND at_ns BETWEEN ? AND ? GROUP BY subject""",
                [metric, *self._span],
                of=("readings",),
            )
        fold = max if worst else sum
        rows = self._gauges[metric]
        return Gauge(*(fold(column) for column in zip(*rows, strict=True))) if rows else None
