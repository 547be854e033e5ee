"""A migration that waits for a reader, and everybody else behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.faults._model import Fault, Ground, Show, background, owner

READ = "SELECT count(*) FROM appointments, pg_sleep($1::float)"
ALTER = "ALTER TABLE appointments ADD COLUMN IF NOT EXISTS migrated boolean"
PAUSE_S = 1.5


@asynccontextmanager
async def _migrating(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with background("ddl_lock", _migrate(ground, value)):
        yield {}


async def _migrate(ground: Ground, value: float) -> None:
    async with owner(ground) as report, owner(ground) as migration:
        while True:
            async with asyncio.TaskGroup() as both:
                both.create_task(report.execute(READ, value))
                await asyncio.sleep(0.05)
                both.create_task(migration.execute(ALTER))
            await asyncio.sleep(PAUSE_S)


fault = Fault(
    summary="a migration alters appointments again and again, each time behind a report that is reading them",
    parameter="seconds that the report reads",
    default=1,
    least=0.01,
    most=20,
    symptom="every few seconds whatever reads appointments stands still (Lock:relation), behind an AccessExclusiveLock not granted",
    remedy="SET lock_timeout = '100ms' for migrations, and try again; no long reports on the primary",
    shown=Show("calendar", "40/s"),
    beside=_migrating,
    mend="ALTER TABLE appointments DROP COLUMN IF EXISTS migrated",
)
