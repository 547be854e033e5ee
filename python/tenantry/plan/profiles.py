"""Load profiles: how many iterations begin when, or how many virtual users work.

A constructor never raises for a wrong value: it notes the fault in `faults` with the line of the call, so that a workload can report all
of its faults together (`Workload.plan` raises them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, any_duration, at_least_one, some_duration, some_rate, zero_or_more
from tenantry.units import NS

GRACEFUL_STOP = "30s"
_SECOND = NS


def _faults() -> tuple[UsageError, ...]:
    return field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantVus:
    """A fixed number of virtual users, each of which starts its next iteration when the last has ended (closed)."""

    vus: int
    duration_ns: int
    graceful_stop_ns: int
    faults: tuple[UsageError, ...] = _faults()

    kind: ClassVar[str] = "constant_vus"
    is_open: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = ("vus", "duration", "graceful_stop")

    @property
    def max_vus(self) -> int:
        return self.vus

    def as_dict(self) -> dict[str, object]:
        return {"kind": self.kind, "vus": self.vus, "duration_ns": self.duration_ns, "graceful_stop_ns": self.graceful_stop_ns}


@dataclass(frozen=True, slots=True)
class Stage:
    """Within `duration_ns` the number of virtual users goes linearly to `target`; a duration of zero jumps."""

    duration_ns: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RampingVus:
    """A number of virtual users that follows straight lines from `start` through the stages (closed)."""

    stages: tuple[Stage, ...]
    start: int
    graceful_stop_ns: int
    faults: tuple[UsageError, ...] = _faults()

    kind: ClassVar[str] = "ramping_vus"
    is_open: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = ("start", "graceful_stop")

    @property
    def duration_ns(self) -> int:
        return sum(stage.duration_ns for stage in self.stages)

    @property
    def max_vus(self) -> int:
        return max((self.start, *(stage.target for stage in self.stages)))

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "stages": [{"duration_ns": stage.duration_ns, "target": stage.target} for stage in self.stages],
            "start": self.start,
            "duration_ns": self.duration_ns,
            "max_vus": self.max_vus,
            "graceful_stop_ns": self.graceful_stop_ns,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantRate:
    """Iterations started at a fixed rate, whatever the answers (open); one that finds no free virtual user is dropped and counted."""

    rate: Fraction
    duration_ns: int
    max_vus: int
    graceful_stop_ns: int
    faults: tuple[UsageError, ...] = _faults()

    kind: ClassVar[str] = "constant_rate"
    is_open: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ("rate", "duration", "max_vus", "graceful_stop")

    def as_dict(self) -> dict[str, object]:
        """`rate` is the exact fraction per second as text (`200`, `1/2`), `rate_per_s` the same as a float."""
        return {
            "kind": self.kind,
            "rate": str(self.rate),
            "rate_per_s": float(self.rate),
            "duration_ns": self.duration_ns,
            "max_vus": self.max_vus,
            "graceful_stop_ns": self.graceful_stop_ns,
        }


Profile = ConstantVus | RampingVus | ConstantRate
PROFILES: tuple[type[Profile], ...] = (ConstantVus, RampingVus, ConstantRate)


def constant_vus(vus: int, duration: str | float, *, graceful_stop: str | float = GRACEFUL_STOP) -> ConstantVus:
    """`vus` virtual users for `duration` (`5m`, or seconds); iterations still going then have `graceful_stop` to end."""
    note = Faults()
    return ConstantVus(
        vus=note.take(at_least_one, vus, "vus", 1),
        duration_ns=note.take(some_duration, duration, "duration", _SECOND),
        graceful_stop_ns=note.take(any_duration, graceful_stop, "graceful_stop", 0),
        faults=tuple(note.found),
    )


def ramping_vus(*stages: tuple[str | float, int], start: int = 0, graceful_stop: str | float = GRACEFUL_STOP) -> RampingVus:
    """From `start` virtual users in a straight line to the target of each stage: `ramping_vus(("2m", 50), ("5m", 100), ("1m", 0))`."""
    note = Faults()
    parsed = tuple(_stage(note, number, stage) for number, stage in enumerate(stages, 1))
    first = note.take(zero_or_more, start, "start", 0)
    profile = RampingVus(stages=parsed, start=first, graceful_stop_ns=note.take(any_duration, graceful_stop, "graceful_stop", 0))
    if not stages:
        note.add("ramping_vus has no stages", 'give at least one stage: ramping_vus(("2m", 50))')
    elif not note.found and profile.duration_ns == 0:
        note.add("all stages of ramping_vus have duration zero", 'give one a duration: ramping_vus(("2m", 50))')
    elif not note.found and profile.max_vus == 0:
        note.add("ramping_vus never has a virtual user", 'give a stage a target above zero: ramping_vus(("2m", 50))')
    return RampingVus(stages=profile.stages, start=first, graceful_stop_ns=profile.graceful_stop_ns, faults=tuple(note.found))


def _stage(note: Faults, number: int, stage: object) -> Stage:
    if not isinstance(stage, (tuple, list)) or len(stage) != 2:
        note.add(f"stage {number} is {stage!r}, not a pair of duration and virtual users", 'write a stage as ("2m", 50)')
        return Stage(_SECOND, 1)
    return Stage(
        note.take(any_duration, stage[0], f"duration of stage {number}", _SECOND),
        note.take(zero_or_more, stage[1], f"target of stage {number}", 1),
    )


def constant_rate(rate: str | float, duration: str | float, *, max_vus: int, graceful_stop: str | float = GRACEFUL_STOP) -> ConstantRate:
    """`rate` iterations (`50/s`, or a number per second) start for `duration`, worked off by at most `max_vus` virtual users."""
    note = Faults()
    return ConstantRate(
        rate=note.take(some_rate, rate, "rate", Fraction(1)),
        duration_ns=note.take(some_duration, duration, "duration", _SECOND),
        max_vus=note.take(at_least_one, max_vus, "max_vus", 1),
        graceful_stop_ns=note.take(any_duration, graceful_stop, "graceful_stop", 0),
        faults=tuple(note.found),
    )
