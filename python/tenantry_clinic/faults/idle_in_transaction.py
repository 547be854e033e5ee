"""A transaction is now and then not ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tenantry_clinic.db import Session
from tenantry_clinic.faults._forgetful import Forgetful, opening
from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.telemetry import Timing

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


class Forgetting(Forgetful):
    """Leaves a reading transaction open, and with it its connection in use; one that writes would hold locks besides."""

    @asynccontextmanager
    async def tenant(self, clinic_id: int, timing: Timing | None = None, *, write: bool = False) -> AsyncIterator[Session]:
        async with AsyncExitStack() as ending:
            yield await ending.enter_async_context(super().tenant(clinic_id, timing, write=write))
            if not write:
                self.slip(ending)


def _forget(blueprint: Blueprint, value: float) -> None:
    blueprint.open_database = opening(Forgetting, int(value))


fault = Fault(
    summary="reading transactions are not ended",
    parameter="reading transactions per one that stays open",
    default=40,
    least=1,
    symptom="sessions 'idle in transaction' that grow old and stay when the load ends; then all requests wait for a connection",
    remedy="COMMIT whatever happens, as Database.tenant does; ALTER ROLE clinic_app SET idle_in_transaction_session_timeout = '10s'",
    shown=Show("mixed", "60/s"),
    app=_forget,
)
