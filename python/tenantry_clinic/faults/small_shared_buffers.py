"""A database cache that is smaller than what the app reads."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry_clinic.faults._model import Fault, Show


def _cache(value: float) -> Mapping[str, str]:
    return {"shared_buffers": f"{int(value)}MB"}


fault = Fault(
    summary="Postgres caches less than the app reads",
    parameter="megabytes of shared_buffers",
    default=1,
    least=1,
    most=4096,
    symptom="",
    remedy="shared_buffers = 256MB",
    shown=Show("reports", "40/s"),
    server=_cache,
)
