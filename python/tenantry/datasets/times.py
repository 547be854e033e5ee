"""Columns of dates and times: relative to the anchor or to another column, in a calendar of numbered slots, and ranges between two of them.

Days count from the dataset's anchor, its "today": `day(-30, 0)` lies in the last thirty days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenantry.datasets.columns import Column
from tenantry.units import duration_ns

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True, slots=True)
class After:
    """A point in time relative to another column of the row, in microseconds."""

    column: str
    offset: int


def after(column: str, days: float = 0, *, hours: float = 0, minutes: float = 0) -> After:
    """So long after another column (a date or time) of the same row; a bound of `day` and `moment`."""
    return After(column, round(days * _DAY_US + hours * _HOUR_US + minutes * _MINUTE_US))


def slot_time(slot: str, *, first_day: int, lanes: int = 1, hours: tuple[float, float] = (8, 18), every: str = "30m") -> Column:
    """The time of a numbered slot of a calendar with `lanes` slots at each time, starting `first_day` days after the anchor (UTC).

    Slots of whole days (`every="7d"`) begin at the first of the `hours`, or are `.typed("date")`.
    """
    calendar = {"slot": slot, "first_day": first_day, "lanes": lanes, "hours": _hours(hours), "every": _micros(every)}
    return Column("slot_time", "timestamptz", calendar)


def day(low: float | After, high: float | After | None = None) -> Column:
    """A uniform date, both ends included; each end in days from the anchor, or `after` another column. Without the second, the first."""
    return Column("moment", "date", {"low": _bound(low), "high": _bound(low if high is None else high), "step": _DAY_US, "hours": None})


def moment(low: float | After, high: float | After | None = None, *, every: str = "1s", hours: tuple[float, float] | None = None) -> Column:
    """A uniform time on whole multiples of `every`, both ends included; with `hours`, on whole days and only at those hours (UTC).

    Without a second end it is the first: `moment(after("starts_at", minutes=30))`.
    """
    ends = {"low": _bound(low), "high": _bound(low if high is None else high)}
    return Column("moment", "timestamptz", {**ends, "step": _micros(every), "hours": _hours(hours) if hours else None})


def between(low: str, high: str) -> Column:
    """A range of Postgres from one column of the row up to another, `[low, high)`: tstzrange, tsrange, daterange, int4range or int8range
    by their type. Where one is null, it has no bound there."""
    return Column("range", "", {"low": low, "high": high})


def _bound(bound: float | After) -> dict[str, Any]:
    if isinstance(bound, After):
        return {"column": bound.column, "offset": bound.offset}
    return {"column": None, "offset": round(bound * _DAY_US)}


def _hours(hours: tuple[float, float]) -> dict[str, int]:
    return {"open": round(hours[0] * _HOUR_US), "close": round(hours[1] * _HOUR_US)}


def _micros(text: str) -> int:
    return duration_ns(text) // 1000
