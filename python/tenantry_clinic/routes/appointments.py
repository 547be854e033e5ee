"""The calendar, its free slots; booking, moving and cancelling."""

from __future__ import annotations

import datetime
from datetime import UTC, timedelta
from typing import Annotated, Literal, TypedDict

import asyncpg
import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.rows import columns
from tenantry_clinic.web import NO_NULL, Call, Id, Invalid, Problem, answer, check_year, midnight

area = Area("appointments")
OPENS_AT, CLOSES_AT, SLOT_MINUTES = 8, 18, 30


class Booked(TypedDict):
    """An appointment."""

    id: int
    pet_id: int
    vet_id: int
    starts_at: datetime.datetime
    minutes: int
    status: Literal["scheduled", "confirmed", "completed", "cancelled"]
    reason: str


class Appointment(Booked):
    """An appointment with the names of pet and vet."""

    pet: str
    vet: str


class FreeSlot(TypedDict):
    """Half an hour of a vet."""

    vet_id: int
    starts_at: datetime.datetime


Calendar = TypedDict(
    "Calendar",
    {"view": Literal["day", "week", "month"], "from": datetime.date, "to": datetime.date, "appointments": list[Appointment]},
)

APPOINTMENTS = f"""
SELECT {columns(Appointment, "a", pet="p.name", vet="v.full_name")}
FROM appointments a
JOIN pets p ON p.clinic_id = a.clinic_id AND p.id = a.pet_id
JOIN users v ON v.clinic_id = a.clinic_id AND v.id = a.vet_id
"""
BETWEEN = APPOINTMENTS + " WHERE a.starts_at >= $1 AND a.starts_at < $2 ORDER BY a.starts_at, a.id"
ONE = APPOINTMENTS + " WHERE a.id = $1"
FREE = """
SELECT v.id AS vet_id, slot AS starts_at
FROM generate_series($1::timestamptz, $2::timestamptz - $3::interval, $3::interval) AS slot
CROSS JOIN users v
WHERE v.role = 'vet' AND NOT EXISTS (
    SELECT FROM appointments a
    WHERE a.clinic_id = v.clinic_id AND a.vet_id = v.id AND a.starts_at = slot AND a.status <> 'cancelled'
)
ORDER BY slot, v.id
"""
# The row comes into being only if pet and vet are of this clinic: row-level security hides all others.
BOOK = f"""
INSERT INTO appointments (clinic_id, pet_id, vet_id, starts_at, minutes, status, reason)
SELECT p.clinic_id, p.id, v.id, $3, $4, 'scheduled', $5
FROM pets p JOIN users v ON v.clinic_id = p.clinic_id
WHERE p.id = $1 AND v.id = $2 AND v.role = 'vet'
RETURNING {columns(Booked)}
"""
OPEN = "status IN ('scheduled', 'confirmed')"
MOVE = f"""
UPDATE appointments a SET vet_id = v.id, starts_at = $3
FROM users v WHERE v.clinic_id = a.clinic_id AND v.id = $2 AND v.role = 'vet' AND a.id = $1 AND a.{OPEN}
RETURNING {columns(Booked, "a")}
"""
CANCEL = f"UPDATE appointments SET status = 'cancelled' WHERE id = $1 AND {OPEN} RETURNING {columns(Booked)}"
EXISTS = "SELECT EXISTS (SELECT FROM appointments WHERE id = $1)"
BOTH_EXIST = "SELECT EXISTS (SELECT FROM appointments WHERE id = $1), EXISTS (SELECT FROM users WHERE id = $2 AND role = 'vet')"
_STARTS_AT = "slot.starts_at"


class CalendarPage(msgspec.Struct):
    """What of the calendar."""

    date: datetime.date | None = None
    view: Literal["day", "week", "month"] = "day"


class Day(msgspec.Struct):
    """A day, today without."""

    date: datetime.date | None = None


class Slot(msgspec.Struct):
    """One element of the list of free slots."""

    vet_id: Id
    starts_at: Annotated[datetime.datetime, msgspec.Meta(tz=True)]


class Booking(msgspec.Struct):
    """A pet, a free slot, and why."""

    pet_id: Id
    slot: Slot
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=NO_NULL)] = "check-up"


class Move(msgspec.Struct):
    """The slot that an appointment moves to."""

    slot: Slot


def span_of(day: datetime.date, view: str) -> tuple[datetime.date, datetime.date]:
    """First day of the calendar page that holds `day`, and the day after its last."""
    if view == "day":
        return day, day + timedelta(1)
    if view == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(7)
    first = day.replace(day=1)
    return first, (first + timedelta(31)).replace(day=1)


@area.get("/api/appointments", answers=Calendar)
async def calendar(call: Call, query: CalendarPage) -> Response:
    """The appointments of a day, week or month."""
    first, after = span_of(check_year(query.date or call.settings.today(), "date"), query.view)
    async with call.reading() as session:
        appointments = await session.fetch(BETWEEN, midnight(first), midnight(after))
    return answer({"view": query.view, "from": first, "to": after, "appointments": appointments})


@area.get("/api/appointments/slots", answers=list[FreeSlot])
async def free_slots(call: Call, query: Day) -> Response:
    """Every half hour of opening time in which a vet is free."""
    begin = midnight(check_year(query.date or call.settings.today(), "date"))
    span = begin + timedelta(hours=OPENS_AT), begin + timedelta(hours=CLOSES_AT)
    async with call.reading() as session:
        slots = await session.fetch(FREE, *span, timedelta(minutes=SLOT_MINUTES))
    return answer(slots)


@area.get("/api/appointments/{id}", answers=Appointment)
async def one(call: Call, key: int) -> Response:
    """An appointment with its pet and vet."""
    async with call.reading() as session:
        found = await session.fetchrow(ONE, key)
    if found is None:
        raise Problem(404, "unknown appointment")
    return answer(found)


@area.post("/api/appointments", status=201, answers=Booked, problems={404: "The clinic has no such pet or vet", 409: "The slot is taken"})
async def book(call: Call, body: Booking) -> Response:
    """Book a slot."""
    starts_at = _checked(body.slot, call.settings.today())
    try:
        async with call.writing() as session:
            booked = await session.fetchrow(BOOK, body.pet_id, body.slot.vet_id, starts_at, SLOT_MINUTES, body.reason)
    except asyncpg.UniqueViolationError:
        raise Problem(409, "this slot is taken") from None
    if booked is None:
        raise Problem(404, "unknown pet or vet")
    return answer(booked, 201)


@area.patch(
    "/api/appointments/{id}",
    answers=Booked,
    problems={404: "The clinic has no such appointment or vet", 409: "The slot is taken, or the appointment no longer open"},
)
async def move(call: Call, key: int, body: Move) -> Response:
    """Move an open appointment to another slot."""
    starts_at = _checked(body.slot, call.settings.today())
    try:
        async with call.writing() as session:
            moved = await session.fetchrow(MOVE, key, body.slot.vet_id, starts_at)
            known = moved or await session.fetchrow(BOTH_EXIST, key, body.slot.vet_id)
    except asyncpg.UniqueViolationError:
        raise Problem(409, "this slot is taken") from None
    return _changed(moved, known=bool(known and all(known)))


@area.post("/api/appointments/{id}/cancel", answers=Booked, problems={409: "No longer open"})
async def cancel(call: Call, key: int) -> Response:
    """Cancel an open appointment; its slot is free again."""
    async with call.writing() as session:
        cancelled = await session.fetchrow(CANCEL, key)
        known = cancelled or await session.fetchval(EXISTS, key)
    return _changed(cancelled, known=bool(known))


def _changed(row: asyncpg.Record | None, *, known: bool) -> Response:
    if row is not None:
        return answer(row)
    raise Problem(409, "this appointment is over or cancelled") if known else Problem(404, "unknown appointment or vet")


def _checked(slot: Slot, today: datetime.date) -> datetime.datetime:
    check_year(slot.starts_at.date(), _STARTS_AT)
    starts_at = slot.starts_at.astimezone(UTC)
    in_grid = starts_at.minute % SLOT_MINUTES == 0 and starts_at.second == 0 and starts_at.microsecond == 0
    if not (in_grid and OPENS_AT <= starts_at.hour < CLOSES_AT):
        raise Invalid(_STARTS_AT, f"a slot begins every {SLOT_MINUTES} minutes from {OPENS_AT}:00 to {CLOSES_AT}:00 UTC")
    if starts_at.date() < today:
        raise Invalid(_STARTS_AT, "this slot is in the past")
    return starts_at
