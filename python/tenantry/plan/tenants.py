"""Which tenant a virtual user belongs to: uniform, Zipf, or by tier."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Protocol

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults
from tenantry.types import did_you_mean

_ATTEMPTS = 1000
Draw = Callable[[Random], int]
Value = Callable[[int, str], object]


class TenantChoice(Protocol):
    """A distribution over tenants; printed, it is what the manifest says."""

    @property
    def faults(self) -> tuple[UsageError, ...]: ...

    def sampler(self, tenants: int, value: Value) -> Draw:
        """Draws numbers from 0 to `tenants` - 1; `value(number, column)` tells a tenant's column. Raises UsageError if that cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every tenant as often as any other."""

    faults: tuple[UsageError, ...] = ()

    def sampler(self, tenants: int, value: Value) -> Draw:
        return lambda rng: rng.randrange(tenants)

    def __str__(self) -> str:
        return "uniform"


UNIFORM = Uniform()


@dataclass(frozen=True, slots=True)
class Zipf:
    """Tenant number k (from 1) in proportion to k ** -s."""

    s: float
    faults: tuple[UsageError, ...] = ()

    def sampler(self, tenants: int, value: Value) -> Draw:
        ranks = ZipfRanks(tenants, self.s)
        return lambda rng: ranks.draw(rng) - 1

    def __str__(self) -> str:
        return f"zipf({self.s:g})"


def zipf(s: float = 1.0) -> Zipf:
    """A few busy tenants and a long tail: the k-th tenant of the dataset is drawn in proportion to 1 / k ** s, s above 0."""
    note = Faults()
    if isinstance(s, bool) or not isinstance(s, (int, float)) or not 0 < s <= 20:
        note.add(f"zipf({s!r}): the exponent must be a number above 0 and at most 20", "write zipf(1.1)")
        s = 1.0
    return Zipf(float(s), tuple(note.found))


@dataclass(frozen=True, slots=True)
class ByTier:
    """Tiers by weight, and within a tier every tenant as often as any other."""

    weights: Mapping[str, float]
    column: str
    faults: tuple[UsageError, ...] = ()

    def sampler(self, tenants: int, value: Value) -> Draw:
        groups, bounds = list(self.members(tenants, value).values()), list(accumulate(self.weights.values()))

        def draw(rng: Random) -> int:
            # The product can be rounded up to the total.
            place = bisect_right(bounds, rng.random() * bounds[-1])
            return rng.choice(groups[min(place, len(groups) - 1)])

        return draw

    def members(self, tenants: int, value: Value) -> dict[str, list[int]]:
        """The tenants of each tier; raises UsageError where a tier has none."""
        members: dict[str, list[int]] = {tier: [] for tier in self.weights}
        seen: dict[str, None] = {}
        for number in range(tenants):
            tier = str(self._value(value, number))
            seen[tier] = None
            if tier in members:
                members[tier].append(number)
        for tier, found in members.items():
            if not found:
                what = f"by_tier: none of the {tenants} tenants has {tier!r} as its {self.column}"
                raise UsageError(what, hint=did_you_mean(tier, sorted(seen)[:20]))
        return members

    def _value(self, value: Value, number: int) -> object:
        try:
            return value(number, self.column)
        except AttributeError as error:
            raise UsageError(f"by_tier: {error}", hint="name a column of the dataset's tenant table") from None

    def __str__(self) -> str:
        return f"by_tier({self.column}: {', '.join(f'{tier}={weight:g}' for tier, weight in self.weights.items())})"


def by_tier(weights: Mapping[str, float], /, *, column: str) -> ByTier:
    """Tenants by a column of their row: `by_tier({"enterprise": 5, "free": 1}, column="plan")` makes five of six virtual users
    enterprise's, whatever number of tenants has that plan. Tiers that are not named are left out."""
    note = Faults()
    good = {str(tier): float(weight) for tier, weight in weights.items() if _is_weight(weight)}
    for tier, weight in weights.items():
        if not _is_weight(weight):
            note.add(f"by_tier: the weight of {tier} is {weight!r}, not a number above 0", "leave a tier out that gets nothing")
    if not weights:
        note.add("by_tier has no tiers", 'write by_tier({"enterprise": 5, "free": 1}, column="plan")')
    return ByTier(good or {"": 1.0}, column, tuple(note.found))


@dataclass(frozen=True, slots=True)
class Without:
    """All tenants that another choice draws but number `left_out`."""

    choice: TenantChoice
    left_out: int
    faults: tuple[UsageError, ...] = ()

    def sampler(self, tenants: int, value: Value) -> Draw:
        if tenants == 1 and self.left_out == 0:
            raise UsageError("there is no other tenant to draw")
        draw = self.choice.sampler(tenants, value)

        def another(rng: Random) -> int:
            for _ in range(_ATTEMPTS):
                if (number := draw(rng)) != self.left_out:
                    return number
            # A choice that has hardly any other one.
            return (self.left_out + rng.randrange(1, tenants)) % tenants

        return another

    def __str__(self) -> str:
        return f"{self.choice} without number {self.left_out + 1}"


@dataclass(frozen=True, slots=True)
class Evenly:
    """All tenants that another choice can draw, each as often as any other."""

    choice: TenantChoice
    faults: tuple[UsageError, ...] = ()

    def sampler(self, tenants: int, value: Value) -> Draw:
        if not isinstance(self.choice, ByTier):
            return UNIFORM.sampler(tenants, value)
        drawn = [number for members in self.choice.members(tenants, value).values() for number in members]
        return lambda rng: rng.choice(drawn)

    def __str__(self) -> str:
        return f"{self.choice} evenly"


def _is_weight(weight: object) -> bool:
    return isinstance(weight, (int, float)) and not isinstance(weight, bool) and math.isfinite(weight) and weight > 0


class ZipfRanks:
    """Draws k from 1 to `n` with probability proportional to k ** -s, in constant time and memory.

    Rejection-inversion: W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions",
    ACM TOMACS 6(3), 1996. With h(x) = x ** -s and its integral H, the interval of k under h is inverted, and kept if it lies in the bar.
    """

    __slots__ = ("_first", "_last", "_n", "_power", "_s", "_sure")

    def __init__(self, n: int, s: float) -> None:
        self._n = n
        self._s = s
        self._power = 1.0 - s
        self._first = self._area(1.5) - 1.0
        self._last = self._area(n + 0.5)
        self._sure = 2.0 - self._area_inverse(self._area(2.5) - self._height(2))

    def draw(self, rng: Random) -> int:
        while True:
            area = self._last + rng.random() * (self._first - self._last)
            x = self._area_inverse(area)
            k = min(max(int(x + 0.5), 1), self._n)
            if k - x <= self._sure or area >= self._area(k + 0.5) - self._height(k):
                return k

    def _height(self, k: int) -> float:
        return math.exp(-self._s * math.log(k))

    def _area(self, x: float) -> float:
        """(x ** (1 - s) - 1) / (1 - s), and its limit log(x) at s = 1."""
        log = math.log(x)
        t = self._power * log
        return log * (math.expm1(t) / t if abs(t) > 1e-8 else 1 + t / 2)

    def _area_inverse(self, area: float) -> float:
        t = max(area * self._power, -1.0)
        if t == -1.0:
            return float(self._n)
        return math.exp(area * (math.log1p(t) / t if abs(t) > 1e-8 else 1 - t / 2))
