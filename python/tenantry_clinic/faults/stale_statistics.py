"""Statistics of before a large change, and nobody who renews them."""

from __future__ import annotations

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.faults._rows import DROP_INVOICES, invoices_by_status


def _pay(value: float) -> str:
    return f"""
ALTER TABLE invoices SET (autovacuum_enabled = off);
{invoices_by_status(value, "sent")}
UPDATE invoices SET status = 'paid' WHERE number LIKE 'FAULT-%';
"""


fault = Fault(
    summary="invoices were analysed while most of them were unpaid, then a night's job closed them; autovacuum is off",
    parameter="invoices of each clinic, beside those that are seeded",
    default=10_000,
    most=1_000_000,
    symptom="the list of unpaid invoices is slow: the plan walks through all of them by date, since it expects to meet unpaid ones at once",
    remedy="ALTER TABLE invoices RESET (autovacuum_enabled); ANALYZE invoices",
    shown=Show("invoices", "20/s", tenants=10),
    scene=invoices_by_status,
    lay=_pay,
    mend=f"ALTER TABLE invoices RESET (autovacuum_enabled); {DROP_INVOICES}",
)
