"""Bounds of grades: from where on a figure of a run is good, a warning, poor or critical."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, portion, some_duration
from tenantry.types import Grade
from tenantry.units import NS

Given = tuple[str | float, str | float, str | float]
OPERATORS: dict[str, Callable[[float, float], bool]] = {"<": operator.lt, ">": operator.gt, ">=": operator.ge}
WORDS = ("good", "warning", "critical")


class Figure(NamedTuple):
    """What is graded: `title` for people, `unit` s or share, how a value is compared with the bounds of good and warning and with that of
    critical, and the bounds by default."""

    title: str
    unit: str
    within: str
    beyond: str
    default: Given

    @property
    def rising(self) -> bool:
        """Whether more is worse."""
        return self.within == "<"


FIGURES: dict[str, Figure] = {
    "p95": Figure("response time p95", "s", "<", ">", ("200ms", "500ms", "1000ms")),
    "failures": Figure("failed requests", "share", "<", ">", ("0.1%", "1%", "5%")),
    "throughput": Figure("throughput", "share", ">=", "<", ("100%", "80%", "50%")),
    "db_connections": Figure("database connections", "share", "<", ">=", ("80%", "90%", "100%")),
}


class Levels(NamedTuple):
    """The bounds of one figure, in seconds or as a share; between those of warning and of critical it is poor."""

    good: float
    warning: float
    critical: float

    def grade(self, figure: Figure, value: float) -> Grade:
        """The grade of a value."""
        within, beyond = OPERATORS[figure.within], OPERATORS[figure.beyond]
        if within(value, self.good):
            return "good"
        if within(value, self.warning):
            return "warning"
        return "critical" if beyond(value, self.critical) else "poor"

    def in_order(self, figure: Figure) -> bool:
        """Whether each is worse than the one before."""
        return self.good < self.warning < self.critical if figure.rising else self.good > self.warning > self.critical


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of every figure, by its name."""

    levels: Mapping[str, Levels]
    faults: tuple[UsageError, ...] = field(default=(), repr=False, compare=False)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for the plan."""
        return {name: levels._asdict() for name, levels in self.levels.items()}


def bounds(
    *,
    p95: Given = FIGURES["p95"].default,
    failures: Given = FIGURES["failures"].default,
    throughput: Given = FIGURES["throughput"].default,
    db_connections: Given = FIGURES["db_connections"].default,
) -> Bounds:
    """Where grades lie: of each figure the bounds of good, warning and critical, as `bounds(p95=("100ms", "300ms", "2s"))`.

    `p95` of the response time: good and warning below theirs, critical above its own. `failures`: the share of failed requests, in the same
    way. `throughput`: the share of the offered load that was done, good and warning from theirs on, critical below its own.
    `db_connections`: the share of the pool in use, good and warning below theirs, critical from its own on. What lies between is poor.
    """
    note = Faults()
    given = {"p95": p95, "failures": failures, "throughput": throughput, "db_connections": db_connections}
    return Bounds({name: _levels(name, FIGURES[name], value, note) for name, value in given.items()}, tuple(note.found))


def _levels(name: str, figure: Figure, given: object, note: Faults) -> Levels:
    if not isinstance(given, (tuple, list)) or len(given) != len(WORDS):
        note.add(f"the bounds of {name} are {given!r}, not those of {', '.join(WORDS)}", f"write {name}={_written(figure)}")
        return _default(figure)
    parse = _seconds if figure.unit == "s" else _share
    before = len(note.found)
    levels = Levels(*(note.take(parse, value, f"{word} of {name}", 0.0) for word, value in zip(WORDS, given, strict=True)))
    if len(note.found) == before and not levels.in_order(figure):
        way = "rise" if figure.rising else "fall"
        told = ", ".join(f"{word} {value}" for word, value in zip(WORDS, given, strict=True))
        note.add(f"the bounds of {name} must {way} from good to critical, but are {told}", f"write {name}={_written(figure)}")
    return levels if len(note.found) == before else _default(figure)


def _written(figure: Figure) -> str:
    return "(" + ", ".join(f'"{value}"' for value in figure.default) + ")"


def _seconds(value: object, what: str) -> float:
    return some_duration(value, what) / NS


def _share(value: object, what: str) -> float:
    """Above 0 and up to 1; a plain 1 could be meant as 1 % or as everything."""
    found = portion(value)
    if found is None or not 0 < found <= 1 or (found == 1 and "%" not in str(value)):
        raise UsageError(f"{what} {value!r} is not a share above 0 % and up to 100 %", hint="write it as 5%")
    return float(found)


def _default(figure: Figure) -> Levels:
    parse = _seconds if figure.unit == "s" else _share
    return Levels(*(parse(value, "") for value in figure.default))


DEFAULT = Bounds({name: _default(figure) for name, figure in FIGURES.items()})


def read_bounds(stored: Mapping[str, Any] | None) -> Bounds:
    """The bounds that a stored plan has; those by default where it has none, or none that could be."""
    rows = stored if isinstance(stored, Mapping) else {}
    return Bounds({name: _stored(figure, rows.get(name)) for name, figure in FIGURES.items()})


def _stored(figure: Figure, row: object) -> Levels:
    values = [row.get(word) for word in WORDS] if isinstance(row, Mapping) else []
    numbers = [float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)]
    if len(numbers) != len(WORDS) or not Levels(*numbers).in_order(figure):
        return _default(figure)
    return Levels(*numbers)
