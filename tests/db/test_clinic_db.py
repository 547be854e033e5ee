"""The app's transactions on its own pool, cut to a single connection so that every step meets what the one before left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tenantry_clinic.db import UNAVAILABLE, Database
from tenantry_clinic.settings import Settings

if TYPE_CHECKING:
    from running_clinic import Clinic

COUNT = "SELECT count(*) FROM pets"
LEFT = "SELECT coalesce(current_setting('app.clinic_id', true), '')"


async def state_of_pool(db: Database) -> tuple[str, int]:
    """The tenant and the visible pets outside any transaction of the app."""
    async with db._pool.acquire() as connection:
        return await connection.fetchval(LEFT), await connection.fetchval(COUNT)


async def test_no_tenant_stays_on_a_connection(clinic: Clinic) -> None:
    async with Database.connect(Settings(clinic.database.dsn, pool=1)) as db:
        async with db.tenant(2) as connection:
            assert await connection.fetchval(LEFT) == "2"
            assert await connection.fetchval(COUNT) == 100
        assert await state_of_pool(db) == ("", 0)


async def test_neither_an_exception_nor_a_cancelled_query_leaves_a_transaction_or_a_tenant(clinic: Clinic) -> None:
    async with Database.connect(Settings(clinic.database.dsn, pool=1)) as db:
        with pytest.raises(ZeroDivisionError):
            async with db.tenant(1, write=True) as connection:
                await connection.execute("UPDATE products SET stock = 1 WHERE id = 20")
                _ = 1 / 0
        assert await state_of_pool(db) == ("", 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), db.tenant(1) as connection:
                await connection.execute("SELECT pg_sleep(60)")
        assert await state_of_pool(db) == ("", 0)
        async with db.tenant(1) as connection:
            assert await connection.fetchval("SELECT stock FROM products WHERE id = 20") == 100


async def test_a_reading_transaction_cannot_write(clinic: Clinic) -> None:
    async with Database.connect(Settings(clinic.database.dsn, pool=1)) as db:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with db.tenant(1) as connection:
                await connection.execute("UPDATE products SET stock = 1 WHERE id = 20")


async def test_a_reading_transaction_sees_one_state_whatever_others_write_meanwhile(clinic: Clinic) -> None:
    async with Database.connect(Settings(clinic.database.dsn, pool=2)) as db:
        async with db.tenant(1) as reading:
            async with db.tenant(1, write=True) as writing:
                await writing.execute("UPDATE products SET stock = 77 WHERE id = 20")
            assert await reading.fetchval("SELECT stock FROM products WHERE id = 20") == 100
        async with db.tenant(1, write=True) as writing:
            assert await writing.fetchval("SELECT stock FROM products WHERE id = 20") == 77
            await writing.execute("UPDATE products SET stock = 100 WHERE id = 20")


@pytest.mark.parametrize("pause", [0, 0.0002, 0.001, 0.01])
async def test_a_lost_connection_counts_as_unavailable_and_is_replaced(clinic: Clinic, pause: float) -> None:
    async with Database.connect(Settings(clinic.database.dsn, pool=1)) as db:
        for _ in range(5):
            with pytest.raises(UNAVAILABLE):
                async with db.tenant(1) as connection:
                    pid = await connection.fetchval("SELECT pg_backend_pid()")
                    await asyncio.to_thread(clinic.database.run, f"SELECT pg_terminate_backend({pid})")
                    await asyncio.sleep(pause)
                    await connection.fetchval(COUNT)
            assert await db.is_alive()
