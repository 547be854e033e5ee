"""Better, worse, same, or cannot tell."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tenantry.compare.bootstrap import Estimate
from tenantry.compare.student import point, two_sided

Judgement = Literal["better", "worse", "same", "cannot tell"]
LEVEL = 0.95
FLOOR = 0.05
# Shares of failures are compared in points: from 0.01 % to 0.02 % is twice as many, and nothing.
FAILURE_FLOOR = 0.001


@dataclass(frozen=True, slots=True)
class Figures:
    """How one figure is compared: whether more of it is worse, on which scale, and from which difference on it matters."""

    name: str
    more_is_worse: bool
    logarithmic: bool
    q: float | None = None

    def floor(self, share: float) -> float:
        """The smallest difference that matters, on the scale of the estimates."""
        return math.log1p(share) if self.logarithmic else FAILURE_FLOOR


@dataclass(frozen=True, slots=True)
class Difference:
    """New minus old: on a logarithmic scale where the figure is (a ratio), else in its own unit."""

    value: float
    low: float
    high: float
    p: float
    error: float
    df: float


def difference(new: Estimate, old: Estimate) -> Difference:
    """The difference with its 95 % interval and the probability of one as large by chance alone.

    Welch's test on the estimates (Biometrika 34, 1947), with the degrees of freedom of Satterthwaite.
    """
    error = math.hypot(new.error, old.error)
    df = error**4 / (new.error**4 / new.df + old.error**4 / old.df) if error else math.inf
    return _difference(new.value - old.value, error, df)


def paired(changes: Sequence[float]) -> Difference:
    """The mean of the changes within two or more pairs: what drifts over the pairs is in both of each, and falls out.

    The paired t-test (Student, The probable error of a mean, Biometrika 6, 1908).
    """
    error = statistics.stdev(changes) / math.sqrt(len(changes))
    return _difference(statistics.fmean(changes), error, len(changes) - 1)


def _difference(value: float, error: float, df: float) -> Difference:
    if not error:
        return Difference(value, value, value, float(value == 0), 0.0, math.inf)
    half = point(LEVEL, df) * error
    return Difference(value, value - half, value + half, two_sided(value / error, df), error, df)


def adjusted(differences: Sequence[Difference]) -> list[Difference]:
    """The same with p so that of all together a single one is false in at most one comparison of twenty (Holm, Scandinavian Journal of
    Statistics 6, 1979)."""
    order = sorted(range(len(differences)), key=lambda place: differences[place].p)
    found = list(differences)
    highest = 0.0
    for turn, place in enumerate(order):
        highest = max(highest, min(differences[place].p * (len(order) - turn), 1.0))
        found[place] = replace(differences[place], p=highest)
    return found


def judge(found: Difference, figures: Figures, floor: float) -> Judgement:
    """What a difference means: it has to be no chance, and large enough to matter; to be the same, it has to be small for certain."""
    least = figures.floor(floor)
    if found.p < 1 - LEVEL and abs(found.value) >= least:
        return "worse" if (found.value > 0) == figures.more_is_worse else "better"
    # Two one-sided tests at 5 % each (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987): the 90 % interval is inside.
    half = point(0.90, found.df) * found.error if found.error else 0.0
    return "same" if abs(found.value) + half < least else "cannot tell"
