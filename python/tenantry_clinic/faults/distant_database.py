"""The database lies farther away, as in another zone or region."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.faults._distance import ROUND_TRIP_MS, distant
from tenantry_clinic.faults._model import Fault, Ground, Show


@asynccontextmanager
async def _far(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with distant(ground.dsn, value) as dsn:
        yield {"CLINIC_DSN": dsn}


fault = Fault(
    summary="each statement travels some milliseconds to the database and back",
    parameter="milliseconds per round trip",
    default=ROUND_TRIP_MS,
    symptom="the db part of Server-Timing is the number of statements times the round trip, while Postgres itself is done at once",
    remedy="run the app beside the database; fewer statements per request",
    shown=Show("mixed", "60/s"),
    beside=_far,
)
