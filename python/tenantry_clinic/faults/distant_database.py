"""The database lies farther away, as in another zone or region."""

from __future__ import annotations

from tenantry_clinic.faults._distance import ROUND_TRIP_MS, distant
from tenantry_clinic.faults._model import Fault, Show, lending

fault = Fault(
    summary="each statement travels some milliseconds to the database and back",
    parameter="milliseconds per round trip",
    default=ROUND_TRIP_MS,
    symptom="the db part of Server-Timing is the number of statements times the round trip, while Postgres itself is done at once",
    remedy="run the app beside the database; fewer statements per request",
    shown=Show("mixed", "60/s"),
    beside=lending("CLINIC_DSN", lambda ground, value: distant(ground.dsn, value)),
)
