"""The calendar, its free slots, and booking one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import asyncpg
import msgspec
from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.web import Call, Id, Problem, answer, midnight, signed_in

OPENS_AT, CLOSES_AT, SLOT_MINUTES = 8, 18, 30

APPOINTMENTS = """
SELECT a.id, a.pet_id, p.name AS pet, a.vet_id, v.full_name AS vet, a.starts_at, a.minutes, a.status, a.reason
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
BOOK = """
INSERT INTO appointments (clinic_id, pet_id, vet_id, starts_at, minutes, status, reason)
SELECT p.clinic_id, p.id, v.id, $3, $4, 'scheduled', $5
FROM pets p JOIN users v ON v.clinic_id = p.clinic_id
WHERE p.id = $1 AND v.id = $2 AND v.role = 'vet'
RETURNING id, pet_id, vet_id, starts_at, minutes, status, reason
"""


class Slot(msgspec.Struct):
    """One element of the list of free slots."""

    vet_id: Id
    starts_at: Annotated[datetime, msgspec.Meta(tz=True)]


class Booking(msgspec.Struct):
    """Body of a booking."""

    pet_id: Id
    slot: Slot
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] = "check-up"


def span_of(day: date, view: str) -> tuple[date, date]:
    """First day of the calendar page that holds `day`, and the day after its last."""
    if view == "day":
        return day, day + timedelta(1)
    if view == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(7)
    if view == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(31)).replace(day=1)
    raise Problem(422, "view must be day, week or month")


async def calendar(call: Call) -> Response:
    """The appointments of a day, week or month."""
    view = call.text("view") or "day"
    first, after = span_of(call.day(), view)
    async with call.reading() as connection:
        appointments = await connection.fetch(BETWEEN, midnight(first), midnight(after))
    return answer({"view": view, "from": first, "to": after, "appointments": appointments})


async def free_slots(call: Call) -> Response:
    """Every half hour of opening time in which a vet is free."""
    begin = midnight(call.day())
    span = begin + timedelta(hours=OPENS_AT), begin + timedelta(hours=CLOSES_AT)
    async with call.reading() as connection:
        return answer(await connection.fetch(FREE, *span, timedelta(minutes=SLOT_MINUTES)))


async def one(call: Call) -> Response:
    """An appointment with its pet and vet."""
    async with call.reading() as connection:
        found = await connection.fetchrow(ONE, call.id())
    if found is None:
        raise Problem(404, "unknown appointment")
    return answer(found)


async def book(call: Call) -> Response:
    """Book a slot: 409 when it is taken, 404 for a pet or vet that this clinic does not have."""
    booking = await call.body(Booking)
    starts_at = booking.slot.starts_at.astimezone(UTC)
    _check_slot(starts_at, call.settings.today())
    try:
        async with call.writing() as connection:
            booked = await connection.fetchrow(BOOK, booking.pet_id, booking.slot.vet_id, starts_at, SLOT_MINUTES, booking.reason)
    except asyncpg.UniqueViolationError:
        raise Problem(409, "this slot is taken") from None
    if booked is None:
        raise Problem(404, "unknown pet or vet")
    return answer(booked, 201)


def _check_slot(starts_at: datetime, today: date) -> None:
    in_grid = starts_at.minute % SLOT_MINUTES == 0 and starts_at.second == 0 and starts_at.microsecond == 0
    if not (in_grid and OPENS_AT <= starts_at.hour < CLOSES_AT):
        raise Problem(422, f"a slot begins every {SLOT_MINUTES} minutes from {OPENS_AT}:00 to {CLOSES_AT}:00 UTC")
    if starts_at.date() < today:
        raise Problem(422, "this slot is in the past")


routes = [
    Route("/api/appointments", signed_in(calendar)),
    Route("/api/appointments", signed_in(book), methods=["POST"]),
    Route("/api/appointments/slots", signed_in(free_slots)),
    Route("/api/appointments/{id:int}", signed_in(one)),
]
