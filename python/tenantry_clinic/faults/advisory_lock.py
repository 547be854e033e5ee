"""A lock of the whole app around everything that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import SLOW_COMMIT, Fault, Show, begin_writing_with

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.db import Session

LOCK = "SELECT pg_advisory_xact_lock($1)"


def _lock(blueprint: Blueprint, value: float) -> None:
    async def lock(session: Session, clinic_id: int) -> None:
        await session.execute(LOCK, 1 + clinic_id % int(value))

    begin_writing_with(blueprint, lock)


fault = Fault(
    summary="every writing transaction first takes one advisory lock, whatever it writes",
    parameter="locks, each for its part of the clinics",
    default=1,
    least=1,
    most=10_000,
    symptom="whatever writes waits for the transaction before it (Lock:advisory) while processors idle; reading is not slower",
    remedy="lock what is written: the row itself, or a key made of the vet and the hour",
    shown=Show("checkout", "80/s", server=SLOW_COMMIT),
    app=_lock,
)
