"""What a run says to a threshold. No data is never a pass."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import NamedTuple

from tenantry.metrics.builtin import METRICS
from tenantry.thresholds.model import Condition, Threshold
from tenantry.thresholds.source import Source, Trend
from tenantry.types import Outcome


class ThresholdResult(NamedTuple):
    """One judged threshold; of several joined conditions, metric to samples are those of the condition that decided.

    `observed` is in `unit`, None without data; `samples` is how many requests, checks or iterations it rests on.
    """

    text: str
    metric: str
    stat: str
    op: str
    limit: float
    observed: float | None
    unit: str
    samples: int
    result: Outcome

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return self._asdict()


def evaluate(threshold: Threshold, source: Source) -> ThresholdResult:
    """Judge a threshold on a finished run, or on a running one so far.

    Unknown spreads as it must: an alternative fails as soon as one of its conditions fails, and is `no_data` when none fails but one has no
    data; the threshold passes when one alternative does, is `no_data` when none passes but one is, and else fails.
    """
    alternatives = [_all(threshold, alternative, source) for alternative in threshold.alternatives]
    return _first(alternatives, ("pass", "no_data", "fail"))


def _all(threshold: Threshold, conditions: tuple[Condition, ...], source: Source) -> ThresholdResult:
    return _first([_judge(threshold, condition, source) for condition in conditions], ("fail", "no_data", "pass"))


def _first(results: list[ThresholdResult], order: tuple[Outcome, ...]) -> ThresholdResult:
    """The first result of the outcome that decides."""
    return min(results, key=lambda result: order.index(result.result))


def _judge(threshold: Threshold, condition: Condition, source: Source) -> ThresholdResult:
    found = worst(condition, source)
    result: Outcome = "no_data" if found is None else "pass" if condition.holds(found.value) else "fail"
    return ThresholdResult(
        text=threshold.text,
        metric=condition.metric,
        stat=condition.stat,
        op=condition.op,
        limit=condition.limit,
        observed=found.value if found else None,
        unit=condition.unit,
        samples=found.samples if found else 0,
        result=result,
    )


class Observed(NamedTuple):
    value: float
    samples: int


def worst(condition: Condition, source: Source) -> Observed | None:
    """The value after the warm-up, or with `over` that of the worst window; None without data or without a whole window."""
    if condition.over_s is None:
        return _observe(condition, source, condition.after_s, None)
    seen = [found for start, end in _windows(condition, source) if (found := _observe(condition, source, start, end)) is not None]
    if not seen:
        return None
    match condition.op:
        case "<" | "<=":
            return max(seen, key=lambda found: found.value)
        case ">" | ">=":
            return min(seen, key=lambda found: found.value)
        case _:
            return max(seen, key=lambda found: abs(found.value - condition.limit))


def _windows(condition: Condition, source: Source) -> Iterator[tuple[int, int]]:
    """Every window of whole seconds, one second apart; a last second that the load filled at least half counts."""
    length = condition.over_s or 1
    last = floor(source.duration_s + 0.5)
    return ((start, start + length) for start in range(condition.after_s, last - length + 1))


def _observe(condition: Condition, source: Source, start: int, end: int | None) -> Observed | None:
    length = min(end if end is not None else source.duration_s, source.duration_s) - start
    if length <= 0:
        return None
    match METRICS[condition.metric].kind:
        case "trend":
            trend = source.trend(condition.metric, condition.tags, start, end)
            return Observed(_stat(trend, condition.stat), trend.n) if trend is not None and trend.n else None
        case "rate":
            part, total = source.share(condition.metric, condition.tags, start, end)
            return Observed(part if condition.stat == "count" else part / total, total) if total else None
        case "counter":
            count = source.count(condition.metric, condition.tags, start, end)
            return Observed(count if condition.stat == "count" else count / length, count) if count is not None else None
        case "gauge":
            value = source.value(condition.metric)
            return Observed(value, 1) if value is not None else None


def _stat(trend: Trend, stat: str) -> float:
    match stat:
        case "avg":
            return trend.avg
        case "max":
            return trend.max
        case "count":
            return trend.n
        case _:
            # 99.9 / 100 in floats is above 0.999, which would ask for the next rank.
            return trend.quantile(float(Fraction(stat[1:]) / 100))
