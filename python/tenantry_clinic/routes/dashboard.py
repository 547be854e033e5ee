"""The page a clinic's day begins with, and search."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.routes.appointments import APPOINTMENTS
from tenantry_clinic.routes.invoices import INVOICES
from tenantry_clinic.web import Call, Problem, answer, midnight, signed_in

SUMMARY = """
SELECT c.slug AS clinic, c.name, c.city,
    (SELECT count(*) FROM pets) AS patients,
    (SELECT count(*) FROM users WHERE role = 'owner') AS owners,
    (SELECT count(*) FROM appointments WHERE starts_at >= $1 AND starts_at < $2 AND status <> 'cancelled') AS appointments_today,
    (SELECT count(*) FROM invoices WHERE status = 'overdue') AS overdue_invoices,
    (SELECT coalesce(sum(total), 0) FROM invoices WHERE status IN ('sent', 'overdue')) AS outstanding
FROM clinics c
"""
TODAY = APPOINTMENTS + " WHERE a.starts_at >= $1 AND a.starts_at < $2 AND a.status <> 'cancelled' ORDER BY a.starts_at, a.id"
RECENT_INVOICES = INVOICES + " ORDER BY i.issued_on DESC, i.id DESC LIMIT 5"
PATIENTS = """
SELECT p.id, p.name, p.species, p.breed, p.owner_id, o.full_name AS owner
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
WHERE p.name ILIKE $1 ORDER BY p.name, p.id LIMIT 20
"""
PEOPLE = """
SELECT id, full_name, email, role FROM users
WHERE full_name ILIKE $1 OR full_name ILIKE '% ' || $1 ORDER BY full_name, id LIMIT 20
"""
FOUND_INVOICES = INVOICES + " WHERE i.number ILIKE $1 ORDER BY i.number LIMIT 20"


async def dashboard(call: Call) -> Response:
    """The clinic in figures, today's appointments, the latest invoices."""
    today = call.settings.today()
    span = midnight(today), midnight(today, 1)
    async with call.reading() as connection:
        summary = await connection.fetchrow(SUMMARY, *span)
        if summary is None:
            raise Problem(404, "unknown clinic")
        appointments = await connection.fetch(TODAY, *span)
        invoices = await connection.fetch(RECENT_INVOICES)
    return answer({**summary, "today": today, "appointments": appointments, "recent_invoices": invoices})


async def search(call: Call) -> Response:
    """Patients, people and invoices whose name or number begins with `q`."""
    wanted = (call.text("q") or "").strip()
    if not 2 <= len(wanted) <= 100:
        raise Problem(422, "q must have 2 to 100 characters")
    prefix = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    async with call.reading() as connection:
        patients = await connection.fetch(PATIENTS, prefix)
        people = await connection.fetch(PEOPLE, prefix)
        invoices = await connection.fetch(FOUND_INVOICES, prefix)
    return answer({"q": wanted, "patients": patients, "people": people, "invoices": invoices})


routes = [Route("/api/dashboard", signed_in(dashboard)), Route("/api/search", signed_in(search))]
