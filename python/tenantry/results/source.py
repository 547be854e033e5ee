"""What thresholds ask of a stored run: trends, shares and counts over spans of time (see `tenantry.thresholds.source`)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import accumulate
from typing import Literal

from tenantry.metrics.selector import Selector, Selectors
from tenantry.results.custom import Custom, Measured
from tenantry.results.histogram import Counts, Distribution
from tenantry.results.stored import Label, Merged
from tenantry.results.tables import Tables, column_of

_HISTOGRAMS = {
    "response_time": ("http", "response"),
    "service_time": ("http", "service"),
    "start_delay": ("iterations", "delay"),
    "iteration_duration": ("iterations", "duration"),
    "hand_over": ("generator", "hand_over"),
}
_SHARES = {"failures": ("http", "failures", "requests"), "checks": ("checks", "passes", "passes + fails")}
_COUNTS = {
    "throughput": ("http", "requests - failures"),
    "requests": ("http", "requests"),
    "resent": ("http", "resent"),
    "iterations": ("iterations", "completed"),
    "started_rate": ("iterations", "started"),
    "dropped_iterations": ("iterations", "dropped"),
    "errors": ("iterations", "errors"),
}
_FEW_SPANS = 2

Key = tuple[str, Selectors]


class Spans:
    """Metrics over spans of whole seconds, of a run of `seconds`. One that is asked for span after span is answered from memory.

    Names that the three tables above lack are metrics of the scripts.
    """

    def __init__(self, tables: Tables, seconds: int) -> None:
        self._tables = tables
        self._seconds = seconds
        self._custom = Custom(tables, self._where)
        self._asked: Counter[Key] = Counter()
        self._distributions: dict[Key, _Distributions] = {}
        self._counts: dict[Key, _Counts | None] = {}

    def trend(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> Distribution | Measured | None:
        if metric not in _HISTOGRAMS:
            found = self._custom.over(metric, tags, start_s, end_s)
            return found if found is not None and found.n else None
        table, histogram = _HISTOGRAMS[metric]
        end_s = self._end(end_s)
        key = (metric, tags)
        if key in self._distributions:
            return self._distributions[key].span(start_s, end_s)
        self._asked[key] += 1
        if self._asked[key] > _FEW_SPANS:
            self._distributions[key] = _Distributions(self._per_second(table, histogram, tags))
            return self._distributions[key].span(start_s, end_s)
        return self._merged(table, histogram, tags, (start_s, end_s))

    def share(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> tuple[int, int]:
        if metric not in _SHARES:
            found = self._custom.over(metric, tags, start_s, end_s)
            return (round(found.sum), found.n) if found is not None else (0, 0)
        table, part, whole = _SHARES[metric]
        counts = self._running((metric, tags), table, (part, whole))
        return (counts.between(0, start_s, self._end(end_s)), counts.between(1, start_s, self._end(end_s))) if counts else (0, 0)

    def count(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> float | None:
        if metric not in _COUNTS:
            found = self._custom.over(metric, tags, start_s, end_s)
            return found.sum if found is not None else None
        table, events = _COUNTS[metric]
        counts = self._running((metric, tags), table, (events, "0"))
        return counts.between(0, start_s, self._end(end_s)) if counts else None

    def last(self, metric: str, tags: Selectors) -> float | None:
        """The last value of a gauge of the scripts."""
        found = self._custom.over(metric, tags, 0, None)
        return found.last if found is not None else None

    def _end(self, end_s: int | None) -> int:
        return self._seconds if end_s is None else end_s

    def _where(self, table: str, tags: Selectors) -> tuple[str, list[object]]:
        """A condition of SQL and its parameters. Patterns are Python's, so they are tried here, on the few values that a tag has."""
        return " AND ".join(["true", *(f"list_contains(?, {column_of(tag.tag)})" for tag in tags)]), [
            self._fitting(table, tag) for tag in tags
        ]

    def _fitting(self, table: str, tag: Selector) -> list[str]:
        values = self._tables.rows(f"SELECT DISTINCT {column_of(tag.tag)} FROM {table}", of=(table,))
        return [value for (value,) in values if tag.fits(value)]

    def _merged(self, table: str, histogram: str, tags: Selectors, span: tuple[int, int]) -> Distribution | None:
        """One span, merged at once."""
        found = self._tables.merged(table, histogram, partial(_fits, tags), span=span).get((True, 0))
        if found is None:
            return None
        merged = Counts()
        merged.add(found.buckets())
        return Distribution(merged, sum_ns=found.sum_ns, max_ns=found.max_ns)

    def _per_second(self, table: str, histogram: str, tags: Selectors) -> dict[int, Merged]:
        found = self._tables.merged(table, histogram, partial(_fits, tags), step=1)
        return {second: merged for (_, second), merged in found.items()}

    def _running(self, key: Key, table: str, events: tuple[str, str]) -> _Counts | None:
        """Running counts of two sums per second; None when nothing in the run fits the tags."""
        if key not in self._counts:
            where, values = self._where(table, key[1])
            first, second = (f"sum({expression})::BIGINT" for expression in events)
            rows = self._tables.rows(
                f"SELECT second, {first}, {second} FROM {table} WHERE {where} GROUP BY second ORDER BY second", values, of=(table,)
            )
            self._counts[key] = _Counts(rows, self._seconds) if rows else None
        return self._counts[key]


class _Counts:
    """Two counts per second as running sums, so that any span is a subtraction."""

    def __init__(self, rows: list[tuple[int, int, int]], seconds: int) -> None:
        per_second = [[0] * seconds, [0] * seconds]
        for second, *counts in rows:
            for column, count in zip(per_second, counts, strict=True):
                if second < seconds:
                    column[second] += count
        self._seconds = seconds
        self._running = [[0, *accumulate(column)] for column in per_second]

    def between(self, column: int, start: int, end: int) -> int:
        running = self._running[column]
        start, end = (min(max(second, 0), self._seconds) for second in (start, end))
        return running[end] - running[start] if end > start else 0


def _fits(tags: Selectors, label: Label) -> Literal[True] | None:
    return True if all(tag.fits(label.value(tag.tag)) for tag in tags) else None


class _Distributions:
    """Histograms per second, merged over a span that may slide: only seconds that enter or leave it are counted."""

    def __init__(self, seconds: dict[int, Merged]) -> None:
        self._seconds = seconds
        self._merged = Counts()
        self._span = range(0)

    def span(self, start: int, end: int) -> Distribution | None:
        """Everything from `start` (included) to `end` (excluded); None without a sample."""
        if not self._span.start <= start < self._span.stop <= end:
            self._merged, self._span = Counts(), range(start, start)
        for left in self._within(self._span.start, start):
            self._merged.subtract(left.buckets())
        for entered in self._within(self._span.stop, end):
            self._merged.add(entered.buckets())
        self._span = range(start, end)
        if not self._merged.n:
            return None
        inside = self._within(start, end)
        sum_ns, max_ns = sum(second.sum_ns for second in inside), max(second.max_ns for second in inside)
        return Distribution(self._merged.copy(), sum_ns=sum_ns, max_ns=max_ns)

    def _within(self, start: int, end: int) -> list[Merged]:
        return [self._seconds[second] for second in range(start, end) if second in self._seconds]
