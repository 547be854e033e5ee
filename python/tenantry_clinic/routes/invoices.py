"""Invoices."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.web import Call, Problem, answer, signed_in

STATES = ("draft", "sent", "paid", "overdue")
PER_PAGE = 20
LAST_PAGE = 100_000
INVOICES = """
SELECT i.id, i.number, i.status, i.issued_on, i.due_on, i.total, i.owner_id, o.full_name AS owner
FROM invoices i JOIN users o ON o.clinic_id = i.clinic_id AND o.id = i.owner_id
"""
PAGE = INVOICES + " ORDER BY i.issued_on DESC, i.id DESC LIMIT $1 OFFSET $2"
PAGE_OF_STATUS = INVOICES + " WHERE i.status = $3 ORDER BY i.issued_on DESC, i.id DESC LIMIT $1 OFFSET $2"
ONE = INVOICES + " WHERE i.id = $1"


async def page(call: Call) -> Response:
    """Invoices, latest first; those of one status with `status`."""
    status, number = call.text("status"), call.number("page", 1, most=LAST_PAGE)
    if status is not None and status not in STATES:
        raise Problem(422, f"status must be one of {', '.join(STATES)}")
    window = PER_PAGE, (number - 1) * PER_PAGE
    async with call.reading() as connection:
        found = await (connection.fetch(PAGE, *window) if status is None else connection.fetch(PAGE_OF_STATUS, *window, status))
    return answer({"page": number, "status": status, "invoices": found})


async def one(call: Call) -> Response:
    """An invoice."""
    async with call.reading() as connection:
        found = await connection.fetchrow(ONE, call.id())
    if found is None:
        raise Problem(404, "unknown invoice")
    return answer(found)


routes = [Route("/api/invoices", signed_in(page)), Route("/api/invoices/{id:int}", signed_in(one))]
