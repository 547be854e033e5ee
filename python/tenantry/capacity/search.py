"""Which rate to measure next: up by doubling until one fails, then halving the gap between the two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import sqrt

FACTOR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Rates per second to look at, from `start` up to `most`; the search ends when the lowest failed rate is within a share of
    `precision` of the highest passed one."""

    start: Fraction
    most: Fraction
    precision: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """The highest rate that passed, of those below the lowest that failed."""

    passed: Fraction | None = None
    failed: Fraction | None = None

    def with_outcome(self, rate: Fraction, passed: bool) -> Bounds:
        """The bounds after one more rate was measured."""
        if passed:
            return replace(self, passed=rate if self.passed is None else max(self.passed, rate))
        return replace(self, failed=rate if self.failed is None else min(self.failed, rate))


def next_rate(bounds: Bounds, within: Range) -> Fraction | None:
    """The rate to measure next, None when the search is over. The middle is the geometric one: precision is a share."""
    passed, failed = bounds.passed, bounds.failed
    if passed is None:
        return within.start if failed is None else None
    if failed is None:
        return min(passed * FACTOR, within.most) if passed < within.most else None
    if failed <= passed * (1 + Fraction(within.precision)):
        return None
    middle = _rounded(sqrt(passed * failed))
    return middle if passed < middle < failed else None


def most_steps(within: Range) -> int:
    """How many rates a search looks at, at most."""
    doublings, bounds = 1, Bounds(passed=within.start)
    while (rate := next_rate(bounds, within)) is not None:
        bounds, doublings = Bounds(passed=rate), doublings + 1
    halvings, gap = 0, float(FACTOR)
    while gap > 1 + within.precision:
        gap, halvings = sqrt(gap), halvings + 1
    return doublings + halvings


def _rounded(rate: float) -> Fraction:
    """Three significant digits: a rate that people can read, and far finer than any precision."""
    return Fraction(f"{rate:.3g}")
