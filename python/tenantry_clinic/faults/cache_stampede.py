"""A figure that is costly to compute, kept for a while, and computed anew by all who miss it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.web import Call

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

# Of all clinics, so it is nobody's rows and the owner's function: how many days lie between two visits of a patient.
CREATE = """
CREATE OR REPLACE FUNCTION days_between_visits() RETURNS numeric
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
        SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY days))::numeric, 1)
        FROM (
            SELECT extract(epoch FROM r.visited_at - (
                SELECT max(e.visited_at) FROM medical_records e
                WHERE e.clinic_id = r.clinic_id AND e.pet_id = r.pet_id AND e.visited_at < r.visited_at
            )) / 86400 AS days
            FROM medical_records r
        ) AS gaps
    $$;
REVOKE ALL ON FUNCTION days_between_visits() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION days_between_visits() TO clinic_app;
"""
DROP = "DROP FUNCTION IF EXISTS days_between_visits()"


class Kept:
    """The figure, for all clinics the same."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s, self._until, self._value = keep_s, 0.0, 0.0

    async def get(self, call: Call) -> float:
        """From the cache, or from the database; nobody waits for another who is there already."""
        if self._until < monotonic():
            async with call.reading() as session:
                self._value = float(await session.fetchval("SELECT days_between_visits()") or 0)
            self._until = monotonic() + self._keep_s
        return self._value


def compared(endpoint: Callable[[Call], Awaitable[Response]], kept: Kept) -> Callable[[Call], Awaitable[Response]]:
    """The dashboard with the figure of all clinics."""

    async def dashboard(call: Call) -> Response:
        days = await kept.get(call)
        response = await endpoint(call)
        page = msgspec.json.decode(response.body) | {"days_between_visits": days}
        return Response(msgspec.json.encode(page), response.status_code, media_type=response.media_type)

    return dashboard


def _cache(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/dashboard"
    operation = blueprint.operations[name]
    blueprint.operations[name] = replace(operation, endpoint=compared(operation.endpoint, Kept(value)))


fault = Fault(
    summary="when a costly figure of the dashboard expires, all requests compute it at once",
    parameter="seconds that the figure is kept",
    default=3,
    symptom="bursts of one statement at the period of the cache; between them all is well",
    remedy="let one request compute and the others wait for it or take the old figure (an asyncio.Lock); spread the times of expiry",
    shown=Show("dashboard", "60/s"),
    app=_cache,
    lay=CREATE,
    mend=DROP,
)
