"""Too few database connections in the app's pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry_clinic.faults._distance import ROUND_TRIP_MS, distant
from tenantry_clinic.faults._model import Fault, Ground, Show

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


@asynccontextmanager
async def _distant(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    """With the database on the same machine a transaction is over before another needs its connection."""
    async with distant(ground.dsn) as dsn:
        yield {"CLINIC_DSN": dsn}


def _shrink(blueprint: Blueprint, value: float) -> None:
    blueprint.settings = replace(blueprint.settings, pool=int(value))


fault = Fault(
    summary=f"the app's pool has too few connections to a database {ROUND_TRIP_MS:g} ms away",
    parameter="connections per worker",
    default=2,
    least=1,
    healthy=20,
    symptom="requests wait for a connection (pool part of Server-Timing) and all are in use, though Postgres is idle",
    remedy="python -m tenantry_clinic serve --pool 20",
    shown=Show("mixed", "60/s"),
    app=_shrink,
    beside=_distant,
)
