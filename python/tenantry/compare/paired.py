"""Slices of two targets in turns: what differs within their pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tenantry.compare.blocks import Blocks, SeriesKey
from tenantry.compare.effect import cliffs_delta
from tenantry.compare.judge import Figures, adjusted, paired
from tenantry.compare.runs import FIGURES, Compared, ComparedSeries, figure_of, judged, mean
from tenantry.metrics.confidence import samples_needed

LEAST_PAIRS = 3

Side = dict[SeriesKey, Blocks]
Slices = tuple[Side, Side]
Values = list[tuple[float, float]]


class PairedFigure(Compared, frozen=True, kw_only=True):
    """A figure with its change within each pair: relative, in points for failures; none of them where it cannot be compared."""

    pairs: tuple[float, ...] = ()


def compare_pairs(pairs: Sequence[Slices], *, floor: float) -> tuple[ComparedSeries, ...]:
    """The series that all slices share, of pairs of an old and a new one; p is adjusted for all figures together."""
    shared = [key for key in pairs[0][0] if all(key in side for pair in pairs for side in pair)] if pairs else []
    drafts = [(key, figures, _values(key, figures, pairs)) for key in sorted(shared) for figures in FIGURES]
    changes = [_changes(values, figures) for _, figures, values in drafts if not isinstance(values, str)]
    found = iter(zip(changes, adjusted([paired(each) for each in changes]), strict=True))
    told: dict[SeriesKey, list[PairedFigure]] = {}
    for key, figures, values in drafts:
        if isinstance(values, str):
            figure = PairedFigure(figure=figures.name, old=None, new=None, judgement="cannot tell", why=values)
        else:
            old, new = (mean(side, logarithmic=figures.logarithmic) for side in zip(*values, strict=True))
            each, difference = next(found)
            shown = tuple(math.expm1(value) for value in each) if figures.logarithmic else tuple(each)
            figure = PairedFigure(figure=figures.name, old=old, new=new, judgement="cannot tell", pairs=shown)
            figure = judged(figure, difference, figures, floor)
        told.setdefault(key, []).append(figure)
    return tuple(
        ComparedSeries(**key._asdict(), figures=tuple(figures), effect_size=_effect_size(key, pairs)) for key, figures in told.items()
    )


def _values(key: SeriesKey, figures: Figures, pairs: Sequence[Slices]) -> Values | str:
    """The old and the new value of each pair, or why they are not all there."""
    if len(pairs) < LEAST_PAIRS:
        return f"fewer than {LEAST_PAIRS} pairs"
    if figures.q is not None and not _has_samples(key, figures.q, pairs):
        return "too few samples in some slices"
    values = []
    for pair in pairs:
        old, new = (figure_of(figures)(side[key], (1,) * len(side[key].requests)) for side in pair)
        if old is None or new is None or (figures.logarithmic and min(old, new) <= 0):
            return "without a value in some slices"
        values.append((old, new))
    return values


def _has_samples(key: SeriesKey, q: float, pairs: Sequence[Slices]) -> bool:
    """Whether the quantile is more than the maximum in every slice, and has enough samples in all slices of a side together."""
    sides = [[sum(side[key].samples) for side in each] for each in zip(*pairs, strict=True)]
    return all(min(side) * (1 - q) > 1 - 1e-9 and sum(side) >= samples_needed(q) for side in sides)


def _changes(values: Values, figures: Figures) -> list[float]:
    """On the scale on which the figure is compared."""
    return [math.log(new / old) if figures.logarithmic else new - old for old, new in values]


def _effect_size(key: SeriesKey, pairs: Sequence[Slices]) -> float | None:
    """The mean over the pairs."""
    found = [each for old, new in pairs if (each := cliffs_delta(new[key], old[key])) is not None]
    return statistics.fmean(found) if found else None
