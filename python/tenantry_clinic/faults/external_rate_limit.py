"""The invoicing service refuses calls beyond so many a second."""

from __future__ import annotations

from tenantry_clinic.faults._model import Fault, Show, lending
from tenantry_clinic.faults._service import service

fault = Fault(
    summary="the outside service that registers sales answers 429 beyond a limit",
    parameter="calls per second that it allows",
    default=10,
    symptom="beyond a fixed rate of checkouts the rest fail at once with 503, whatever else the app does; pool and database are idle",
    remedy="register sales from a queue that keeps to the limit and to Retry-After; agree on a higher limit",
    shown=Show("checkout", "30/s", "failures"),
    beside=lending("CLINIC_INVOICING", lambda _, value: service(limit=value)),
)
