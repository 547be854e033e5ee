"""What a fault is."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a fault is laid: the owner's database and the port on which the app listens."""

    dsn: str
    port: int


@dataclass(frozen=True, slots=True)
class Show:
    """The load at which a fault is seen, and what it moves: `p95`, `throughput` or `failures`."""

    workload: str
    rate: str
    moves: str = "p95"


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

    `app` changes the app in each worker before it is built; `beside` surrounds the life of all workers in the owner's name and yields
    variables of their environment; `server` are settings with which Postgres has to start. `healthy` is the value with which all
    that the fault lays is there and nothing is wrong; None where that is the app without the fault.
    """

    summary: str
    symptom: str
    remedy: str
    shown: Show
    parameter: str = ""
    default: float = 1.0
    least: float = 0.0
    most: float = math.inf
    healthy: float | None = None
    app: Callable[[Blueprint, float], None] = _nothing
    beside: Callable[[Ground, float], AbstractAsyncContextManager[Mapping[str, str]]] = _nobody
    server: Callable[[float], Mapping[str, str]] = _no_settings

    def value(self, given: str | None) -> float:
        """The value of the parameter; ValueError when it is none."""
        if given is None:
            return self.default
        try:
            value = float(given)
        except ValueError:
            raise ValueError(f"{given!r} is not a number: {self.parameter or 'this fault has no value'}") from None
        if not self.least <= value <= self.most:
            raise ValueError(f"{given} is not between {self.least:g} and {self.most:g}: {self.parameter}")
        return value


def statements(break_it: str, mend_it: str) -> Callable[[Ground, float], AbstractAsyncContextManager[Mapping[str, str]]]:
    """A `beside` that executes SQL as the owner before the app starts, and its counterpart after it has ended."""

    @asynccontextmanager
    async def beside(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
        await run_as_owner(ground, break_it)
        try:
            yield {}
        finally:
            await run_as_owner(ground, mend_it)

    return beside


async def run_as_owner(ground: Ground, script: str) -> None:
    """Execute statements in the owner's name, all or nothing."""
    connection = await asyncpg.connect(ground.dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
