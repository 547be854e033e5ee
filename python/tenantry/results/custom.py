"""Metrics that scripts fill: sums, last values, shares, and distributions in any unit.

The buckets of a distribution are those of a double's leading bits: sign, exponent and the first ten bits of the mantissa as one whole
number, so that a bucket is never wider than 1/1024 of its values, whatever their unit.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.metrics.builtin import GROUP_DURATION
from tenantry.metrics.selector import Selectors
from tenantry.results.histogram import rank
from tenantry.results.model import Metric
from tenantry.results.tables import Tables

_DROPPED_BITS = 42
_COARSER_BITS = 5
_COLUMNS = "n, sum, min, max, last, last_ns, buckets, counts"
# Name, kind, unit, group.
Key = tuple[str, str, str, str]
Where = Callable[[str, Selectors], tuple[str, list[object]]]


def highest_of(bucket: int) -> float:
    """The highest value that a bucket holds; 0 for the one around zero."""
    if bucket == 0:
        return 0.0
    bits = ((bucket + 1) << _DROPPED_BITS) - 1 if bucket > 0 else -bucket << _DROPPED_BITS
    (value,) = struct.unpack("<d", struct.pack("<q", bits))
    return float(value) if bucket > 0 else -float(value)


@dataclass(slots=True)
class Measured:
    """The values of a metric over some time. Buckets are empty unless it is a trend."""

    n: int = 0
    sum: float = 0.0
    min: float = math.inf
    max: float = -math.inf
    last: float = 0.0
    last_ns: int = -(2**63)
    buckets: Counter[int] = field(default_factory=Counter)

    def merge(self, other: Measured) -> None:
        """Add what was measured elsewhere, or at another time."""
        self.n += other.n
        self.sum += other.sum
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)
        if other.last_ns >= self.last_ns:
            self.last, self.last_ns = other.last, other.last_ns
        self.buckets.update(other.buckets)

    @property
    def avg(self) -> float:
        """The exact mean."""
        return self.sum / self.n

    def quantile(self, q: float, /) -> float:
        """The highest value of the bucket that holds rank ceil(q * n), but never above the exact maximum."""
        return self.at_rank(rank(q, self.n))

    @property
    def coarse(self) -> Counter[int]:
        """The same values in buckets that are 1/32 of them wide, as a page carries them: the first five bits of the mantissa."""
        found: Counter[int] = Counter()
        for bucket, count in self.buckets.items():
            found[bucket >> _COARSER_BITS if bucket > 0 else -(-bucket >> _COARSER_BITS)] += count
        return found

    def at_rank(self, wanted: int, /) -> float:
        """The highest value of the bucket that holds rank `wanted` (1 to `n`), but never above the exact maximum."""
        seen = 0
        for bucket, count in sorted(self.buckets.items()):
            seen += count
            if seen >= wanted:
                return min(highest_of(bucket), self.max)
        return self.max


class Custom:
    """Metrics of scripts over spans of whole seconds, answered from memory. `where` makes a condition of SQL of selectors."""

    def __init__(self, tables: Tables, where: Where) -> None:
        self._tables = tables
        self._where = where
        self._seconds: dict[tuple[str, Selectors], dict[int, Measured]] = {}

    def over(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> Measured | None:
        """Everything from `start_s` (included) to `end_s` (excluded; None: to the end); None when the whole run has nothing that fits."""
        seconds = self._per_second(metric, tags)
        if not seconds:
            return None
        inside = (found for second, found in seconds.items() if second >= start_s and (end_s is None or second < end_s))
        return merged(inside)

    def _per_second(self, metric: str, tags: Selectors) -> dict[int, Measured]:
        key = (metric, tags)
        if key not in self._seconds:
            where, values = self._where("custom", tags)
            sql = f"SELECT second, {_COLUMNS} FROM custom WHERE name = ? AND {where} ORDER BY second"
            found: dict[int, Measured] = {}
            for second, *row in self._tables.rows(sql, [metric, *values], of=("custom",)):
                found.setdefault(second, Measured()).merge(_measured(row))
            self._seconds[key] = found
        return self._seconds[key]


def _measured(row: list[Any]) -> Measured:
    n, total, low, high, last, last_ns, buckets, counts = row
    return Measured(n, total, low, high, last, last_ns, Counter(dict(zip(buckets, counts, strict=True))))


def merged(parts: Iterable[Measured]) -> Measured:
    """All of them as one."""
    whole = Measured()
    for part in parts:
        whole.merge(part)
    return whole


def in_slices(tables: Tables, step_s: int) -> dict[Key, dict[int, Measured]]:
    """What each metric measured in each slice of `step_s` seconds, and the duration of each group."""
    sql = f"SELECT name, kind, unit, CASE name WHEN ? THEN \"group\" ELSE '' END, second // ?, {_COLUMNS} FROM custom"
    found: defaultdict[Key, defaultdict[int, Measured]] = defaultdict(lambda: defaultdict(Measured))
    for name, kind, unit, group, place, *row in tables.rows(sql, [GROUP_DURATION, step_s], of=("custom",)):
        found[name, kind, unit, group][place].merge(_measured(row))
    return {key: dict(slices) for key, slices in found.items()}


def metrics(measured: Mapping[Key, Mapping[int, Measured]], declared: Mapping[str, Mapping[str, Any]], duration_s: float) -> list[Metric]:
    """Each declared metric over the whole run, and the duration of each group, from what was measured in its slices."""
    found = {key: merged(slices.values()) for key, slices in measured.items()}
    known = {name for name, *_ in found}
    for name, told in declared.items():
        if name not in known:
            found[name, str(told.get("kind")), str(told.get("unit") or ""), ""] = Measured()
    return [_metric(*key, values, duration_s) for key, values in sorted(found.items(), key=lambda pair: pair[0])]


def _metric(name: str, kind: str, unit: str, group: str, values: Measured, duration_s: float) -> Metric:
    told = Metric(name=name, kind=kind, unit=unit, group=group, n=values.n)
    if not values.n:
        return told
    match kind:
        case "counter":
            changes = {"value": values.sum, "per_s": values.sum / duration_s if duration_s > 0 else None}
        case "rate":
            changes = {"value": values.avg}
        case "gauge":
            changes = {"value": values.last, "min": values.min, "max": values.max}
        case _:
            quantiles = {f"p{percent}": values.quantile(percent / 100) for percent in (50, 90, 95, 99)}
            changes = {"value": values.avg, "min": values.min, "max": values.max, **quantiles}
    return Metric(name=name, kind=kind, unit=unit, group=group, n=values.n, **changes)
