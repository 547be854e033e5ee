"""How far a percentile can be trusted: samples it needs, the bound that few samples still give, intervals from slices of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.95
LEAST_SLICES = 10
MOST_SLICES = 2 * LEAST_SLICES - 1
# Two-sided 95 % points of Student's t for 9 to 18 degrees of freedom.
_T95 = (2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922)


def samples_needed(q: float) -> int:
    """The fewest samples that bound the quantile `q` from above: the smallest n with `1 - q**n >= 0.95`.

    With fewer, even the largest sample lies below the true quantile more often than once in twenty (Wilks, Determination of sample sizes
    for setting tolerance limits, Annals of Mathematical Statistics 12, 1941). 59 for p95, 299 for p99, 2,995 for p99.9.
    """
    n = max(math.ceil(math.log(1 - LEVEL) / math.log(q)), 1)
    return n if 1 - q**n >= LEVEL else n + 1


def lower_rank(n: int, q: float) -> int:
    """The highest rank (from 1) of `n` sorted samples that is, with 95 % confidence, not above the true quantile `q`; 0 when none is.

    How many of the samples lie above the quantile is binomial with `1 - q`, so the rank is `n - m + 1` for the smallest m that it reaches
    with a probability of at most 5 % (Conover, Practical Nonparametric Statistics, section 3.2). Meant for n below `samples_needed`.
    """
    term = q**n
    at_least, above = 1.0, 0
    while at_least > 1 - LEVEL + 1e-12 and above <= n:
        at_least -= term
        term *= (n - above) / (above + 1) * (1 - q) / q
        above += 1
    return n - above + 1


def half_width(overall: float, slices: Sequence[float]) -> float | None:
    """Half the width of the 95 % confidence interval around a quantile of the whole run, from the same quantile of each of its slices.

    Sectioning (Asmussen and Glynn, Stochastic Simulation, 2007, III.5a; Nakayama, Confidence intervals for quantiles using sectioning,
    ACM TOMACS 24, 2014): slices of equal length, each long against the time over which requests depend on one another, are as good as
    independent, so `t * sqrt(sum((slice - overall)**2) / (m * (m - 1)))` needs no assumption about single requests. It takes the quantile
    of the whole run as its middle: that of a slice is biased where a slice has few samples, and the bias widens the interval.

    None for fewer than 10 slices; `slices` has at most 19.
    """
    count = len(slices)
    if not LEAST_SLICES <= count <= MOST_SLICES:
        return None
    spread = sum((value - overall) ** 2 for value in slices) / (count * (count - 1))
    return _T95[count - LEAST_SLICES] * math.sqrt(spread)


def slice_length(seconds: int) -> int:
    """The length of a slice in whole seconds, so that there are 10 to 19 of them; 0 for a run that is too short."""
    return seconds // LEAST_SLICES
