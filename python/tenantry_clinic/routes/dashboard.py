"""The page a clinic's day begins with, and search."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.routes.appointments import APPOINTMENTS
from tenantry_clinic.routes.invoices import INVOICES
from tenantry_clinic.web import Call, Problem, answer, midnight

area = Area("dashboard")

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
# Comparisons of text are leakproof, LIKE and lower() of a column are not: only the former may use an index under row-level security.
PATIENTS = """
SELECT p.id, p.name, p.species, p.breed, p.owner_id, o.full_name AS owner
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
WHERE p.name_key >= lower($1) AND p.name_key < lower($1) || $2 ORDER BY p.name_key, p.id LIMIT 20
"""
PEOPLE = """
SELECT id, full_name, email, role FROM users
WHERE first_key >= lower($1) AND first_key < lower($1) || $2 OR last_key >= lower($1) AND last_key < lower($1) || $2
ORDER BY full_name, id LIMIT 20
"""
FOUND_INVOICES = INVOICES + " WHERE i.number >= upper($1) AND i.number < upper($1) || $2 ORDER BY i.number LIMIT 20"
_BEHIND_ALL = "\U0010ffff"


class Wanted(msgspec.Struct):
    """The beginning of a name or number."""

    q: Annotated[str, msgspec.Meta(min_length=2, max_length=100)]


@area.get("/api/dashboard", problems={404: "The clinic is gone"})
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


@area.get("/api/search")
async def search(call: Call, query: Wanted) -> Response:
    """Patients, people and invoices whose name or number begins with `q`."""
    wanted = query.q.strip()
    if len(wanted) < 2:
        raise Problem(422, "q must have 2 to 100 characters")
    async with call.reading() as session:
        patients = await session.fetch(PATIENTS, wanted, _BEHIND_ALL)
        people = await session.fetch(PEOPLE, wanted, _BEHIND_ALL)
        invoices = await session.fetch(FOUND_INVOICES, wanted, _BEHIND_ALL)
    return answer({"q": wanted, "patients": patients, "people": people, "invoices": invoices})
