"""One row that every writing transaction updates first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import SLOW_COMMIT, Fault, Show, begin_writing_with

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.db import Session

COUNT = "UPDATE write_counters SET writes = writes + 1 WHERE id = $1"


def _count(blueprint: Blueprint, value: float) -> None:
    async def count(session: Session, clinic_id: int) -> None:
        await session.execute(COUNT, 1 + clinic_id % int(value))

    begin_writing_with(blueprint, count)


fault = Fault(
    summary="every writing transaction first counts itself in one row for all clinics, and holds it to its end",
    parameter="rows that share the counting, each for its part of the clinics",
    default=1,
    least=1,
    most=10_000,
    symptom="whatever writes waits for the one before it (Lock:transactionid, Lock:tuple) while processors idle; reads are not slower",
    remedy="count after the fact, from what was written; or count in many rows",
    shown=Show("checkout", "80/s", server=SLOW_COMMIT),
    app=_count,
    lay=lambda value: (
        f"""
CREATE TABLE write_counters (id bigint PRIMARY KEY, writes bigint NOT NULL);
INSERT INTO write_counters SELECT n, 0 FROM generate_series(1, {int(value)}) AS n;
GRANT SELECT, UPDATE ON write_counters TO clinic_app;
"""
    ),
    mend="DROP TABLE IF EXISTS write_counters",
)
