"""What a fault is."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.db import Database, Session
    from tenantry_clinic.settings import Settings
    from tenantry_clinic.telemetry import Timing

_STATEMENT_S = 300
# A storage that takes ten milliseconds to make a commit durable, as a busy network storage does: locks are held meanwhile.
SLOW_COMMIT = {"fsync": "on", "synchronous_commit": "on", "commit_delay": "10000", "commit_siblings": "0"}


class NotPossible(Exception):
    """A fault cannot be laid here: what is missing."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a fault is laid: the owner's database and the port on which the app listens."""

    dsn: str
    port: int


@dataclass(frozen=True, slots=True)
class Show:
    """The load at which a fault is seen, what it moves (`p95`, `throughput` or `failures`), and the app that it is shown on.

    `workload` is one of `tenantry_clinic.faults._loads`; `server` are settings with which Postgres starts, with the fault and without it.
    """

    workload: str
    rate: str
    moves: str = "p95"
    tenants: int = 200
    pool: int = 10
    workers: int = 1
    server: Mapping[str, str] = field(default_factory=dict)


def _nothing(blueprint: Blueprint, value: float) -> None:
    """The app stays as it is."""


def _no_settings(value: float) -> Mapping[str, str]:
    """Postgres stays as it is."""
    return {}


@asynccontextmanager
async def _nobody(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    """Nothing happens beside the app."""
    yield {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which the clinic goes wrong, how to see it, and how to remove it.

    `app` changes the app in each worker before it is built. `lay` and `mend` are SQL in the owner's name, before the app starts and after
    it has ended; `mend` undoes `lay` and what `beside` has changed from whatever state they are in, also at the next start after a kill.
    `beside` surrounds the life of all workers and yields variables of their environment. `server` are settings with which Postgres has to
    start, each as SHOW prints it. `scene` is the SQL that makes a database without the fault comparable: the same rows, and nothing wrong.
    `healthy` is the value with which all that the fault lays is there and nothing is wrong; None where that is the app without it.
    """

    summary: str
    symptom: str
    remedy: str
    shown: Show
    parameter: str = ""
    default: float = 1.0
    least: float = 0.0
    most: float = math.inf
    app: Callable[[Blueprint, float], None] = _nothing
    healthy: float | None = None
    scene: str | Callable[[float], str] = ""
    lay: str | Callable[[float], str] = ""
    mend: str = ""
    beside: Callable[[Ground, float], AbstractAsyncContextManager[Mapping[str, str]]] = _nobody
    server: Callable[[float], Mapping[str, str]] = _no_settings

    def value(self, given: str | None) -> float:
        """The value of the parameter; ValueError when it is none."""
        if given is None:
            return self.default
        if not self.parameter:
            raise ValueError(f"it has no value, not even {given}")
        try:
            value = float(given)
        except ValueError:
            raise ValueError(f"{given!r} is not a number: {self.parameter}") from None
        if not self.least <= value <= self.most or not math.isfinite(value):
            raise ValueError(f"{given} is not {self.range}: {self.parameter}")
        return value

    @property
    def range(self) -> str:
        """In words: `1 or more`."""
        return f"{self.least:g} or more" if self.most == math.inf else f"from {self.least:g} to {self.most:g}"

    def script(self, which: str | Callable[[float], str], value: float) -> str:
        """The SQL of `scene` or `lay` for a value."""
        return which if isinstance(which, str) else which(value)


def lending(
    variable: str, start: Callable[[Ground, float], AbstractAsyncContextManager[str]]
) -> Callable[[Ground, float], AbstractAsyncContextManager[Mapping[str, str]]]:
    """A `beside` that runs something of its own and gives the workers its address in a variable of their environment."""

    @asynccontextmanager
    async def beside(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
        async with start(ground, value) as address:
            yield {variable: address}

    return beside


async def run_as_owner(ground: Ground, script: str) -> None:
    """Execute statements in the owner's name, all or nothing."""
    async with owner(ground) as connection:
        await connection.execute(script)


@asynccontextmanager
async def owner(ground: Ground) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection in the owner's name."""
    settings = {"application_name": "tenantry_clinic faults"}
    connection = await asyncpg.connect(ground.dsn, timeout=10, command_timeout=_STATEMENT_S, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def background(name: str, work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Something that goes on while the app runs; its own end comes too early, and is told on stderr."""

    def ended(task: asyncio.Task[object]) -> None:
        if not task.cancelled():
            error = task.exception()
            reason = f": {error or type(error).__name__}" if error else ""
            print(f"error: the fault {name} is over before the app, its background work has ended{reason}", file=sys.stderr, flush=True)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


def session_settings(blueprint: Blueprint, **settings: str) -> None:
    """Give settings to every database session of the app, beside those that it has."""
    opened: Any = blueprint.open_database

    def open_database(app_settings: Settings, **options: Any) -> AbstractAsyncContextManager[Database]:
        known = {"application_name": "tenantry_clinic", **options.pop("server_settings", {})}
        return opened(app_settings, server_settings={**known, **settings}, **options)  # type: ignore[no-any-return]

    blueprint.open_database = open_database


def begin_writing_with(blueprint: Blueprint, first: Callable[[Session, int], Awaitable[object]]) -> None:
    """Let every writing transaction begin with `first`, which gets its session and the clinic's id."""
    opened: Any = blueprint.open_database

    @asynccontextmanager
    async def open_database(app_settings: Settings, **options: Any) -> AsyncIterator[Database]:
        async with opened(app_settings, **options) as database:
            tenant = database.tenant

            @asynccontextmanager
            async def begun(clinic_id: int, timing: Timing | None = None, *, write: bool = False) -> AsyncIterator[Session]:
                async with tenant(clinic_id, timing, write=write) as session:
                    if write:
                        await first(session, clinic_id)
                    yield session

            database.tenant = begun
            yield database

    blueprint.open_database = open_database
