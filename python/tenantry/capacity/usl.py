"""The Universal Scalability Law, fitted to measured steps.

Gunther, Guerrilla Capacity Planning, 2007, chapters 4 to 6: `X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))`, where X is the
throughput at a concurrency of N, lambda that of one request at a time, sigma the share that queues for something shared (contention),
kappa the cost of keeping things in agreement (coherency). Its peak lies at `N* = sqrt((1 - sigma) / kappa)`.

By Little's law N / X is the time R that a request spends in the app, and the law turned over is a polynomial,
`R(N) = a + b N + c N (N - 1)` with `lambda = 1 / (a + b)`, `sigma = b / (a + b)`, `kappa = c / (a + b)`, `N* = sqrt(a / c)`. It is
fitted by least squares of relative errors; a, b and c are times and cannot be negative, so the best fit without some of them is taken
where one would be (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23; with three there are few enough subsets to try
them all).

Intervals: a parametric bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 6.5) with normal relative errors
whose spread is itself drawn, from the scaled inverse chi-squared distribution of its estimate, so that few points give the wide intervals
of Student's t; percentiles of the refits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import inf, isfinite, sqrt
from operator import mul
from random import Random
from typing import NamedTuple

LEAST_POINTS = 5
RESAMPLES = 1000
_PARTS = 3


class Point(NamedTuple):
    """One step: the mean number of requests in the app, and throughput per second."""

    concurrency: float
    throughput: float


class Estimate(NamedTuple):
    """A value with its 95 % confidence interval; infinite where nothing bounds it."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Plain JSON values; None for infinite."""
        return {name: value if isfinite(value) else None for name, value in self._asdict().items()}


class Fit(NamedTuple):
    """The law of a set of points. `peak` is N*, `most` the throughput there per second; `note`: what the points cannot tell, or empty."""

    lam: Estimate
    sigma: Estimate
    kappa: Estimate
    peak: Estimate
    most: Estimate
    points: int
    note: str

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        named = {"lambda_per_s": self.lam, "sigma": self.sigma, "kappa": self.kappa, "peak_concurrency": self.peak, "peak_per_s": self.most}
        return {**{name: value.as_dict() for name, value in named.items()}, "points": self.points, "note": self.note}


Times = tuple[float, float, float]


def throughput(times: Times, concurrency: float) -> float:
    """X(N) of a, b and c."""
    return concurrency / sum(time * basis for time, basis in zip(times, _basis(concurrency), strict=True))


def fit(points: Iterable[Point], *, rng_seed: int = 1, resamples: int = RESAMPLES) -> Fit | str:
    """The law with its intervals, or why there is none: fewer than five points, or points that all lie at one concurrency."""
    used = [point for point in points if point.concurrency > 0 and point.throughput > 0]
    if len(used) < LEAST_POINTS:
        return f"{len(used)} steps measured something, and the law needs {LEAST_POINTS}"
    if max(point.concurrency for point in used) < 1.5 * min(point.concurrency for point in used):
        return "all steps had about the same concurrency"
    levels = [point.concurrency for point in used]
    residence = [point.concurrency / point.throughput for point in used]
    best = _fitted(levels, residence)
    drawn = _refits(levels, best, _spread(levels, residence, best), Random(rng_seed), resamples)
    lam, sigma, kappa, peak, most = map(_estimate, zip(_named(best), *map(_named, drawn), strict=True))
    return Fit(lam, sigma, kappa, peak, most, len(used), _note(kappa, peak, max(levels)))


def _basis(concurrency: float) -> Times:
    return 1.0, concurrency, concurrency * (concurrency - 1)


def _fitted(levels: Sequence[float], residence: Sequence[float]) -> Times:
    """a, b and c, none negative, with the least sum of squared relative errors."""
    rows = [tuple(basis / time for basis in _basis(level)) for level, time in zip(levels, residence, strict=True)]
    columns = list(zip(*rows, strict=True))
    gram = [[sum(map(mul, one, other)) for other in columns] for one in columns]
    aims = [sum(column) for column in columns]
    best, least = (0.0, 0.0, 0.0), inf
    for size in range(_PARTS, 0, -1):
        for parts in combinations(range(_PARTS), size):
            found = _solved(gram, aims, parts)
            if found is None or min(found) < 0:
                continue
            if size == _PARTS:
                return found
            # At a least-squares solution the squared error is this plus a constant.
            wrong = -sum(map(mul, found, aims))
            if wrong < least:
                best, least = found, wrong
    return best


def _solved(gram: Sequence[Sequence[float]], aims: Sequence[float], parts: Sequence[int]) -> Times | None:
    """The solution of the normal equations for some of the parts, the others zero; None when the points cannot tell them apart."""
    table = [[*(gram[i][j] for j in parts), aims[i]] for i in parts]
    size = len(parts)
    for pivot in range(size):
        # The matrix is symmetric and positive definite, so its own order of pivots is stable.
        if table[pivot][pivot] < 1e-12 * gram[parts[pivot]][parts[pivot]]:
            return None
        for line in range(size):
            if line != pivot:
                factor = table[line][pivot] / table[pivot][pivot]
                table[line] = [value - factor * other for value, other in zip(table[line], table[pivot], strict=True)]
    found = [0.0] * _PARTS
    for line, part in enumerate(parts):
        found[part] = table[line][-1] / table[line][line]
    return found[0], found[1], found[2]


def _spread(levels: Sequence[float], residence: Sequence[float], times: Times) -> float:
    """The standard deviation of relative errors."""
    errors = [time / _residence(times, level) - 1 for level, time in zip(levels, residence, strict=True)]
    return sqrt(sum(error * error for error in errors) / (len(errors) - _PARTS))


def _residence(times: Times, level: float) -> float:
    return sum(time * basis for time, basis in zip(times, _basis(level), strict=True))


def _refits(levels: Sequence[float], times: Times, spread: float, rng: Random, resamples: int) -> list[Times]:
    freedom = len(levels) - _PARTS
    exact = [_residence(times, level) for level in levels]
    refits = []
    for _ in range(resamples):
        drawn = spread * sqrt(freedom / rng.gammavariate(freedom / 2, 2))
        refits.append(_fitted(levels, [time * max(1 + rng.gauss(0, drawn), 0.05) for time in exact]))
    return refits


def _named(times: Times) -> Times | tuple[float, ...]:
    """lambda, sigma, kappa, N* and the throughput there: at infinity, that of ever more concurrency."""
    a, b, c = times
    peak = sqrt(a / c) if c > 0 else inf
    most = throughput(times, peak) if 0 < peak < inf else (1 / b if b > 0 and c == 0 else inf)
    return 1 / (a + b) if a + b > 0 else inf, b / (a + b) if a + b > 0 else 1.0, c / (a + b) if a + b > 0 else inf, peak, most


def _estimate(values: Sequence[float]) -> Estimate:
    """The first is the best fit, the others are the refits."""
    drawn = sorted(values[1:])
    tail = round(0.025 * len(drawn))
    return Estimate(values[0], drawn[tail], drawn[-1 - tail])


def _note(kappa: Estimate, peak: Estimate, highest: float) -> str:
    if kappa.low <= 0:
        return f"the steps do not show a peak: up to a concurrency of {highest:.3g} the throughput may still be rising or level"
    if peak.value > highest:
        return f"the peak lies beyond all steps (the highest concurrency was {highest:.3g}), so it is extrapolated"
    return ""
