"""The invoicing service takes its time, and the buyer waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.faults._model import Fault, Ground, Show
from tenantry_clinic.faults._service import service


@asynccontextmanager
async def _slow(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with service(delay_ms=value) as url:
        yield {"CLINIC_INVOICING": url}


fault = Fault(
    summary="the outside service that registers sales is slow",
    parameter="milliseconds per call",
    default=250,
    symptom="checkout takes as long as the service at any load (ext part of Server-Timing); no connection of the pool is held meanwhile",
    remedy="register sales after the answer, from a queue, with a timeout",
    shown=Show("checkout", "30/s"),
    beside=_slow,
)
