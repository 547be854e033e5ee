"""Closed load profiles: virtual users that start their next iteration when the last one has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, any_duration, at_least_one, some_duration, zero_or_more
from tenantry.plan.profile import FOR_ALL, GRACEFUL_STOP, Problems, Setting, checked, length_problems, no_faults, scaled_count
from tenantry.units import NS

MAX_DURATION = "10m"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantVus:
    """A fixed number of virtual users, each of which starts its next iteration when the last has ended (closed)."""

    vus: int
    duration_ns: int
    graceful_stop_ns: int
    faults: tuple[UsageError, ...] = no_faults()

    kind: ClassVar[str] = "constant_vus"
    is_open: ClassVar[bool] = False
    settings: ClassVar[dict[str, Setting]] = {"vus": ("vus", at_least_one), "duration": ("duration_ns", some_duration), **FOR_ALL}
    iterations_due: ClassVar[None] = None

    @property
    def max_vus(self) -> int:
        return self.vus

    @property
    def amounts(self) -> tuple[int, ...]:
        return (self.vus,)

    def scaled(self, factor: Fraction) -> Self:
        """The same with `factor` times as many virtual users."""
        return replace(self, vus=scaled_count(self.vus, factor))

    def problems(self) -> Problems:
        return length_problems(self.kind, self.duration_ns)

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
    graceful_ramp_down_ns: int
    faults: tuple[UsageError, ...] = no_faults()

    kind: ClassVar[str] = "ramping_vus"
    is_open: ClassVar[bool] = False
    settings: ClassVar[dict[str, Setting]] = {
        "start": ("start", zero_or_more),
        "graceful_ramp_down": ("graceful_ramp_down_ns", any_duration),
        **FOR_ALL,
    }
    iterations_due: ClassVar[None] = None

    @property
    def duration_ns(self) -> int:
        return sum(stage.duration_ns for stage in self.stages)

    @property
    def max_vus(self) -> int:
        return max(self.amounts)

    @property
    def amounts(self) -> tuple[int, ...]:
        return (self.start, *(stage.target for stage in self.stages))

    def scaled(self, factor: Fraction) -> Self:
        """The same with `factor` times as many virtual users at the start and at the end of each stage."""
        stages = tuple(replace(stage, target=scaled_count(stage.target, factor)) for stage in self.stages)
        return replace(self, start=scaled_count(self.start, factor), stages=stages)

    def problems(self) -> Problems:
        if not self.stages:
            return [("ramping_vus has no stages", 'give at least one stage: ramping_vus(("2m", 50))')]
        if self.duration_ns == 0:
            return [("all stages of ramping_vus have duration zero", 'give one a duration: ramping_vus(("2m", 50))')]
        if self.max_vus == 0:
            return [("ramping_vus never has a virtual user", 'give a stage a target above zero: ramping_vus(("2m", 50))')]
        return length_problems(self.kind, self.duration_ns)

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "stages": [{"duration_ns": stage.duration_ns, "target": stage.target} for stage in self.stages],
            "start": self.start,
            "duration_ns": self.duration_ns,
            "max_vus": self.max_vus,
            "graceful_stop_ns": self.graceful_stop_ns,
            "graceful_ramp_down_ns": self.graceful_ramp_down_ns,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Iterations:
    """A fixed number of iterations; those that have not begun at `max_duration_ns` are dropped and counted."""

    iterations: int
    vus: int
    max_duration_ns: int
    graceful_stop_ns: int
    faults: tuple[UsageError, ...] = no_faults()

    kind: ClassVar[str]
    is_open: ClassVar[bool] = False
    settings: ClassVar[dict[str, Setting]] = {
        "iterations": ("iterations", at_least_one),
        "vus": ("vus", at_least_one),
        "max_duration": ("max_duration_ns", some_duration),
        **FOR_ALL,
    }

    @property
    def duration_ns(self) -> int:
        return self.max_duration_ns

    @property
    def max_vus(self) -> int:
        return self.vus

    def problems(self) -> Problems:
        return length_problems(self.kind, self.max_duration_ns)

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "iterations": self.iterations,
            "vus": self.vus,
            "max_duration_ns": self.max_duration_ns,
            "graceful_stop_ns": self.graceful_stop_ns,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIterations(_Iterations):
    """A fixed number of iterations that all virtual users take from (closed)."""

    kind: ClassVar[str] = "shared_iterations"

    @property
    def iterations_due(self) -> int:
        return self.iterations

    @property
    def amounts(self) -> tuple[int, ...]:
        return (self.iterations, self.vus)

    def scaled(self, factor: Fraction) -> Self:
        """The same with `factor` times as many iterations and virtual users."""
        return replace(self, iterations=scaled_count(self.iterations, factor), vus=scaled_count(self.vus, factor))

    def problems(self) -> Problems:
        if self.iterations < self.vus:
            hint = "give it as many iterations, or fewer virtual users"
            return [(f"shared_iterations has {self.iterations} iterations for {self.vus} virtual users", hint)]
        return length_problems(self.kind, self.max_duration_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerVuIterations(_Iterations):
    """A fixed number of iterations for each virtual user (closed)."""

    kind: ClassVar[str] = "per_vu_iterations"

    @property
    def iterations_due(self) -> int:
        return self.iterations * self.vus

    @property
    def amounts(self) -> tuple[int, ...]:
        return (self.vus,)

    def scaled(self, factor: Fraction) -> Self:
        """The same with `factor` times as many virtual users, each with its iterations."""
        return replace(self, vus=scaled_count(self.vus, factor))


def constant_vus(vus: int, duration: str | float, *, graceful_stop: str | float = GRACEFUL_STOP) -> ConstantVus:
    """`vus` virtual users for `duration` (`5m`, or seconds); iterations still going then have `graceful_stop` to end."""
    note = Faults()
    profile = ConstantVus(
        vus=note.take(at_least_one, vus, "vus", 1),
        duration_ns=note.take(some_duration, duration, "duration", NS),
        graceful_stop_ns=note.take(any_duration, graceful_stop, "graceful_stop", 0),
    )
    return checked(profile, note)


def ramping_vus(
    *stages: tuple[str | float, int],
    start: int = 0,
    graceful_stop: str | float = GRACEFUL_STOP,
    graceful_ramp_down: str | float = GRACEFUL_STOP,
) -> RampingVus:
    """From `start` virtual users in a straight line to the target of each stage: `ramping_vus(("2m", 50), ("5m", 100), ("1m", 0))`.

    A virtual user that the ramp takes away has `graceful_ramp_down` to end its iteration, then it is interrupted.
    """
    note = Faults()
    profile = RampingVus(
        stages=tuple(_stage(note, number, stage) for number, stage in enumerate(stages, 1)),
        start=note.take(zero_or_more, start, "start", 0),
        graceful_stop_ns=note.take(any_duration, graceful_stop, "graceful_stop", 0),
        graceful_ramp_down_ns=note.take(any_duration, graceful_ramp_down, "graceful_ramp_down", 0),
    )
    return checked(profile, note)


def _stage(note: Faults, number: int, stage: object) -> Stage:
    if not isinstance(stage, (tuple, list)) or len(stage) != 2:
        note.add(f"stage {number} is {stage!r}, not a pair of duration and virtual users", 'write a stage as ("2m", 50)')
        return Stage(NS, 1)
    return Stage(
        note.take(any_duration, stage[0], f"duration of stage {number}", NS),
        note.take(zero_or_more, stage[1], f"target of stage {number}", 1),
    )


def shared_iterations(
    iterations: int, *, vus: int, max_duration: str | float = MAX_DURATION, graceful_stop: str | float = GRACEFUL_STOP
) -> SharedIterations:
    """`iterations` in all, which `vus` virtual users take from; what has not begun after `max_duration` is dropped."""
    note = Faults()
    return checked(SharedIterations(**_limits(note, iterations, vus, max_duration, graceful_stop)), note)


def per_vu_iterations(
    iterations: int, *, vus: int, max_duration: str | float = MAX_DURATION, graceful_stop: str | float = GRACEFUL_STOP
) -> PerVuIterations:
    """`iterations` for each of `vus` virtual users; what has not begun after `max_duration` is dropped."""
    note = Faults()
    return checked(PerVuIterations(**_limits(note, iterations, vus, max_duration, graceful_stop)), note)


def _limits(note: Faults, iterations: object, vus: object, max_duration: object, graceful_stop: object) -> dict[str, Any]:
    return {
        "iterations": note.take(at_least_one, iterations, "iterations", 1),
        "vus": note.take(at_least_one, vus, "vus", 1),
        "max_duration_ns": note.take(some_duration, max_duration, "max_duration", NS),
        "graceful_stop_ns": note.take(any_duration, graceful_stop, "graceful_stop", 0),
    }
