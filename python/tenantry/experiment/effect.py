"""What a change does to response times: a block of the load with it, against the blocks before and after."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey
from tenantry.compare.bootstrap import Estimate, estimate, pooled, resamples
from tenantry.compare.judge import Difference, Figures, difference, judge
from tenantry.compare.runs import FIGURES, figure_of, mean
from tenantry.diagnose.tried import Figure, Outcome, Series
from tenantry.diagnose.words import percent
from tenantry.metrics.confidence import samples_needed
from tenantry.results.histogram import highest_ns

FLOOR = 0.2
LEAST_SLICES = 4
# More failures than this, in points, are no success, however fast they come.
MOST_FAILURES = 0.01
DECIDES = "p95"
_SEED = "experiment"
_SHOWN = tuple(figures for figures in FIGURES if figures.name != "p99")

Side = dict[SeriesKey, Blocks]


@dataclass(frozen=True, slots=True)
class Measured:
    """The effect of a change; `why` says what keeps it from being told, or what speaks against it."""

    outcome: Outcome
    series: tuple[Series, ...]
    why: str = ""


def measured(first: Side, changed: Side, last: Side, *, names: Collection[str] | None) -> Measured:
    """The effect on the request that the finding is about: of `names` (none of them: of all) the one that takes most time without the
    change; on all requests together where `names` is None.

    p95 decides. A change that is no chance and at least a fifth is an effect; to have none, it has to be smaller for certain (95 and 90 %
    intervals of the block bootstrap, see `tenantry.compare`). Where the blocks without the change differ by more than half of what the
    change does, it cannot be told.
    """
    shared = [key for key in first if key in changed and key in last]
    if WHOLE not in shared:
        return Measured("cannot tell", (), "there are no requests in some blocks")
    key = WHOLE if names is None else _affected([key for key in shared if key != WHOLE], (first, last), names)
    sides = {each: _Sides(first[each], changed[each], last[each]) for each in dict.fromkeys((key, WHOLE))}
    series = tuple(Series(name=each.name, figures=tuple(side.figure(figures) for figures in _SHOWN)) for each, side in sides.items())
    outcome, why = sides[key].outcome()
    return Measured(outcome, series, why)


def _affected(keys: Collection[SeriesKey], without: Collection[Side], names: Collection[str]) -> SeriesKey:
    fitting = [key for key in keys if key.name in names] or keys
    return max(fitting, key=lambda key: sum(_time(side[key]) for side in without), default=WHOLE)


def _time(blocks: Blocks) -> float:
    """All response time, as the histograms have it."""
    totals = [sum(counts) for counts in blocks.cumulative]
    return sum((high - low) * highest_ns(bucket) for bucket, low, high in zip(blocks.buckets, [0, *totals], totals, strict=False))


class _Sides:
    """One series in the three blocks."""

    def __init__(self, first: Blocks, changed: Blocks, last: Blocks) -> None:
        self._first, self._changed, self._last = first, changed, last

    def figure(self, figures: Figures) -> Figure:
        first, changed, last = (self._value(blocks, figures) for blocks in (self._first, self._changed, self._last))
        known = [value for value in (first, last) if value is not None]
        found = self.effect(figures)
        scaled = (found.value, found.low, found.high) if found else (None, None, None)
        change, low, high = (math.expm1(value) if figures.logarithmic and value is not None else value for value in scaled)
        return Figure(
            figure=figures.name,
            without=mean(known, logarithmic=figures.logarithmic),
            with_=changed,
            first=first,
            last=last,
            change=change,
            low=low,
            high=high,
        )

    def effect(self, figures: Figures) -> Difference | None:
        """With the change against without it; None with too few samples."""
        first, changed, last = (_estimate(blocks, figures) for blocks in (self._first, self._changed, self._last))
        return difference(changed, pooled([first, last])) if first and changed and last else None

    def outcome(self) -> tuple[Outcome, str]:
        figures = next(figures for figures in FIGURES if figures.name == DECIDES)
        found = self.effect(figures)
        if found is None:
            return "cannot tell", "there are too few requests in a block; give longer ones with --block"
        if (more := self._more_failures()) > MOST_FAILURES:
            return "worse", f"{percent(more)} more of the requests fail with the change"
        if (drift := self._drift(figures)) is not None and abs(drift.value) > abs(found.value) / 2:
            first, last = (self._value(blocks, figures) or 0.0 for blocks in (self._first, self._last))
            return "cannot tell", f"without the change {DECIDES} itself went from {first * 1000:.3g} to {last * 1000:.3g} ms"
        judgement = judge(found, figures, FLOOR)
        if judgement == "same":
            return "no effect", ""
        if judgement == "cannot tell":
            low, high = (math.expm1(value) * 100 for value in (found.low, found.high))
            return "cannot tell", f"the change of {DECIDES} lies between {low:+.0f} and {high:+.0f} %; longer blocks (--block) say more"
        return judgement, ""

    def _drift(self, figures: Figures) -> Difference | None:
        """How the last block differs from the first, if that is no chance."""
        first, last = (_estimate(blocks, figures) for blocks in (self._first, self._last))
        if first is None or last is None:
            return None
        found = difference(last, first)
        return found if judge(found, figures, 0.0) in ("better", "worse") else None

    def _more_failures(self) -> float:
        first, changed, last = (
            blocks.failed_share((1,) * len(blocks.requests)) or 0.0 for blocks in (self._first, self._changed, self._last)
        )
        return changed - max(first, last)

    @staticmethod
    def _value(blocks: Blocks, figures: Figures) -> float | None:
        return figure_of(figures)(blocks, (1,) * len(blocks.requests))


def _estimate(blocks: Blocks, figures: Figures) -> Estimate | None:
    count = len(blocks.requests)
    if count < LEAST_SLICES or (figures.q is not None and sum(blocks.samples) < samples_needed(figures.q)):
        return None
    draws = resamples(count, Random(_SEED))
    return estimate(blocks, draws, figure_of(figures), logarithmic=figures.logarithmic, least=LEAST_SLICES)
