"""Columns of numbers that are not uniform, and numbers of rows per tenant: normal, lognormal, exponential, Poisson, Zipf.

A continuous distribution is cut off at `low` and `high` and goes to the native module as its quantiles, in whole units of the column. A
value lies evenly between two neighbours of them, by whole numbers alone: so it is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import NormalDist

from tenantry.datasets.columns import Column, type_scale
from tenantry.errors import UsageError

_SEGMENTS = 2048
_MOST = 100_000
_RAREST = 1e-15
Number = float | str


def normal(mean: float, sd: float, low: Number, high: Number, sql_type: str = "int") -> Column:
    """Numbers of a normal distribution, cut off at both ends: `normal(12, 4, 0, 40)`."""
    _positive("sd", sd)
    bell = NormalDist(mean, sd)
    return _continuous(bell.cdf, bell.inv_cdf, low, high, sql_type)


def lognormal(median: float, sigma: float, low: Number, high: Number, sql_type: str = "int") -> Column:
    """Numbers whose logarithm is normal, cut off at both ends: half of them below `median`, 68 % within a factor of `exp(sigma)` of it.

    What the sizes of customers look like: with a `sigma` of 1, the largest of a hundred is about twelve times as large as the middle one.
    """
    _positive("median", median)
    _positive("sigma", sigma)
    bell = NormalDist(math.log(median), sigma)
    return _continuous(lambda x: bell.cdf(math.log(x)) if x > 0 else 0.0, lambda p: math.exp(bell.inv_cdf(p)), low, high, sql_type)


def exponential(mean: float, low: Number, high: Number, sql_type: str = "int") -> Column:
    """Numbers of an exponential distribution (times between independent events), cut off at both ends."""
    _positive("mean", mean)
    return _continuous(lambda x: -math.expm1(-x / mean) if x > 0 else 0.0, lambda p: -mean * math.log1p(-p), low, high, sql_type)


def quantiles(*values: Number, sql_type: str = "int") -> Column:
    """Numbers with these quantiles at equal distances, from the lowest value to the highest, as measured somewhere real:
    `quantiles(0, 3, 12, 90, 4000)` has a quarter of its values from 0 to 3, a quarter from 3 to 12, and so on."""
    units = [_unit(value, sql_type) for value in values]
    if len(units) < 2 or units != sorted(units):
        raise UsageError(f"{', '.join(map(str, values))} are no quantiles", hint="give at least two values in ascending order")
    return Column("spread", sql_type, {"knots": units})


def poisson(mean: float) -> Column:
    """Whole numbers of independent events: `poisson(2.5)`."""
    if not 0 < mean <= 10_000:
        raise UsageError(f"a mean of {mean:g} is not above 0 and at most 10,000", hint="use normal(mean, mean ** 0.5, 0, ...) beyond")
    share = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(math.ceil(mean + 12 * math.sqrt(mean) + 20))]
    kept = [(k, weight) for k, weight in enumerate(share) if weight > _RAREST]
    return _discrete([k for k, _ in kept], [weight for _, weight in kept])


def zipf(most: int, exponent: float = 1.0) -> Column:
    """1 to `most` by Zipf's law: `k` has the weight `1 / k ** exponent`, so 1 is the most frequent."""
    if not 1 <= most <= _MOST:
        raise UsageError(f"zipf({most}) is not from 1 to {_MOST:,}")
    if not 0 <= exponent <= 10:
        raise UsageError(f"an exponent of {exponent:g} is not from 0 to 10")
    values = range(1, most + 1)
    return _discrete(values, [k**-exponent for k in values])


def _continuous(cdf: Callable[[float], float], quantile: Callable[[float], float], low: Number, high: Number, sql_type: str) -> Column:
    first, last = _unit(low, sql_type), _unit(high, sql_type)
    start, end = cdf(float(low)), cdf(float(high))
    if not first < last or end - start < _RAREST:
        raise UsageError(f"hardly any value lies from {low} to {high}", hint="give other ends")
    unit = 10 ** type_scale(sql_type)
    inner = (quantile(start + (end - start) * at / _SEGMENTS) * unit for at in range(1, _SEGMENTS))
    knots = [first, *(min(max(round(value), first), last) for value in inner), last]
    return Column("spread", sql_type, {"knots": knots})


def _discrete(values: Sequence[int], weights: Sequence[float]) -> Column:
    return Column("choice", "int", {"values": list(values), "weights": list(weights)})


def _unit(value: Number, sql_type: str) -> int:
    """A number in whole units of its type."""
    scaled = Decimal(str(value)).scaleb(type_scale(sql_type))
    if scaled != int(scaled):
        raise UsageError(f"{value} has more digits than {sql_type}", hint="give fewer digits, or another type")
    return int(scaled)


def _positive(what: str, value: float) -> None:
    if not value > 0 or math.isinf(value):
        raise UsageError(f"{what} is {value:g}; it must be above 0")
