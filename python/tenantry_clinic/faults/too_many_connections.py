"""Other processes have taken nearly all connections that Postgres allows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import asyncpg

from tenantry_clinic.db import Database
from tenantry_clinic.faults._distance import ROUND_TRIP_MS, distant
from tenantry_clinic.faults._model import Fault, Ground, Show
from tenantry_clinic.settings import APP_ROLE

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


@asynccontextmanager
async def _others(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    """Open connections until Postgres refuses one, then close so many as the app may have."""
    opened: list[asyncpg.Connection[asyncpg.Record]] = []
    async with AsyncExitStack() as closing:
        while True:
            try:
                opened.append(await _connect(ground))
            except asyncpg.TooManyConnectionsError:
                break
            closing.push_async_callback(opened[-1].close)
        for connection in opened[len(opened) - int(value) :]:
            await connection.close()
        yield {"CLINIC_DSN": await closing.enter_async_context(distant(ground.dsn))}


async def _connect(ground: Ground) -> asyncpg.Connection[asyncpg.Record]:
    settings = {"application_name": "another worker of tenantry_clinic"}
    return await asyncpg.connect(ground.dsn, user=APP_ROLE, password=os.environ.get("CLINIC_DB_PASSWORD"), server_settings=settings)


def _open_when_needed(blueprint: Blueprint, value: float) -> None:
    blueprint.open_database = partial(Database.connect, min_size=0)


fault = Fault(
    summary=f"the pools of all processes together are larger than max_connections; the database is {ROUND_TRIP_MS:g} ms away",
    parameter="connections that are left to the app",
    default=2,
    least=1,
    healthy=20,
    symptom="Postgres refuses connections (SQLSTATE 53300), which become answers 503, while hardly any session is active",
    remedy="smaller pools, or a pooler in front of Postgres; ALTER SYSTEM SET max_connections = 100 is the last resort",
    shown=Show("mixed", "60/s", "failures", server={"max_connections": "40"}),
    app=_open_when_needed,
    beside=_others,
)
