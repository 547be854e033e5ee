"""Too little memory for sorting and hashing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import Fault, Show, session_settings
from tenantry_clinic.faults._rows import DROP_RECORDS, long_records

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

RECORDS = 4000
CREATE = "CREATE INDEX IF NOT EXISTS medical_records_time_idx ON medical_records (clinic_id, visited_at DESC)"


def _shrink(blueprint: Blueprint, value: float) -> None:
    session_settings(blueprint, work_mem=f"{int(value)}kB")


fault = Fault(
    summary="work_mem is too small for a page of the latest hundred records: all of them are sorted in temporary files",
    parameter="kilobytes of work_mem",
    default=64,
    least=64,
    most=1_000_000,
    symptom="the list of records is slow; each page writes temporary files (temp_bytes), sessions wait for IO:BufFileRead and BufFileWrite",
    remedy="ALTER ROLE clinic_app SET work_mem = '16MB'",
    shown=Show("latest_records", "10/s", tenants=10),
    app=_shrink,
    scene=long_records(RECORDS),
    lay=long_records(RECORDS),
    mend=f"ALTER TABLE medical_records RESET (parallel_workers); {DROP_RECORDS}; {CREATE}",
)
