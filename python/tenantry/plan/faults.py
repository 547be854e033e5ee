"""Collecting faults: a value that is wrong is noted with its place, so that all of them can be reported together."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from tenantry.errors import UsageError, UsageErrors
from tenantry.types import call_site
from tenantry.units import duration_ns, rate

T = TypeVar("T")
Parser = Callable[[object, str], T]

MOST_PER_SECOND = 10**9
"""The highest rate and the finest one, as a denominator, that the engine's whole numbers hold exactly."""

_PORTION = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)", re.ASCII)
_LONGEST = 20


def whole(value: object, what: str, *, least: int) -> int:
    """A whole number of at least `least`; digits in a string count as one (from `--set`)."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise UsageError(f"{what} {value!r} is not a whole number", hint="give a whole number such as 50") from None
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{what} {value!r} is not a whole number", hint="give a whole number such as 50")
    if value < least:
        raise UsageError(f"{what} is {value}; it must be {least} or more", hint="give a whole number such as 50")
    return value


def at_least_one(value: object, what: str) -> int:
    return whole(value, what, least=1)


def zero_or_more(value: object, what: str) -> int:
    return whole(value, what, least=0)


def any_duration(value: object, what: str) -> int:
    """Nanoseconds of a duration that may be zero."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise UsageError(f"{what} {value!r} is not a duration", hint="write it as 30s, 5m or 1h30m")
    return duration_ns(value, what=what)


def some_duration(value: object, what: str) -> int:
    """Nanoseconds of a duration above zero."""
    parsed = any_duration(value, what)
    if parsed == 0:
        raise UsageError(f"{what} is zero; it must be longer than that", hint="write it as 30s, 5m or 1h30m")
    return parsed


def any_rate(value: object, what: str) -> Fraction:
    """Events per second, zero included."""
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise UsageError(f"{what} {value!r} is not a rate", hint="write it as 500/s or 30/m")
    parsed = rate(value, what=what)
    if too_fine(parsed):
        raise UsageError(f"{what} {value!r} is too high or too fine to be kept exactly", hint="write it as 500/s or 30/m")
    return parsed


def some_rate(value: object, what: str) -> Fraction:
    """Events per second, above zero."""
    parsed = any_rate(value, what)
    if parsed == 0:
        raise UsageError(f"{what} is zero; nothing would be sent", hint="write it as 500/s or 30/m")
    return parsed


def too_fine(rate: Fraction) -> bool:
    """Whether the engine cannot keep a rate exactly."""
    return rate > MOST_PER_SECOND or rate.denominator > MOST_PER_SECOND


def portion(value: object) -> Fraction | None:
    """`20%`, or 0.2 as a number or text, exactly; None for anything else."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float):
        return Fraction(str(value)) if 0 <= value < float("inf") else None
    text = str(value).strip()
    found = _PORTION.fullmatch(text) if len(text) <= _LONGEST else None
    return Fraction(found[1]) / (100 if found[2] else 1) if found is not None else None


def factor(value: object, what: str) -> Fraction:
    """A number above zero, or as per cent."""
    found = portion(value)
    if found is None or found <= 0:
        raise UsageError(f"{what} {value!r} is no number above zero", hint="write it as 0.2 or 20%")
    return found


class Faults:
    """The faults of one call of the user's file. `where` is the line of that call, or for example `--set rate=0/s`."""

    def __init__(self, where: str = "") -> None:
        self.where = where or str(call_site())
        self.found: list[UsageError] = []

    def add(self, what: str, hint: str = "") -> None:
        self.found.append(UsageError(what, where=self.where, hint=hint))

    def take(self, parse: Parser[T], value: object, what: str, instead: T) -> T:
        """What `parse` makes of `value`; when it refuses, `instead` after noting why."""
        try:
            return parse(value, what)
        except UsageError as fault:
            self.add(fault.what, fault.hint)
            return instead


def raise_all(faults: list[UsageError]) -> None:
    """Raise nothing, the only fault, or all of them as one UsageErrors."""
    unique = list({str(fault): fault for fault in faults}.values())
    if len(unique) == 1:
        raise unique[0]
    if unique:
        raise UsageErrors(unique)
