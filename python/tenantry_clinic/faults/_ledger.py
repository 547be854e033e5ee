"""Which faults are laid in a database, written down in it, so that those of a killed app can be mended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from tenantry_clinic.faults import fault, names
from tenantry_clinic.faults._model import Ground, NotPossible, owner
from tenantry_clinic.settings import APP_ROLE, Settings

SCHEMA = "tenantry_clinic_faults"
# Held by an app for as long as its faults lie: what is written down while nobody holds it was left behind.
_LOCK = "hashtext('tenantry_clinic_faults')"
_CREATE = f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE TABLE IF NOT EXISTS {SCHEMA}.laid (name text PRIMARY KEY)"


@asynccontextmanager
async def written_down(ground: Ground, faults: Mapping[str, float]) -> AsyncIterator[None]:
    """Mend what was left, then write down those faults that need mending; mend them at the end of the block."""
    async with owner(ground) as connection:
        if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LOCK})"):
            raise NotPossible("another app has laid faults in this database; end it first")
        await _mend_left(connection)
        await connection.execute(_CREATE)
        mended = [name for name in faults if fault(name).mend]
        await connection.executemany(f"INSERT INTO {SCHEMA}.laid VALUES ($1)", [(name,) for name in mended])
        try:
            yield
        finally:
            await _mend_left(connection)


async def mend(ground: Ground) -> list[str] | None:
    """Mend the faults of an app that was killed: their names; None when an app with faults is running."""
    async with owner(ground) as connection:
        if not await connection.fetchval(f"SELECT pg_try_advisory_lock({_LOCK})"):
            return None
        return await _mend_left(connection)


async def mend_what_is_left(settings: Settings) -> str:
    """Look as the app, and mend as the owner what a killed app has left; a line to tell, empty when there was nothing."""
    connection = await asyncpg.connect(settings.dsn, user=APP_ROLE, password=settings.password, timeout=10)
    try:
        there = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", SCHEMA)
    finally:
        await connection.close()
    if not there:
        return ""
    mended = await mend(Ground(settings.dsn, 0))
    if mended is None:
        return "another app has laid faults in this database"
    return f"mended the faults that a killed app had left: {', '.join(mended)}" if mended else ""


async def _mend_left(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.laid"):
        return []
    left = [row["name"] for row in await connection.fetch(f"SELECT name FROM {SCHEMA}.laid ORDER BY name")]
    for name in left:
        if name in names():
            await connection.execute(fault(name).mend)
    await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    return left
