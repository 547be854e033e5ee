"""A run against the runs that it is measured by: each figure of each series, and one answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

import msgspec

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey, cut
from tenantry.compare.bootstrap import LEAST_BLOCKS, Estimate, Figure, estimate, pooled, resamples
from tenantry.compare.comparable import reasons_against
from tenantry.compare.effect import cliffs_delta
from tenantry.compare.judge import FLOOR, Difference, Figures, Judgement, adjusted, difference, judge
from tenantry.errors import UsageError
from tenantry.metrics.confidence import samples_needed
from tenantry.results.run import Run

FIGURES = (
    Figures("p50", more_is_worse=True, logarithmic=True, q=0.5),
    Figures("p95", more_is_worse=True, logarithmic=True, q=0.95),
    Figures("p99", more_is_worse=True, logarithmic=True, q=0.99),
    Figures("throughput", more_is_worse=False, logarithmic=True),
    Figures("failures", more_is_worse=True, logarithmic=False),
)
# The draws of a run depend on nothing but its length, so that a comparison done again says the same.
_SEED = "compare"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one series. `change` is relative, in points for failures; `low` to `high` is its 95 % interval; `p` is for all at once.

    Without enough blocks or samples there is no change, and `why` tells.
    """

    figure: str
    old: float | None
    new: float | None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    judgement: Judgement
    why: str | None = None


C = TypeVar("C", bound=Compared)


class ComparedSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series, or the whole run with three empty names.

    `effect_size` is Cliff's delta of the response times: the probability that a new one is longer than an old one, minus that of the
    opposite (Cliff, Psychological Bulletin 114, 1993); 0 is no difference, 1 and -1 are no overlap.
    """

    scenario: str
    group: str
    name: str
    figures: tuple[Compared, ...]
    effect_size: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a run and its bases. `judgement` is the worst of all figures; `reason` is the line that says why."""

    run: str
    bases: tuple[str, ...]
    floor: float
    judgement: Judgement
    reason: str
    series: tuple[ComparedSeries, ...]
    only_in: dict[str, list[str]]


def compare(new: Run, bases: Sequence[Run], *, floor: float = FLOOR, after_s: int = 0) -> Comparison:
    """Compare `new` with one run, or with several of the same kind as one; `floor` is the smallest relative difference that matters.

    Raises UsageError with every reason why they cannot be compared.
    """
    against = [reason for base in bases for reason in reasons_against(new.manifest, base.manifest)]
    if against:
        hint = "compare runs of one workload, one load, one dataset and one machine; `--set` alike in both"
        raise UsageError("these runs cannot be compared:\n  " + "\n  ".join(dict.fromkeys(against)), where=new.name, hint=hint)
    sides = [Measured(cut(run, after_s=after_s)) for run in (new, *bases)]
    rows = compare_blocks(sides, floor=floor)
    judgement, reason = conclude(rows)
    shared = {(row.scenario, row.group, row.name) for row in rows}
    alone = {
        run.name: [" ".join(filter(None, key)) for key in side.series if key not in shared]
        for run, side in zip((new, *bases), sides, strict=True)
    }
    only_in = {name: keys for name, keys in alone.items() if keys}
    names = tuple(base.name for base in bases)
    return Comparison(run=new.name, bases=names, floor=floor, judgement=judgement, reason=reason, series=rows, only_in=only_in)


class Measured:
    """A run in blocks, with the estimates of its figures, each of which is worked out once."""

    def __init__(self, series: dict[SeriesKey, Blocks]) -> None:
        self.series = series
        count = len(series[WHOLE].requests) if WHOLE in series else 0
        # The same for all figures of the run.
        self._draws = resamples(count, Random(_SEED)) if count >= LEAST_BLOCKS else []
        self._found: dict[tuple[SeriesKey, str], Estimate | None] = {}

    def estimate(self, key: SeriesKey, figures: Figures) -> Estimate | None:
        """That of a figure of a series; None with too few blocks or samples."""
        place = key, figures.name
        if place not in self._found:
            self._found[place] = self._estimate(self.series[key], figures)
        return self._found[place]

    def _estimate(self, blocks: Blocks, figures: Figures) -> Estimate | None:
        if not self._draws or (figures.q is not None and sum(blocks.samples) < samples_needed(figures.q)):
            return None
        return estimate(blocks, self._draws, figure_of(figures), logarithmic=figures.logarithmic)


def compare_blocks(sides: Sequence[Measured], *, floor: float) -> tuple[ComparedSeries, ...]:
    """The series that the first side, the new one, shares with all others; p is adjusted for all figures together."""
    new, *bases = (side.series for side in sides)
    shared = [key for key in new if all(key in base for base in bases)]
    pairs = [(key, figures, _pair(key, figures, sides)) for key in sorted(shared) for figures in FIGURES]
    found = iter(adjusted([difference(*pair) for _, _, pair in pairs if pair is not None]))
    told: dict[SeriesKey, list[Compared]] = {}
    for key, figures, pair in pairs:
        series = [side.series[key] for side in sides]
        told.setdefault(key, []).append(_compared(figures, series, next(found) if pair is not None else None, floor))
    return tuple(
        ComparedSeries(**key._asdict(), figures=tuple(figures), effect_size=cliffs_delta(new[key], bases[0][key]))
        for key, figures in told.items()
    )


def figure_of(figures: Figures) -> Figure:
    """How that figure is worked out from blocks."""
    if figures.q is not None:
        q = figures.q
        return lambda blocks, weights: blocks.quantile(weights, q)
    return Blocks.throughput if figures.name == "throughput" else Blocks.failed_share


def _pair(key: SeriesKey, figures: Figures, sides: Sequence[Measured]) -> tuple[Estimate, Estimate] | None:
    """The estimate of the new run and that of its bases; None where one cannot be had."""
    found = []
    for side in sides:
        each = side.estimate(key, figures)
        if each is None:
            return None
        found.append(each)
    return found[0], pooled(found[1:])


def _compared(figures: Figures, series: Sequence[Blocks], found: Difference | None, floor: float) -> Compared:
    values = [figure_of(figures)(blocks, (1,) * len(blocks.requests)) for blocks in series]
    old = [value for value in values[1:] if value is not None]
    told = Compared(figure=figures.name, new=values[0], old=mean(old, logarithmic=figures.logarithmic), judgement="cannot tell")
    if found is None:
        few = len(series[0].requests) < LEAST_BLOCKS
        why = "the load is shorter than 10 s" if few else "too few samples, or none in most blocks"
        return msgspec.structs.replace(told, why=why)
    return judged(told, found, figures, floor)


def judged(told: C, found: Difference, figures: Figures, floor: float) -> C:
    """A compared figure with its difference and what it means."""
    scaled = (found.value, found.low, found.high)
    change, low, high = (math.expm1(value) for value in scaled) if figures.logarithmic else scaled
    return msgspec.structs.replace(told, change=change, low=low, high=high, p=found.p, judgement=judge(found, figures, floor))


def mean(values: Sequence[float], *, logarithmic: bool) -> float | None:
    """The mean, of logarithms where the figure is compared as a ratio; None of nothing."""
    if not values:
        return None
    if logarithmic and min(values) > 0:
        return math.exp(sum(math.log(value) for value in values) / len(values))
    return sum(values) / len(values)


def conclude(rows: Sequence[ComparedSeries]) -> tuple[Judgement, str]:
    """The answer for the whole: what is worse anywhere, else what cannot be told of the run as a whole, else what is better."""
    found = [(row, figure) for row in rows for figure in row.figures]
    worse = [(row, figure) for row, figure in found if figure.judgement == "worse"]
    better = [(row, figure) for row, figure in found if figure.judgement == "better"]
    unknown = [(row, figure) for row, figure in found if figure.judgement == "cannot tell" and not row.name]
    if worse:
        return "worse", _told(worse)
    if unknown:
        return "cannot tell", f"of the whole run, {', '.join(figure.figure for _, figure in unknown)} cannot be told apart"
    if better:
        return "better", _told(better)
    return "same", "no figure differs by more than matters"


def _told(found: Sequence[tuple[ComparedSeries, Compared]]) -> str:
    """The largest of them, and how many more."""
    row, figure = max(found, key=lambda each: abs(each[1].change or 0))
    change = f"{(figure.change or 0) * 100:+.1f} {'points' if figure.figure == 'failures' else '%'}"
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{figure.figure} of {row.name or 'the whole run'} {change}{more}"
