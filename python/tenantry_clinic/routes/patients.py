"""Patients."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.pages import page, place_of
from tenantry_clinic.routes.records import RECORDS_OF_ONE
from tenantry_clinic.web import Call, Problem, answer

area = Area("patients")

PATIENTS = """
SELECT p.id, p.name, p.species, p.breed, p.sex, p.born_on, p.weight_kg, p.owner_id, o.full_name AS owner
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
"""
BY_NAME = " ORDER BY p.name, p.id LIMIT $1"
FIRST_PAGE = PATIENTS + BY_NAME
NEXT_PAGE = PATIENTS + " WHERE (p.name, p.id) > ($2, $3)" + BY_NAME
ONE = PATIENTS + " WHERE p.id = $1"
NEXT_APPOINTMENTS = """
SELECT id, vet_id, starts_at, minutes, status, reason FROM appointments
WHERE pet_id = $1 AND status IN ('scheduled', 'confirmed') ORDER BY starts_at LIMIT 10
"""


class PatientPage(msgspec.Struct):
    """Which patients; `after` is the `next` of the page before."""

    after: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


@area.get("/api/patients")
async def patients(call: Call, query: PatientPage) -> Response:
    """Patients by name."""
    place = place_of(query.after, tuple[str, int]) if query.after else ()
    async with call.reading() as session:
        found = await session.fetch(NEXT_PAGE if place else FIRST_PAGE, query.limit + 1, *place)
    return answer(page("patients", found, query.limit, ("name", "id")))


@area.get("/api/patients/{id}")
async def one(call: Call, key: int) -> Response:
    """A patient with its next appointments and latest records."""
    async with call.reading() as session:
        patient = await session.fetchrow(ONE, key)
        if patient is None:
            raise Problem(404, "unknown patient")
        appointments = await session.fetch(NEXT_APPOINTMENTS, key)
        records = await session.fetch(RECORDS_OF_ONE, 5, key)
    return answer({**patient, "appointments": appointments, "medical_records": records})
