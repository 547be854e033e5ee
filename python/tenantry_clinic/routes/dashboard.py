"""The page a clinic's day begins with, and search."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.routes.appointments import APPOINTMENTS, Appointment
from tenantry_clinic.routes.invoices import INVOICES, Invoice
from tenantry_clinic.rows import columns
from tenantry_clinic.web import NO_NULL, Call, Invalid, Problem, answer, midnight

area = Area("dashboard")


class FoundPatient(TypedDict):
    """A pet that search found."""

    id: int
    name: str
    species: str
    breed: str
    owner_id: int
    owner: str


class Person(TypedDict):
    """Somebody of the clinic."""

    id: int
    full_name: str
    email: str
    role: Literal["owner", "vet", "admin"]


class Found(TypedDict):
    """What search found."""

    q: str
    patients: list[FoundPatient]
    people: list[Person]
    invoices: list[Invoice]


class Dashboard(TypedDict):
    """The clinic in figures."""

    clinic: str
    name: str
    city: str
    patients: int
    owners: int
    appointments_today: int
    overdue_invoices: int
    outstanding: float
    today: date
    appointments: list[Appointment]
    recent_invoices: list[Invoice]


SUMMARY = """
SELECT c.slug AS clinic, c.name, c.city,
    (SELECT count(*) FROM pets) AS patients,
    (SELECT count(*) FROM users WHERE role = 'owner') AS owners,
    (SELECT count(*) FROM appointments WHERE starts_at >= $1 AND starts_at < $2 AND status <> 'cancelled') AS appointments_today,
    open.overdue AS overdue_invoices, open.outstanding
FROM clinics c, (
    SELECT count(*) FILTER (WHERE status = 'overdue') AS overdue, coalesce(sum(total), 0) AS outstanding
    FROM invoices WHERE status IN ('sent', 'overdue')
) AS open
"""
TODAY = APPOINTMENTS + " WHERE a.starts_at >= $1 AND a.starts_at < $2 AND a.status <> 'cancelled' ORDER BY a.starts_at, a.id"
RECENT_INVOICES = INVOICES + " ORDER BY i.issued_on DESC, i.id DESC LIMIT 5"
# Comparisons of text are leakproof, LIKE and lower() are not: only the former may use an index under row-level security.
# The key that Postgres makes of what is searched for is that of the columns name_key, first_key and last_key.
FOLDED = "translate(lower($1), 'ÁÉÍÓÚÑÜÄÖ', 'áéíóúñüäö')"
BETWEEN = f"BETWEEN {FOLDED} AND ({FOLDED} || U&'\\+10FFFF')"
PATIENTS = f"""
SELECT {columns(FoundPatient, "p", owner="o.full_name")}
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
WHERE p.name_key {BETWEEN} ORDER BY p.name_key, p.id LIMIT 20
"""
PEOPLE = f"""
SELECT {columns(Person)} FROM users
WHERE first_key {BETWEEN} OR last_key {BETWEEN} ORDER BY full_name, id LIMIT 20
"""
FOUND_INVOICES = INVOICES + " WHERE i.number >= $1 AND i.number < $2 ORDER BY i.number LIMIT 20"
_BEHIND_ALL = "\U0010ffff"


class Wanted(msgspec.Struct):
    """The beginning of a name or number."""

    q: Annotated[str, msgspec.Meta(min_length=2, max_length=100, pattern=NO_NULL)]


@area.get("/api/dashboard", answers=Dashboard, problems={404: "The clinic is gone"})
async def dashboard(call: Call) -> Response:
    """The clinic in figures, today's appointments, the latest invoices."""
    today = call.settings.today()
    span = midnight(today), midnight(today, 1)
    async with call.reading() as session:
        summary = await session.fetchrow(SUMMARY, *span)
        if summary is None:
            raise Problem(404, "unknown clinic")
        appointments = await session.fetch(TODAY, *span)
        invoices = await session.fetch(RECENT_INVOICES)
    return answer({**summary, "today": today, "appointments": appointments, "recent_invoices": invoices})


@area.get("/api/search", answers=Found)
async def search(call: Call, query: Wanted) -> Response:
    """Patients, people and invoices whose name or number begins with `q`."""
    wanted = query.q.strip()
    if len(wanted) < 2:
        raise Invalid("q", "needs 2 to 100 characters, without spaces around them")
    number = wanted.upper()
    async with call.reading() as session:
        patients = await session.fetch(PATIENTS, wanted)
        people = await session.fetch(PEOPLE, wanted)
        invoices = await session.fetch(FOUND_INVOICES, number, number + _BEHIND_ALL)
    return answer({"q": wanted, "patients": patients, "people": people, "invoices": invoices})
