"""The invoicing service takes its time, and the buyer waits for it."""

from __future__ import annotations

from tenantry_clinic.faults._model import Fault, Show, lending
from tenantry_clinic.faults._service import service

fault = Fault(
    summary="the outside service that registers sales is slow",
    parameter="milliseconds per call",
    default=250,
    symptom="checkout takes as long as the service at any load (ext part of Server-Timing); no connection of the pool is held meanwhile",
    remedy="register sales after the answer, from a queue, with a timeout",
    shown=Show("checkout", "30/s"),
    beside=lending("CLINIC_INVOICING", lambda _, value: service(delay_ms=value)),
)
