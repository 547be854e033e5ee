"""Too few database connections in the app's pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry_clinic.faults._model import Fault, Show

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


def _shrink(blueprint: Blueprint, value: float) -> None:
    blueprint.settings = replace(blueprint.settings, pool=int(value))


fault = Fault(
    summary="the app's pool has too few connections",
    parameter="connections per worker",
    default=1,
    least=1,
    symptom="requests wait for a connection (pool part of Server-Timing) while Postgres is idle",
    remedy="python -m tenantry_clinic serve --pool 10",
    shown=Show("mixed", "150/s"),
    app=_shrink,
)
