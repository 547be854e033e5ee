"""A database connection is now and then not given back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tenantry_clinic.faults._forgetful import Forgetful, opening
from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.telemetry import Timing

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.db import Connection


class Leaking(Forgetful):
    """Loses the handle of a connection after its transaction has ended."""

    @asynccontextmanager
    async def _connection(self, timing: Timing, patience: float = 30) -> AsyncIterator[Connection]:
        async with AsyncExitStack() as ending:
            yield await ending.enter_async_context(super()._connection(timing, patience))
            self.slip(ending)


def _leak(blueprint: Blueprint, value: float) -> None:
    blueprint.open_database = opening(Leaking, int(value))


fault = Fault(
    summary="connections of the pool are not given back",
    parameter="uses of the pool per lost connection",
    default=40,
    least=1,
    symptom="connections in use rise with the requests served and stay when the load ends, idle in no transaction; then all requests wait",
    remedy="release the connection whatever happens, as `async with` in db.py does",
    shown=Show("mixed", "60/s"),
    app=_leak,
)
