"""Too little memory for sorting and hashing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import Fault, Show, session_settings
from tenantry_clinic.faults._rows import DROP_RECORDS, recent_records

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

RECORDS = 10_000


def _shrink(blueprint: Blueprint, value: float) -> None:
    session_settings(blueprint, work_mem=f"{int(value)}kB")


fault = Fault(
    summary="work_mem is too small for the reports: sorts and hashes go to temporary files",
    parameter="kilobytes of work_mem",
    default=64,
    least=64,
    most=1_000_000,
    symptom="reports are slow; temporary files grow with each of them (temp_bytes), sessions wait for IO:BufFileRead and IO:BufFileWrite",
    remedy="ALTER ROLE clinic_app SET work_mem = '16MB'",
    shown=Show("reports", "10/s", tenants=10),
    app=_shrink,
    scene=recent_records(RECORDS),
    lay=recent_records(RECORDS),
    mend=DROP_RECORDS,
)
