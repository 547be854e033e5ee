"""Too few database connections in the app's pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry_clinic.faults._distance import ROUND_TRIP_MS, distant
from tenantry_clinic.faults._model import Fault, Show, lending

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


def _shrink(blueprint: Blueprint, value: float) -> None:
    blueprint.settings = replace(blueprint.settings, pool=int(value))


fault = Fault(
    summary=f"the app's pool has too few connections to a database {ROUND_TRIP_MS:g} ms away",
    parameter="connections per worker",
    default=2,
    least=1,
    healthy=20,
    symptom="requests wait for a connection (pool part of Server-Timing) and all are in use, though Postgres is idle",
    remedy="python -m tenantry_clinic serve --pool 20",
    shown=Show("mixed", "60/s"),
    app=_shrink,
    # With the database on the same machine a transaction is over before another needs its connection.
    beside=lending("CLINIC_DSN", lambda ground, _: distant(ground.dsn)),
)
