"""Where the figures of many runs, one after the other, change: E-divisive."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tenantry.compare.student import two_sided

# The fewest runs on each side of a change: less could not be told from chance.
LEAST = 3
LEVEL = 0.005
FLOOR = 0.05


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """From run number `at` on (from 0) the mean is `after`; it was `before`. `p`: how likely such a difference is by chance, anywhere."""

    at: int
    before: float
    after: float
    p: float

    @property
    def change(self) -> float:
        """Relative."""
        return self.after / self.before - 1 if self.before else math.inf


def change_points(values: Sequence[float], *, level: float = LEVEL, floor: float = FLOOR) -> list[ChangePoint]:
    """The places at which a series of figures changes for good, in order.

    E-divisive (Matteson and James, A nonparametric approach for multiple change point analysis of multivariate data, Journal of the
    American Statistical Association 109, 2014): the series is parted where the energy distance of both parts is largest, and each part
    again. As in Hunter (Fleming et al., Hunter: using change point detection to hunt for performance regressions, ICPE 2023) Welch's t-test
    stands in place of the permutation test, so that the same history gives the same answer; and a change smaller than `floor` is left out.
    """
    if len(values) < 2 * LEAST or max(values) - min(values) <= floor * min(values):
        return []
    edges = [0, *sorted(_parted(values, 0, len(values), level)), len(values)]
    edges = _weeded(values, edges, level, floor)
    found = []
    for low, at, high in zip(edges, edges[1:], edges[2:], strict=False):
        before, after = values[low:at], values[at:high]
        found.append(ChangePoint(at, statistics.fmean(before), statistics.fmean(after), _chance(before, after)))
    return found


def _parted(values: Sequence[float], low: int, high: int, level: float) -> list[int]:
    at = _widest(values[low:high])
    if at is None or _chance(values[low : low + at], values[low + at : high]) >= level:
        return []
    return [*_parted(values, low, low + at, level), low + at, *_parted(values, low + at, high, level)]


def _widest(values: Sequence[float]) -> int | None:
    """Where the energy distance of both sides is largest; None for a series that is too short.

    With exponent 1: `mn / (m + n) * (2 E|X - Y| - E|X - X'| - E|Y - Y'|)`. The three sums are kept while the border moves by one.
    """
    count = len(values)
    if count < 2 * LEAST:
        return None
    inside_left, across, inside_right = 0.0, 0.0, sum(abs(one - other) for place, one in enumerate(values) for other in values[place + 1 :])
    best, found = -math.inf, None
    for left in range(1, count):
        moved = values[left - 1]
        to_left = sum(abs(moved - other) for other in values[: left - 1])
        to_right = sum(abs(moved - other) for other in values[left:])
        inside_left, inside_right = inside_left + to_left, inside_right - to_right
        across += to_right - to_left
        right = count - left
        if left < LEAST or right < LEAST:
            continue
        within = 2 * inside_left / (left * left) + 2 * inside_right / (right * right)
        distance = left * right / count * (2 * across / (left * right) - within)
        if distance > best:
            best, found = distance, left
    return found


def _weeded(values: Sequence[float], edges: list[int], level: float, floor: float) -> list[int]:
    """Without the changes that no longer stand, or are too small, once both sides end at the next ones: the weakest first."""
    while len(edges) > 2:
        weakest, place = max(
            (_weakness(values[low:at], values[at:high], level, floor), place + 1)
            for place, (low, at, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False))
        )
        if weakest < 1:
            break
        del edges[place]
    return edges


def _weakness(before: Sequence[float], after: Sequence[float], level: float, floor: float) -> float:
    """At least 1 for a change that is chance, or too small."""
    old, new = statistics.fmean(before), statistics.fmean(after)
    size = abs(new - old) / abs(old) if old else math.inf
    return max(_chance(before, after) / level, floor / size if size else math.inf)


def _chance(before: Sequence[float], after: Sequence[float]) -> float:
    """The p of Welch's t-test, times the places at which the series could have been parted: the one that differs most was chosen."""
    errors = [statistics.variance(side) / len(side) for side in (before, after)]
    difference = statistics.fmean(after) - statistics.fmean(before)
    if not sum(errors):
        return float(difference == 0)
    df = sum(errors) ** 2 / sum(error**2 / (len(side) - 1) for error, side in zip(errors, (before, after), strict=True) if error)
    places = max(len(before) + len(after) - 2 * LEAST + 1, 1)
    return min(two_sided(difference / math.sqrt(sum(errors)), df) * places, 1.0)
