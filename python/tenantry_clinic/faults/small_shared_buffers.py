"""A database cache that is smaller than what the app reads."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.faults._rows import DROP_RECORDS, scattered_records

RECORDS = 3000


def _cache(value: float) -> Mapping[str, str]:
    return {"shared_buffers": f"{int(value)}MB"}


fault = Fault(
    summary="Postgres caches less than the app reads",
    parameter="megabytes of shared_buffers",
    default=1,
    least=1,
    most=1023,
    symptom="reports are slow: their statements read as many blocks as ever, but not from the cache (blks_read, IO:DataFileRead)",
    remedy="shared_buffers = 256MB",
    shown=Show("reports", "20/s", tenants=10),
    scene=scattered_records(RECORDS),
    lay=scattered_records(RECORDS),
    mend=DROP_RECORDS,
    server=_cache,
)
