"""A query for each row of a list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.routes.appointments import ONE, CalendarPage, span_of
from tenantry_clinic.web import Call, answer, midnight

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

IDS = "SELECT id FROM appointments WHERE starts_at >= $1 AND starts_at < $2 ORDER BY starts_at, id"


async def calendar(call: Call, query: CalendarPage) -> Response:
    """The appointments of a day, week or month, one by one."""
    first, after = span_of(query.date or call.settings.today(), query.view)
    async with call.reading() as session:
        ids = await session.fetch(IDS, midnight(first), midnight(after))
        appointments = [await session.fetchrow(ONE, row["id"]) for row in ids]
    return answer({"view": query.view, "from": first, "to": after, "appointments": appointments})


def _loop(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/appointments"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=calendar)


fault = Fault(
    summary="the calendar asks for each appointment alone",
    symptom="the calendar takes a round trip per appointment; one cheap statement is called many times per request",
    remedy="fetch the page with one query, as routes/appointments.py does",
    shown=Show("calendar", "60/s"),
    app=_loop,
)
