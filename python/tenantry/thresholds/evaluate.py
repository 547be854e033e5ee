"""What a run says to a threshold. No data is never a pass, and neither is too little of it."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import NamedTuple

from tenantry.metrics.confidence import lower_rank, samples_needed
from tenantry.thresholds.model import Condition, Expression, Threshold
from tenantry.thresholds.source import Source, Trend
from tenantry.types import Outcome
from tenantry.units import shown

_MOST_LOOKS = 200
_DECIDES: dict[str, tuple[Outcome, ...]] = {"and": ("fail", "no_data", "pass"), "or": ("pass", "no_data", "fail")}


class ThresholdResult(NamedTuple):
    """One judged threshold; of several joined conditions, metric to note are those of the condition that decided.

    `observed` is in `unit`, None without data; with `over` it is that of the worst window. `samples` is how many requests, checks or
    iterations it rests on; `insufficient`: too few for the percentile. `note` says in words what `result` does not.
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
    insufficient: bool = False
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return self._asdict()


def evaluate(threshold: Threshold, source: Source) -> ThresholdResult:
    """Judge a threshold on a finished run, or on a running one so far.

    Unknown spreads as it must: `and` fails as soon as one part fails, and is `no_data` when none fails but one has no data; `or` passes as
    soon as one part passes, is `no_data` when none passes but one is, and else fails.
    """
    return _judge(threshold, threshold.expression, source)


def first_breach(threshold: Threshold, result: ThresholdResult, source: Source) -> int | None:
    """The second of the load since which a failed threshold fails, on all that was measured until then; None where that cannot be told.

    With `over` it is the begin of the first window that broke it. It is looked for at most `_MOST_LOOKS` times, so of a load of an hour
    it is known to about twenty seconds. A gauge has no course.
    """
    decided = (result.metric, result.stat, result.op, result.limit)
    fitting = (each for each in threshold.conditions if (each.metric, each.stat, each.op, each.limit) == decided)
    condition = next(fitting, None)
    if condition is None or result.result != "fail" or condition.kind == "gauge" or isinstance(span := _span(condition, source), str):
        return None
    start, last = span[0], floor((source.duration_s if span[1] is None else min(span[1], source.duration_s)) + 0.5)
    if condition.over_s is not None:
        windows = range(start, last - condition.over_s + 1)
        return next((begin for begin in windows if _look(condition, source, begin, begin + condition.over_s).outcome == "fail"), None)
    ends = range(start + 1, last + 1, max(1, (last - start) // _MOST_LOOKS))
    broken = [_look(condition, source, start, end).outcome == "fail" for end in ends]
    for_good = len(broken) - next((place for place, each in enumerate(reversed(broken)) if not each), len(broken))
    return ends[for_good] - 1 if for_good < len(ends) else max(last - 1, start)


def _judge(threshold: Threshold, expression: Expression, source: Source) -> ThresholdResult:
    if not isinstance(expression, Condition):
        results = [_judge(threshold, part, source) for part in expression.parts]
        decides = min(results, key=lambda result: _DECIDES[expression.word].index(result.result))
        if expression.word == "or" and decides.result == "fail":
            others = [f"nor did the other part hold: {_breach(result)}" for result in results if result is not decides]
            return decides._replace(note="; ".join(filter(None, [decides.note, *others])))
        return decides
    seen = _seen(expression, source)
    return ThresholdResult(
        text=threshold.text,
        metric=expression.metric,
        stat=expression.stat,
        op=expression.op,
        limit=expression.limit,
        observed=seen.value,
        unit=expression.unit,
        samples=seen.samples,
        result=seen.outcome,
        insufficient=seen.insufficient,
        note=seen.note,
    )


def _breach(result: ThresholdResult) -> str:
    observed, limit = (shown(value, result.unit) for value in (result.observed, result.limit))
    return f"{result.metric} {result.stat} was {observed}, the limit is {result.op} {limit}" + (f", {result.note}" if result.note else "")


class Seen(NamedTuple):
    """What one stretch of a run says to a condition."""

    outcome: Outcome
    value: float | None = None
    samples: int = 0
    insufficient: bool = False
    note: str = ""


def _seen(condition: Condition, source: Source) -> Seen:
    span = _span(condition, source)
    if isinstance(span, str):
        return Seen("no_data", note=span)
    if condition.over_s is None:
        return _look(condition, source, *span)
    return _windows(condition, source, *span)


def _span(condition: Condition, source: Source) -> tuple[int, int | None] | str:
    """From when (included) to when (excluded; None: to the end of everything) the condition looks, or why there is nothing to look at."""
    start, end = 0, None
    if condition.part is not None:
        is_steady = condition.part.what == "steady"
        found = source.steady_span() if is_steady else source.stage_span(condition.part.number, condition.runs)
        if isinstance(found, str):
            return found
        start, end = found[0], None if condition.part.word == "after" else found[1]
    return start + condition.after_s, end


def _windows(condition: Condition, source: Source, start: int, end: int | None) -> Seen:
    """Every window of whole seconds, one second apart, has to hold; a last second that the load filled at least half counts."""
    length = condition.over_s or 1
    last = floor((source.duration_s if end is None else min(end, source.duration_s)) + 0.5)
    seen = {begin: _look(condition, source, begin, begin + length) for begin in range(start, last - length + 1)}
    if not seen:
        return Seen("no_data", note=f"there was no full window of {length} s")
    outcome = min((one.outcome for one in seen.values()), key=_DECIDES["and"].index)
    first = next(begin for begin, one in seen.items() if one.outcome == outcome)
    worst = max((one for one in seen.values() if one.value is not None), key=_badness(condition), default=Seen("no_data"))
    where = f"the {length} s from second {first}"
    note = {"fail": f"first broken in {where}", "no_data": f"{seen[first].note or 'no sample'} in {where}", "pass": ""}[outcome]
    return Seen(outcome, worst.value, worst.samples, any(one.insufficient for one in seen.values()), note)


def _badness(condition: Condition) -> Callable[[Seen], float]:
    """How far a value is on the wrong side."""
    sign = {"<": 1, "<=": 1, ">": -1, ">=": -1}.get(condition.op)
    return lambda seen: (seen.value or 0) * sign if sign else abs((seen.value or 0) - condition.limit)


def _look(condition: Condition, source: Source, start: int, end: int | None) -> Seen:
    length = min(end if end is not None else source.duration_s, source.duration_s) - start
    if length <= 0:
        return Seen("no_data", note="the load was over by then")
    metric, tags = condition.metric, condition.tags
    match condition.kind:
        case "trend":
            trend = source.trend(metric, tags, start, end)
            return _of_trend(condition, trend) if trend is not None and trend.n else Seen("no_data")
        case "rate":
            part, total = source.share(metric, tags, start, end)
            return _compared(condition, part if condition.stat == "count" else part / total, total) if total else Seen("no_data")
        case "counter":
            # A rate is of what the load itself saw, without its graceful stop.
            last = ceil(source.duration_s) if end is None and condition.stat != "count" else end
            count = source.count(metric, tags, start, last)
            if count is None:
                return Seen("no_data")
            return _compared(condition, count if condition.stat == "count" else count / length, round(count))
        case "gauge":
            value = source.value(metric, tags)
            return _compared(condition, value, 1) if value is not None else Seen("no_data")


def _compared(condition: Condition, value: float, samples: int) -> Seen:
    return Seen("pass" if condition.holds(value) else "fail", value, samples)


def _of_trend(condition: Condition, trend: Trend) -> Seen:
    q = condition.quantile
    if q is None:
        plain = {"avg": trend.avg, "max": trend.max, "count": trend.n}
        return _compared(condition, plain[condition.stat], trend.n)
    needed = samples_needed(q)
    value = trend.quantile(q)
    if trend.n >= needed:
        return _compared(condition, value, trend.n)
    note = f"only {trend.n:,} sample{'s' * (trend.n != 1)}, where {condition.stat} needs {needed:,}"
    return Seen(_certain(condition, trend, q), value, trend.n, True, note)


def _certain(condition: Condition, trend: Trend, q: float) -> Outcome:
    """What few samples say all the same: they bound the percentile from below, never from above."""
    rank = lower_rank(trend.n, q)
    if not rank or condition.op == "==":
        return "no_data"
    beyond = trend.at_rank(rank) > condition.limit or (condition.op in ("<", ">=") and trend.at_rank(rank) == condition.limit)
    if not beyond:
        return "no_data"
    return "fail" if condition.op in ("<", "<=") else "pass"
