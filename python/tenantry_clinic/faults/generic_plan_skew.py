"""One plan for all values of a parameter, where clinics differ a thousandfold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import Fault, Show, session_settings
from tenantry_clinic.faults._rows import DROP_INVOICES, invoices_by_status

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


def _giant(value: float) -> str:
    return invoices_by_status(value, clinics="1")


def _force(blueprint: Blueprint, value: float) -> None:
    session_settings(blueprint, plan_cache_mode="force_generic_plan")


fault = Fault(
    summary="prepared statements keep one plan for all values, and one clinic is a giant whose invoices are nearly all paid",
    parameter="invoices of the giant",
    default=50_000,
    most=5_000_000,
    symptom="unpaid invoices are slow in the largest clinic and fast in all others; the same statement with its values written out is fast",
    remedy="ALTER ROLE clinic_app SET plan_cache_mode = force_custom_plan",
    shown=Show("invoices", "30/s", tenants=5),
    app=_force,
    scene=_giant,
    lay=_giant,
    mend=DROP_INVOICES,
)
