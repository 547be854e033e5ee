"""Open load profiles: iterations start when the schedule says so, whatever the answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, any_duration, any_rate, at_least_one, some_duration, some_rate
from tenantry.plan.profile import (
    FOR_ALL,
    GRACEFUL_STOP,
    Problems,
    Setting,
    checked,
    length_problems,
    no_faults,
    rate_problems,
    scaled_count,
)
from tenantry.units import NS

_MOST_SCALED = 1 << 60
_VUS: dict[str, Setting] = {
    "max_vus": ("max_vus", at_least_one),
    "pre_allocated_vus": ("pre_allocated_vus", at_least_one),
    **FOR_ALL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """At most `max_vus` virtual users work the iterations off; `pre_allocated_vus` of them (None: all) are made before the load."""

    max_vus: int
    graceful_stop_ns: int
    pre_allocated_vus: int | None = None
    faults: tuple[UsageError, ...] = no_faults()

    is_open: ClassVar[bool] = True

    def _vus_problems(self) -> Problems:
        if self.pre_allocated_vus is None or self.pre_allocated_vus <= self.max_vus:
            return []
        return [(f"pre_allocated_vus is {self.pre_allocated_vus}, more than max_vus, {self.max_vus}", "raise max_vus, or lower the other")]

    def _scaled_vus(self, factor: Fraction) -> dict[str, Any]:
        made = self.pre_allocated_vus
        vus = {"max_vus": scaled_count(self.max_vus, factor)}
        return vus if made is None else {**vus, "pre_allocated_vus": scaled_count(made, factor)}

    def _vus_dict(self) -> dict[str, object]:
        made = self.max_vus if self.pre_allocated_vus is None else self.pre_allocated_vus
        return {"max_vus": self.max_vus, "pre_allocated_vus": made, "graceful_stop_ns": self.graceful_stop_ns}


@dataclass(frozen=True, slots=True, kw_only=True)
class _FixedRate(_Open):
    rate: Fraction
    duration_ns: int

    kind: ClassVar[str]
    settings: ClassVar[dict[str, Setting]] = {"rate": ("rate", some_rate), "duration": ("duration_ns", some_duration), **_VUS}

    @property
    def amounts(self) -> tuple[Fraction, ...]:
        return (self.rate,)

    def scaled(self, factor: Fraction) -> Self:
        """The same with a rate and virtual users `factor` times as many."""
        return replace(self, rate=self.rate * factor, **self._scaled_vus(factor))

    def problems(self) -> Problems:
        return rate_problems(self.rate) + self._vus_problems() + length_problems(self.kind, self.duration_ns)

    def as_dict(self) -> dict[str, object]:
        """`rate` is the exact fraction per second as text (`200`, `1/2`), `rate_per_s` the same as a float."""
        rate = {"rate": str(self.rate), "rate_per_s": float(self.rate)}
        return {"kind": self.kind, **rate, "duration_ns": self.duration_ns, **self._vus_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRate(_FixedRate):
    """Iterations started at a fixed rate, whatever the answers (open); one that finds no free virtual user is dropped and counted."""

    kind: ClassVar[str] = "constant_rate"

    @property
    def iterations_due(self) -> int:
        return math.ceil(self.rate * self.duration_ns / NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonRate(_FixedRate):
    """Iterations started at random, independently of each other, at a fixed rate on average (open)."""

    kind: ClassVar[str] = "poisson_rate"

    @property
    def iterations_due(self) -> Fraction:
        """On average; the number itself depends on `rng_seed`."""
        return self.rate * self.duration_ns / NS


@dataclass(frozen=True, slots=True)
class RateStage:
    """Within `duration_ns` the rate goes linearly to `target` per second; a duration of zero jumps."""

    duration_ns: int
    target: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class RampingRate(_Open):
    """Iterations started at a rate that follows straight lines from `start` through the stages, whatever the answers (open)."""

    stages: tuple[RateStage, ...]
    start: Fraction

    kind: ClassVar[str] = "ramping_rate"
    settings: ClassVar[dict[str, Setting]] = {"start": ("start", any_rate), **_VUS}

    @property
    def duration_ns(self) -> int:
        return sum(stage.duration_ns for stage in self.stages)

    @property
    def iterations_due(self) -> int:
        return max(math.ceil(self._area()) - 1, 0)

    def _area(self) -> Fraction:
        """The integral of the rate: iteration i (from 1) starts when it reaches i, before the end."""
        area, rate = Fraction(0), self.start
        for stage in self.stages:
            area += (rate + stage.target) / 2 * stage.duration_ns / NS
            rate = stage.target
        return area

    @property
    def amounts(self) -> tuple[Fraction, ...]:
        return (self.start, *(stage.target for stage in self.stages))

    def scaled(self, factor: Fraction) -> Self:
        """The same with rates and virtual users `factor` times as many."""
        stages = tuple(replace(stage, target=stage.target * factor) for stage in self.stages)
        return replace(self, start=self.start * factor, stages=stages, **self._scaled_vus(factor))

    def problems(self) -> Problems:
        rates = self.amounts
        if not self.stages:
            return [("ramping_rate has no stages", 'give at least one stage: ramping_rate(("1m", "50/s"), max_vus=200)')]
        if self.duration_ns == 0:
            return [("all stages of ramping_rate have duration zero", 'give one a duration: ("1m", "50/s")')]
        if max(rates) * math.lcm(*(rate.denominator for rate in rates)) >= _MOST_SCALED:
            return [("the rates of ramping_rate are too fine to be kept exactly together", "round them")]
        if self.iterations_due == 0:
            return [("ramping_rate never starts an iteration", "raise its rates, or give it more time")]
        return rate_problems(*rates) + self._vus_problems() + length_problems(self.kind, self.duration_ns)

    def as_dict(self) -> dict[str, object]:
        """Rates are exact fractions per second as text (`200`, `1/2`)."""
        stages = [{"duration_ns": stage.duration_ns, "target": str(stage.target)} for stage in self.stages]
        return {"kind": self.kind, "stages": stages, "start": str(self.start), "duration_ns": self.duration_ns, **self._vus_dict()}


def constant_rate(
    rate: str | float,
    duration: str | float,
    *,
    max_vus: int,
    pre_allocated_vus: int | None = None,
    graceful_stop: str | float = GRACEFUL_STOP,
) -> ConstantRate:
    """`rate` iterations (`50/s`, or a number per second) start for `duration`, worked off by at most `max_vus` virtual users.

    `pre_allocated_vus` of them are made before the load, by default all; the others when an iteration finds no free one.
    """
    note = Faults()
    first = note.take(some_rate, rate, "rate", Fraction(1))
    length = note.take(some_duration, duration, "duration", NS)
    vus = _vus(note, max_vus, pre_allocated_vus)
    stop = note.take(any_duration, graceful_stop, "graceful_stop", 0)
    profile = ConstantRate(rate=first, duration_ns=length, max_vus=vus[0], pre_allocated_vus=vus[1], graceful_stop_ns=stop)
    return checked(profile, note)


def poisson_rate(
    rate: str | float,
    duration: str | float,
    *,
    max_vus: int,
    pre_allocated_vus: int | None = None,
    graceful_stop: str | float = GRACEFUL_STOP,
) -> PoissonRate:
    """As `constant_rate`, but at random: the gaps between iterations are exponentially distributed, and depend on `rng_seed` alone."""
    note = Faults()
    first = note.take(some_rate, rate, "rate", Fraction(1))
    length = note.take(some_duration, duration, "duration", NS)
    vus = _vus(note, max_vus, pre_allocated_vus)
    stop = note.take(any_duration, graceful_stop, "graceful_stop", 0)
    profile = PoissonRate(rate=first, duration_ns=length, max_vus=vus[0], pre_allocated_vus=vus[1], graceful_stop_ns=stop)
    return checked(profile, note)


def ramping_rate(
    *stages: tuple[str | float, str | float],
    start: str | float = 0,
    max_vus: int,
    pre_allocated_vus: int | None = None,
    graceful_stop: str | float = GRACEFUL_STOP,
) -> RampingRate:
    """From the rate `start` in a straight line to that of each stage: `ramping_rate(("5s", "10/s"), ("1m", "50/s"), max_vus=200)`.

    Iteration i (from 1) starts when the integral of the rate reaches i. Virtual users are those of `constant_rate`.
    """
    note = Faults()
    parsed = tuple(_stage(note, number, stage) for number, stage in enumerate(stages, 1))
    first = note.take(any_rate, start, "start", Fraction(0))
    vus = _vus(note, max_vus, pre_allocated_vus)
    stop = note.take(any_duration, graceful_stop, "graceful_stop", 0)
    profile = RampingRate(stages=parsed, start=first, max_vus=vus[0], pre_allocated_vus=vus[1], graceful_stop_ns=stop)
    return checked(profile, note)


def _vus(note: Faults, max_vus: object, pre_allocated_vus: object) -> tuple[int, int | None]:
    made = note.take(at_least_one, pre_allocated_vus, "pre_allocated_vus", 1) if pre_allocated_vus is not None else None
    return note.take(at_least_one, max_vus, "max_vus", 1), made


def _stage(note: Faults, number: int, stage: object) -> RateStage:
    if not isinstance(stage, (tuple, list)) or len(stage) != 2:
        note.add(f"stage {number} is {stage!r}, not a pair of duration and rate", 'write a stage as ("1m", "50/s")')
        return RateStage(NS, Fraction(1))
    return RateStage(
        note.take(any_duration, stage[0], f"duration of stage {number}", NS),
        note.take(any_rate, stage[1], f"target of stage {number}", Fraction(1)),
    )
