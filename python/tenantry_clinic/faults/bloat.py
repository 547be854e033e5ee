"""Dead rows that an old snapshot keeps from being cleaned up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.faults._model import Fault, Ground, Show, background, owner
from tenantry_clinic.faults._rows import DROP_INVOICES, paid_invoices

INVOICES = 5000
UPDATE = "UPDATE invoices SET total = total WHERE number LIKE 'FAULT-%'"
SOME = "UPDATE invoices SET total = total WHERE number LIKE 'FAULT-9%'"
EVERY_S = 1


@asynccontextmanager
async def _held(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with owner(ground) as reader, owner(ground) as writer:
        await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM clinics")
        for _ in range(int(value)):
            await writer.execute(UPDATE)
        async with background("bloat", _go_on(ground)):
            yield {}


async def _go_on(ground: Ground) -> None:
    async with owner(ground) as writer:
        while True:
            await writer.execute(SOME)
            await asyncio.sleep(EVERY_S)


fault = Fault(
    summary="invoices are updated again and again while a transaction of long ago still sees their first versions; autovacuum is off",
    parameter="dead versions of each invoice at the start",
    default=10,
    most=1000,
    symptom="dashboards become ever slower: the same statement reads more and more blocks; n_dead_tup grows, the oldest xmin stands still",
    remedy="end the old transaction; ALTER TABLE invoices RESET (autovacuum_enabled); VACUUM invoices",
    shown=Show("dashboard", "20/s", tenants=5),
    scene=paid_invoices(INVOICES),
    lay=f"ALTER TABLE invoices SET (autovacuum_enabled = off); {paid_invoices(INVOICES)}",
    beside=_held,
    mend=f"ALTER TABLE invoices RESET (autovacuum_enabled); {DROP_INVOICES}",
)
