"""Where the warm-up ends: the truncation point of MSER-5 on the time line of a run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from tenantry.results.model import Column, Steady, Timeline

BATCH = 5
LEAST_BATCHES = 12
LEAST_S = 30
_MOST_GAPS = 0.1


def steady_state(timeline: Timeline, quiet: tuple[int, int]) -> Steady:
    """The steady state within `quiet`, the longest stretch in which the load asked for does not change (seconds, end excluded).

    The later of the truncation points of the median response time and of the requests ended per second; a ramp is no steady state.
    """
    start, end = quiet
    if end - start < LEAST_S:
        return Steady(reason=f"it takes {LEAST_S} s of unchanged load to tell, and the longest stretch was {max(end - start, 0)} s")
    step = timeline.step_s
    inside = slice(-(-start // step), end // step)
    columns = {"throughput": timeline.requests[inside], "response time": timeline.response_p50[inside]}
    latest = 0
    for title, column in columns.items():
        values = _without_gaps(column)
        if values is None:
            continue
        point = truncation(values)
        if point is None:
            return Steady(reason=f"the {title} never settled: it was still changing in the second half of the load")
        latest = max(latest, point)
    return Steady((inside.start + latest) * step, end)


def truncation(values: Sequence[float]) -> int | None:
    """How many values to leave out at the start: MSER-5; None when the series does not settle within its first half.

    The mean of every 5 values is one batch (of fewer values, so that a short series has at least 12). The warm-up ends where the squared
    standard error of the remaining batches, `sum((y - mean)**2) / n**2`, is smallest. Only the first half is looked at: a smallest error
    at its end means that the series is too short, or has a trend (White, An effective truncation heuristic for bias reduction in
    simulation output, Simulation 69, 1997; White, Cobb and Spratt, A comparison of five steady-state truncation heuristics, WSC 2000).
    """
    size = max(min(BATCH, len(values) // LEAST_BATCHES), 1)
    batches = [fmean(values[at : at + size]) for at in range(0, len(values) - size + 1, size)]
    half = len(batches) // 2
    errors = _squared_errors(batches)
    # A constant remainder has no error at all: of several such points the first one counts.
    best = min(range(half + 1), key=lambda at: (errors[at], at), default=0)
    return best * size if best < half else None


def _squared_errors(values: Sequence[float]) -> list[float]:
    """That of the mean of what remains, from each value on: from the last one back, by Welford's update of mean and squares.

    Welford, Note on a method for calculating corrected sums of squares and products, Technometrics 4, 1962.
    """
    found: list[float] = []
    mean = squares = 0.0
    for count, value in enumerate(reversed(values), 1):
        before = value - mean
        mean += before / count
        squares += before * (value - mean)
        found.append(squares / count**2)
    return found[::-1]


def _without_gaps(column: Column) -> list[float] | None:
    """The column with each gap filled by what came before; None when too much is missing to tell."""
    known = [value for value in column if value is not None]
    if len(known) < len(column) * (1 - _MOST_GAPS):
        return None
    filled, last = [], known[0] if known else 0.0
    for value in column:
        last = last if value is None else value
        filled.append(last)
    return filled
