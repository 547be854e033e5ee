"""Metrics of a script's own, declared at the top of its file and filled from any coroutine of a virtual user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from tenantry.errors import UsageError
from tenantry.metrics.builtin import METRICS, Kind
from tenantry.metrics.place import current_group, current_session, current_tags
from tenantry.plan.declared import declare
from tenantry.plan.faults import Faults
from tenantry.plan.tags import checked_tags
from tenantry.types import Location, call_site

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_WORDS = ("and", "or", "over", "after", "abort")
_LONGEST_UNIT = 20


class CustomMetric:
    """A name with a unit, and what is wrong with them; equal to nothing but itself."""

    __slots__ = ("faults", "location", "name", "unit")

    kind: ClassVar[Kind]

    def __init__(self, name: str, unit: str) -> None:
        self.location: Location = call_site()
        self.name = name
        self.unit = unit
        self.faults: tuple[UsageError, ...] = tuple(_faults(name, unit))

    def _put(self, value: float, tags: Mapping[str, str] | None) -> None:
        session = current_session.get()
        if session is None:
            raise UsageError(f"the metric {self.name} was given a value outside of a scenario", hint="call it in a scenario")
        group = current_group.get()
        if group or tags:
            session.measure(self.name, value, group, all_tags(tags))
        else:
            session.measure(self.name, value)

    def __repr__(self) -> str:
        return f"{self.kind}({self.name!r}, unit={self.unit!r})"


def all_tags(own: Mapping[str, str] | None) -> dict[str, str] | None:
    """The tags of the groups around with a call's own, which win."""
    outer = current_tags.get()
    if not own:
        return outer
    return {**outer, **checked_tags(own)} if outer else checked_tags(own)


class Counter(CustomMetric):
    """A sum that only grows: orders placed, bytes read."""

    __slots__ = ()
    kind: ClassVar[Kind] = "counter"

    def add(self, value: float = 1, *, tags: Mapping[str, str] | None = None) -> None:
        """Add `value`, zero or more. Raises UsageError, an error of the script, for a negative one."""
        if value < 0:
            raise UsageError(f"the counter {self.name} was given {value}; it only grows", hint="use a gauge for what goes up and down")
        self._put(value, tags)


class Gauge(CustomMetric):
    """A value that goes up and down, of which the last one counts: stock, queue length."""

    __slots__ = ()
    kind: ClassVar[Kind] = "gauge"

    def set(self, value: float, *, tags: Mapping[str, str] | None = None) -> None:
        """Take `value` as the newest."""
        self._put(value, tags)


class Rate(CustomMetric):
    """How often something holds, as a share of 0 to 1."""

    __slots__ = ()
    kind: ClassVar[Kind] = "rate"

    def add(self, held: bool, *, tags: Mapping[str, str] | None = None) -> None:
        """Count once whether it held."""
        self._put(1.0 if held else 0.0, tags)


class Trend(CustomMetric):
    """A distribution: average, extremes and percentiles with three digits, in any unit."""

    __slots__ = ()
    kind: ClassVar[Kind] = "trend"

    def add(self, value: float, *, tags: Mapping[str, str] | None = None) -> None:
        """Add one value to the distribution."""
        self._put(value, tags)


def counter(name: str, *, unit: str = "") -> Counter:
    """A sum that only grows: `orders = counter("orders", unit="orders")`, then `orders.add()` in a scenario."""
    return declare(Counter(name, unit))


def gauge(name: str, *, unit: str = "") -> Gauge:
    """A value of which the last one counts: `stock = gauge("stock", unit="items")`, then `stock.set(7)`."""
    return declare(Gauge(name, unit))


def rate(name: str, *, unit: str = "") -> Rate:
    """How often something holds: `cached = rate("cached")`, then `cached.add(page.headers.get("x-cache") == "hit")`."""
    return declare(Rate(name, unit))


def trend(name: str, *, unit: str = "") -> Trend:
    """A distribution of values: `queued = trend("queue_time", unit="s")`, then `queued.add(0.25)`."""
    return declare(Trend(name, unit))


def _faults(name: object, unit: object) -> list[UsageError]:
    note = Faults()
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        note.add(f"{name!r} is no name for a metric", 'write small letters, digits and _, for example counter("orders")')
    elif name in METRICS:
        note.add(f"{name} is the name of a metric that every run has", "give it another name")
    elif name in _WORDS:
        note.add(f"{name} is a word of the threshold grammar", "give it another name")
    if not isinstance(unit, str) or len(unit) > _LONGEST_UNIT or not unit.isprintable():
        note.add(f"the unit {unit!r} is no short text", 'write unit="s" or unit="orders"')
    return note.found


def twice(metrics: list[CustomMetric]) -> list[UsageError]:
    """A fault for every metric whose name another one has already."""
    first: dict[str, CustomMetric] = {}
    faults = []
    for metric in metrics:
        other = first.setdefault(metric.name, metric)
        if other is not metric:
            what = f"there are two metrics named {metric.name}; the other one is at {other.location}"
            faults.append(UsageError(what, where=str(metric.location), hint="keep one, and import it where it is needed"))
    return faults
