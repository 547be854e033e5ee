"""What a change does to response times: a block of the load with it, against the blocks before and after."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey
from tenantry.compare.bootstrap import Estimate, estimate, pooled, resamples
from tenantry.compare.judge import Difference, Figures, adjusted, difference, judge
from tenantry.compare.runs import FIGURES, figure_of, mean
from tenantry.diagnose.tried import Figure, Outcome, Series
from tenantry.diagnose.words import ms, percent
from tenantry.metrics.confidence import samples_needed
from tenantry.results.histogram import highest_ns

FLOOR = 0.2
LEAST_SLICES = 4
# More failures than this, in points, are no success, however fast they come.
MOST_FAILURES = 0.01
DECIDING = ("p95", "p50")
_SEED = "experiment"
_DECIDING = tuple(next(figures for figures in FIGURES if figures.name == name) for name in DECIDING)
_SHOWN = tuple(figures for figures in FIGURES if figures.name != "p99")

Side = dict[SeriesKey, Blocks]


@dataclass(frozen=True, slots=True)
class Measured:
    """The effect of a change, by which figure; `why` says what keeps it from being told, or what speaks against it."""

    outcome: Outcome
    series: tuple[Series, ...]
    why: str = ""
    decided_by: str = ""


def measured(first: Side, changed: Side, last: Side, *, names: Collection[str] | None) -> Measured:
    """The effect on the request that the finding is about: of `names` (none of them: of all) the one that takes most time without the
    change; on all requests together where `names` is None.

    p95 decides, and p50 where p95 does not: a change of one of them that is no chance (for both together) and at least a fifth is an
    effect; to have none, both have to change less for certain (95 and 90 % intervals of the block bootstrap, see `tenantry.compare`). A
    figure that differs between the blocks without the change by more than half of what the change does says nothing.
    """
    shared = [key for key in first if key in changed and key in last]
    if WHOLE not in shared:
        return Measured("cannot tell", (), "there are no requests in some blocks")
    key = WHOLE if names is None else _affected([key for key in shared if key != WHOLE], (first, last), names)
    sides = {each: _Sides(first[each], changed[each], last[each]) for each in dict.fromkeys((key, WHOLE))}
    series = tuple(Series(name=each.name, figures=tuple(side.figure(figures) for figures in _SHOWN)) for each, side in sides.items())
    outcome, decided_by, why = sides[key].outcome()
    return Measured(outcome, series, why, decided_by)


def _affected(keys: Collection[SeriesKey], without: Collection[Side], names: Collection[str]) -> SeriesKey:
    fitting = [key for key in keys if key.name in names] or keys
    return max(fitting, key=lambda key: sum(_time(side[key]) for side in without), default=WHOLE)


def _time(blocks: Blocks) -> float:
    """All response time, as the histograms have it."""
    totals = [sum(counts) for counts in blocks.cumulative]
    return sum((high - low) * highest_ns(bucket) for bucket, low, high in zip(blocks.buckets, [0, *totals], totals, strict=False))


def from_to(first: float, second: float) -> str:
    """Two times in words: `812 -> 190 ms`, `2.55 s -> 12.9 ms`."""
    one, other = ms(first), ms(second)
    number, unit = one.split(" ")
    return f"{number} -> {other}" if other.endswith(f" {unit}") else f"{one} -> {other}"


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

    def outcome(self) -> tuple[Outcome, str, str]:
        """What the change does, by which figure, and what speaks against that."""
        raw = [self.effect(figures) for figures in _DECIDING]
        found = adjusted([effect for effect in raw if effect is not None])
        if len(found) < len(raw):
            return "cannot tell", DECIDING[0], "there are too few requests in a block; give longer ones with --block"
        if (more := self._more_failures()) > MOST_FAILURES:
            return "worse", DECIDING[0], f"{percent(more)} more of the requests fail with the change"
        drifts = {figures.name: self._drift(figures, effect) for figures, effect in zip(_DECIDING, found, strict=True)}
        judged = {
            figures.name: "drifted" if drifts[figures.name] else judge(effect, figures, FLOOR)
            for figures, effect in zip(_DECIDING, found, strict=True)
        }
        better, worse = ([name for name, judgement in judged.items() if judgement == word] for word in ("better", "worse"))
        if better and worse:
            return "cannot tell", worse[0], f"{better[0]} fell while {worse[0]} rose"
        if better or worse:
            return ("better" if better else "worse"), (better or worse)[0], ""
        if drifted := next((text for text in drifts.values() if text), ""):
            return "cannot tell", DECIDING[0], drifted
        if all(judgement == "same" for judgement in judged.values()):
            return "no effect", DECIDING[0], ""
        low, high = (math.expm1(value) * 100 for value in (found[0].low, found[0].high))
        why = f"the change of {DECIDING[0]} lies between {low:+.0f} and {high:+.0f} %; longer blocks (--block) say more"
        return "cannot tell", DECIDING[0], why

    def _drift(self, figures: Figures, effect: Difference) -> str:
        """That the blocks without the change differ, which is no chance, by more than half of what it does; empty otherwise."""
        first, last = (_estimate(blocks, figures) for blocks in (self._first, self._last))
        if first is None or last is None:
            return ""
        found = difference(last, first)
        if judge(found, figures, 0.0) not in ("better", "worse") or abs(found.value) <= abs(effect.value) / 2:
            return ""
        values = [self._value(blocks, figures) or 0.0 for blocks in (self._first, self._last)]
        return f"without the change {figures.name} itself went {from_to(*values)}"

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
