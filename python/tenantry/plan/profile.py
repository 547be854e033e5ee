"""What all load profiles have in common.

A constructor never raises for a wrong value: it notes the fault in `faults` with the line of the call, so that a workload can report all
of its faults together (`Workload.plan` raises them).
"""

from __future__ import annotations

from dataclasses import field, replace
from fractions import Fraction
from math import floor
from typing import Any, TypeVar

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, Parser, any_duration, too_fine
from tenantry.units import NS

GRACEFUL_STOP = "30s"
MOST_NS = 1 << 56
"""The longest profile that the engine's whole numbers hold exactly: two years."""

Setting = tuple[str, Parser[Any]]
"""The field that a setting of `--set` changes, and what reads its value."""

Problems = list[tuple[str, str]]
"""What is wrong with values that are fine each for itself, and what to do."""

FOR_ALL: dict[str, Setting] = {"graceful_stop": ("graceful_stop_ns", any_duration)}
P = TypeVar("P")


def no_faults() -> tuple[UsageError, ...]:
    return field(default=(), repr=False, compare=False)


def checked(profile: P, note: Faults) -> P:
    """The profile with the faults of its values or, when those are fine, of their combination."""
    if not note.found:
        for what, hint in profile.problems():  # type: ignore[attr-defined]
            note.add(what, hint)
    return replace(profile, faults=tuple(note.found))  # type: ignore[type-var]


def scaled_count(count: int, factor: Fraction) -> int:
    """A number of virtual users or iterations times `factor`, rounded half up; never below 1 where there was one."""
    return max(floor(count * factor + Fraction(1, 2)), min(count, 1))


def rate_problems(*rates: Fraction) -> Problems:
    """The fault of rates that are each fine as written, but not once they are scaled."""
    wrong = [rate for rate in rates if too_fine(rate)]
    return [(f"a rate of {float(wrong[0]):.6g}/s is too high or too fine to be kept exactly", "choose another scale")] if wrong else []


def length_problems(kind: str, duration_ns: int) -> Problems:
    """The fault of a profile that lasts for years."""
    if duration_ns < MOST_NS:
        return []
    return [(f"{kind} lasts {duration_ns // (86_400 * NS):,} days; it must be shorter than two years", "give it less time")]
