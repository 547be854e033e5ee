"""The tenant is now and then not set in a transaction: row-level security then shows nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tenantry_clinic.db import Database, Session
from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.telemetry import Timing

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.settings import Settings


class Absent(Database):
    """Loses the tenant of a share of the transactions."""

    share = 0.0
    _dice = random.Random(0)

    @asynccontextmanager
    async def tenant(self, clinic_id: int, timing: Timing | None = None, *, write: bool = False) -> AsyncIterator[Session]:
        async with super().tenant(clinic_id, timing, write=write) as session:
            if self._dice.random() < self.share:
                await session.execute("SELECT set_config('app.clinic_id', '', true)")
            yield session


def _lose(blueprint: Blueprint, value: float) -> None:
    @asynccontextmanager
    async def open_database(settings: Settings, **options: Any) -> AsyncIterator[Database]:
        async with Absent.connect(settings, **options) as database:
            database.share = value / 100
            yield database

    blueprint.open_database = open_database


fault = Fault(
    summary="a share of the transactions has no tenant",
    parameter="percent of the transactions",
    default=10,
    most=100,
    symptom="lists that are empty and 404 for what exists, at random and as fast as ever; writes are refused",
    remedy="set the tenant where the transaction begins, in one place, as Database.tenant in db.py does",
    shown=Show("mixed", "60/s", "failures"),
    app=_lose,
)
