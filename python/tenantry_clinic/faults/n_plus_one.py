"""A query for each row of a list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
from starlette.responses import Response

from tenantry_clinic.db import Session
from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.routes.appointments import BETWEEN, ONE, CalendarPage, span_of
from tenantry_clinic.web import Call, answer, midnight

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


def one_by_one(queries_per_row: float) -> Callable[[Call, CalendarPage], Awaitable[Response]]:
    """The calendar, whose appointments are asked for once more, each alone."""

    async def calendar(call: Call, query: CalendarPage) -> Response:
        """The appointments of a day, week or month, one by one."""
        first, after = span_of(query.date or call.settings.today(), query.view)
        async with call.reading() as session:
            rows = await session.fetch(BETWEEN, midnight(first), midnight(after))
            appointments = await _again(session, rows, queries_per_row)
        return answer({"view": query.view, "from": first, "to": after, "appointments": appointments})

    return calendar


async def _again(session: Session, rows: list[asyncpg.Record], queries_per_row: float) -> list[asyncpg.Record | None]:
    found: list[asyncpg.Record | None] = list(rows)
    for place, row in enumerate(rows):
        for _ in range(int((place + 1) * queries_per_row) - int(place * queries_per_row)):
            found[place] = await session.fetchrow(ONE, row["id"])
    return found


def _loop(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/appointments"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=one_by_one(value))


fault = Fault(
    summary="the calendar asks for each appointment alone",
    parameter="queries per appointment",
    default=2,
    least=0.1,
    most=20,
    symptom="the calendar takes a round trip per appointment; one cheap statement is called many times per request",
    remedy="fetch the page with one query, as routes/appointments.py does",
    shown=Show("calendar", "60/s"),
    app=_loop,
)
