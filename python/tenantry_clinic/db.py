"""The connection pool, and transactions that see exactly one clinic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import asyncpg

from tenantry_clinic.settings import APP_ROLE, Settings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

UNAVAILABLE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver met the server's farewell between two messages
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


class Account(NamedTuple):
    """A user as login needs it."""

    id: int
    clinic_id: int
    role: str
    password_hash: str
    clinic: str


class Database:
    """All access to Postgres, always as the role `clinic_app`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator[Database]:
        """Open all connections of the pool; close them at the end."""
        pool = asyncpg.create_pool(
            settings.dsn,
            user=APP_ROLE,
            password=settings.password,
            min_size=settings.pool,
            max_size=settings.pool,
            max_inactive_connection_lifetime=0,
            command_timeout=30,
            reset=_end_transaction,
            server_settings={"application_name": "tenantry_clinic"},
        )
        async with pool:
            yield cls(pool)

    @asynccontextmanager
    async def tenant(self, clinic_id: int, *, write: bool = False) -> AsyncIterator[Connection]:
        """A transaction in which row-level security shows one clinic; rolled back on an exception.

        BEGIN and the tenant go in one message. The setting ends with the transaction, so a pooled connection never carries it on.
        """
        async with self._pool.acquire(timeout=30) as connection:
            mode = "READ WRITE" if write else "READ ONLY"
            await connection.execute(f"BEGIN {mode}; SELECT set_config('app.clinic_id', '{clinic_id:d}', true)")
            yield connection
            await connection.execute("COMMIT")

    async def account(self, email: str) -> Account | None:
        """The user with this address, whichever clinic it belongs to."""
        row = await self._pool.fetchrow("SELECT id, clinic_id, role, password_hash, clinic FROM login_by_email($1)", email)
        return Account(*row) if row else None

    async def clinic_by_slug(self, slug: str) -> int | None:
        """The id of a clinic."""
        found: int | None = await self._pool.fetchval("SELECT clinic_by_slug($1)", slug)
        return found

    async def is_alive(self) -> bool:
        """Whether a query is answered within two seconds."""
        try:
            async with self._pool.acquire(timeout=2) as connection:
                return bool(await connection.fetchval("SELECT true", timeout=2))
        except UNAVAILABLE:
            return False


async def _end_transaction(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Roll back what an exception left open; a connection on which that fails is replaced by the pool.

    Every setting of ours ends with its transaction: the round trip of RESET ALL would change nothing.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


def ddl(name: str) -> str:
    """The text of `schema.sql` or `constraints.sql`."""
    return files("tenantry_clinic").joinpath(name).read_text()


async def create_schema(dsn: str, password: str | None = None) -> None:
    """Create role, tables and constraints in an empty database, all or nothing; sets the role's password when there is one."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(ddl("schema.sql"))
            await connection.execute(ddl("constraints.sql"))
            if password:
                quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
                await connection.execute(f"ALTER ROLE {APP_ROLE} PASSWORD {quoted}")
    finally:
        await connection.close()


async def check(settings: Settings) -> None:
    """Raises what a start of the app would run into, with LookupError for a missing schema."""
    connection = await asyncpg.connect(settings.dsn, user=APP_ROLE, password=settings.password, timeout=10)
    try:
        if await connection.fetchval("SELECT to_regclass('public.clinics') IS NULL"):
            raise LookupError("the database has no clinic schema")
    finally:
        await connection.close()
