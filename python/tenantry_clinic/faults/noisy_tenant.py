"""One clinic asks for the heavy report again and again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.auth import Identity, issue_token
from tenantry_clinic.faults._model import Fault, Ground, NotPossible, Show, owner
from tenantry_clinic.faults._processes import module, process
from tenantry_clinic.settings import DEMO_SECRET

SOMEBODY = "SELECT clinic_id, id, role FROM users ORDER BY clinic_id, id LIMIT 1"
MARK = "of a large clinic"
# It is a large clinic: five years with ten visits a day. Its size alone troubles nobody.
GROW = f"""
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT p.clinic_id, p.id, v.id, timestamptz '2026-01-01 08:00Z' - n * interval '144 minutes', 'Healthy', 'None', '{MARK}', 5
FROM (SELECT clinic_id, id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS pets FROM pets
    WHERE clinic_id = (SELECT min(clinic_id) FROM pets)) AS p
JOIN (SELECT DISTINCT ON (clinic_id) clinic_id, id FROM users WHERE role = 'vet' ORDER BY clinic_id, id) AS v USING (clinic_id)
JOIN generate_series(1, 18250) AS n ON n % p.pets = p.place;
ANALYZE medical_records;
"""
SHRINK = f"DELETE FROM medical_records WHERE notes = '{MARK}'"


@asynccontextmanager
async def _noise(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with owner(ground) as connection:
        somebody = await connection.fetchrow(SOMEBODY)
    if somebody is None:
        raise NotPossible("the database has no clinic that could be noisy")
    token = issue_token(Identity(*somebody), (os.environ.get("CLINIC_SECRET") or DEMO_SECRET).encode())
    async with process(module("_noisy", ground.port, token, int(value)), name="the noisy tenant"):
        yield {}


fault = Fault(
    summary="one clinic, a large one, asks for the heavy report on and on",
    parameter="reports at a time",
    default=8,
    least=1,
    symptom="one tenant takes most of the database's time (application_name has its clinic), all others are slower",
    remedy="a limit per tenant: so many requests at a time, reports in a queue of their own",
    shown=Show("mixed", "60/s"),
    scene=GROW,
    lay=GROW,
    mend=SHRINK,
    beside=_noise,
)
