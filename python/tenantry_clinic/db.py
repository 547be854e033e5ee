"""The connection pool, and transactions that see exactly one clinic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias, TypeVar

import asyncpg

from tenantry_clinic.settings import APP_ROLE, Settings
from tenantry_clinic.telemetry import Timing

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
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # a deadlock's victim
)
_ACQUIRE_S = 30
_READING = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"
T = TypeVar("T")


class Account(NamedTuple):
    """A user as login needs it."""

    id: int
    clinic_id: int
    role: str
    password_hash: str
    clinic: str


class Session:
    """Queries in one transaction; their time is added to the request's."""

    __slots__ = ("_connection", "_timing")

    def __init__(self, connection: Connection, timing: Timing) -> None:
        self._connection, self._timing = connection, timing

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """All rows."""
        return await self._timed(self._connection.fetch(query, *values))

    async def fetchrow(self, query: str, *values: object) -> asyncpg.Record | None:
        """The first row."""
        return await self._timed(self._connection.fetchrow(query, *values))

    async def fetchval(self, query: str, *values: object) -> Any:
        """The first value of the first row."""
        row = await self.fetchrow(query, *values)
        return None if row is None else row[0]

    async def execute(self, query: str, *values: object) -> str:
        """The command's tag, such as `UPDATE 1`."""
        return await self._timed(self._connection.execute(query, *values))

    async def _timed(self, work: Awaitable[T]) -> T:
        began = perf_counter()
        try:
            return await work
        finally:
            self._timing.database += perf_counter() - began


class Database:
    """All access to Postgres, always as the role `clinic_app`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.waiting = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings, **options: Any) -> AsyncIterator[Self]:
        """Open all connections of the pool; close them at the end. `options` are those of `asyncpg.create_pool`."""
        defaults: dict[str, Any] = {
            "user": APP_ROLE,
            "password": settings.password,
            "min_size": settings.pool,
            "max_size": settings.pool,
            "max_inactive_connection_lifetime": 0,
            "command_timeout": 30,
            "reset": _end_transaction,
            "server_settings": {"application_name": "tenantry_clinic"},
        }
        async with asyncpg.create_pool(settings.dsn, **defaults | options) as pool:
            yield cls(pool)

    @property
    def size(self) -> int:
        """Open connections."""
        return self._pool.get_size()

    @property
    def in_use(self) -> int:
        """Connections that somebody holds."""
        return self._pool.get_size() - self._pool.get_idle_size()

    @asynccontextmanager
    async def tenant(self, clinic_id: int, timing: Timing | None = None, *, write: bool = False) -> AsyncIterator[Session]:
        """A transaction in which row-level security shows one clinic; rolled back on an exception.

        One that only reads sees one state of the database: a page of several queries does not contradict itself. BEGIN, the tenant and
        the name under which Postgres shows the work (`GET /api/dashboard clinic=7`) go in one message. All of it ends with the
        transaction, so a pooled connection never carries it on.
        """
        timing = timing or Timing()
        async with self._connection(timing) as connection:
            session = Session(connection, timing)
            await session.execute(
                f"BEGIN {'READ WRITE' if write else _READING}; SELECT set_config('app.clinic_id', '{clinic_id:d}', true),"
                f" set_config('application_name', '{timing.route} clinic={clinic_id:d}', true)"
            )
            try:
                yield session
            except Exception:
                # A cancelled request leaves this to the pool.
                if connection.is_in_transaction():
                    await session.execute("ROLLBACK")
                raise
            await session.execute("COMMIT")

    @asynccontextmanager
    async def _connection(self, timing: Timing, patience: float = _ACQUIRE_S) -> AsyncIterator[Connection]:
        began = perf_counter()
        self.waiting += 1
        try:
            connection = await self._pool.acquire(timeout=patience)
        finally:
            self.waiting -= 1
            timing.pool += perf_counter() - began
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    async def account(self, email: str, timing: Timing) -> Account | None:
        """The user with this address, whichever clinic it belongs to."""
        async with self._connection(timing) as connection:
            query = "SELECT id, clinic_id, role, password_hash, clinic FROM login_by_email($1)"
            row = await Session(connection, timing).fetchrow(query, email)
        return Account(*row) if row else None

    async def clinic_by_slug(self, slug: str, timing: Timing) -> int | None:
        """The id of a clinic."""
        async with self._connection(timing) as connection:
            found: int | None = await Session(connection, timing).fetchval("SELECT clinic_by_slug($1)", slug)
        return found

    async def is_alive(self) -> bool:
        """Whether a query is answered within two seconds."""
        try:
            async with self._connection(Timing(), patience=2) as connection:
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
