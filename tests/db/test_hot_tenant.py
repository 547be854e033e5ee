"""Whose key it is that sessions wait for, as a real Postgres tells it: one row for each tenant, or one for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from runfolder import clinic_run
from running_clinic import Database
from test_observe_postgres import observed

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.rules._locks import hot_tenant
from tenantry.observe.settings import Observing
from tenantry.results import open_run

LENGTH_S = 3.0
# Of twelve sessions eight are those of one tenant, so that it has most of the waits whatever they wait for.
SESSIONS = {"7": 8, "8": 2, "9": 2}
ROW = "UPDATE stock SET left_over = left_over - 1 WHERE id = $1"
ADVISORY = "SELECT pg_advisory_xact_lock($1)"


async def load(dsn: str, statement: str, key: Callable[[str], int]) -> None:
    """Short transactions of all tenants, each of which holds its lock for ten milliseconds."""

    async def work(tenant: str) -> None:
        connection = await asyncpg.connect(dsn, server_settings={"application_name": f"POST /checkout clinic={tenant}"})
        until = time.monotonic() + LENGTH_S
        while time.monotonic() < until:
            async with connection.transaction():
                await connection.execute(statement, key(tenant))
                await connection.execute("SELECT pg_sleep(0.01)")
        await connection.close()

    await asyncio.gather(*(work(tenant) for tenant, count in SESSIONS.items() for _ in range(count)))


@pytest.mark.parametrize(("key", "expected"), [(int, "7"), (lambda tenant: 1, None)], ids=["a key each", "one for all"])
@pytest.mark.parametrize(("statement", "locks"), [(ROW, ("transactionid", "tuple")), (ADVISORY, ("advisory",))], ids=["row", "advisory"])
def test_a_hot_key_is_a_tenants_where_it_waits_behind_itself_alone(
    statement: str,
    locks: tuple[str, ...],
    key: Callable[[str], int],
    expected: str | None,
    new_database: Callable[[], str],
    tmp_path: Path,
) -> None:
    database = Database(new_database())
    database.run(
        "CREATE TABLE stock (id int PRIMARY KEY, left_over int)", "INSERT INTO stock SELECT n, 5 FROM generate_series(1, 9) n", "SELECT 1"
    )
    raw = clinic_run(20)
    raw.elapsed_s = LENGTH_S
    raw.write(tmp_path)
    observed(Observing(database.dsn, loads=False), tmp_path, lambda: asyncio.run(load(database.dsn, statement, key)))
    with open_run(tmp_path) as run:
        evidence = Evidence(run)
        assert evidence.run.tenants.seen >= 10
        hot = hot_tenant(evidence, locks)
        assert (hot and hot.tenant) == expected, evidence.sessions.between
