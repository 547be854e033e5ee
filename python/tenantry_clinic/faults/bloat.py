"""Dead rows that an old snapshot keeps from being cleaned up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.faults._model import Fault, Ground, Show, background, owner

UPDATE = "UPDATE clinics SET phone = phone"
EVERY_S = 0.2


@asynccontextmanager
async def _held(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with owner(ground) as reader, owner(ground) as writer:
        await writer.execute("ALTER TABLE clinics SET (autovacuum_enabled = off)")
        await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM clinics")
        for _ in range(int(value)):
            await writer.execute(UPDATE)
        async with background("bloat", _go_on(ground)):
            yield {}


async def _go_on(ground: Ground) -> None:
    async with owner(ground) as writer:
        while True:
            await writer.execute(UPDATE)
            await asyncio.sleep(EVERY_S)


fault = Fault(
    summary="every clinic's row is updated again and again while a transaction of long ago still sees the first version; autovacuum is off",
    parameter="dead versions of each row at the start",
    default=2000,
    most=100_000,
    symptom="dashboards become ever slower: the same statement reads more and more blocks; n_dead_tup grows, the oldest xmin stands still",
    remedy="end the old transaction, ALTER TABLE clinics RESET (autovacuum_enabled), VACUUM clinics",
    shown=Show("dashboard", "40/s", tenants=50),
    beside=_held,
    mend="ALTER TABLE clinics RESET (autovacuum_enabled)",
)
